"""Prices while Yahoo has lost a session, or is away: `strategy.filling` chooses, this module asks the sources.

Each source is asked once per session and gap, again after a pause if it did not answer. A source that fails changes
nothing: the session stays missing, and the gates refuse it and say so.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial

from qqqbot.model.errors import BrokerUnavailable, PricesUnavailable, TemporaryError
from qqqbot.model.ports import Clock, SecondPrices
from qqqbot.model.provenance import Source
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import SYMBOLS, Market
from qqqbot.records.prices import PriceMemory
from qqqbot.strategy import filling
from qqqbot.strategy.filling import Candidate, Closes
from qqqbot.trading.engine import State
from qqqbot.trading.parts import Adapters

log = logging.getLogger(__name__)

# A source without an answer is not asked again before: IB counts requests for history, Yahoo all of them.
PAUSE_SECONDS = 600.0


class Asked:
    """One source's closes, asked for once in a session."""

    def __init__(self, clock: Clock, ask: Callable[[], Closes]) -> None:
        self._clock = clock
        self._ask = ask
        self._known: tuple[tuple[date, ...], Closes] | None = None
        self._until = 0.0
        self.trouble = ""

    def closes(self, expected: tuple[date, ...]) -> Closes:
        """Empty if there is no answer; `trouble` says why."""
        if self._known is None or self._known[0] != expected:
            if self._clock.monotonic() < self._until:
                return {}
            try:
                self._known, self.trouble = (expected, self._ask()), ""
            except TemporaryError as error:
                self._until, self.trouble = self._clock.monotonic() + PAUSE_SECONDS, str(error)
                log.info("a second source of closes does not answer: %s", error)
                return {}
        return self._known[1]


class SteadyPrices:
    """The PriceSource of the engine, over that of `outside`. In `state` it says since when that one is silent."""

    def __init__(self, outside: Adapters, memory: PriceMemory, long_period: int, state: State) -> None:
        clock, intraday = outside.clock, outside.intraday
        self._yahoo = outside.prices
        self._memory = memory
        self._clock = clock
        self._long_period = long_period
        self._state = state
        self._table: SessionTable | None = None
        self._second = outside.second
        self._broker = Asked(clock, outside.second.daily_closes) if outside.second else None
        self._intraday = Asked(clock, lambda: intraday(clock.now())) if intraday else None

    def sessions(self, now: datetime) -> SessionTable:
        table = self._table = self._yahoo.sessions(now)
        return table

    def market(self, now: datetime) -> Market:
        """Yahoo's rows and prices, with what it lacks from elsewhere. Raises PricesUnavailable, StalePrices."""
        try:
            market = self._yahoo.market(now)
        except PricesUnavailable as away:
            self._state.silent_since = self._state.silent_since or now
            if self._second is None or self._clock.stopping():
                raise
            return self._without_yahoo(self._second, now, away)
        self._state.silent_since = None
        return self._filled(market, now)

    def _filled(self, market: Market, now: datetime) -> Market:
        expected = self._expected(now)[1]
        missing = filling.gaps(market, expected)
        if not missing:
            return market
        if problem := filling.fillable(market, expected, missing):
            log.warning("Yahoo's rows have a gap: %s", problem)
            return market
        sources = partial(self._candidates, expected)
        then = filling.fill(market, missing, sources, self._memory.last_look)
        for day, source in then.origins.items():
            log.info("the close of %s is missing in Yahoo's rows and comes from %s", day, source.label)
        return then

    def _candidates(self, expected: tuple[date, ...], market: Market, day: date) -> Iterator[Candidate | None]:
        yield filling.from_kept(self._memory.newest, market, day)
        for source, asked in ((Source.INTRADAY, self._intraday), (Source.BROKER, self._broker)):
            if asked is not None:
                yield filling.from_closes(source, asked.closes(expected), market, day)
        yield filling.from_look(self._memory.last_look(day))

    def _without_yahoo(self, second: SecondPrices, now: datetime, away: PricesUnavailable) -> Market:
        """Raises PricesUnavailable with both reasons."""
        session, expected = self._expected(now)
        kept = self._memory.newest
        if kept is None:
            raise PricesUnavailable(f"{away}; and no earlier prices are kept, to go on with the broker's")
        if kept.session == session:
            closes: Closes = {}
        else:
            assert self._broker is not None
            closes = self._broker.closes(expected)
        try:
            quotes = second.last_prices()
        except BrokerUnavailable as error:
            raise PricesUnavailable(f"{away}; and the broker's prices are not there: {error}") from error
        if lacking := [symbol for symbol in SYMBOLS if symbol not in quotes]:
            raise PricesUnavailable(f"{away}; and the broker has no price of {' and '.join(lacking)}")
        found = filling.without_yahoo(kept, expected, session, closes, quotes)
        if isinstance(found, str):
            trouble = self._broker.trouble if self._broker and kept.session != session else ""
            raise PricesUnavailable(f"{away}; and {found}{f' ({trouble})' if trouble else ''}")
        return found

    def _expected(self, now: datetime) -> tuple[date, tuple[date, ...]]:
        """The session that is open, or the last one that was, and the finished sessions of its window."""
        table = self._table or self.sessions(now)
        session = table.current(now).date
        return session, table.before(session, self._long_period - 1)
