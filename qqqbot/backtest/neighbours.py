"""How fragile a rule is: what the members of the family around it earned, and what re-choosing among them earned.

A picture of fragility, not an optimiser. The members around the default form are all pairs of averages. Those around
any other rule differ from it in the length of the slow average (columns), and in the length of the fast one or, where
that is the price, in the band (rows); each is evaluated as the daemon would run it, and none is one that it refuses.

There are thousands of pairs, so they share their work. In an uptrend, the short average alone decides what is held on a
day: TQQQ if the price is above it, QQQ if not. The long average only says on which days there is an uptrend. So the
result of a pair is the sum over a few dozen uptrends, each a difference of two prefix sums; the work is to find where
they begin and end. The sums until each half-year's end are kept: any stretch of half-years is a difference of two.
Costs are exact: one leg into and out of an uptrend, two at each change inside it. In this sweep cash earns nothing,
fills are at the close, and a price that equals the line to the last digit may count on either side. Figures that differ
by less than SAME are equal; of equal members, the walk-forward chooses the first: the smallest row, then column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.metrics import SESSIONS_A_YEAR
from qqqbot.backtest.prices.table import Dates, Floats, Prices
from qqqbot.backtest.signals import moving_average, warm_up
from qqqbot.backtest.vectorized import Days, FillAt, Terms, ideal, same_days
from qqqbot.model.family import PRICE, Average, Rule
from qqqbot.model.values import Rules
from qqqbot.runtime.rule_config import MOST_HISTORY

Ints = npt.NDArray[np.intp]

SHORTS, LONGS = np.arange(5.0, 61), np.arange(80.0, 201)
SLOW = np.linspace(0.5, 1.5, 21)
FAST = np.linspace(0.4, 3.0, 14)
BANDS = np.arange(0.0, 6.1, 0.5)
# Five years to choose from, then half a year with the choice.
TRAIN_SEGMENTS, SEGMENT_SESSIONS = 10, 126
# For a period of less than a year and a half, a picture of the neighbours says nothing.
FEWEST_SEGMENTS = 3
# Rounding keeps the figures of two members that traded alike less apart than this.
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Grid:
    """The members around a rule. `member` takes the values of a row and a column; `own` is the place of the rule."""

    rows: Floats
    columns: Floats
    axes: tuple[str, str]
    """the names of what columns and rows stand for"""
    own: tuple[float, float]
    member: Callable[[float, float], Rules]

    @property
    def members(self) -> list[Rules]:
        """All members, row by row."""
        return [self.member(row, column) for row in self.rows.tolist() for column in self.columns.tolist()]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Figures of the members around a rule as arrays of [rows, columns]; NaN where there is no member."""

    grid: Grid
    cagr: Floats
    sharpe: Floats

    def rank(self, figure: Floats) -> float:
        """The share of the members with a `figure` that do worse than the rule itself."""
        row, column = (
            int(np.searchsorted(axis, own))
            for axis, own in zip((self.grid.rows, self.grid.columns), self.grid.own, strict=True)
        )
        known = figure[np.isfinite(figure)]
        return float((known < figure[row, column] - SAME).mean()) if len(known) else 0.0


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The curve of following, in each half-year, the best rule of the years before; `fixed` follows the own rule.

    `chosen` has (first session, rule) of each half-year.
    """

    dates: Dates
    equity: Floats
    fixed: Floats
    chosen: tuple[tuple[np.datetime64, Rules], ...]


def grid(rules: Rules, shorts: Floats = SHORTS, longs: Floats = LONGS) -> Grid:
    """The neighbours of a rule; `shorts` and `longs` are the lengths used around the default form."""
    rule, trend = rules.form, rules.form.trend
    fast, slow = float(trend.fast.length), float(trend.slow.length)
    if rules.rule is None:
        return Grid(
            rows=np.union1d(shorts, [fast]),
            columns=np.union1d(longs, [slow]),
            axes=("long average, days", "short average, days"),
            own=(fast, slow),
            member=lambda short, long: replace(rules, short_period=int(short), long_period=int(long)),
        )
    columns = np.unique(np.append(np.rint(slow * SLOW), slow))
    columns = columns[[fast < n and _with_slow(rule, int(n)).history <= MOST_HISTORY for n in columns.tolist()]]
    if trend.fast == PRICE:
        own, name, change = round(100 * trend.enter, 10), "band, %", _with_band
        rows = np.unique(np.append(BANDS, own))
    else:
        own, name, change = fast, "fast average, days", _with_fast
        rows = np.unique(np.append(np.rint(own * FAST), own))
        rows = rows[[n < columns.min() and _with_fast(rule, n).history <= MOST_HISTORY for n in rows.tolist()]]
    return Grid(
        rows=rows,
        columns=columns,
        axes=("slow average, days", name),
        own=(own, slow),
        member=lambda row, column: replace(rules, rule=_with_slow(change(rule, row), int(column))),
    )


def neighbours(
    prices: Prices,
    days: Days,
    terms: Terms,
    around: Grid | None = None,
    train: int = TRAIN_SEGMENTS,
    segment: int = SEGMENT_SESSIONS,
) -> tuple[Sweep, WalkForward | None] | None:
    """The figures of every neighbour over the sessions that all of them have, and the walk-forward among them.

    Either is None if there are too few such sessions for it.
    """
    around = around or grid(terms.rules)
    slowest = around.member(float(around.rows[-1]), float(around.columns[-1]))
    start = warm_up(slowest) - int(np.searchsorted(prices.dates, days.dates[0]))
    days = days.since(start) if start > 0 else days
    if len(days) < FEWEST_SEGMENTS * segment:
        return None
    bounds = np.unique(np.append(np.arange(0, len(days), segment), len(days) - 1))
    sums_of = _sums_of_pairs if terms.rules.rule is None else _sums_of_members
    until = sums_of(prices, days, terms, around, bounds)
    sharpe = _sharpe(until[..., -1], len(days) - 1)
    swept = Sweep(around, np.exp(until[0, ..., -1] / days.years) - 1, sharpe)
    if len(bounds) < train + 2:
        return swept, None
    past = (_sharpe(until[..., k] - until[..., k - train], segment * train) for k in range(train, len(bounds) - 1))
    chosen = [_best(around, found) or terms.rules for found in past]
    return swept, _followed(prices, days, terms, chosen, bounds[train:])


def _best(around: Grid, sharpe: Floats) -> Rules | None:
    """The member with the best Sharpe ratio, the first of equals; None if no member has traded: keep the rule itself.

    Members that traded alike differ only by rounding, which must not choose.
    """
    if not np.isfinite(sharpe).any():
        return None
    row, column = np.argwhere(sharpe >= np.nanmax(sharpe) - SAME)[0].tolist()
    return around.member(float(around.rows[row]), float(around.columns[column]))


def _sums_of_members(prices: Prices, days: Days, terms: Terms, around: Grid, bounds: Ints) -> Floats:
    """Sums of log growth, return and squared return from the first close to each of `bounds`.

    The shape is [3, rows, columns, bounds].
    """
    perfect = replace(terms, fill=FillAt.CLOSE, cash_yield=0.0)
    curves = np.stack([ideal(same_days(prices, days, member), perfect) for member in around.members])
    sums = np.zeros((3, *curves.shape))
    np.cumsum(_figures(curves[:, 1:] / curves[:, :-1]), axis=2, out=sums[..., 1:])
    return sums[..., bounds].reshape(3, len(around.rows), len(around.columns), -1)


def _sums_of_pairs(prices: Prices, days: Days, terms: Terms, around: Grid, bounds: Ints) -> Floats:
    """The same sums for pairs of averages; NaN where the short average is not the shorter one."""
    first = int(np.searchsorted(prices.dates, days.dates[0]))
    cut, shorts, longs = slice(first, first + len(days)), around.rows.astype(int), around.columns.astype(int)
    slow = np.stack([moving_average(prices.signal.close, n)[cut] for n in longs.tolist()])
    up = np.zeros((len(longs) + 1, len(days) + 1), dtype=bool)  # the first column and the last row stay False
    place = np.searchsorted(bounds, np.arange(len(days)))
    sums = np.empty((3, len(shorts), len(longs), len(bounds)))
    for row, short in enumerate(shorts.tolist()):
        fast = moving_average(prices.signal.close, short)[cut]
        np.greater(fast, slow, out=up[:-1, 1:])
        inside, leaving = _day_sums(days, days.signal > fast, terms.slippage)
        sums[:, row] = inside[:, None, bounds] * up[:-1, 1 + bounds]
        sums[:, row] += _sums_of_uptrends(inside, leaving, up, place, terms.slippage)
    sums[..., 0] = 0.0  # the entry on the first close counts in the first segment
    sums[:, shorts[:, None] >= longs] = np.nan
    return sums


def _sums_of_uptrends(inside: Floats, leaving: Floats, up: npt.NDArray[np.bool_], place: Ints, cost: float) -> Floats:
    """The part of the sums for one short average that changes as uptrends begin and end, [3, longs, bounds].

    An uptrend that begins at close b and ends at close e adds inside[e - 1] - inside[b] and leaving[e]. `place` is the
    first bound at or after each close.
    """
    flat, (rows, width), count = up.ravel(), up.shape, int(place[-1]) + 1
    edges = np.flatnonzero(flat[1:] != flat[:-1])  # close c is in column c + 1, so that a change there has the index c
    row, begin = np.divmod(edges[::2], width)
    last_row, end = np.divmod(edges[1::2], width)
    ended = end < width - 1
    last_row, end = last_row[ended], end[ended]
    begins, ends, size = row * count + place[begin], last_row * count + place[end], (rows - 1) * count
    sums = np.empty((3, size))
    for figure, entered in enumerate((np.log1p(-cost), -cost, cost * cost)):
        sums[figure] = np.bincount(begins, entered - inside[figure, begin], size)
        sums[figure] += np.bincount(ends, inside[figure, end - 1] + leaving[figure, end], size)
    return np.cumsum(sums.reshape(3, rows - 1, count), axis=2)


def _day_sums(days: Days, strong: npt.NDArray[np.bool_], cost: float) -> tuple[Floats, Floats]:
    """Prefix sums of the days inside an uptrend, and the figures of a day that leaves one, [3, sessions].

    Index t is the day that ends at close t.
    """
    index_day, fund_day = (close[1:] / close[:-1] - 1 for close in (days.signal, days.fund))
    earned = np.where(strong[:-1], fund_day, index_day)
    stay = (1 + earned) * np.where(strong[1:] != strong[:-1], (1 - cost) ** 2, 1.0)
    inside, leaving = np.zeros((3, len(strong))), np.zeros((3, len(strong)))
    np.cumsum(_figures(stay), axis=1, out=inside[:, 1:])
    leaving[:, 1:] = _figures((1 + earned) * (1 - cost))
    return inside, leaving


def _figures(growth: Floats) -> Floats:
    returns = growth - 1
    return np.stack((np.log(growth), returns, returns * returns))


def _sharpe(sums: Floats, days: int) -> Floats:
    """Sharpe ratio (no risk-free rate) from sums over `days` sessions, [3, ...]; NaN where nothing moved."""
    mean = sums[1] / days
    deviation = np.sqrt(np.maximum(sums[2] - days * mean * mean, 0.0) / (days - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mean / deviation * np.sqrt(SESSIONS_A_YEAR))


def _followed(prices: Prices, days: Days, terms: Terms, chosen: Sequence[Rules], bounds: Ints) -> WalkForward:
    """Decisions of each chosen rule in its segment, spliced, and the curve of the whole with its own costs."""
    wanted, start = days.wanted.copy(), int(bounds[0])
    for rules, first, last in zip(chosen, bounds[:-1], bounds[1:], strict=True):
        wanted[first : last + 1] = same_days(prices, days, rules).wanted[first : last + 1]
    tail = days.since(start)
    equity, fixed = ideal(tail, terms, wanted[start:]), ideal(tail, terms)
    return WalkForward(tail.dates, equity, fixed, tuple(zip(days.dates[bounds[:-1]], chosen, strict=True)))


def _with_slow(rule: Rule, length: int) -> Rule:
    return replace(rule, trend=replace(rule.trend, slow=replace(rule.trend.slow, length=length)))


def _with_fast(rule: Rule, value: float) -> Rule:
    """`rule` with another fast average; a strength on the same average moves with it, as in the default form."""
    fast = Average(int(value), rule.trend.fast.exponential)
    strength = rule.strength
    if strength is not None and strength.slow == rule.trend.fast:
        strength = replace(strength, slow=fast)
    return replace(rule, trend=replace(rule.trend, fast=fast), strength=strength)


def _with_band(rule: Rule, value: float) -> Rule:
    """`rule` with a band of `value` per cent. The two sides of an unequal band keep their ratio."""
    ratio = rule.trend.leave / rule.trend.enter if rule.trend.enter else 1.0
    return replace(rule, trend=replace(rule.trend, enter=value / 100, leave=value / 100 * ratio))
