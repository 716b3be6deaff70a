"""Many pairs of averages at once: a picture of fragility, not an optimiser.

For one short average and one day the return of an uptrend's holding is the same whatever the long average is: TQQQ's
where the price is above the short one, QQQ's where not. A long average only says on which days there is an uptrend. So
each pair is a few dozen uptrends, each a difference of two prefix sums; the work is to find where they begin and end.
The sessions may be cut into segments, whose sums then add up to those of any stretch of them (walk-forward).
Costs are exact: one leg into and out of an uptrend, two at each change inside it. Cash earns nothing here, fills are at
the close, and what is equal to the last digits (a price on the line) may fall on either side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.metrics import SESSIONS_A_YEAR, Floats
from qqqbot.backtest.prices.table import Prices
from qqqbot.backtest.signals import moving_average

Ints = npt.NDArray[np.intp]

SHORTS = np.arange(5, 61)
LONGS = np.arange(80, 201)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Figures of each pair, arrays of [shorts, longs]; NaN where the short average is not below the long one."""

    shorts: Ints
    longs: Ints
    final: Floats
    cagr: Floats
    volatility: Floats
    sharpe: Floats
    rotations: Floats

    def rank(self, figure: Floats, short: int, long: int) -> float:
        """Share of the pairs that do worse than (`short`, `long`). Raises KeyError where it is not among them."""
        rows, columns = np.flatnonzero(self.shorts == short), np.flatnonzero(self.longs == long)
        if not len(rows) or not len(columns):
            raise KeyError((short, long))
        known = figure[np.isfinite(figure)]
        return float((known < figure[rows[0], columns[0]]).mean())


@dataclass(frozen=True, slots=True)
class SweepTable:
    """What all pairs share: closes and returns of the examined sessions, and each average, [periods, sessions]."""

    qqq: Floats
    tqqq: Floats
    close: Floats
    averages: dict[int, Floats]
    years: float


def sweep_table(prices: Prices, periods: Ints, cut: slice, years: float) -> SweepTable:
    """The averages of `periods` over the sessions of `cut`, each from one cumulative sum of all closes before them."""
    closes = prices.qqq.close
    tqqq = prices.tqqq.close[cut]
    close = closes[cut]
    return SweepTable(
        qqq=close[1:] / close[:-1] - 1,
        tqqq=tqqq[1:] / tqqq[:-1] - 1,
        close=close,
        averages={int(n): moving_average(closes, int(n))[cut] for n in periods},
        years=years,
    )


def sweep(table: SweepTable, shorts: Ints = SHORTS, longs: Ints = LONGS, cost: float = 0.0) -> Sweep:
    """Every pair of `shorts` x `longs`; `cost` is the fraction lost in each leg."""
    whole = np.array([0, len(table.close) - 1])
    sums = segment_sums(table, shorts, longs, whole, cost)[:, :, :, 0]
    return _figures(table, shorts, longs, sums)


def segment_sums(table: SweepTable, shorts: Ints, longs: Ints, bounds: Ints, cost: float) -> Floats:
    """Sums of log growth, return, squared return and count of rotations, [4, shorts, longs, segments].

    Segment k is from close bounds[k] to close bounds[k + 1]; what is held at a bound is held on, at no cost.
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
    mean = sums[1] / days
    deviation = np.sqrt(np.maximum(sums[2] - days * mean * mean, 0.0) / (days - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mean / deviation * np.sqrt(SESSIONS_A_YEAR))


class _Segments:
    """Day t, which ends at close t, is of segment k where bounds[k] < t <= bounds[k + 1]."""

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
    earned = np.where(above[:-1], table.tqqq, table.qqq)
    changed = above[1:] != above[:-1]
    stay = (1 + earned) * np.where(changed, (1 - cost) ** 2, 1.0)
    inside, leaving = np.zeros((4, len(above))), np.zeros((4, len(above)))
    np.cumsum(_figures_of_day(stay, changed), axis=1, out=inside[:, 1:])
    leaving[:, 1:] = _figures_of_day((1 + earned) * (1 - cost), np.ones_like(changed))
    return inside, leaving


def _figures_of_day(growth: Floats, moved: npt.NDArray[np.bool_]) -> Floats:
    returns = growth - 1
    return np.stack((np.log(growth), returns, returns * returns, moved))


def _figures(table: SweepTable, shorts: Ints, longs: Ints, sums: Floats) -> Sweep:
    days = len(table.qqq)
    mean = sums[1] / days
    deviation = np.sqrt(np.maximum(sums[2] - days * mean * mean, 0.0) / (days - 1))
    return Sweep(
        shorts=shorts,
        longs=longs,
        final=np.exp(sums[0]),
        cagr=np.exp(sums[0] / table.years) - 1,
        volatility=deviation * np.sqrt(SESSIONS_A_YEAR),
        sharpe=sharpe_of(sums, days),
        rotations=sums[3],
    )
