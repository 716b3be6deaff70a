"""The family of rules: what its values say of themselves."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.family import MEMORY, PRESETS, Average, Comparison, Rule, name_of, two_averages
from qqqbot.model.values import Holding, Rules
from tests.support.families import members


def test_the_default_is_the_form_of_the_old_keys() -> None:
    assert PRESETS["30/120"] == two_averages(30, 120) == Rules().form
    assert Rules(20, 100, 0.01).form == two_averages(20, 100, 0.01)
    assert Rules().form.symbols == ("QQQ", "TQQQ")
    assert Rules().form.history == 119


@pytest.mark.parametrize(
    ("name", "symbols", "history"),
    [
        ("30/120", ("QQQ", "TQQQ"), 119),
        ("qqq-200", ("QQQ", "TQQQ"), 199),
        ("qqq-200-band", ("QQQ", "TQQQ"), 199 + MEMORY),
        ("spy-200-upro", ("SPY", "UPRO"), 199),
        ("ema-5-200", ("QQQ", "TQQQ"), 2315),
    ],
)
def test_each_preset_needs_these_prices(name: str, symbols: tuple[str, ...], history: int) -> None:
    assert (PRESETS[name].symbols, PRESETS[name].history) == (symbols, history)


def test_a_rule_without_a_leveraged_fund_is_witnessed_by_the_tables() -> None:
    plain = Rule(Holding.SPY, Comparison(Average(), Average(200)), None, Holding.SPY, Holding.SPY)
    assert plain.symbols == ("SPY", "UPRO")


@pytest.mark.parametrize("average", [Average(), Average(7), Average(7, exponential=True)])
def test_the_weights_of_an_average_are_all_of_it(average: Average) -> None:
    assert average.weight(0) == pytest.approx(1 / average.divisor)
    assert math.fsum(average.weight(back) for back in range(average.closes + 1)) == pytest.approx(1, abs=1e-9)


def test_a_rule_has_a_name_or_a_line() -> None:
    assert [name_of(rule) for rule in PRESETS.values()] == list(PRESETS)
    trend = Comparison(Average(3, exponential=True), Average(100), 0.02, 0.01, 2)
    own = Rule(Holding.SPY, trend, Comparison(Average(), Average(50)), Holding.UPRO, Holding.SSO)
    assert name_of(own) == "SPY EMA 3 over SMA 100 +2% -1% on 2 closes: UPRO over SMA 50, else SSO, else CASH"


@given(members(), members())
def test_no_two_rules_have_the_same_name(one: Rules, two: Rules) -> None:
    assert (name_of(one.form) == name_of(two.form)) is (one.form == two.form)


@given(members(), st.sampled_from(["enter", "leave", "confirm"]), st.sampled_from(["trend", "strength"]))
def test_a_rule_that_differs_in_one_figure_has_another_name(rules: Rules, figure: str, where: str) -> None:
    comparison = getattr(rules.form, where)
    if comparison is not None and (where, figure) != ("strength", "confirm"):  # a strength is never confirmed
        more = getattr(comparison, figure) + (1 if figure == "confirm" else 1e-6)
        other = replace(rules.form, **{where: replace(comparison, **{figure: more})})
        assert name_of(other) != name_of(rules.form)
