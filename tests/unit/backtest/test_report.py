"""The report is one page that needs nothing else, whatever the study could answer."""

from pathlib import Path

import pytest

from qqqbot.backtest import report
from qqqbot.backtest.study import Question, Study, study
from qqqbot.backtest.vectorized import Terms
from tests.support.price_series import random_prices


@pytest.fixture(scope="module")
def answer() -> Study:
    return study(random_prices(900, tqqq_first=300), Question(Terms(), look_ahead=True))


def test_every_held_period_and_every_order_is_a_row(answer: Study) -> None:
    page = report.page(answer)
    assert f"All {len(answer.account.trades):,} orders" in page
    assert page.count("<td>BUY</td>") + page.count("<td>SELL</td>") == len(answer.account.trades)


def test_months_are_coloured_by_their_sign(answer: Study) -> None:
    page = report.page(answer)
    assert "rgba(0,158,115," in page
    assert "rgba(213,94,0," in page


def test_the_wrong_table_is_shown_only_on_request(answer: Study) -> None:
    assert "Look-ahead: wrong, for comparison only." in report.page(answer)
    assert "Look-ahead" not in report.page(study(random_prices(300), Question(Terms())))


def test_a_short_history_is_reported_as_too_short() -> None:
    page = report.page(study(random_prices(300), Question(Terms())))
    assert "Too few sessions to say anything about it." in page
    assert "2000 and 2008" not in page


def test_it_is_written_into_a_new_folder(answer: Study, tmp_path: Path) -> None:
    report.write(tmp_path / "new" / "report.html", [answer])
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
