"""Invented prices for funds of the table of instruments: a seeded history of days, with a price for every moment.

Everything is a function of the seed and of the requested moment, so that two runs see the same prices however often and
in whatever order they ask. The calendar is a simplified version of the exchange's, with weekends, five holidays and
half-days. Standard library only.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.model.instruments import Holding, Kind
from qqqbot.model.market import Bar, Market, Other, Quote
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Session
from qqqbot.strategy.parking import SESSIONS_LOOKED_AT

OPEN, CLOSE, EARLY_CLOSE = time(9, 30), time(16), time(13)
FIXED_HOLIDAYS = ((1, 1), (6, 19), (7, 4), (12, 25))
# A leveraged fund's yearly costs and the yearly yield of Treasury bills, each divided by the sessions of a year.
DAILY_FEE, DAILY_YIELD = 0.0095 / 252, 0.04 / 252
FIRST_PRICES, FIRST_PRICE = dict(zip(DEFAULT_SYMBOLS, (480.0, 70.0), strict=True)), 100.0
# Rows of an answer: more than the longest usual average needs, as in an answer from Yahoo.
ROWS, OTHER_ROWS = 300, SESSIONS_LOOKED_AT + 1
WAVES = 6


@dataclass(frozen=True, slots=True)
class Regime:
    """A stretch of the market: about `days` sessions with a mean daily log return and its standard deviation."""

    days: int
    drift: float
    deviation: float


CYCLE = (
    Regime(40, 0.0060, 0.010),
    Regime(25, 0.0020, 0.009),
    Regime(12, -0.0065, 0.009),
    Regime(30, 0.0025, 0.009),
    Regime(35, -0.0060, 0.013),
)
"""Recovery, advance, setback, advance, decline; then again."""


@dataclass(frozen=True, slots=True)
class Day:
    """One session's path: its log return, the part of it made before the open, and waves that are 0 at both ends."""

    session: Session
    log_return: float
    gap: float
    waves: tuple[float, ...]

    def log_move(self, moment: datetime) -> float:
        """Log of the price at `moment` over the previous close."""
        x = (moment - self.session.open) / (self.session.close - self.session.open)
        x = min(max(x, 0.0), 1.0)
        bridge = sum(a * math.sin(k * math.pi * x) for k, a in enumerate(self.waves, start=1))
        return self.gap + (self.log_return - self.gap) * x + bridge


