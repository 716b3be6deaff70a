"""One outside world each, behind a port; no answer is an exception, never an empty answer.

    yahoo/      prices and the exchange calendar: a child process, queried under a deadline
    ib/         an account at Interactive Brokers, through TWS or IB Gateway
    simulated/  an account and prices that need nobody: the dry run, the demo and the tests

Each implements a Protocol of model.ports and turns foreign exceptions into those of model.errors at this border.
Trading does not know this room: the programs beside the package build adapters and hand them to it.

The gateway's class itself is in ib_broker.py beside the package: it is the only one that inherits from the official
client.
"""
