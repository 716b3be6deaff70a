"""The market: a price for each symbol, in the order in which the rule needs them."""

from dataclasses import replace

import pytest

from qqqbot.model.market import Other, Quote
from tests.support.builders import NOW, market


def test_a_market_gives_each_symbol_its_own_quote() -> None:
    others = (Other(Quote("QLD", 80.0, NOW), 79.0), Other(Quote("SGOV", 100.4, NOW), None))
    answer = replace(market(price=450.0, tqqq_price=60.0), others=others)
    assert answer.prices == {"QQQ": 450.0, "TQQQ": 60.0, "QLD": 80.0, "SGOV": 100.4}
    assert list(answer.quotes) == ["QQQ", "TQQQ", "QLD", "SGOV"]


def test_a_market_has_no_price_of_a_share_that_nobody_asked_for() -> None:
    with pytest.raises(LookupError):
        market().quote("SPY")
