"""Yahoo's prices and the exchange calendar: queried under a deadline, checked before use.

child         the child process that asks; it may hang, leak or crash without harm to the daemon
asking        one request to Yahoo, through the client or without it, and the names of its failures
answer        the border: the contents of an answer as values of known types
politeness    how long Yahoo is left alone after failures
price_source  the PriceSource port: runs the child and turns its answer into a Market, or into PricesUnavailable
"""
