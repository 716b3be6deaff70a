"""An account and a market that need nobody: what the dry run, the demo and the tests trade in.

broker  the simulated account; its only state is the book
prices  a seeded history of QQQ and TQQQ, with a price for every moment of it
"""
