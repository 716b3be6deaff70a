"""A price source's answer, a Market: finished closes, live prices, splits and dividends.

A finished daily close is a `Bar` and a live price is a `Quote`: with two types, a live price cannot slip in where a
close belongs. A field with a `key` in its metadata has that name in files, the name it had when the only rule was on
QQQ and TQQQ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from qqqbot.model.provenance import Source


@dataclass(frozen=True, slots=True)
class Bar:
    """A finished daily session and its close, adjusted for dividends and splits (NaN if the source had none).

    `unadjusted` is the close that is adjusted for splits only; NaN if the source had none, None if nobody asked for it.
    """

    date: date
    close: float
    unadjusted: float | None = None


@dataclass(frozen=True, slots=True)
class DayRow:
    """A symbol's row of the present session so far."""

    low: float
    high: float
    close: float


@dataclass(frozen=True, slots=True)
class Quote:
    """A live price and the moment the exchange printed it; `row` is the day's row in the same answer, or None."""

    symbol: str
    price: float
    time: datetime
    row: DayRow | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A share other than the signal and its fund: its live price, and its newest daily rows without today's."""

    quote: Quote
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """`ratio` new shares for each old one, from `date` on."""

    symbol: str
    date: date
    ratio: float


@dataclass(frozen=True, slots=True)
class Dividend:
    """`amount` USD for each share held before the ex-date `date`, on the split basis of the newest prices."""

    symbol: str
    date: date
    amount: float


@dataclass(frozen=True, slots=True)
class Market:
    """One answer of the price source, as it came: nothing is repaired, sorted or left out.

    `bars` are the signal's daily rows without today's; `newest_row` is the date of the last row in the raw answer
    (today's while the exchange is open). The fund is the leveraged fund that witnesses the signal's prices.
    `fund_previous_close` is its close in the session before `newest_row`, on the same split basis as its quote, None if
    the answer had none; `fund_bars` are its daily rows without today's. `others` are the other shares that the rule can
    hold or the book still holds. `answered_at` is when Yahoo's server answered, by the server's clock, None if it did
    not say. `origins` names the sessions whose closes are not Yahoo's own daily rows, and their sources; `quoted_by` is
    the source of the live prices.
    """

    bars: tuple[Bar, ...]
    newest_row: date
    signal_quote: Quote = field(metadata={"key": "qqq"})
    fund_quote: Quote = field(metadata={"key": "tqqq"})
    fund_previous_close: float | None = field(metadata={"key": "tqqq_previous_close"})
    splits: tuple[Split, ...] = ()
    answered_at: datetime | None = None
    fund_bars: tuple[Bar, ...] = field(default=(), metadata={"key": "tqqq_bars"})
    origins: Mapping[date, Source] = field(default_factory=dict)
    quoted_by: Source = Source.YAHOO
    dividends: tuple[Dividend, ...] = ()
    others: Mapping[str, Other] = field(default_factory=dict)

    @property
    def signal(self) -> str:
        """The symbol of the index fund whose closes are averaged."""
        return self.signal_quote.symbol

    @property
    def fund(self) -> str:
        """The symbol of the leveraged fund that witnesses them."""
        return self.fund_quote.symbol

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """symbol -> live price; the signal first, then its fund"""
        others = {symbol: other.quote for symbol, other in self.others.items()}
        return {self.signal: self.signal_quote, self.fund: self.fund_quote} | others

    def quote(self, symbol: str) -> Quote:
        """The live price of `symbol`. Raises LookupError."""
        return self.quotes[symbol]

    def rows(self, symbol: str) -> tuple[Bar, ...]:
        """The daily rows of `symbol` without today's. Raises LookupError."""
        if symbol in (self.signal, self.fund):
            return self.bars if symbol == self.signal else self.fund_bars
        return self.others[symbol].bars

    def previous_close(self, symbol: str) -> float | None:
        """The close in the session before `newest_row`, on the basis of the live price; None if the answer had none."""
        if symbol == self.fund:
            return self.fund_previous_close
        rows = self.rows(symbol)
        return rows[-1].close if rows and self.bars and rows[-1].date == self.bars[-1].date else None

    @property
    def prices(self) -> Mapping[str, float]:
        return {symbol: quote.price for symbol, quote in self.quotes.items()}

    @property
    def ex_dates(self) -> frozenset[date]:
        """The ex-dates of the signal's and its fund's dividends."""
        return frozenset(dividend.date for dividend in self.dividends)
