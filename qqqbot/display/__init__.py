"""How numbers, tables and curves are presented; knows no file of ours.

    formatting  dollars, per cent, durations and New York times, as a person reads them
    terminal    a screen as a sequence of blocks: plain text for a pipe, colours and tables on a terminal
    masking     account ids as they are shown: DU***567
    markup      HTML and SVG that no text can break
    svg         the charts of the backtest's report and notebook

*What* is shown is decided in monitoring and backtest. rich is imported only if there is a terminal to draw on: nearly
all of the time that `status` takes is spent on imports.
"""
