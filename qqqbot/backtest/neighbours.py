"""How fragile a rule is: what the members of the family around it earned, and what re-choosing among them earned.

A picture of fragility, not an optimiser. The members differ from the rule in its own parameters: the length of the slow
average (columns), and the length of the fast one or, where that is the price, the band (rows). Each is evaluated as the
daemon would run it; the default form has a grid of its own, two orders of magnitude larger, in `robustness`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qqqbot.backtest import metrics
from qqqbot.backtest.metrics import SESSIONS_A_YEAR
from qqqbot.backtest.prices.table import Floats, Prices
from qqqbot.backtest.robustness import SEGMENT_SESSIONS, TRAIN_SEGMENTS, Sweep, WalkForward, followed, segment_bounds
from qqqbot.backtest.signals import warm_up
from qqqbot.backtest.vectorized import Days, FillAt, Terms, ideal, rotations_of, same_days
from qqqbot.model.family import PRICE, Average, Rule
from qqqbot.model.values import Rules

SLOW = np.linspace(0.5, 1.5, 21)
FAST = np.linspace(0.4, 3.0, 14)
BANDS = np.arange(0.0, 0.061, 0.005)


@dataclass(frozen=True, slots=True)
class Grid:
    """The members around a rule, [rows][columns], and the rule itself among them, at the row and column `own`."""

    rows: Floats
    columns: Floats
    axes: tuple[str, str]
    own: tuple[float, float]
    members: tuple[tuple[Rules, ...], ...]


def grid(rules: Rules) -> Grid:
    """The neighbours of a rule that is spelled out (`rules.rule`)."""
    rule, trend = rules.form, rules.form.trend
    slow = trend.slow.length
    columns = np.unique(np.append(np.rint(slow * SLOW), slow))
    columns = columns[columns > trend.fast.length]
    if trend.fast == PRICE:
        rows, own, name = np.unique(np.append(BANDS, trend.enter)), trend.enter, "band"
        change = _with_band
    else:
        own, name = float(trend.fast.length), "fast average, days"
        rows = np.unique(np.append(np.rint(own * FAST), own))
        rows = rows[rows < columns.min()]
        change = _with_fast
    members = tuple(
        tuple(replace(rules, rule=_with_slow(change(rule, float(row)), int(column))) for column in columns)
        for row in rows
    )
    return Grid(rows, columns, ("slow average, days", name), (own, float(slow)), members)


def neighbours(prices: Prices, days: Days, terms: Terms) -> tuple[Sweep, WalkForward | None] | None:
    """The figures of every neighbour over the sessions that all of them have, and the walk-forward among them.

    None if that is less than a segment.
    """
    found = grid(terms.rules)
    every = [member for row in found.members for member in row]
    start = max(warm_up(member) for member in every) - int(np.searchsorted(prices.dates, days.dates[0]))
    days = days.since(start) if start > 0 else days
    if len(days) < SEGMENT_SESSIONS:
        return None
    perfect = replace(terms, fill=FillAt.CLOSE)
    runs = [same_days(prices, days, member) for member in every]
    curves = np.stack([ideal(run, perfect) for run in runs])
    shape = (len(found.rows), len(found.columns))
    measured = [metrics.measure(curve, days.years) for curve in curves]

    def figure(values: Sequence[float]) -> Floats:
        return np.array(values, dtype=np.float64).reshape(shape)

    swept = Sweep(
        rows=found.rows,
        columns=found.columns,
        axes=found.axes,
        own=found.own,
        final=figure([m.final for m in measured]),
        cagr=figure([m.cagr for m in measured]),
        volatility=figure([m.volatility for m in measured]),
        sharpe=figure([m.sharpe for m in measured]),
        rotations=figure([rotations_of(run.wanted) for run in runs]),
    )
    return swept, _walk(prices, days, perfect, every, curves)


def _walk(prices: Prices, days: Days, terms: Terms, every: Sequence[Rules], curves: Floats) -> WalkForward | None:
    """The neighbour with the best Sharpe ratio of the five years before each half-year, followed."""
    bounds = segment_bounds(len(days))
    if bounds is None:
        return None
    returns = curves[:, 1:] / curves[:, :-1] - 1
    chosen = []
    for end in range(TRAIN_SEGMENTS, len(bounds) - 1):
        past = returns[:, bounds[end - TRAIN_SEGMENTS] : bounds[end]]
        with np.errstate(divide="ignore", invalid="ignore"):
            sharpe = past.mean(axis=1) / past.std(axis=1, ddof=1) * SESSIONS_A_YEAR**0.5
        # Where none of them has traded, nothing speaks against the rule itself.
        chosen.append(every[int(np.nanargmax(sharpe))] if np.isfinite(sharpe).any() else terms.rules)
    return followed(prices, days, terms, chosen, bounds[TRAIN_SEGMENTS:])


def _with_slow(rule: Rule, length: int) -> Rule:
    return replace(rule, trend=replace(rule.trend, slow=replace(rule.trend.slow, length=length)))


def _with_fast(rule: Rule, value: float) -> Rule:
    """A strength on the same average moves with it, as in the default form."""
    fast = Average(int(value), rule.trend.fast.exponential)
    strength = rule.strength
    if strength is not None and strength.slow == rule.trend.fast:
        strength = replace(strength, slow=fast)
    return replace(rule, trend=replace(rule.trend, fast=fast), strength=strength)


def _with_band(rule: Rule, value: float) -> Rule:
    """The two sides of an unequal band keep their ratio."""
    ratio = rule.trend.leave / rule.trend.enter if rule.trend.enter else 1.0
    return replace(rule, trend=replace(rule.trend, enter=value, leave=value * ratio))
