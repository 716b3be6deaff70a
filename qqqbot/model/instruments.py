"""The table of instruments: every fund that a rule can watch or own, and cash. Elsewhere only defaults name a fund.

`first_day` is the first day of trading on the exchange; a history from before it can only be a model. Sources: the
issuers' pages about each fund (Invesco, ProShares, State Street, iShares).
"""

from datetime import date
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    INDEX = "index fund"
    LEVERAGED = "leveraged fund"
    BILLS = "Treasury-bill fund"
    CASH = "cash"


class Holding(StrEnum):
    """What the rule can want to own. Written to files as these symbols.

    In a day the fund moves `factor` times as far as `underlying`; 0 if it follows no index. `exchange` is where it is
    listed.
    """

    kind: Kind
    underlying: str
    factor: int
    first_day: date | None
    exchange: str

    def __new__(
        cls,
        value: str,
        kind: Kind = Kind.CASH,
        underlying: str = "",
        factor: int = 0,
        first_day: date | None = None,
        exchange: str = "ARCA",
    ) -> Self:
        held = str.__new__(cls, value)
        held._value_, held.kind, held.underlying, held.factor = value, kind, underlying, factor
        held.first_day, held.exchange = first_day, exchange
        return held

    TQQQ = "TQQQ", Kind.LEVERAGED, "QQQ", 3, date(2010, 2, 11), "NASDAQ"
    QQQ = "QQQ", Kind.INDEX, "QQQ", 1, date(1999, 3, 10), "NASDAQ"
    CASH = "CASH"
    QLD = "QLD", Kind.LEVERAGED, "QQQ", 2, date(2006, 6, 21)
    QQQM = "QQQM", Kind.INDEX, "QQQ", 1, date(2020, 10, 13), "NASDAQ"
    UPRO = "UPRO", Kind.LEVERAGED, "SPY", 3, date(2009, 6, 25)
    SSO = "SSO", Kind.LEVERAGED, "SPY", 2, date(2006, 6, 21)
    SPY = "SPY", Kind.INDEX, "SPY", 1, date(1993, 1, 29)
    SGOV = "SGOV", Kind.BILLS, "", 0, date(2020, 5, 28)
    BIL = "BIL", Kind.BILLS, "", 0, date(2007, 5, 30)

    @property
    def symbol(self) -> str | None:
        """The share to own, None for cash."""
        return None if self is Holding.CASH else self.value

    @property
    def is_defensive(self) -> bool:
        """Whether it is out of the market: cash, or a fund in which cash is parked."""
        return self.kind in (Kind.CASH, Kind.BILLS)


def most_leveraged(underlying: str) -> Holding:
    """The most leveraged fund on `underlying`, its best witness. Raises LookupError if the table has none."""
    funds = [fund for fund in Holding if fund.kind is Kind.LEVERAGED and fund.underlying == underlying]
    if not funds:
        raise LookupError(f"the table of instruments has no leveraged fund on {underlying}")
    return max(funds, key=lambda fund: fund.factor)
