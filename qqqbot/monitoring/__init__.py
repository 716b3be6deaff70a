"""Views of the logs folder: facts/ (typed), screens/, web/; they work while the daemon is dead, and cannot trade.

    facts/       what a view shows, as values: a module for each command; --json prints them
    screens/     the same in words, for a terminal; each module has the name of its facts
    web/         the dashboard for a browser; read-only
    health       is the daemon alive, and is anything wrong?
    performance  what the book's rows add up to

The code of a command is under the command's own word: `why` is facts/why and screens/why. There are two exceptions:
`drift` and the second part of `performance` compare the book with prices, which this room may not read, so they are in
backtest/. import-linter checks that nothing here reaches trading, adapters, ibapi or yfinance.
"""
