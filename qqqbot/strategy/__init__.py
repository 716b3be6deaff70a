"""What to hold and which order comes next: pure functions of a snapshot and the rules.

Nothing here reads a clock, a file or the network, and nothing is remembered between two calls. The same snapshot gives
the same plan forever, which is what `replay` checks.

    rule       the rule itself, its averages, and the prices at which its answer changes
    gates      the conditions of trading, each a function with a name, a finding and a sentence
    moves      the gate of live prices: each fund moved as its index did
    witnesses  a second source for each row of the window, and what the closes would be if that source is right
    basis      whether a fund's rows have changed as they would by a split that Yahoo does not report
    planning   decide(snapshot, rules) -> Plan: gates, then the rule, then the next sells or the one buy
    money      whether the account can pay for a buy, and whether its figures are certain
    asking     whether a rotation was announced to the owner first, and not vetoed
    parking    whether a Treasury-bill fund earns more in a downtrend than its two orders cost
    sizing     how many shares a buy is for, its commission, and the worst price an order may get
    risk       the last check before an order leaves; it repeats planning's promises in its own arithmetic, on purpose
    filling    what replaces a session that Yahoo lacks, and all of Yahoo while it is away
    flip       what would be done at another price of the signal
    crossing   when the averages cross if the price stays where it is

`rule.level` also runs on arrays: the backtest uses the same function as the daemon.
"""
