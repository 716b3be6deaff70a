"""How much of a result is luck: the same positions at other times, other bands, slower decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qqqbot.backtest.metrics import Metrics, measure
from qqqbot.backtest.prices.table import Floats, Prices
from qqqbot.backtest.vectorized import Days, Terms, ideal, legs, rotations_of, same_days
from qqqbot.model.values import Rules

BANDS = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03)
CONFIRMATIONS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class NullTest:
    """The CAGR of the same positions, shifted in time by every possible number of sessions.

    `p_value` is the share of all shifts, the true positions (no shift) included, that did at least as well as these.
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
    """The rule with each band around the line of its strength or, without a strength, of its trend."""
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
