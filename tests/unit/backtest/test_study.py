"""The study answers what it can from the prices it has, and refuses what it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest import metrics
from qqqbot.backtest.account import run
from qqqbot.backtest.prices.table import BadPrices
from qqqbot.backtest.study import Question, Study, study
from qqqbot.backtest.vectorized import FillAt, Terms, examine, ideal, look_ahead, rotations_of
from tests.support.price_series import bars_of, random_prices

TERMS = Terms()
PRICES = random_prices(900, tqqq_first=300)


@pytest.fixture(scope="module")
def answer() -> Study:
    return study(PRICES, Question(TERMS, look_ahead=True))


def test_its_lines_are_those_of_the_account_the_follower_and_the_funds(answer: Study) -> None:
    days = examine(PRICES, TERMS.rules)
    assert answer.own.equity.tolist() == run(days, TERMS).equity.tolist()
    assert answer.ideal.equity.tolist() == (ideal(days, TERMS) * 100_000).tolist()
    assert answer.ideal.rotations == rotations_of(days.wanted)
    for line, level in ((answer.signal, 1), (answer.fund, 2)):
        assert line.equity[-1] == pytest.approx(100_000 * days.close[level, -1] / days.close[level, 0])
        assert line.rotations is None


def test_the_wrong_line_is_the_popular_arithmetic(answer: Study) -> None:
    days = examine(PRICES, TERMS.rules)
    assert answer.wrong is not None
    assert answer.wrong.total_return == pytest.approx(look_ahead(days)[-1] - 1)
    assert answer.wrong.right_total_return == pytest.approx(ideal(days, replace(TERMS, slippage=0.0))[-1] - 1)
    assert sum(answer.wrong.days_in) == answer.wrong.rows == len(days)


def test_turnover_counts_every_order(answer: Study) -> None:
    traded = sum(float(t.price) * t.quantity for t in answer.account.trades)
    assert answer.turnover == pytest.approx(metrics.turnover(traded, answer.account.equity, answer.days.years))


def test_a_short_history_has_no_sweep_no_luck_and_no_taxes() -> None:
    short = study(random_prices(400), Question(TERMS))
    assert (short.null, short.sweep, short.walk, short.taxes, short.long_view, short.wrong) == (
        *(None, None, None),
        *((), None, None),
    )


def test_years_before_tqqq_are_a_long_view(answer: Study) -> None:
    assert answer.long_view is not None
    assert answer.long_view.eras[0].first < PRICES.dates[PRICES.first]
    assert answer.long_view.eras[0].name == "whole"


def test_intraday_fills_need_bars() -> None:
    prices, question = random_prices(200), Question(replace(TERMS, fill=FillAt.INTRADAY))
    with pytest.raises(BadPrices, match="--fill intraday needs bars"):
        study(prices, question)
    answer = study(prices, question, bars_of(prices, first=150))
    assert answer.days.dates[0] == prices.dates[150]
    assert [run.name for run in answer.intraday][-2:] == ["before the close", "at the official close"]


def test_a_period_is_examined_on_its_own() -> None:
    start, end = PRICES.dates[500], PRICES.dates[700]
    answer = study(PRICES, Question(TERMS, start, end))
    assert (answer.days.dates[0], answer.days.dates[-1]) == (start, end)
    assert answer.own.equity[0] == np.float64(100_000)
