"""The rule on arrays is the daemon's rule, day for day, and knows no later price."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qqqbot.backtest.signals import average_of, levels, moving_average
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import averages as exact_averages
from qqqbot.strategy.rule import evaluate
from tests.support.builders import LEVELS

# Cents, quarters and thirds: equal averages and prices on the line are common, and so are roundings.
PRICES = st.one_of(
    st.integers(9_000, 11_000).map(lambda cents: cents / 100),
    st.integers(40, 44).map(lambda quarters: quarters / 4),
    st.integers(1, 6).map(lambda thirds: thirds / 3),
)
FEW_PRICES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7]), min_size=1, max_size=60)


def daemon_levels(closes: list[float], rules: Rules) -> list[int]:
    """What the daemon would have wanted at each close, holding what it wanted the day before."""
    held, wanted = Holding.CASH, []
    for day in range(len(closes)):
        if day + 1 < rules.long_period:
            wanted.append(-1)
            continue
        held = evaluate(closes[:day], closes[day], held, rules).target
        wanted.append(LEVELS.index(held))
    return wanted


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.lists(PRICES, min_size=1, max_size=60), FEW_PRICES),
    st.integers(1, 6),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.001, 0.01, 0.05]),
)
def test_arrays_and_the_daemon_say_the_same_on_every_day(
    closes: list[float], short: int, longer: int, band: float
) -> None:
    rules = Rules(short_period=short, long_period=short + longer, band=band)
    assert levels(np.array(closes), rules).tolist() == daemon_levels(closes, rules)


def test_a_flat_market_is_cash_whatever_the_rounding() -> None:
    closes = np.full(3000, 0.1) * 1000.1
    assert set(levels(closes, Rules())[119:].tolist()) == {0}


@given(st.lists(PRICES, min_size=30, max_size=60), st.integers(10, 29), st.data())
def test_no_future_bar_changes_a_past_decision(closes: list[float], today: int, data: st.DataObject) -> None:
    rules = Rules(short_period=3, long_period=7, band=0.01)
    other = closes[: today + 1] + data.draw(
        st.lists(PRICES, min_size=len(closes) - today - 1, max_size=len(closes) - today - 1)
    )
    before = levels(np.array(closes), rules)[: today + 1]
    assert before.tolist() == levels(np.array(other), rules)[: today + 1].tolist()


def test_the_average_includes_today_and_needs_its_whole_period() -> None:
    average = moving_average(np.array([1.0, 2.0, 6.0, 4.0]), 3)
    assert np.isnan(average[:2]).all()
    assert average[2:].tolist() == [3.0, 4.0]


def test_averages_agree_with_the_daemons() -> None:
    closes = np.random.default_rng(5).uniform(90, 110, 400)
    trend = Rules().form.trend
    exact = exact_averages(closes[:399].tolist(), float(closes[399]), Rules())
    assert [average_of(side, closes)[399] for side in (trend.fast, trend.slow)] == pytest.approx(exact, rel=1e-13)


def test_fewer_closes_than_the_long_average_give_no_signal() -> None:
    assert levels(np.arange(1.0, 120.0), Rules()).tolist() == [-1] * 119
