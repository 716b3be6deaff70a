"""Whose prices a row has: QQQ's and TQQQ's, unless it names others."""

import pytest

from qqqbot.records.row_prices import named, prices_of, prices_of_trade, symbols_of

SPY_RULE = {"SPY": 600.0, "UPRO": 90.0, "TQQQ": 60.0, "QQQ": 450.0}


def test_a_row_of_an_earlier_version_has_two_prices() -> None:
    assert prices_of({"price": 450.0, "tqqq_price": 60.0}) == {"QQQ": 450.0, "TQQQ": 60.0}
    assert prices_of_trade({"price": 61.0, "qqq_price": 450.0, "tqqq_price": 60.0}) == {"QQQ": 450.0, "TQQQ": 60.0}
    assert symbols_of({}) == ("QQQ", "TQQQ")


def test_the_default_names_nobody_so_that_its_rows_stay_as_they_were() -> None:
    assert named({"QQQ": 450.0, "TQQQ": 60.0}) == {}


def test_any_other_rule_names_all_that_is_watched_its_signal_first() -> None:
    row = {"price": 600.0, "tqqq_price": 90.0, "prices": named(SPY_RULE)}
    assert prices_of(row) == prices_of_trade(row) == SPY_RULE
    assert symbols_of(row) == ("SPY", "UPRO")


@pytest.mark.parametrize("wrong", [None, "450", True, float("nan")])
def test_what_is_no_number_is_no_price(wrong: object) -> None:
    assert prices_of({"price": wrong, "tqqq_price": 60.0}) == {"TQQQ": 60.0}
    assert prices_of({"prices": {"SPY": wrong, "UPRO": 90.0}}) == {"UPRO": 90.0}
    assert symbols_of({"prices": {"SPY": wrong, "UPRO": 90.0}}) == ("SPY", "UPRO")
