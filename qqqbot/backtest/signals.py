"""The daemon's rule over whole histories: `strategy.rule.level` on arrays.

Averages come from one cumulative sum, which rounds differently from the daemon's exact sums. Where rounding could
change an answer (a price on the line, equal averages), the daemon's own `line_of` recomputes the day. So both answers
are the same on every day, not on almost every day.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.prices.table import Floats
from qqqbot.model.family import MEMORY, Average, Comparison
from qqqbot.model.values import Rules
from qqqbot.strategy.rule import exponential, line_of

Levels = npt.NDArray[np.int8]
CASH = 0
UP, STRONG = 1, 2
NO_SIGNAL = -1
EVERY_DAY = slice(0, None)
# As a fraction of the average. Rounding errors, and what is left of an EMA's first value, are smaller.
CLOSE_CALL = 1e-8


def warm_up(rules: Rules) -> int:
    """Sessions before the first one with every average; an exponential average counts here like a simple one."""
    return max(average.length for average in rules.form.averages) - 1


def moving_average(closes: Floats, period: int) -> Floats:
    """The mean of the last `period` closes, including today's; NaN if there are fewer."""
    sums, average = np.cumsum(closes), np.empty(len(closes))
    average[: period - 1] = np.nan
    average[period - 1 : period] = sums[period - 1 : period]
    np.subtract(sums[period:], sums[:-period], out=average[period:])
    average *= 1 / period
    return average


def levels(closes: Floats, rules: Rules, cut: slice = EVERY_DAY) -> Levels:
    """What the rule wants at each close of `cut`: 0 down, 1 up, 2 strong; -1 if an average is not complete yet.

    Each day begins with the answer of the day before, the first with cash.
    """
    rule = rules.form
    up = _uptrend(closes, rule.trend)[cut]
    result = 2 * up.astype(np.int8)
    if rule.strength is not None:
        result[up & ~_above(closes, rule.strength, False)[cut]] = UP
        if rule.strength.remembers:
            staying = np.where(up, 1 + _above(closes, rule.strength, True)[cut], 0).astype(np.int8)
            result = remembering(result, staying)
    result[: max(0, warm_up(rules) - cut.start)] = NO_SIGNAL
    return result


def remembering(entering: Levels, staying: Levels) -> Levels:
    """The answers with a band. Inside it they depend on the day before: strong stays strong, all else becomes up."""
    certain = entering == staying
    certain[0] = True
    carried = _carried(entering, certain)
    inside: Levels = np.where(carried == STRONG, staying, entering).astype(np.int8)
    return np.where(certain, entering, inside).astype(np.int8)


def _uptrend(closes: Floats, trend: Comparison) -> npt.NDArray[np.bool_]:
    """The trend at each close, as in `strategy.rule.after_close` from the last MEMORY finished closes and today's."""
    enter = _above(closes, trend, False)
    if not trend.remembers:
        return enter
    stay = _above(closes, trend, True)
    begins, ends = _in_a_row(enter, trend.confirm), _in_a_row(~stay, trend.confirm)
    days = np.arange(len(closes))
    last = np.maximum.accumulate(np.where(begins | ends, days, -1))
    remembered = (last >= 0) & (last - (trend.confirm - 1) >= days - MEMORY)
    return np.where(remembered, begins[np.maximum(last, 0)], False)


def _above(closes: Floats, comparison: Comparison, before: bool) -> npt.NDArray[np.bool_]:
    """Whether fast is above slow, if it was or was not `before`; near the line by the daemon's own averages."""
    fast, slow = average_of(comparison.fast, closes), average_of(comparison.slow, closes)
    factor = comparison.factor(before)
    with np.errstate(invalid="ignore"):
        above: npt.NDArray[np.bool_] = fast > slow * factor
        near = np.flatnonzero(np.abs(fast - slow * factor) <= CLOSE_CALL * slow)
    for day in near[near >= max(comparison.fast.length, comparison.slow.length) - 1]:
        sides = [line_of(a, closes[:day].tolist()).at(float(closes[day])) for a in (comparison.fast, comparison.slow)]
        above[day] = sides[0] > sides[1] * factor
    return above


def average_of(average: Average, closes: Floats) -> Floats:
    """`average` at each close; a simple average is NaN until it is complete."""
    if not average.exponential:
        return moving_average(closes, average.length)
    return _exponential(average, closes.tobytes())


@lru_cache(maxsize=128)
def _exponential(average: Average, closes: bytes) -> Floats:
    """The average of float64 `closes`. Results are kept: the members around a rule share most of their averages."""
    return np.array(exponential(average, np.frombuffer(closes).tolist()))


def _in_a_row(condition: npt.NDArray[np.bool_], days: int) -> npt.NDArray[np.bool_]:
    """Whether `condition` has held on each day and on the `days` - 1 days before."""
    same = condition.copy()
    for back in range(1, days):
        same[back:] &= condition[:-back]
        same[:back] = False
    return same


def _carried(values: Levels, fresh: npt.NDArray[np.bool_]) -> Levels:
    """`values` with the last fresh value in place of each one that is not fresh; kept if there was none before it."""
    last = np.maximum.accumulate(np.where(fresh, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], values).astype(np.int8)
