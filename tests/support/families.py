"""Random members of the family of rules, of short averages, and histories for them."""

import random
from dataclasses import replace

from hypothesis import strategies as st

from qqqbot.model.family import PRICE, Average, Comparison, Rule
from qqqbot.model.values import Holding, Rules

CASH, QQQ, TQQQ = Holding.CASH, Holding.QQQ, Holding.TQQQ


@st.composite
def members(draw: st.DrawFn, remembers: bool | None = None) -> Rules:
    """A rule of any form; `remembers` says whether its last answer is part of the question."""
    slow = Average(draw(st.integers(8, 14)), draw(st.booleans()))
    fast = draw(st.one_of(st.just(PRICE), st.builds(Average, st.integers(2, 4), st.booleans())))
    trend = Comparison(fast, slow)
    if draw(st.booleans()) if remembers is None else remembers:
        enter, leave = draw(st.sampled_from([(0.05, 0.03), (0.0, 0.02), (0.01, 0.0), (0.0, 0.0)]))
        trend = replace(trend, enter=enter, leave=leave, confirm=draw(st.integers(1 if enter or leave else 2, 4)))
    if draw(st.booleans()):
        return Rules(rule=Rule(QQQ, trend, None, TQQQ, TQQQ, draw(st.sampled_from([CASH, QQQ]))))
    band = draw(st.sampled_from([0.0, 0.0, 0.01]))
    strength = Comparison(PRICE, Average(draw(st.integers(2, 9)), draw(st.booleans())), band, band)
    return Rules(rule=Rule(QQQ, trend, strength, TQQQ, QQQ))


def walk(seed: int, count: int, step: float = 0.015) -> list[float]:
    """Closes that wander, as an index fund's do."""
    rng, closes = random.Random(seed), [400.0]
    while len(closes) < count:
        closes.append(closes[-1] * (1 + rng.gauss(0.0003, step)))
    return closes


def enough(rules: Rules, more: int = 0) -> int:
    return rules.form.history + more
