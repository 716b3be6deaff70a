"""Whether the money of a downtrend is worth its two orders in a Treasury-bill fund. Pure.

What a stay brings is the fund's own recent growth, over a stay as short as they are on average with the rule that has
the shortest. Where that is less than the costs and the owner's minimum, the money stays what it is: cash.
"""

import itertools
from collections.abc import Sequence
from decimal import Decimal

from qqqbot.model.instruments import Holding, Kind
from qqqbot.model.values import Rules, Snapshot
from qqqbot.strategy.sizing import CENT, commission

# Calendar days out of the market in a row, on average, 2010-02 to 2026-08: 19 of price over SMA 200 (50 stays), 75 of
# the default (16), 127 of the unequal band (10).
STAY_DAYS = 20
DAYS_A_YEAR, SESSIONS_A_YEAR = 365, 252
# Half of the spread, in each of the two orders, rounded up: SGOV and BIL are quoted a cent apart, at 100 and 91 USD.
HALF_SPREAD = Decimal("0.0001")
# The growth is that of the last quarter. A bill fund's day beyond this is a wrong row, or a dividend not adjusted for.
SESSIONS_LOOKED_AT, FEWEST_SESSIONS = 63, 21
LARGEST_MOVE = 0.002


def benefit(value: Decimal, price: Decimal, closes: Sequence[float]) -> Decimal:
    """What a stay of `value` in the fund is expected to bring after its costs, in USD.

    `price` is the fund's, `closes` are its newest finished ones, adjusted for dividends, oldest first.
    """
    brought = value * Decimal(repr(yearly_growth(closes))) * STAY_DAYS / DAYS_A_YEAR
    costs = 2 * (commission(int(value / price), price) + value * HALF_SPREAD)
    return (brought - costs).quantize(CENT)


def yearly_growth(closes: Sequence[float]) -> float:
    """0 if there are too few closes to say."""
    recent = closes[-SESSIONS_LOOKED_AT - 1 :]
    moves = [after / before - 1 for before, after in itertools.pairwise(recent)]
    if len(moves) < FEWEST_SESSIONS:
        return 0.0
    return max(0.0, sum(move for move in moves if abs(move) <= LARGEST_MOVE) / len(moves) * SESSIONS_A_YEAR)


def not_worth_it(snapshot: Snapshot, target: Holding, rules: Rules) -> str:
    """Why the money that `target` would park stays cash; empty if it is parked, or there already."""
    market, portfolio = snapshot.market, snapshot.portfolio
    if target.kind is not Kind.BILLS or target in (portfolio.holding, snapshot.half_made):
        return ""
    prices = {symbol: Decimal(str(price)) for symbol, price in market.prices.items()}
    value, closes = (
        portfolio.equity(prices) * rules.position_size,
        [bar.close for bar in market.others[target].bars if bar.close > 0],
    )
    brings = benefit(value, prices[target], closes)
    return "" if brings >= rules.park_benefit else f"parking it in {target} would bring {brings:,.2f} USD"
