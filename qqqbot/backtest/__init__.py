"""What the rule would have earned, without look-ahead, and how the live book compares.

    __main__          the command `backtest`
    prices/           daily prices: from Yahoo, from files, and kept on disk
    signals           the daemon's rule over whole histories
    vectorized        the curve of a perfect follower
    account           the account as the daemon would have managed it, in whole shares
    intraday          the daemon's checks replayed on 15-minute bars
    metrics, taxes    the figures of a curve; a view after tax
    robustness        how much of a result is luck
    neighbours        how fragile a rule is: the members of the family around it
    synthetic         a model of a fund before it existed
    study             everything the backtest says, computed once
    tables, figures   a study in words and in pictures
    report, notebook  one HTML page; the cells of backtest.ipynb
    official          official closes from the prices that the bot has kept
    drift             the command `drift`: decisions and fills compared with the official closes
    holding           an addition to `performance`: the real book compared with holding QQQ or TQQQ

The rule, the sizing and the commissions are strategy's own functions: the backtest tests the code that trades.
"""
