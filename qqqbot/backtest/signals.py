"""The daemon's rule over whole histories: `strategy.rule.level` on arrays.

Averages come from one cumulative sum, which rounds differently from the daemon's exact sums. If that rounding could
change an answer (a price on the line, equal averages), the day is recomputed by the daemon's own `averages`, so that
both answers are the same on every day, not on almost every day.
"""

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.prices.table import Floats
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import averages as exact_averages
from qqqbot.strategy.rule import level, tqqq_line

Levels = npt.NDArray[np.int8]
CASH, QQQ, TQQQ = 0, 1, 2
NO_SIGNAL = -1


def moving_average(closes: Floats, period: int) -> Floats:
    """Mean of the last `period` closes, including today's; NaN if there are fewer."""
    return _window_means(np.cumsum(closes), period)


def averages(closes: Floats, rules: Rules) -> tuple[Floats, Floats]:
    """Short and long average of each day; NaN before there are enough closes."""
    sums = np.cumsum(closes)
    short, long = _window_means(sums, rules.short_period), _window_means(sums, rules.long_period)
    for day in _close_calls(closes, short, long, rules):
        window = closes[day - rules.long_period + 1 : day].tolist()
        short[day], long[day] = exact_averages(window, float(closes[day]), rules)
    return short, long


def levels(closes: Floats, rules: Rules) -> Levels:
    """What the rule wants at each close: 0 cash, 1 QQQ, 2 TQQQ; -1 if there is no long average yet."""
    short, long = averages(closes, rules)
    return levels_from(closes, short, long, rules)


def levels_from(prices: Floats, short: Floats, long: Floats, rules: Rules) -> Levels:
    """Like `levels` with the averages given; what a day starts with is the answer of the day before, at first cash."""
    known = np.isfinite(long)
    entering = _level(prices, short, long, Holding.CASH, rules)
    if rules.band:
        staying = _level(prices, short, long, Holding.TQQQ, rules)
        entering = _remembering(entering, staying)
    entering[~known] = NO_SIGNAL
    return entering


def confirmed(wanted: Levels, days: int) -> Levels:
    """`wanted`, followed only once it has been the same on `days` days in a row; the first answer at once."""
    if days <= 1 or not len(wanted):
        return wanted
    same = np.ones(len(wanted), dtype=bool)
    for back in range(1, days):
        same[back:] &= wanted[back:] == wanted[:-back]
    known = np.flatnonzero(wanted >= 0)
    if not len(known):
        return wanted
    same[known[0]] = True
    return _carried(wanted, same)


def _window_means(sums: Floats, period: int) -> Floats:
    average: Floats = np.empty(len(sums))
    average[: period - 1] = np.nan
    average[period - 1 : period] = sums[period - 1 : period]
    np.subtract(sums[period:], sums[:-period], out=average[period:])
    average *= 1 / period
    return average


def _level(prices: Floats, short: Floats, long: Floats, held: Holding, rules: Rules) -> Levels:
    line = tqqq_line(short, rules.band, held)  # type: ignore[arg-type]  # operators only: floats or arrays
    result: Levels = level(prices, short, long, line).astype(np.int8)
    return result


def _remembering(entering: Levels, staying: Levels) -> Levels:
    """Inside the band the answer depends on the day before: TQQQ stays TQQQ, all else becomes QQQ."""
    certain = entering == staying
    certain[0] = True
    carried = _carried(entering, certain)
    inside: Levels = np.where(carried == TQQQ, staying, entering).astype(np.int8)
    return np.where(certain, entering, inside).astype(np.int8)


def _carried(values: Levels, fresh: npt.NDArray[np.bool_]) -> Levels:
    """Each value that is not fresh replaced by the last fresh one before it (kept if there is none)."""
    last = np.maximum.accumulate(np.where(fresh, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], values).astype(np.int8)


def _close_calls(closes: Floats, short: Floats, long: Floats, rules: Rules) -> list[int]:
    """Days on which the rounding of the cumulative sum could change the answer."""
    if not len(closes):
        return []
    total = float(closes.sum())
    tolerance = 2 * len(closes) * float(np.finfo(np.float64).eps) * total / rules.short_period
    near = np.abs(short - long) <= tolerance  # NaN is near nothing
    for factor in {1 - rules.band, 1 + rules.band}:
        near |= np.abs(closes - factor * short) <= tolerance
    near[: rules.long_period - 1] = False
    days: list[int] = np.flatnonzero(near).tolist()
    return days