def sessions_between(first: date, last: date) -> tuple[Session, ...]:
    """The sessions of the simplified calendar, both ends included."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(_session(day) for day in days if day.weekday() < 5 and not _holiday(day))


class SimulatedPrices:
    """A PriceSource of `symbols`, whose table begins with `first` and ends with `last`.

    An answer has `rows` rows. `gap` is the part of a day's move that is made overnight; `roughness` scales the waves
    within the day. With a gap of 1 and no roughness the price stands still all day.
    """

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str],
        first: date,
        last: date,
        gap: float = 0.4,
        roughness: float = 1.0,
        rows: int = ROWS,
    ) -> None:
        self.table = SessionTable.build(sessions_between(first, last))
        self._rows = rows
        self.symbols, own = tuple(symbols), Holding(symbols[0]).underlying
        indices = {Holding(symbol).underlying for symbol in symbols} - {own}
        rngs = {own: random.Random(seed)} | {index: random.Random(f"{seed} {index}") for index in indices}
        self._paths = {index: _days(rng, self.table.sessions, gap, roughness) for index, rng in rngs.items()}
        """index -> its days; the days of the signal's index do not depend on which other symbols there are"""
        self._days = self._paths[own]
        self._closes = {symbol: [FIRST_PRICES.get(symbol, FIRST_PRICE)] for symbol in symbols}
        """symbol -> the close before the first session, then one for each session"""
        for number, day in enumerate(self._days):
            for symbol in symbols:
                self._closes[symbol].append(self._price(symbol, number, day.session.close))
        self._bars = {
            symbol: tuple(Bar(d.session.date, c, c) for d, c in zip(self._days, closes[1:], strict=True))
            for symbol, closes in self._closes.items()
        }

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Nothing to do: prices of all `symbols` exist from the start."""
        assert {*symbols} <= {*self.symbols}, f"simulated are {self.symbols}, not {symbols}"

    def sessions(self, now: datetime) -> SessionTable:  # noqa: ARG002 (the table is whole from the start)
        return self.table

    def market(self, now: datetime) -> Market:
        number = self._session_number(now)
        moment = min(now, self._days[number].session.close)
        signal, fund, *others = (Quote(symbol, self._price(symbol, number, moment), moment) for symbol in self.symbols)
        rows = {symbol: bars[max(0, number - self._rows) : number] for symbol, bars in self._bars.items()}
        return Market(
            bars=rows[signal.symbol],
            newest_row=self._days[number].session.date,
            signal_quote=signal,
            fund_quote=fund,
            fund_previous_close=self._closes[fund.symbol][number],
            fund_bars=rows[fund.symbol],
            others={quote.symbol: Other(quote, rows[quote.symbol][-OTHER_ROWS:]) for quote in others},
        )

    def price(self, symbol: str, now: datetime) -> float:
        """The price at `now`; while the exchange is closed, the last close."""
        number = self._session_number(now)
        return self._price(symbol, number, min(now, self._days[number].session.close))

    def closes(self, symbol: str) -> list[float]:
        """One close for each session of the table."""
        return self._closes[symbol][1:]

    def _session_number(self, now: datetime) -> int:
        """The session that is open or, while the exchange is closed, the one that closed last."""
        session = self.table.current(now)
        number = len(self.table.before(session.date, len(self._days)))
        if number == 0:
            raise PricesUnavailable(f"the simulated history begins on {session.date}: there is no close before it")
        return number

    def _price(self, symbol: str, number: int, moment: datetime) -> float:
        fund, previous = Holding(symbol), self._closes[symbol][number]
        if fund.kind is Kind.BILLS:
            return round(previous * (1 + DAILY_YIELD), 4)
        move = fund.factor * math.expm1(self._paths[fund.underlying][number].log_move(moment))
        return round(previous * (1 + move - (DAILY_FEE if fund.kind is Kind.LEVERAGED else 0.0)), 2)


def _days(rng: random.Random, sessions: tuple[Session, ...], gap: float, roughness: float) -> list[Day]:
    """One Day for each of `sessions`, the regimes following each other."""
    days: list[Day] = []
    while len(days) < len(sessions):
        for regime in CYCLE:
            ahead = sessions[len(days) : len(days) + round(regime.days * rng.uniform(0.85, 1.15))]
            log_returns = _log_returns(rng, regime, len(ahead))
            days += [_day(rng, s, r, regime, gap, roughness) for s, r in zip(ahead, log_returns, strict=True)]
    return days


def _log_returns(rng: random.Random, regime: Regime, count: int) -> list[float]:
    """Random returns whose mean is exactly the regime's: the seed shapes the days, not where they lead."""
    draws = [rng.gauss(0, regime.deviation) for _ in range(count)]
    return [regime.drift + draw - sum(draws) / count for draw in draws]


def _day(rng: random.Random, session: Session, log_return: float, regime: Regime, gap: float, roughness: float) -> Day:
    # A Brownian bridge from the open to the close, as the first terms of its series of sines.
    scale = roughness * regime.deviation * math.sqrt(2) / math.pi
    waves = tuple(rng.gauss(0, scale / k) for k in range(1, WAVES + 1))
    return Day(session, log_return, gap * log_return, waves)


def _session(day: date) -> Session:
    early = _thanksgiving(day - timedelta(days=1)) or (day.month, day.day) == (12, 24)
    return Session(day, _utc(day, OPEN), _utc(day, EARLY_CLOSE if early else CLOSE))


def _holiday(day: date) -> bool:
    return (day.month, day.day) in FIXED_HOLIDAYS or _thanksgiving(day)


def _thanksgiving(day: date) -> bool:
    """The fourth Thursday of November."""
    return day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28


def _utc(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, NEW_YORK).astimezone(UTC)
