"""Frozen values, sessions, errors, reasons and ports. Standard library only; no I/O, no clock.

Every other room uses these terms, so read `values` first.

    values      the vocabulary on one page: Snapshot, Signal, Plan, OrderIntent, Order, Fill, Portfolio ...
    market      a price source's answer: Bar, Quote, Split, Dividend, Market
    instruments  the table of funds that a rule can watch or own: Holding
    family      the rules as values: Average, Comparison, Rule, and the presets
    provenance  whose prices a decision used: Source, KeptWindow, Seen
    sessions    when the exchange is open: Session, SessionTable, Timetable
    new_york    New York's time, for dates, file names and texts for people; everything else is aware UTC
    executions  which executions are revisions of the same one
    errors      the tree of errors, grouped by what the loop does about each
    reasons     every reason not to trade and every kind of notification, each with its headline and advice
    program     how messages name the command that the owner types
    ports       what the bot needs from outside: Clock, PriceSource, Broker, Notifier
"""
