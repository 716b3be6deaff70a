"""How much of a result is luck: shifted positions, other averages and bands, slower decisions, walk-forward choices.

The sweep is a picture of fragility, not an optimiser. For one short average and one day the return of an uptrend's
holding is the same whatever the long average is: TQQQ's if the price is above the short one, QQQ's if not. A long
average only says on which days there is an uptrend. So each pair is a few dozen uptrends, each a difference of two
prefix sums; the work is to find where they begin and end. The sessions may be cut into segments, whose sums then add up
to those of any stretch of them (walk-forward). Costs are exact: one leg into and out of an uptrend, two at each change
inside it. Cash earns nothing here, fills are at the close, and a price on the line to the last digit may fall on either
side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.metrics import SESSIONS_A_YEAR, Metrics, cagr, measure
from qqqbot.backtest.prices.table import Dates, Floats, Prices, years_of
from qqqbot.backtest.signals import moving_average
from qqqbot.backtest.vectorized import Days, Terms, ideal, legs, rotations_of, same_days
from qqqbot.model.values import Rules

Ints = npt.NDArray[np.intp]

SHORTS = np.arange(5, 61)
LONGS = np.arange(80, 201)
BANDS = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03)
CONFIRMATIONS = (1, 2, 3, 4, 5)
# Five years to choose from, then half a year with the choice.
TRAIN_SEGMENTS = 10
SEGMENT_SESSIONS = 126


@dataclass(frozen=True, slots=True)
class NullTest:
    """CAGR of the same positions, shifted in time by every possible number of sessions.

    `p_value` is the share of all shifts, including the true one, that did at least as well as the true one.
    """

    observed: float
    shifted: Floats
    p_value: float


@dataclass(frozen=True, slots=True)
class Variant:
    """One setting of the rule and its result."""

    name: str
    rotations: int
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The curve of following, in each half-year, the rule that was best in the years before; `fixed` keeps the own one.

    `chosen` is (first session, rule, CAGR in the half-year) of each.
    """

    dates: Dates
    equity: Floats
    fixed: Floats
    chosen: tuple[tuple[np.datetime64, Rules, float], ...]


def null_test(days: Days, cost: float) -> NullTest:
    """Every circular shift of the positions, with the same number of rotations and the same costs.

    The sum over days of position x log growth is, for all shifts at once, a circular correlation.
    """
    wanted = days.wanted[:-1]
    total = np.zeros(len(wanted))
    for column in range(1, len(days.names)):
        grown = np.log(days.close[column, 1:] / days.close[column, :-1])
        spectrum = np.fft.rfft(grown) * np.conj(np.fft.rfft((wanted == column).astype(np.float64)))
        total += np.fft.irfft(spectrum, n=len(wanted))
    total += np.log1p(-cost) * float(legs(wanted, np.roll(wanted, -1)).sum())
    yearly = np.exp(total / days.years) - 1
    reached = int((yearly[1:] >= yearly[0]).sum())
    return NullTest(float(yearly[0]), yearly[1:], (1 + reached) / len(yearly))


def band_variants(prices: Prices, days: Days, terms: Terms, bands: Sequence[float] = BANDS) -> tuple[Variant, ...]:
    """The rule with each band around the line of its strength or, if it has none, of its trend."""
    return tuple(_variant(f"band {b:.2%}", same_days(prices, days, with_band(terms.rules, b)), terms) for b in bands)


def confirmation_variants(
    prices: Prices, days: Days, terms: Terms, counts: Sequence[int] = CONFIRMATIONS
) -> tuple[Variant, ...]:
    """The rule, following its trend only after a number of equal closes in a row."""
    rule = terms.rules.form
    rules = [replace(terms.rules, rule=replace(rule, trend=replace(rule.trend, confirm=n))) for n in counts]
    return tuple(
        _variant("at once" if n == 1 else f"{n} closes", same_days(prices, days, confirmed), terms)
        for n, confirmed in zip(counts, rules, strict=True)
    )


def walk_forward(
    prices: Prices,
    days: Days,
    terms: Terms,
    shorts: Ints = SHORTS,
    longs: Ints = LONGS,
    train: int = TRAIN_SEGMENTS,
    segment: int = SEGMENT_SESSIONS,
) -> WalkForward | None:
    """The best pair by Sharpe ratio of the `train` segments before each segment; None if there are too few."""
    first = int(np.searchsorted(prices.dates, days.dates[0]))
    if first < longs.max() - 1:
        missing = int(longs.max()) - 1 - first
        if len(days) <= missing:
            return None
        days, first = days.since(missing), first + missing
    bounds = segment_bounds(len(days), train, segment)
    if bounds is None:
        return None
    table = sweep_table(prices, np.union1d(shorts, longs), slice(first, first + len(days)), days.years)
    sums = segment_sums(table, shorts, longs, bounds, terms.slippage)
    until = np.concatenate((np.zeros((*sums.shape[:3], 1)), np.cumsum(sums, axis=3)), axis=3)
    pairs = [
        _best_pair(until[..., k] - until[..., k - train], train * segment, shorts, longs)
        for k in range(train, len(bounds) - 1)
    ]
    chosen = [replace(terms.rules, short_period=short, long_period=long) for short, long in pairs]
    return followed(prices, days, terms, chosen, bounds[train:])


