"""The prices of a simulated world, with as much history as its rule needs."""

import functools
from datetime import date, timedelta

from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.family import Rule, watched

SESSIONS_BEFORE = 20


@functools.lru_cache(maxsize=64)
def sessions_before(rule: Rule) -> int:
    return max(SESSIONS_BEFORE, rule.history)


def prices_of(seed: int, still: bool, rule: Rule) -> SimulatedPrices:
    # Another seed begins in another stretch of the market; a rough one crosses the lines within the day.
    first = date(2025, 10, 20) - timedelta(days=37 * (seed % 5))
    last = first + timedelta(days=50 + 2 * (sessions_before(rule) - SESSIONS_BEFORE))
    return SimulatedPrices(seed, watched(rule, ()), first, last, *((1.0, 0.0) if still else (0.3, 3.0)))
