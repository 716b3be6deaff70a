"""Whether the rows of both funds are on the basis of those that were last traded on, but for splits and dividends.

A split changes rows, price and shares, and Yahoo has reported splits days after it had changed the rows (yfinance#906);
a whole answer has come in another currency under the name of the right one. Prices are then wrong by the same factor
everywhere, so no witness within the answer parts from them. What the bot kept of the rows that it traded on does.
"""

from statistics import median

from qqqbot.model.market import Market
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import QQQ, SYMBOLS

# What dividends change in half a year of adjusted closes: the funds' own are 1 % a year at most.
TOLERANCE = 0.02
# One factor for all rows; more others than these few are rows that moved, each of which has witnesses of its own.
SAME_FACTOR = 0.001
MOST_OTHERS = 5


def changed_without_split(kept: KeptWindow | None, market: Market) -> str | None:
    """What was found of a fund whose rows have all changed by what no reported split explains; None if there is none.

    A split of the day of the kept rows may have been in them or not.
    """
    if kept is None:
        return None
    for symbol in SYMBOLS:
        before = dict(zip(kept.dates, kept.closes if symbol == QQQ else kept.fund, strict=True))
        bars = market.bars if symbol == QQQ else market.fund_bars
        moves = [bar.close / before[bar.date] for bar in bars if before.get(bar.date, 0) > 0 and bar.close > 0]
        moved, explained = median(moves or [1.0]), [1.0]
        for split in sorted(market.splits, key=lambda split: split.date, reverse=True):
            if split.symbol == symbol and split.date >= kept.session:
                explained.append(explained[-1] / split.ratio)
        others = sum(abs(move / moved - 1) > SAME_FACTOR for move in moves)
        if others <= MOST_OTHERS and all(abs(moved / factor - 1) > TOLERANCE for factor in explained):
            return (
                f"{symbol}'s earlier closes are {moved:.3g} times those of {kept.session}, and Yahoo reports no split: "
                "another currency? If they are right, move logs/prices.jsonl away and restart"
            )
    return None
