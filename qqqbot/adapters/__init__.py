"""The outside worlds, each behind a port. A missing answer raises an exception and is never an empty answer.

    yahoo/      prices and the exchange calendar: a child process, queried under a deadline
    ib/         an account at Interactive Brokers, through TWS or IB Gateway
    simulated/  an account and prices that need nobody: the dry run, the demo and the tests

Each implements a Protocol of model.ports and turns foreign exceptions into those of model.errors at this border.
Trading does not know this room: the programs beside the package build adapters and hand them to it.

The gateway's own class is in ib_broker.py beside the package: only that class inherits from the official client.
"""
