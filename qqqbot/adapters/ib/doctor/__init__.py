"""Checks a connection to Interactive Brokers step by step; looks, and never places an order.

checkup            runs the checks in order, and says what could not be checked
connection_checks  from the API package to the gateway's clock
account_checks     the account, its permissions, contracts, quotes and precautions
probe              the questions the checks put to a gateway
result             what a check found
"""
