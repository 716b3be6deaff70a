"""Each figure draws what the study found, and is empty if the study found nothing."""

from xml.etree import ElementTree

import pytest

from qqqbot.backtest import figures
from qqqbot.backtest.study import Question, Study, study
from qqqbot.backtest.vectorized import Terms
from tests.support.price_series import random_prices


@pytest.fixture(scope="module")
def answer() -> Study:
    return study(random_prices(2200, tqqq_first=300), Question(Terms(), look_ahead=True))


@pytest.fixture(scope="module")
def short() -> Study:
    return study(random_prices(200), Question(Terms()))


def texts(picture: str) -> set[str]:
    return {"".join(element.itertext()) for element in ElementTree.fromstring(picture).iter() if element.text}


def test_every_figure_is_well_formed_and_has_its_title(answer: Study) -> None:
    for picture, title in (
        (figures.equity(answer), "Equity in USD, log scale"),
        (figures.drawdown(answer), "Drawdown"),
        (figures.holdings(answer, 100), "QQQ and averages, last 100 sessions"),
        (figures.yearly(answer), "Return of each year"),
        (figures.held_periods(answer), "Result of each held period"),
        (figures.luck(answer), "CAGR of the same positions at other times"),
        (figures.heat(answer, "sharpe"), "Sharpe ratio of every pair of averages: a picture of fragility"),
        (figures.walk_forward(answer), "Walk-forward: value of 1, log scale"),
        (figures.long_view(answer), "With a model of TQQQ before 2005: value of 1, log scale"),
    ):
        assert title in texts(picture)


def test_the_wrong_curve_is_dashed_and_named(answer: Study, short: Study) -> None:
    assert figures.LOOK_AHEAD in texts(figures.equity(answer))
    assert 'stroke-dasharray="50 40"' in figures.equity(answer)
    assert figures.LOOK_AHEAD not in texts(figures.equity(short))


def test_drawdowns_and_returns_are_percentages(answer: Study) -> None:
    for picture in (figures.drawdown(answer), figures.yearly(answer), figures.held_periods(answer)):
        assert any(text.endswith("%") for text in texts(picture))


def test_the_strip_names_what_was_held(answer: Study) -> None:
    assert {"held: TQQQ", "held: QQQ"} <= texts(figures.holdings(answer))


def test_figures_the_prices_do_not_suffice_for_are_empty(short: Study) -> None:
    assert figures.luck(short) == figures.heat(short, "cagr") == figures.walk_forward(short) == ""
    assert figures.long_view(short) == ""
