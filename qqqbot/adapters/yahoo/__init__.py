"""Yahoo's prices and the exchange calendar: queried under a deadline, checked before use.

child         the child process that asks; it may hang, leak or crash without harm to the daemon
price_source  the PriceSource port: runs the child and turns its answer into a Market, or into PricesUnavailable
"""