def segment_bounds(sessions: int, train: int = TRAIN_SEGMENTS, segment: int = SEGMENT_SESSIONS) -> Ints | None:
    """The closes at which segments begin and end; the last may be shorter. None if nothing is left after training."""
    bounds = np.arange(0, sessions, segment)
    if len(bounds) < train + 2:
        return None
    return np.append(bounds, sessions - 1) if sessions - 1 > bounds[-1] else bounds


def _best_pair(sums: Floats, sessions: int, shorts: Ints, longs: Ints) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.nanargmax(sharpe_of(sums, sessions))), (len(shorts), len(longs)))
    return int(shorts[row]), int(longs[column])


def followed(prices: Prices, days: Days, terms: Terms, chosen: Sequence[Rules], bounds: Ints) -> WalkForward:
    """Decisions of each chosen rule in its segment, spliced, and the curve of the whole with its own costs."""
    wanted = days.wanted.copy()
    for rules, first, last in zip(chosen, bounds[:-1], bounds[1:], strict=True):
        wanted[first : last + 1] = same_days(prices, days, rules).wanted[first : last + 1]
    start = int(bounds[0])
    tail = days.since(start)
    equity, fixed = ideal(tail, terms, wanted[start:]), ideal(tail, terms)
    earned = [
        (tail.dates[first], rules, cagr(equity[first : last + 1], years_of(tail.dates[first : last + 1])))
        for rules, first, last in zip(chosen, bounds[:-1] - start, bounds[1:] - start, strict=True)
    ]
    return WalkForward(tail.dates, equity, fixed, tuple(earned))


def with_band(rules: Rules, band: float) -> Rules:
    """The rules with an equal band around the line of the strength or, without one, of the trend."""
    if rules.rule is None:
        return replace(rules, band=band)
    rule = rules.rule
    if rule.strength is None:
        return replace(rules, rule=replace(rule, trend=replace(rule.trend, enter=band, leave=band)))
    return replace(rules, rule=replace(rule, strength=replace(rule.strength, enter=band, leave=band)))


