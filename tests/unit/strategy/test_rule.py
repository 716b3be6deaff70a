"""The rule at its edges, its averages, and flip prices against the rule itself."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qqqbot.model.family import two_averages
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import averages, evaluate, flip_prices, level, nearest_flip, strong_line, target_at
from tests.support.builders import LEVELS, RULES, closes

CASH, QQQ, TQQQ = Holding.CASH, Holding.QQQ, Holding.TQQQ
RULE = RULES.form

prices = st.floats(20, 900)
holdings = st.sampled_from(LEVELS)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[float], Rules]:
    """Closes of a random history, and rules of small periods with or without a band."""
    short = draw(st.integers(1, 12))
    long = draw(st.integers(short + 1, 25))
    band = draw(st.sampled_from([0.0, 0.0, 0.001, 0.0025, 0.01, 0.2]))
    history = draw(st.lists(prices, min_size=long - 1, max_size=long + 5))
    return history, Rules(short_period=short, long_period=long, band=band)


@pytest.mark.parametrize(
    ("price", "short_ma", "long_ma", "wanted"),
    [
        (11.0, 10.0, 9.0, TQQQ),
        (9.5, 10.0, 9.0, QQQ),
        (10.0, 10.0, 9.0, QQQ),  # the price at the average is not above it
        (math.nextafter(10.0, 11), 10.0, 9.0, TQQQ),
        (11.0, 10.0, 10.0, CASH),  # equal averages are no uptrend
        (9.0, 10.0, 10.0, CASH),
        (11.0, 9.0, 10.0, CASH),
        (8.0, 9.0, 10.0, CASH),
        (11.0, math.nextafter(10.0, 11), 10.0, TQQQ),
    ],
)
def test_the_rule_is_exact_at_its_edges(price: float, short_ma: float, long_ma: float, wanted: Holding) -> None:
    assert LEVELS[level(price, short_ma, long_ma, short_ma)] is wanted


@given(st.lists(st.tuples(prices, prices, prices, prices), min_size=1, max_size=30))
def test_arrays_and_numbers_go_through_the_same_rule(rows: list[tuple[float, float, float, float]]) -> None:
    columns = np.array(rows).T
    assert list(level(*columns)) == [level(*row) for row in rows]


def test_a_missing_number_means_cash() -> None:
    nan = float("nan")
    assert level(nan, nan, nan, nan) == 0
    assert list(level(*np.full((4, 2), nan))) == [0, 0]


def test_the_live_price_is_the_last_of_both_averages() -> None:
    rules = Rules(short_period=2, long_period=4)
    assert averages([1.0, 2.0, 3.0], 7.0, rules) == (5.0, 3.25)


def test_only_the_newest_closes_count() -> None:
    rules = Rules(short_period=2, long_period=3)
    assert averages([900.0, 2.0, 4.0], 6.0, rules) == (5.0, 4.0)


def test_a_period_of_one_is_the_price_itself() -> None:
    rules = Rules(short_period=1, long_period=2)
    assert averages([10.0], 20.0, rules) == (20.0, 15.0)
    # The price is never above itself, so TQQQ is never wanted.
    assert evaluate([10.0], 20.0, CASH, rules).target is QQQ
    assert evaluate([10.0], 5.0, CASH, rules).target is CASH


@given(st.lists(prices, min_size=119, max_size=140), prices)
def test_averages_are_exact_means(history: list[float], price: float) -> None:
    short, long = averages(history, price, RULES)
    for average, period in ((short, 30), (long, 120)):
        window = [*history[len(history) - period + 1 :], price]
        assert math.isclose(average, float(sum(map(Fraction, window)) / period), rel_tol=1e-14)


def test_too_few_closes_give_no_signal() -> None:
    evaluate([450.0] * 119, 450.0, CASH, RULES)
    with pytest.raises(ValueError, match="118 finished closes, 119 needed"):
        evaluate([450.0] * 118, 450.0, CASH, RULES)


@pytest.mark.parametrize("wanted", LEVELS)
def test_the_builders_histories_want_what_they_say(wanted: Holding) -> None:
    signal = evaluate(closes(wanted), 450.0, CASH, RULES)
    assert signal.target is wanted
    assert str(wanted) in signal.reason or "cash" in signal.reason


def test_reasons_name_the_averages_the_price_and_the_answer() -> None:
    assert evaluate(closes(TQQQ), 450.0, CASH, RULES).reason == (
        "uptrend (30-day average 445.65 over 120-day average 435.41), QQQ 450.00 is above the 30-day average: TQQQ"
    )
    assert evaluate(closes(CASH), 450.0, CASH, RULES).reason == (
        "the 30-day average 452.18 is not above the 120-day average 460.67: cash"
    )


def test_the_reason_says_when_the_band_decides() -> None:
    rules = replace(RULES, band=0.01)
    inside = evaluate(closes(QQQ), 450.0, TQQQ, rules)
    assert inside.target is TQQQ
    assert inside.reason.endswith("is not above the 30-day average but inside the band: TQQQ")
    assert "inside the band" not in evaluate(closes(QQQ), 450.0, QQQ, rules).reason


def test_flip_prices_worked_by_hand() -> None:
    # Average of 2: p > (12 + p) / 2 is p > 12. Trend: (12 + p) / 2 > (33 + p) / 4 is p > 9.
    flips = flip_prices([10.0, 11.0, 12.0], Rules(short_period=2, long_period=4))
    assert flips.leave_strong == flips.enter_strong == 12.0
    assert flips.trend == 9.0


def test_without_a_band_the_line_is_the_mean_of_the_finished_closes() -> None:
    flips = flip_prices(closes(QQQ), RULES)
    assert math.isclose(flips.enter_strong, math.fsum(closes(QQQ)[-29:]) / 29)
    assert flips.enter_strong == flips.leave_strong


def test_a_period_of_one_has_no_line_to_enter_strong() -> None:
    assert flip_prices([10.0], Rules(short_period=1, long_period=2)).enter_strong == math.inf


@given(cases(), prices, holdings)
def test_flip_prices_agree_with_the_rule(case: tuple[list[float], Rules], price: float, held: Holding) -> None:
    history, rules = case
    flips = flip_prices(history, rules)
    # Within float noise of a flip both answers are right.
    assume(all(abs(price - flip) > 1e-9 * price for flip in (flips.leave_strong, flips.enter_strong, flips.trend)))
    if rules.short_period == 1:
        assume(rules.band > 0)  # price > price is decided by rounding alone
    assert target_at(price, flips, held, RULE) is evaluate(history, price, held, rules).target


@given(cases(), prices, holdings)
def test_the_nearest_flip_flips(case: tuple[list[float], Rules], price: float, held: Holding) -> None:
    flips = flip_prices(case[0], case[1])
    found = nearest_flip(price, flips, held, RULE)
    if found is None:
        return
    at, after = found
    assert after is not target_at(price, flips, held, RULE)
    assert target_at(at if at < price else math.nextafter(at, math.inf), flips, held, RULE) is after


@given(cases(), prices, holdings)
def test_no_price_nearer_than_the_nearest_flip_changes_the_answer(
    case: tuple[list[float], Rules], price: float, held: Holding
) -> None:
    flips = flip_prices(case[0], case[1])
    now = target_at(price, flips, held, RULE)
    found = nearest_flip(price, flips, held, RULE)
    reach = abs(found[0] - price) if found else 5000.0
    assume(reach > 1e-9 * price)
    for step in range(1, 100):
        distance = reach * step / 101
        assert target_at(price + distance, flips, held, RULE) is now
        if price > distance:
            assert target_at(price - distance, flips, held, RULE) is now


@given(st.integers(0, 10_000), holdings)
def test_bisection_finds_the_same_nearest_flip(seed: int, held: Holding) -> None:
    random = np.random.default_rng(seed)
    history = list(450 * np.exp(np.cumsum(random.normal(0, 0.01, 130))))
    price = history[-1] * float(np.exp(random.normal(0, 0.02)))
    flips = flip_prices(history, RULES)
    now = evaluate(history, price, held, RULES).target

    def wanted(at: float) -> Holding:
        return evaluate(history, at, held, RULES).target

    def edge(far: float) -> float | None:
        """The first change on the way from `price` to `far`, found by the rule alone."""
        path = np.linspace(price, far, 500)
        changed = next((i for i, at in enumerate(path) if wanted(float(at)) is not now), None)
        if changed is None:
            return None
        near, beyond = float(path[changed - 1]), float(path[changed])
        for _ in range(60):
            middle = (near + beyond) / 2
            near, beyond = (middle, beyond) if wanted(middle) is now else (near, middle)
        return beyond

    edges = [e for e in (edge(price * 0.5), edge(price * 1.5)) if e is not None]
    nearest = min(edges, key=lambda e: abs(e - price), default=None)
    found = nearest_flip(price, flips, held, RULE)
    if nearest is None:
        assert found is None or abs(found[0] - price) > price * 0.499
    else:
        assert found is not None
        assert math.isclose(found[0], nearest, rel_tol=1e-9)


def test_there_may_be_no_flip_at_all() -> None:
    # Two-day average of 0.0-like closes: the trend flips at a price below zero and TQQQ's line lies at infinity.
    flips = flip_prices([1.0, 100.0], Rules(short_period=1, long_period=3))
    assert nearest_flip(200.0, replace(flips, trend=-5.0), CASH, RULE) is None


def test_the_current_holding_is_kept_within_the_band() -> None:
    """Within the band the answer is the holding, whichever of the two it is: no flapping around the average."""
    rules = replace(RULES, band=0.005)
    history = closes(QQQ)
    average = math.fsum(history[-29:]) / 29
    for price in np.linspace(average * 0.997, average * 1.003, 50):
        assert evaluate(history, float(price), TQQQ, rules).target is TQQQ
        assert evaluate(history, float(price), QQQ, rules).target is QQQ
        assert evaluate(history, float(price), CASH, rules).target is QQQ
    assert evaluate(history, average * 0.993, TQQQ, rules).target is QQQ
    assert evaluate(history, average * 1.007, QQQ, rules).target is TQQQ


def test_the_line_of_the_band() -> None:
    banded = two_averages(30, 120, 0.01)
    assert strong_line(100.0, banded, TQQQ) == 99.0
    assert strong_line(100.0, banded, QQQ) == strong_line(100.0, banded, CASH) == 101.0


def test_the_band_does_not_move_the_trend() -> None:
    assert flip_prices(closes(QQQ), replace(RULES, band=0.1)).trend == flip_prices(closes(QQQ), RULES).trend
