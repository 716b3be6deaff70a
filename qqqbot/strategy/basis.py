"""Whether both funds' rows are on the same basis as the rows last traded on, apart from splits and dividends.

A split changes rows, price and shares. Yahoo has reported splits days after it had changed the rows, or never
(yfinance#906), and has sent a whole answer in another currency under the name of the right one. All prices are then
wrong by the same factor, so every witness within the answer agrees with them. Only the rows that the bot traded on and
kept disagree.
"""

from dataclasses import replace
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from qqqbot.model.market import Market
from qqqbot.model.program import COMMAND
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.reasons import Reason

# How far half a year of dividends may move adjusted closes, as a fraction; these funds pay 1 % a year at most.
TOLERANCE = 0.02
# Rows on another basis have all moved by one factor, within this fraction. If more than MOST_OTHERS rows have not, it
# is single rows that changed, and each of those has its own witnesses.
SAME_FACTOR = 0.001
MOST_OTHERS = 5
# Index funds and leveraged funds have been split 2:1, 3:1 and 3:2 so far, and reverse-split up to 1:20.
RATIOS = tuple(Fraction(n, d) for n in range(1, 21) for d in range(1, 21) if (n == 1) != (d == 1) or {n, d} == {2, 3})
# A split that nobody else can confirm is believed once the rows have been on its basis for this many sessions.
SESSIONS_OF_A_SPLIT = 3


class Moved(NamedTuple):
    """A fund whose earlier closes are all `factor` times the kept closes, although no reported split explains that."""

    symbol: str
    factor: float


def moved(kept: KeptWindow | None, market: Market) -> tuple[Moved, ...]:
    """The funds whose rows are on a different basis from the kept ones, and no reported split explains why.

    The kept rows may or may not contain a split of their own session, so either basis counts as explained. A split that
    is still to come explains nothing.
    """
    if kept is None:
        return ()
    found, symbols = [], (market.signal, market.fund)
    for symbol, before, bars in zip(symbols, kept.by_date, (market.bars, market.fund_bars), strict=True):
        moves = [bar.close / before[bar.date] for bar in bars if before.get(bar.date, 0) > 0 and bar.close > 0]
        factor, explained = median(moves or [1.0]), [1.0]
        for split in sorted(market.splits, key=lambda split: split.date, reverse=True):
            if split.symbol == symbol and kept.session <= split.date <= market.newest_row:
                explained.append(explained[-1] / split.ratio)
        unexplained = all(abs(factor / other - 1) > TOLERANCE for other in explained)
        if unexplained and sum(abs(move / factor - 1) > SAME_FACTOR for move in moves) <= MOST_OTHERS:
            found.append(Moved(symbol, factor))
    return tuple(found)


def without_other_splits(found: tuple[Moved, ...], kept: KeptWindow, market: Market) -> Market:
    """`market` without the reported splits that its rows contradict, such as 3:1 where the closes have halved."""
    symbols = {one.symbol for one in found}
    splits = tuple(split for split in market.splits if split.symbol not in symbols or split.date < kept.session)
    return replace(market, splits=splits)


def split_in(found: tuple[Moved, ...]) -> Fraction | None:
    """The ratio of the split that one fund's rows look like; None for no such ratio, or if both funds have changed."""
    if len(found) != 1:
        return None
    return next((ratio for ratio in RATIOS if abs(found[0].factor * float(ratio) - 1) <= TOLERANCE), None)


def told(found: tuple[Moved, ...], simulated: bool) -> tuple[str, Reason]:
    """A sentence for the owner on what has changed, and a reason code that says whether the owner has to act.

    The simulated account has no broker to confirm a split, so it waits for a few sessions instead.
    """
    symbol, factor = found[0]
    what = f"{symbol}'s earlier closes are {factor:.3g} times those traded on before, and no split that Yahoo has "
    what += "reported since explains it"
    ratio = split_in(found)
    if ratio is None:
        return f"{what}: another currency? If they are right: {COMMAND} adopt", Reason.PRICES_REBASED
    split = f"{what}. If it was a {ratio.numerator}:{ratio.denominator} split, it is recorded automatically "
    if simulated:
        return f"{split}after {SESSIONS_OF_A_SPLIT} sessions that show it", Reason.PRICES_DOUBTFUL
    return f"{split}once IB's closes show it. If IB has none, and the prices are right: {COMMAND} adopt", (
        Reason.PRICES_REBASED
    )
