"""The rule, its averages and its flip prices. Pure.

    short_ma > long_ma and price > short_ma   -> TQQQ
    short_ma > long_ma and price <= short_ma  -> QQQ
    otherwise (equality included)             -> CASH

The window of both averages ends today, with the live price as today's close: a 30-day average is that of the last 29
finished sessions and the price. `level` uses operators only, so that floats and numpy arrays go through the same lines:
the daemon's rule and the backtest's rule are one function.
"""

import math
from collections.abc import Sequence
from typing import Any

from qqqbot.model.values import FlipPrices, Holding, Rules, Signal

LEVELS = (Holding.CASH, Holding.QQQ, Holding.TQQQ)
"""level -> Holding"""


def level(price: Any, short_ma: Any, long_ma: Any, line: Any) -> Any:
    """0 for cash, 1 for QQQ, 2 for TQQQ; numbers in, a number out; arrays in, an array out.

    `line` is what the price must exceed for TQQQ: short_ma itself, or moved by the band (see `tqqq_line`).
    """
    return (short_ma > long_ma) * (1 + (price > line))


def tqqq_line(short_ma: float, band: float, held: Holding) -> float:
    """The price above which TQQQ is wanted: lower while TQQQ is held, higher while it is not, by `band`."""
    return short_ma * (1 - band if held is Holding.TQQQ else 1 + band)


def averages(closes: Sequence[float], price: float, rules: Rules) -> tuple[float, float]:
    """Short and long average of the last finished `closes` and the live `price`.

    Raises ValueError if there are fewer than long_period - 1 finished closes.
    """
    if len(closes) < rules.long_period - 1:
        raise ValueError(f"{len(closes)} finished closes, {rules.long_period - 1} needed")
    return (
        (_sum_of_last(closes, rules.short_period - 1) + price) / rules.short_period,
        (_sum_of_last(closes, rules.long_period - 1) + price) / rules.long_period,
    )


def flip_prices(closes: Sequence[float], rules: Rules) -> FlipPrices:
    """The prices at which the answer changes, in closed form, since the price is part of both averages.

    With n closes in the average, s the sum of the n - 1 finished ones and f = 1 +- band, price > f (s + price) / n is
    price > f s / (n - f).
    """
    short, long = rules.short_period, rules.long_period
    short_sum, long_sum = _sum_of_last(closes, short - 1), _sum_of_last(closes, long - 1)

    def line(factor: float) -> float:
        return factor * short_sum / (short - factor) if short > factor else math.inf

    trend = (long_sum / long - short_sum / short) / (1 / short - 1 / long)
    return FlipPrices(leave_tqqq=line(1 - rules.band), enter_tqqq=line(1 + rules.band), trend=trend)


def wanted(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Holding:
    """The rule's answer alone; see `evaluate`."""
    short_ma, long_ma = averages(closes, price, rules)
    return LEVELS[int(level(price, short_ma, long_ma, tqqq_line(short_ma, rules.band, held)))]


def evaluate(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Signal:
    """The rule's answer at `price`, given the `closes` of finished sessions, oldest first.

    Raises ValueError if there are fewer than long_period - 1 of them.
    """
    short_ma, long_ma = averages(closes, price, rules)
    target = wanted(closes, price, held, rules)
    reason = _reason(target, price, short_ma, long_ma, rules)
    return Signal(target, price, short_ma, long_ma, reason, flip_prices(closes, rules))


def target_at(price: float, flips: FlipPrices, held: Holding) -> Holding:
    """What the rule would want at another `price` with the same finished closes."""
    line = flips.leave_tqqq if held is Holding.TQQQ else flips.enter_tqqq
    return LEVELS[int((price > flips.trend) * (1 + (price > line)))]


def nearest_flip(price: float, flips: FlipPrices, held: Holding) -> tuple[float, Holding] | None:
    """The nearest price at which the answer differs from the one at `price`, and that answer; None if there is none."""
    now = target_at(price, flips, held)
    line = flips.leave_tqqq if held is Holding.TQQQ else flips.enter_tqqq
    beyond = [(c, c if c < price else math.nextafter(c, math.inf)) for c in (line, flips.trend) if 0 < c < math.inf]
    changes = [(c, target_at(other_side, flips, held)) for c, other_side in beyond]
    different = [(c, target) for c, target in changes if target is not now]
    return min(different, key=lambda change: abs(change[0] - price), default=None)


def _sum_of_last(closes: Sequence[float], count: int) -> float:
    return math.fsum(closes[len(closes) - count :]) if count else 0.0


def _reason(target: Holding, price: float, short_ma: float, long_ma: float, rules: Rules) -> str:
    short, long = f"{rules.short_period}-day average {short_ma:,.2f}", f"{rules.long_period}-day average {long_ma:,.2f}"
    if target is Holding.CASH:
        return f"the {short} is not above the {long}: cash"
    side = "above" if price > short_ma else "not above"
    within = " but inside the band" if (target is Holding.TQQQ) != (price > short_ma) else ""
    line = f"the {rules.short_period}-day average{within}"
    return f"uptrend ({short} over {long}), QQQ {price:,.2f} is {side} {line}: {target}"
