"""An account and a market without an outside world: what the dry run, the demo and the tests trade.

broker  the simulated account; its only state is the book
prices  a seeded history of QQQ and TQQQ, with a price for every moment of it
"""
