"""The table of instruments."""

from datetime import date

import pytest

from qqqbot.model.instruments import Holding, Kind, most_leveraged


def test_every_fund_has_what_its_kind_needs() -> None:
    factors = {Kind.INDEX: {1}, Kind.LEVERAGED: {2, 3}, Kind.BILLS: {0}, Kind.CASH: {0}}
    for fund in Holding:
        assert fund.factor in factors[fund.kind]
        assert bool(fund.underlying) == (fund.kind in (Kind.INDEX, Kind.LEVERAGED))
        assert (fund.symbol, fund.first_day) == (None, None) if fund is Holding.CASH else fund.first_day
        assert not fund.underlying or Holding(fund.underlying).kind is Kind.INDEX


def test_the_symbol_alone_is_written_and_read() -> None:
    assert Holding("UPRO") is Holding.UPRO
    assert f"{Holding.UPRO}" == Holding.UPRO.value == "UPRO"
    assert (Holding.UPRO.underlying, Holding.UPRO.factor, Holding.UPRO.first_day) == ("SPY", 3, date(2009, 6, 25))


def test_each_index_has_its_witness() -> None:
    assert (most_leveraged("QQQ"), most_leveraged("SPY")) == (Holding.TQQQ, Holding.UPRO)
    with pytest.raises(LookupError, match="no leveraged fund on BIL"):
        most_leveraged("BIL")
