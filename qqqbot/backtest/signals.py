"""The daemon's rule over whole histories: `strategy.rule.level` on arrays.

Averages come from one cumulative sum, which rounds differently from the daemon's exact sums. If that rounding could
change an answer (a price on the line, equal averages), the day is recomputed by the daemon's own `averages`, so that
both answers are the same on every day, not on almost every day.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.prices.table import Floats
from qqqbot.model.family import MEMORY, Average, Comparison, Rule
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import averages as exact_averages
from qqqbot.strategy.rule import exponential, level, line_of, strong_line

Levels = npt.NDArray[np.int8]
CASH = 0
UP, STRONG = 1, 2
NO_SIGNAL = -1
# A part of the average. Rounding, and what an EMA began with, are less.
CLOSE_CALL = 1e-8


class Answers(NamedTuple):
    """Of each session: both sides of the trend, and the rule's level."""

    fast: Floats
    slow: Floats
    levels: Levels


def warm_up(rules: Rules) -> int:
    """Sessions before the first that has every average; an exponential one counts as long as a simple one here."""
    return max(average.length for average in rules.form.averages) - 1


def answers(closes: Floats, rules: Rules, cut: slice, since: int = 0) -> Answers:
    """The answers in the sessions of `cut`, from the closes of session `since` on."""
    if rules.rule is None:
        inside = slice(cut.start - since, cut.stop - since)
        fast, slow = (side[inside] for side in averages(closes[since : cut.stop], rules))
        return Answers(fast, slow, levels_from(closes[cut], fast, slow, rules))
    trend = rules.rule.trend
    fast, slow = (_series(side, closes)[cut] for side in (trend.fast, trend.slow))
    return Answers(fast, slow, levels(closes, rules)[cut])


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
    """What the rule wants at each close: 0 down, 1 up, 2 strong; -1 if an average is not complete yet."""
    if rules.rule is None:
        short, long = averages(closes, rules)
        return levels_from(closes, short, long, rules)
    return _of_member(closes, rules.rule)


def levels_from(prices: Floats, short: Floats, long: Floats, rules: Rules) -> Levels:
    """Like `levels` with the averages given; what a day starts with is the answer of the day before, at first cash."""
    known = np.isfinite(long)
    entering = _level(prices, short, long, Holding.CASH, rules)
    if rules.band:
        staying = _level(prices, short, long, rules.form.strong, rules)
        entering = _remembering(entering, staying)
    entering[~known] = NO_SIGNAL
    return entering


def _of_member(closes: Floats, rule: Rule) -> Levels:
    """`levels` of any member of the family; each day begins with the strength's answer of the day before."""
    up = _uptrend(closes, rule.trend)
    result = 2 * up.astype(np.int8)
    if rule.strength is not None:
        enter, stay = (_above(closes, rule.strength, held) for held in (False, True))
        result[up & ~enter] = UP
        if rule.strength.remembers:
            staying = np.where(up, 1 + stay, 0).astype(np.int8)
            result = _remembering(result, staying)
    result[: warm_up(Rules(rule=rule))] = NO_SIGNAL
    return result


def _uptrend(closes: Floats, trend: Comparison) -> npt.NDArray[np.bool_]:
    """The trend at each close, as `strategy.rule.after_close` has it over the last MEMORY finished closes and today."""
    enter, stay = _above(closes, trend, False), _above(closes, trend, True)
    if not trend.remembers:
        return enter
    begins, ends = _in_a_row(enter, trend.confirm), _in_a_row(~stay, trend.confirm)
    days = np.arange(len(closes))
    last = np.maximum.accumulate(np.where(begins | ends, days, -1))
    remembered = (last >= 0) & (last - (trend.confirm - 1) >= days - MEMORY)
    return np.where(remembered, begins[np.maximum(last, 0)], False)


def _above(closes: Floats, comparison: Comparison, before: bool) -> npt.NDArray[np.bool_]:
    """Whether fast is above slow if it was or was not `before`, with the daemon's own averages where it is close."""
    fast, slow = _series(comparison.fast, closes), _series(comparison.slow, closes)
    factor = comparison.factor(before)
    with np.errstate(invalid="ignore"):
        above: npt.NDArray[np.bool_] = fast > slow * factor
        near = np.flatnonzero(np.abs(fast - slow * factor) <= CLOSE_CALL * slow)
    for day in near[near >= max(comparison.fast.length, comparison.slow.length) - 1]:
        sides = [line_of(a, closes[:day].tolist()).at(float(closes[day])) for a in (comparison.fast, comparison.slow)]
        above[day] = sides[0] > sides[1] * factor
    return above


def _series(average: Average, closes: Floats) -> Floats:
    if not average.exponential:
        return moving_average(closes, average.length)
    return _exponential(average, closes.tobytes())


@lru_cache(maxsize=128)
def _exponential(average: Average, closes: bytes) -> Floats:
    """Of float64 closes; kept, since the members around a rule share most of their averages."""
    return np.array(exponential(average, np.frombuffer(closes).tolist()))


def _in_a_row(condition: npt.NDArray[np.bool_], days: int) -> npt.NDArray[np.bool_]:
    """Whether it has held on this day and the `days` - 1 before."""
    same = condition.copy()
    for back in range(1, days):
        same[back:] &= condition[:-back]
        same[:back] = False
    return same


def _window_means(sums: Floats, period: int) -> Floats:
    average: Floats = np.empty(len(sums))
    average[: period - 1] = np.nan
    average[period - 1 : period] = sums[period - 1 : period]
    np.subtract(sums[period:], sums[:-period], out=average[period:])
    average *= 1 / period
    return average


def _level(prices: Floats, short: Floats, long: Floats, held: Holding, rules: Rules) -> Levels:
    line = strong_line(short, rules.form, held)  # type: ignore[arg-type]  # operators only: floats or arrays
    result: Levels = level(prices, short, long, line).astype(np.int8)
    return result


def _remembering(entering: Levels, staying: Levels) -> Levels:
    """Inside the band the answer depends on the day before: strong stays strong, all else becomes up."""
    certain = entering == staying
    certain[0] = True
    carried = _carried(entering, certain)
    inside: Levels = np.where(carried == STRONG, staying, entering).astype(np.int8)
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
