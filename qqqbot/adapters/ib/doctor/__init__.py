"""Checks a connection to Interactive Brokers step by step; it only reads, and never places an order.

checkup            runs the checks in order, and reports which could not be made
connection_checks  from the API package to the gateway's clock
account_checks     the account, its permissions, contracts, quotes and precautions
probe              the requests that the checks send to a gateway
result             what a check found
"""
