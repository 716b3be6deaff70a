"""Views of the logs folder: facts/ (typed), screens/, web/; they work while the daemon is dead, and cannot trade.

    facts/       what a view shows, as values: a module for each command, and --json is made from it
    screens/     the same in words, for a terminal; modules have the names of their facts
    web/         the dashboard for a browser; read-only
    health       is the daemon alive, and is anything wrong?
    performance  what the book's rows add up to

A command's code is under the command's own word: `why` is facts/why and screens/why. The exceptions are `drift`, and
what `performance` adds to the book: both compare it with prices, which this room may not read, so they are in
backtest/drift. import-linter checks that nothing here reaches trading, adapters, ibapi or yfinance.
"""
