"""Whether a Treasury-bill fund would earn more during a downtrend than its two orders cost. Pure.

The expected gain is the fund's own recent growth over STAY_DAYS, the average stay under the rule with the shortest
stays. If the gain after costs is less than the owner's minimum, the money stays in cash.
"""

import itertools
from collections.abc import Sequence
from decimal import Decimal

from qqqbot.model.instruments import Holding, Kind
from qqqbot.model.values import Rules, Snapshot
from qqqbot.strategy.sizing import CENT, commission

# An average stay out of the market, in calendar days, 2010-02 to 2026-08: 19 with price over SMA 200 (50 stays), 75
# with the default rule (16 stays), 127 with the unequal band (10 stays).
STAY_DAYS = 20
DAYS_A_YEAR, SESSIONS_A_YEAR = 365, 252
# Half of the spread, which each of the two orders costs, rounded up: bid and ask are a cent apart, at 100 USD for SGOV
# and 91 USD for BIL.
HALF_SPREAD = Decimal("0.0001")
# The growth is measured over the last quarter of a year. If a bill fund moves more than LARGEST_MOVE in a day, the row
# is wrong, or its closes are not adjusted for a dividend.
SESSIONS_LOOKED_AT, FEWEST_SESSIONS = 63, 21
LARGEST_MOVE = 0.002


def benefit(value: Decimal, price: Decimal, closes: Sequence[float]) -> Decimal:
    """The expected gain of a stay with `value` USD in the fund, after its costs, in USD.

    `price` is the fund's live price; `closes` are its newest finished closes, adjusted for dividends, oldest first.
    """
    brought = value * Decimal(repr(yearly_growth(closes))) * STAY_DAYS / DAYS_A_YEAR
    costs = 2 * (commission(int(value / price), price) + value * HALF_SPREAD)
    return (brought - costs).quantize(CENT)


def yearly_growth(closes: Sequence[float]) -> float:
    """The fund's growth in a year as a fraction; 0 if there are too few closes to say."""
    recent = closes[-SESSIONS_LOOKED_AT - 1 :]
    moves = [after / before - 1 for before, after in itertools.pairwise(recent)]
    if len(moves) < FEWEST_SESSIONS:
        return 0.0
    return max(0.0, sum(move for move in moves if abs(move) <= LARGEST_MOVE) / len(moves) * SESSIONS_A_YEAR)


def not_worth_it(snapshot: Snapshot, target: Holding, rules: Rules) -> str:
    """Why the money that `target` would park stays in cash; empty if it is to be parked, or is parked already."""
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
