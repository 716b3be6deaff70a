"""Whether a held fund's rows are still on the basis of its shares.

A split changes both, and Yahoo has reported splits days after it had changed the rows (yfinance#906). At a real broker
the account's shares are the second witness; a simulated account has none, and half of its shares would be sold at half
of their price as if they were all. What the bot kept of the rows that it traded on says whether they have changed.
"""

from statistics import median

from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import QQQ, SYMBOLS, Market, Portfolio

# What splits make of a price. Dividends change adjusted closes too, by a hundredth in a year.
FACTORS = [factor for ratio in (1.5, *range(2, 21)) for factor in (ratio, 1 / ratio)]
TOLERANCE = 0.05


def changed_without_split(kept: KeptWindow | None, market: Market, book: Portfolio) -> str | None:
    """What was found of a held fund whose rows changed as by a split that is not reported; None if there is none."""
    for symbol in SYMBOLS:
        if kept is None or not (book.shares[symbol] or book.foreign[symbol]):
            continue
        before = dict(zip(kept.dates, kept.qqq if symbol == QQQ else kept.tqqq, strict=True))
        bars = market.bars if symbol == QQQ else market.tqqq_bars
        moves = [bar.close / before[bar.date] for bar in bars if before.get(bar.date, 0) > 0 and bar.close > 0]
        moved, known = median(moves) if moves else 1.0, 1.0
        for split in market.splits:
            known *= split.ratio if split.symbol == symbol and split.date >= kept.session else 1.0
        split_like = any(abs(moved / factor - 1) < TOLERANCE / 2 for factor in FACTORS)
        if split_like and abs(moved * known - 1) > TOLERANCE:
            return (
                f"{symbol}'s earlier closes are {moved:.3g} times those of {kept.session}, and Yahoo reports no split"
            )
    return None
