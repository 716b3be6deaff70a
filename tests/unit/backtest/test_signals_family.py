"""Any member of the family over a whole history: as the daemon would have answered each day."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qqqbot.backtest.signals import NO_SIGNAL, levels
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import wanted
from tests.support.families import enough, members, walk


@settings(max_examples=40)
@given(members(), st.integers(0, 10_000), st.sampled_from([0.004, 0.015, 0.03]))
def test_it_is_what_the_daemon_answers_day_by_day(rules: Rules, seed: int, step: float) -> None:
    closes, first, rule = walk(seed, enough(rules, 60), step), enough(rules), rules.form
    found = levels(np.array(closes), rules)
    held: Holding = rule.shelves[max(0, found[first - 1])]
    for day in range(first, len(closes)):
        held = wanted(closes[:day], closes[day], held, rules)
        assert rule.shelves[found[day]] is held, day


@given(members(), st.integers(0, 10_000), st.integers(1, 50))
def test_no_later_close_changes_an_answer(rules: Rules, seed: int, later: int) -> None:
    closes = np.array(walk(seed, 400))
    assert levels(closes[:-later], rules).tolist() == levels(closes, rules)[:-later].tolist()


@pytest.mark.parametrize("flat", [0, 1])
@given(members())
def test_closes_that_stand_still_are_no_uptrend(flat: int, rules: Rules) -> None:
    closes = np.full(400, 400.0 + flat)
    found = levels(closes, rules)
    assert set(found[found != NO_SIGNAL]) == {0}
