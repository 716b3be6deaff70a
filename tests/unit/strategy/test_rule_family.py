"""Any member of the family: its flip prices, its memory, and what history can change."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qqqbot.model.family import PRESETS, PRICE, Average, Comparison, Rule
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import averages, evaluate, flip_prices, line_of, nearest_flip, wanted
from tests.support.families import CASH, QQQ, TQQQ, enough, members, walk

seeds = st.integers(0, 10_000)
holdings = st.sampled_from([CASH, QQQ, TQQQ])


@given(members(), seeds, holdings, st.lists(st.floats(0.5, 2.0), min_size=8, max_size=8))
def test_the_answer_differs_at_each_flip_and_nowhere_between(
    rules: Rules, seed: int, held: Holding, moves: list[float]
) -> None:
    closes, rule = walk(seed, enough(rules, 3)), rules.form
    flips = flip_prices(closes, rules)
    line = flips.leave_strong if held is rule.strong else flips.enter_strong
    lines = sorted(c for c in (line, flips.trend) if 0 < c < math.inf)
    prices = sorted([closes[-1] * move for move in moves] + [c * (1 + e) for c in lines for e in (-1e-9, 1e-9)])
    answers = [wanted(closes, price, held, rules) for price in prices]
    for below, above, was, then in zip(prices, prices[1:], answers, answers[1:], strict=False):
        between = [c for c in lines if below <= c < above]  # on a line the price is not above it
        assert between or was is then
    for c in lines:
        if c == flips.trend or c > flips.trend:
            at = [wanted(closes, c * (1 + e), held, rules) for e in (-1e-9, 1e-9)]
            assert at[0] is not at[1]


@given(members(), seeds, holdings, st.floats(0.6, 1.6))
def test_the_nearest_flip_is_what_the_rule_says_there(rules: Rules, seed: int, held: Holding, move: float) -> None:
    closes = walk(seed, enough(rules))
    price, flips = closes[-1] * move, flip_prices(closes, rules)
    found = nearest_flip(price, flips, held, rules.form)
    now = wanted(closes, price, held, rules)
    if found is None:
        assert all(wanted(closes, price * x, held, rules) is now for x in (0.01, 0.5, 2, 100))
        return
    at, target = found
    assume(abs(at / price - 1) > 1e-6)
    beyond = at * (1 + (1e-9 if at > price else -1e-9))
    assert wanted(closes, beyond, held, rules) is target is not now


@given(members(), seeds, holdings, st.integers(1, 400))
def test_neither_older_closes_nor_a_restart_change_an_answer(
    rules: Rules, seed: int, held: Holding, older: int
) -> None:
    whole = walk(seed, enough(rules, older))
    short = whole[-enough(rules) :]
    price = whole[-1] * 1.01
    assert averages(whole, price, rules) == pytest.approx(averages(short, price, rules), rel=1e-9)
    one, other = flip_prices(whole, rules), flip_prices(short, rules)
    assert one.closes_needed == other.closes_needed
    assert one.trend == pytest.approx(other.trend, rel=1e-8)
    assert wanted(whole, price, held, rules) is wanted(short, price, held, rules)


def test_an_exponential_average_by_hand() -> None:
    average = Average(3, exponential=True)  # half of the new price
    line = line_of(average, [100.0] * 50 + [110.0])
    assert line.at(120.0) == pytest.approx((105 + 120) / 2)
    assert line.at(120.0) == pytest.approx((line.total + 120) / line.divisor)


@pytest.mark.parametrize("length", [5, 50, 200])
def test_an_exponential_average_is_that_of_the_whole_history(length: int) -> None:
    average, closes = Average(length, exponential=True), walk(3, 6000)
    mean = closes[0]
    for close in closes[1:]:
        mean = (2 * close + (length - 1) * mean) / (length + 1)
    assert line_of(average, closes[:-1]).at(closes[-1]) == pytest.approx(mean, rel=1e-9)


def banded(enter: float, leave: float, confirm: int = 1) -> Rules:
    return Rules(rule=Rule(QQQ, Comparison(PRICE, Average(2), enter, leave, confirm), None, TQQQ, TQQQ))


def test_inside_the_band_the_last_answer_stands() -> None:
    rules = banded(0.05, 0.03)  # of an average of 2: p > 1.05 (c + p) / 2 is p > 1.105 c, p > 0.97 ... p > 0.942 c
    never, once = [100.0] * 251, [100.0] * 200 + [120.0] + [120.0] * 50
    assert flip_prices(never, rules).trend == pytest.approx(105 / 0.95)
    assert flip_prices(once, rules).trend == pytest.approx(120 * 0.97 / 1.03)
    inside = evaluate(never, 105.0, CASH, rules)
    assert inside.target is CASH
    assert inside.reason == "QQQ 105.00 is above the 2-day average 102.50, but not 5% above it: cash"
    stays = evaluate(once, 118.0, CASH, rules)
    assert stays.target is TQQQ
    assert stays.reason == "uptrend (QQQ 118.00 is not above 2-day average 119.00, but not 3% below it): TQQQ"


def test_an_answer_of_more_than_a_year_ago_is_forgotten() -> None:
    rules = banded(0.05, 0.03)
    assert evaluate([100.0] + [120.0] * 250, 120.0, CASH, rules).target is TQQQ
    assert evaluate([100.0] + [120.0] * 251, 120.0, CASH, rules).target is CASH


def test_confirmation_says_how_many_closes_it_needs() -> None:
    rules = banded(0.0, 0.0, confirm=3)
    flat = [100.0] * 260
    first, last = flip_prices(flat, rules), flip_prices([*flat, 101.0, 102.0], rules)
    assert (first.closes_needed, first.trend) == (3, math.inf)
    assert last.closes_needed == 1
    assert last.trend == pytest.approx(102.0)
    waits = evaluate([*flat, 101.0], 102.0, CASH, rules)
    assert (waits.target, waits.flips.closes_needed) == (CASH, 2)
    assert waits.reason == (
        "QQQ 102.00 is above the 2-day average 101.50, but on 2 of the 3 closes that a change takes: cash"
    )
    assert evaluate([*flat, 101.0, 102.0], 103.0, CASH, rules).target is TQQQ
    held = flip_prices([*flat, 101.0, 102.0, 103.0], rules)
    assert (held.closes_needed, held.trend) == (3, -math.inf)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_answers_from_exactly_what_it_needs(name: str) -> None:
    rules = Rules(rule=PRESETS[name])
    closes = walk(1, enough(rules), 0.005)
    assert evaluate(closes, closes[-1], CASH, rules).target in rules.form.shelves
    with pytest.raises(ValueError, match=f"{enough(rules)} needed"):
        evaluate(closes[1:], closes[-1], CASH, rules)
