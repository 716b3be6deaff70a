"""A session's official close is in the next kept window, on its basis; it comes as it was printed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from qqqbot.backtest.official import remembered
from qqqbot.model.instruments import Holding
from qqqbot.model.provenance import KeptWindow, Source
from tests.support.builders import DAY, NOW, RULES, closes, table

ROWS = 119
DAYS = table().before(DAY + timedelta(days=10), ROWS + 4)


def window(back: int, basis: float = 1.0, fund_basis: float = 1.0, values: Sequence[float] = ()) -> KeptWindow:
    """The window of the session `back` places before the newest one; a session's closes are 400 and a dollar a day."""
    session = DAYS[-1 - back]
    dates = table().before(session, ROWS)
    own = values or [400.0 + DAYS.index(day) if day in DAYS else 399.0 for day in dates]
    fund = tuple(close / 7 * fund_basis for close in own)
    return KeptWindow(session, NOW, dates, tuple(close * basis for close in own), fund)


def close(back: int) -> float:
    return 400.0 + DAYS.index(DAYS[-1 - back])


@pytest.mark.parametrize("basis", [1.0, 0.995, 0.5])
def test_a_dividend_or_a_split_of_the_next_session_does_not_change_it(basis: float) -> None:
    found = remembered([window(1), window(0, basis, basis / 3)])
    assert list(found) == [DAYS[-2]]
    assert found[DAYS[-2]].signal == pytest.approx(close(1))
    assert found[DAYS[-2]].fund == pytest.approx(close(1) / 7)
    assert found[DAYS[-2]].closes == window(1).closes


def test_after_days_without_a_check_the_close_is_still_there() -> None:
    assert remembered([window(3), window(0)])[DAYS[-4]].signal == pytest.approx(close(3))


def test_what_is_not_yahoos_row_is_no_official_close() -> None:
    last = window(0)
    assert remembered([window(1), replace(last, sources={DAYS[-2]: Source.BROKER})]) == {}
    assert remembered([window(1), replace(last, dates=(DAYS[0],), closes=(1.0,), fund=(1.0,))]) == {}
    assert remembered([]) == {}


def test_a_window_that_was_kept_after_the_close_is_not_that_of_the_decision() -> None:
    evening = replace(window(0), session=DAYS[-2])
    assert remembered([window(1), evening, window(0)])[DAYS[-2]].closes == window(1).closes


def test_a_fund_without_a_close_has_none() -> None:
    gap = replace(window(0), fund=(*window(0).fund[:-1], math.nan))
    found = remembered([window(1), gap])[DAYS[-2]]
    assert math.isnan(found.fund)
    assert found.signal > 0


@pytest.mark.parametrize("target", [Holding.TQQQ, Holding.QQQ, Holding.CASH])
def test_the_rule_is_asked_as_at_the_close(target: Holding) -> None:
    first: date = DAYS[-2]
    then = closes(target, close(1))
    before = window(1, values=then)
    after = window(0, values=[*then[1:], close(1)])
    found = remembered([before, after])[first]
    assert found.answer(Holding.CASH, RULES) is target
    assert found._replace(closes=found.closes[1:]).answer(Holding.CASH, RULES) is None
