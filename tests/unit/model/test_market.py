"""The market: a price for each symbol, in the order in which the rule needs them."""

from dataclasses import replace

import pytest

from qqqbot.model.market import Bar, Other, Quote
from tests.support.builders import NOW, market


def test_a_market_gives_each_symbol_its_own_quote() -> None:
    others = {"QLD": Other(Quote("QLD", 80.0, NOW)), "SGOV": Other(Quote("SGOV", 100.4, NOW))}
    answer = replace(market(price=450.0, tqqq_price=60.0), others=others)
    assert answer.prices == {"QQQ": 450.0, "TQQQ": 60.0, "QLD": 80.0, "SGOV": 100.4}
    assert list(answer.quotes) == ["QQQ", "TQQQ", "QLD", "SGOV"]


def test_a_previous_close_is_that_of_the_last_session_or_none() -> None:
    plain = market()
    rows = (Bar(plain.bars[-2].date, 79.0), Bar(plain.bars[-1].date, 80.0))
    answer = replace(plain, others={"QLD": Other(Quote("QLD", 81.0, NOW), rows)})
    assert answer.previous_close("QQQ") == plain.bars[-1].close
    assert answer.previous_close("TQQQ") == plain.fund_previous_close
    assert answer.previous_close("QLD") == 80.0
    older = replace(answer, others={"QLD": Other(Quote("QLD", 81.0, NOW), rows[:1])})
    assert older.previous_close("QLD") is None


def test_a_market_has_no_price_of_a_share_that_nobody_asked_for() -> None:
    with pytest.raises(LookupError):
        market().quote("SPY")
