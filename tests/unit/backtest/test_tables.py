"""The words and the numbers that the terminal, the report and the JSON share."""

import json
import re
from dataclasses import replace

import pytest

from qqqbot.backtest import tables
from qqqbot.backtest.study import Question, Study, study
from qqqbot.backtest.vectorized import CommissionPlan, FillAt, Terms
from qqqbot.display.terminal import plain
from qqqbot.model.family import Average, Comparison, Rule
from qqqbot.model.values import Holding, Rules
from tests.support.price_series import bars_of, random_prices

PRICES = random_prices(900, tqqq_first=300)


@pytest.fixture(scope="module")
def answer() -> Study:
    return study(PRICES, Question(Terms(), look_ahead=True), bars_of(PRICES, first=850))


def test_the_screen_holds_every_table_and_every_finding(answer: Study) -> None:
    text = plain(tables.screen([answer]))
    for words in ("Rule, your account", "median sessions", "luck", "WRONG", "When to decide: 50 sessions"):
        assert words in text


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (Terms(), "30/120 days, filled at the close, 1 bp slippage a leg, IB fixed commissions, 95% of 100,000 USD"),
        (
            Terms(Rules(band=0.01), fill=FillAt.NEXT_OPEN, slippage=0.0005, commission=CommissionPlan.NONE),
            "30/120 days, band 1.00%, filled at the next open, 5 bp slippage a leg, no commissions, 95% of 100,000 USD",
        ),
    ],
)
def test_the_terms_read_as_a_sentence(terms: Terms, text: str) -> None:
    assert tables.terms_text(terms) == text


def test_every_way_of_filling_and_every_plan_has_words() -> None:
    assert set(tables.FILLED) == set(FillAt)
    assert set(tables.CHARGED) == set(CommissionPlan)


def test_the_verdict_compares_with_holding(answer: Study) -> None:
    better = replace(answer.own, metrics=replace(answer.own.metrics, cagr=9.0, max_drawdown=-0.01))
    assert "That is more than holding QQQ, with a shallower fall" in tables.verdict(replace(answer, own=better))


def test_the_choice_without_hindsight_is_called_walk_forward() -> None:
    found = study(random_prices(2200), Question(Terms()))
    labels = [label for label, _ in tables.findings(found)]
    assert "walk-forward" in labels
    assert "hindsight" not in labels
    assert "re-choosing, every six months, the best pair of the previous five years" in tables.walk_text(found)


@pytest.mark.parametrize(("value", "text"), [(0.1234, "12.34%"), (58.6926, "5,869.26%"), (103257.0538, "10,325,705%")])
def test_gains_have_separators_and_no_idle_decimals(value: float, text: str) -> None:
    assert tables.gain(value) == text


@pytest.mark.parametrize(("drawdown", "text"), [(0.0, "0%"), (-0.0, "0%"), (-0.351, "35%"), (-0.9998, "99.98%")])
def test_a_fall_is_never_minus_nothing_and_never_all(drawdown: float, text: str) -> None:
    assert tables.fall(drawdown) == text


def test_a_rule_that_never_traded_has_whole_sentences() -> None:
    slow = Rule(Holding.QQQ, Comparison(Average(18), Average(20), 0.2), None, Holding.TQQQ, Holding.TQQQ)
    found = dict(tables.findings(study(random_prices(900, tqqq_first=300), Question(Terms(Rules(rule=slow))))))
    assert found["verdict"].startswith("The rule earned 0.0% a year and fell by 0% on the way")
    assert found["worst"].endswith("Calmar unknown without a fall")
    assert not re.search(
        r"-0%|-0\.0%|100%|\bnan\b|None", " ".join(found[label] for label in ("verdict", "before TQQQ"))
    )


def test_the_json_keeps_its_keys(answer: Study) -> None:
    found = tables.as_json(answer)
    assert set(found["holdings"]["QQQ"]) >= {"time", "stays", "win_rate"}
    assert set(found["intraday"][0]) == {"decides", "moves", "most a day", "days with 2+", "costs USD", "result"}
    assert found["look_ahead"]["wrong"] is True
    assert set(found["wash_sales"]) == {"lots", "losing", "washed", "longest_days"}
    json.dumps(found, allow_nan=False)


def test_a_missing_number_is_left_empty() -> None:
    assert tables.percent(float("nan")) == ""
    assert tables.percent(0.1234) == "12.3%"
    assert tables.percent(-0.0002) == "0.0%"
