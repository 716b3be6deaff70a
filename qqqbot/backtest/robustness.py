"""How much of a result is luck: shifted positions, other bands, slower decisions, averages chosen without hindsight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qqqbot.backtest.metrics import Metrics, cagr, measure
from qqqbot.backtest.prices.table import Dates, Floats, Prices
from qqqbot.backtest.signals import averages, confirmed
from qqqbot.backtest.sweeps import LONGS, SHORTS, Ints, segment_sums, sharpe_of, sweep_table
from qqqbot.backtest.vectorized import Days, Terms, days_between, ideal, legs, rotations_of
from qqqbot.model.values import Rules

BANDS = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03)
CONFIRMATIONS = (1, 2, 3, 4, 5)
# Five years to choose in, then half a year to live with the choice.
TRAIN_SEGMENTS = 10
SEGMENT_SESSIONS = 126


@dataclass(frozen=True, slots=True)
class NullTest:
    """CAGR of the position pattern moved round in time by every possible number of sessions.

    `p_value` is the share of all shifts, the true one among them, that did at least as well as the true one.
    """

    observed: float
    shifted: Floats
    p_value: float


@dataclass(frozen=True, slots=True)
class Variant:
    """One setting of the rule and what it came to."""

    name: str
    rotations: int
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The pair that was best in the years before each half-year, and the curve of following those choices.

    `chosen` is (first session, short, long, CAGR in the half-year) of each; `fixed` is the configured pair meanwhile.
    """

    dates: Dates
    equity: Floats
    fixed: Floats
    chosen: tuple[tuple[np.datetime64, int, int, float], ...]


def null_test(days: Days, cost: float) -> NullTest:
    """Every circular shift of the positions, with the same number of moves and the same costs.

    The sum over days of position x log growth is, for all shifts at once, a circular correlation.
    """
    wanted = days.wanted[:-1]
    total = np.zeros(len(wanted))
    for level in (1, 2):
        grown = np.log(days.close[level, 1:] / days.close[level, :-1])
        spectrum = np.fft.rfft(grown) * np.conj(np.fft.rfft((wanted == level).astype(np.float64)))
        total += np.fft.irfft(spectrum, n=len(wanted))
    total += np.log1p(-cost) * float(legs(wanted, np.roll(wanted, -1)).sum())
    yearly = np.exp(total / days.years) - 1
    reached = int((yearly[1:] >= yearly[0]).sum())
    return NullTest(float(yearly[0]), yearly[1:], (1 + reached) / len(yearly))


def band_variants(prices: Prices, days: Days, terms: Terms, bands: Sequence[float] = BANDS) -> tuple[Variant, ...]:
    """The rule with each band round its TQQQ line."""
    variants = []
    for band in bands:
        rules = replace(terms.rules, band=band)
        variants.append(_variant(f"band {band:.2%}", _same_days(prices, days, rules), terms))
    return tuple(variants)


def confirmation_variants(days: Days, terms: Terms, counts: Sequence[int] = CONFIRMATIONS) -> tuple[Variant, ...]:
    """The rule followed only once it has said the same on so many closes in a row."""
    return tuple(
        _variant("at once" if n == 1 else f"{n} closes", replace(days, wanted=confirmed(days.wanted, n)), terms)
        for n in counts
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
    """The best pair by Sharpe ratio of the `train` segments before each segment; None where there are too few."""
    first = int(np.searchsorted(prices.dates, days.dates[0]))
    if first < longs.max() - 1:
        missing = int(longs.max()) - 1 - first
        if len(days) <= missing:
            return None
        days, first = days.since(missing), first + missing
    bounds = np.arange(0, len(days), segment)
    if len(bounds) < train + 2:
        return None
    if len(days) - 1 > bounds[-1]:
        bounds = np.append(bounds, len(days) - 1)
    table = sweep_table(prices, np.union1d(shorts, longs), slice(first, first + len(days)), days.years)
    sums = segment_sums(table, shorts, longs, bounds, terms.slippage)
    until = np.concatenate((np.zeros((*sums.shape[:3], 1)), np.cumsum(sums, axis=3)), axis=3)
    pairs = [
        _best_pair(until[..., k] - until[..., k - train], train * segment, shorts, longs)
        for k in range(train, len(bounds) - 1)
    ]
    return _followed(prices, days, terms, pairs, bounds[train:])


def _best_pair(sums: Floats, sessions: int, shorts: Ints, longs: Ints) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.nanargmax(sharpe_of(sums, sessions))), (len(shorts), len(longs)))
    return int(shorts[row]), int(longs[column])


def _followed(prices: Prices, days: Days, terms: Terms, pairs: list[tuple[int, int]], bounds: Ints) -> WalkForward:
    """Decisions of each chosen pair in its segment, spliced, and the curve of the whole with its own costs."""
    wanted = days.wanted.copy()
    for (short, long), first, last in zip(pairs, bounds[:-1], bounds[1:], strict=True):
        rules = replace(terms.rules, short_period=short, long_period=long)
        wanted[first : last + 1] = _same_days(prices, days, rules).wanted[first : last + 1]
    start = int(bounds[0])
    tail = days.since(start)
    equity, fixed = ideal(tail, terms, wanted[start:]), ideal(tail, terms)
    chosen = []
    for (short, long), first, last in zip(pairs, bounds[:-1] - start, bounds[1:] - start, strict=True):
        years = float((tail.dates[last] - tail.dates[first]).astype(int)) / 365.25
        chosen.append((tail.dates[first], short, long, cagr(equity[first : last + 1], years)))
    return WalkForward(tail.dates, equity, fixed, tuple(chosen))


def _same_days(prices: Prices, days: Days, rules: Rules) -> Days:
    first = int(np.searchsorted(prices.dates, days.dates[0]))
    short, long = averages(prices.qqq.close, rules)
    return days_between(prices, short, long, rules, slice(first, first + len(days)))


def _variant(name: str, days: Days, terms: Terms) -> Variant:
    return Variant(name, rotations_of(days.wanted), measure(ideal(days, terms), days.years))