def _variant(name: str, days: Days, terms: Terms) -> Variant:
    return Variant(name, rotations_of(days.wanted), measure(ideal(days, terms), days.years))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Figures of the members around a rule, arrays of [rows, columns]; NaN if there is no such member.

    `axes` says what columns and rows are; `own` is the rule's own row and column.
    """

    rows: Floats
    columns: Floats
    axes: tuple[str, str]
    own: tuple[float, float]
    final: Floats
    cagr: Floats
    volatility: Floats
    sharpe: Floats
    rotations: Floats

    def rank(self, figure: Floats) -> float:
        """Share of the members that do worse than the rule itself, of those that have the figure."""
        row, column = (
            int(np.searchsorted(axis, own)) for axis, own in zip((self.rows, self.columns), self.own, strict=True)
        )
        known = figure[np.isfinite(figure)]
        return float((known < figure[row, column]).mean()) if len(known) else 0.0


@dataclass(frozen=True, slots=True)
class SweepTable:
    """What all pairs share: closes and returns of the examined sessions, and each average, [periods, sessions]."""

    signal: Floats
    fund: Floats
    close: Floats
    averages: dict[int, Floats]
    years: float


def sweep_table(prices: Prices, periods: Ints, cut: slice, years: float) -> SweepTable:
    """The averages of `periods` over the sessions of `cut`, each from one cumulative sum of all closes before them."""
    closes = prices.signal.close
    fund = prices.fund.close[cut]
    close = closes[cut]
    return SweepTable(
        signal=close[1:] / close[:-1] - 1,
        fund=fund[1:] / fund[:-1] - 1,
        close=close,
        averages={int(n): moving_average(closes, int(n))[cut] for n in periods},
        years=years,
    )


def sweep(
    table: SweepTable,
    shorts: Ints = SHORTS,
    longs: Ints = LONGS,
    cost: float = 0.0,
    own: tuple[float, float] = (30.0, 120.0),
) -> Sweep:
    """Every pair of `shorts` x `longs`; `cost` is the fraction lost in each leg."""
    whole = np.array([0, len(table.close) - 1])
    sums = segment_sums(table, shorts, longs, whole, cost)[:, :, :, 0]
    days = len(table.signal)
    _, deviation = _mean_and_deviation(sums, days)
    return Sweep(
        rows=shorts.astype(np.float64),
        columns=longs.astype(np.float64),
        axes=("long average, days", "short average, days"),
        own=own,
        final=np.exp(sums[0]),
        cagr=np.exp(sums[0] / table.years) - 1,
        volatility=deviation * np.sqrt(SESSIONS_A_YEAR),
        sharpe=sharpe_of(sums, days),
        rotations=sums[3],
    )


def segment_sums(table: SweepTable, shorts: Ints, longs: Ints, bounds: Ints, cost: float) -> Floats:
    """Sums of log growth, return, squared return and count of rotations, [4, shorts, longs, segments].

    Segment k is from close bounds[k] to close bounds[k + 1]; a holding is kept across a bound at no cost.
    """
    sums = np.empty((4, len(shorts), len(longs), len(bounds) - 1))
    long_table = np.stack([table.averages[int(n)] for n in longs])
    segments = _Segments(bounds, len(longs))
    for row, short in enumerate(shorts.tolist()):
        sums[:, row] = _one_short(table, table.averages[short], long_table, segments, cost)
    sums[:, shorts[:, None] >= longs[None, :]] = np.nan
    return sums


def sharpe_of(sums: Floats, days: int) -> Floats:
    """Sharpe ratio (no risk-free rate) from sums over `days` sessions, [4, ...]."""
    mean, deviation = _mean_and_deviation(sums, days)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mean / deviation * np.sqrt(SESSIONS_A_YEAR))


def _mean_and_deviation(sums: Floats, days: int) -> tuple[Floats, Floats]:
    mean = sums[1] / days
    return mean, np.sqrt(np.maximum(sums[2] - days * mean * mean, 0.0) / (days - 1))


class _Segments:
    """Day t, which ends at close t, belongs to segment k if bounds[k] < t <= bounds[k + 1]."""

    def __init__(self, bounds: Ints, rows: int) -> None:
        self.bounds = bounds
        self.count = len(bounds) - 1
        self.rows = rows
        self.of_day = np.maximum(np.searchsorted(bounds, np.arange(bounds[-1] + 1)) - 1, 0)
        self.up = np.zeros((rows, bounds[-1] + 2), dtype=bool)
        """a row for each long average, and a column of False that ends the last uptrend"""

    def uptrends(self, short: Floats, longs: Floats) -> tuple[Ints, Ints, Ints]:
        """Row, first close and first close after, of each run of short > long."""
        np.greater(short, longs, out=self.up[:, :-1])
        flat, width = self.up.ravel(), self.up.shape[1]
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if flat[0]:
            edges = np.concatenate((np.zeros(1, dtype=np.intp), edges))
        row = edges[::2] // width
        return row, edges[::2] - row * width, edges[1::2] - row * width

    def pieces(self, begin: Ints, last: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The uptrends cut at the bounds: index of the uptrend, segment, and the two closes between which it earns."""
        first, final = self.of_day[np.minimum(begin + 1, last)], self.of_day[last]
        parts = final - first + 1
        which = np.repeat(np.arange(len(begin)), parts)
        segment = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(parts) - parts, parts)
        low = np.maximum(begin[which], self.bounds[segment])
        return which, segment, low, np.minimum(last[which], self.bounds[segment + 1])


def _one_short(table: SweepTable, short: Floats, longs: Floats, segments: _Segments, cost: float) -> Floats:
    """The sums of one short average, [4, longs, segments]."""
    inside, leaving = _day_sums(table, table.close > short, cost)
    row, begin, end = segments.uptrends(short, longs)
    which, segment, low, high = segments.pieces(begin, end - 1)
    ended = end < len(short)
    exits, exit_rows = end[ended], row[ended]
    at_exit = exit_rows * segments.count + segments.of_day[exits]
    at_piece = row[which] * segments.count + segment
    size = segments.rows * segments.count
    entries = np.bincount(row * segments.count + segments.of_day[begin], minlength=size)
    entered = (np.log1p(-cost), -cost, cost * cost, 1.0)
    sums = np.empty((4, size))
    for figure, total in enumerate(sums):
        total[:] = np.bincount(at_piece, inside[figure, high] - inside[figure, low], size)
        total += np.bincount(at_exit, leaving[figure, exits], size)
        total += entered[figure] * entries
    return sums.reshape(4, segments.rows, segments.count)


def _day_sums(table: SweepTable, above: npt.NDArray[np.bool_], cost: float) -> tuple[Floats, Floats]:
    """Prefix sums of the days inside an uptrend, and the figures of a day that leaves one, [4, sessions].

    Figures are log growth, return, squared return and rotations; index t is the day that ends at close t.
    """
    earned = np.where(above[:-1], table.fund, table.signal)
    changed = above[1:] != above[:-1]
    stay = (1 + earned) * np.where(changed, (1 - cost) ** 2, 1.0)
    inside, leaving = np.zeros((4, len(above))), np.zeros((4, len(above)))
    np.cumsum(_figures_of_day(stay, changed), axis=1, out=inside[:, 1:])
    leaving[:, 1:] = _figures_of_day((1 + earned) * (1 - cost), np.ones_like(changed))
    return inside, leaving


def _figures_of_day(growth: Floats, rotated: npt.NDArray[np.bool_]) -> Floats:
    returns = growth - 1
    return np.stack((np.log(growth), returns, returns * returns, rotated))
