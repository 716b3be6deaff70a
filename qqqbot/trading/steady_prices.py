"""Prices while Yahoo has lost a session, or is away: `strategy.filling` chooses, this module asks the sources.

Each source is asked once per session and gap, and again after a pause if it did not answer. If a source fails, the
session stays missing, and the gates refuse to trade and say so.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from qqqbot.model.errors import BrokerUnavailable, PricesUnavailable, TemporaryError
from qqqbot.model.market import Market, Quote, Split
from qqqbot.model.new_york import new_york_text
from qqqbot.model.ports import Clock, SecondPrices
from qqqbot.model.provenance import Source
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Rules
from qqqbot.records.ledger import SAME_EVENT
from qqqbot.records.prices import PriceMemory, kept_window
from qqqbot.strategy import basis, filling
from qqqbot.strategy.filling import Candidate, Closes
from qqqbot.strategy.gates import FIRST_TRADES
from qqqbot.trading.engine import State
from qqqbot.trading.parts import Adapters

log = logging.getLogger(__name__)

# A source that did not answer is asked again only after this pause: IB counts requests for history, Yahoo counts all.
PAUSE_SECONDS = 600.0
# By then the broker's daily bar contains the session's close: without a subscription it is a quarter of an hour behind.
AFTER_CLOSE = timedelta(minutes=20)


class Asked:
    """One source's closes, requested once in a session, and again after a pause if they were missing or no help."""

    def __init__(self, clock: Clock, ask: Callable[[], Closes]) -> None:
        self._clock = clock
        self._ask = ask
        self._expected: tuple[date, ...] = ()
        self._known: Closes = {}
        self._until = 0.0
        self.trouble = ""
        self.led_nowhere = False
        """whether its closes were of no use; it is then asked again, because sources correct themselves"""

    def closes(self, expected: tuple[date, ...]) -> Closes:
        """Empty if there is no answer; `trouble` says why."""
        now = self._clock.monotonic()
        if now >= self._until and (self.led_nowhere or self._expected != expected):
            self._expected, self._until, self.led_nowhere = (), now + PAUSE_SECONDS, False
            try:
                self._known, self._expected, self.trouble = self._ask(), expected, ""
            except TemporaryError as error:
                self.trouble = str(error)
                log.info("a second source of closes does not answer: %s", error)
        return self._known if self._expected == expected else {}


class SteadyPrices:
    """The engine's PriceSource, on top of the PriceSource in `outside`; it notes in `state` since when that is silent.

    `symbols` are all watched symbols, the signal and its fund first.
    """

    def __init__(
        self, outside: Adapters, memory: PriceMemory, rules: Rules, state: State, symbols: tuple[str, ...]
    ) -> None:
        clock, intraday = outside.clock, outside.intraday
        self._yahoo = outside.prices
        self._memory = memory
        self._clock = clock
        self._rules = rules
        self._symbols = symbols
        self._state = state
        self._table: SessionTable | None = None
        self._second = outside.second
        self._broker = Asked(clock, outside.second.daily_closes) if outside.second else None
        self._evening = Asked(clock, self._keep_evening)
        self._intraday = Asked(clock, lambda: intraday(clock.now())) if intraday else None

    def sessions(self, now: datetime) -> SessionTable:
        table = self._table = self._yahoo.sessions(now)
        return table

    def market(self, now: datetime) -> Market:
        """Yahoo's rows and prices, completed from other sources. Raises PricesUnavailable, StalePrices."""
        try:
            market = self._yahoo.market(now)
        except PricesUnavailable as away:
            self._state.silent_since = self._state.silent_since or now
            if self._second is None or self._clock.stopping():
                raise
            return self._without_yahoo(self._second, now, away)
        if self._second and (old := self._of_another_day(market, now)):
            with contextlib.suppress(PricesUnavailable):
                other = self._without_yahoo(self._second, now, PricesUnavailable(old))
                if not self._of_another_day(other, now):
                    self._state.silent_since = self._state.silent_since or now
                    return other
        self._state.silent_since = None
        session, expected = self._expected(now)
        market, _ = _with_untold_split(self._memory, market, session, now, partial(self._confirmed, expected))
        return self._filled(market, expected)

    def _of_another_day(self, market: Market, now: datetime) -> str:
        """A sentence if a session is open but Yahoo's prices are from an earlier one; else "".

        Some of Yahoo's servers lag by days, so the caller then asks the broker. If the broker's prices are no newer,
        the exchange is closed, and Yahoo is right. Prices of today that stand still are not judged here: the exchange
        may have closed early, and the broker's newest trades may be from after hours.
        """
        session = self._table.open_session(now) if self._table and now < self._table.ends() else None
        newest = max(quote.time for quote in market.quotes.values())
        if session is None or now - session.open < FIRST_TRADES or newest >= session.open:
            return ""
        return f"Yahoo's newest prices are of {new_york_text(newest)}"

    def after_close(self, now: datetime) -> None:
        """While Yahoo is silent, keep the broker's close of the session that has ended.

        The kept window then reaches up to yesterday even if no decision could be made. Tomorrow it is compared with the
        broker's closes again, because only they show a dividend.
        """
        table, kept = self._table, self._memory.newest
        if self._second is None or self._state.silent_since is None or table is None or kept is None:
            return
        if now >= table.ends() or table.open_session(now) is not None:
            return
        ended = table.last_closed(now)
        if now - ended.close >= AFTER_CLOSE and kept.dates[-1] < ended.date:
            self._evening.closes((ended.date,))

    def _keep_evening(self) -> Closes:
        """Keep the ended session's close. Raises TemporaryError if it fails or there is no close to keep yet."""
        assert self._second is not None
        assert self._table is not None
        assert self._memory.newest is not None
        now = self._clock.now()
        ended, coming = self._table.last_closed(now), self._table.next_open(now).date
        expected, closes = self._table.before(coming, self._rules.form.history), self._second.daily_closes()
        if any(ended.date not in closes.get(symbol, {}) for symbol in self._memory.symbols):
            raise BrokerUnavailable(f"the broker has no close of {ended.date} yet")
        quotes = [Quote(symbol, closes[symbol][ended.date], ended.close) for symbol in self._memory.symbols]
        kept, looks, leverage = self._memory.newest, self._memory.last_look, self._rules.leverage
        found = filling.without_yahoo(kept, expected, coming, closes, quotes, leverage, looks)
        if isinstance(found, str):
            raise BrokerUnavailable(f"IB's close of {ended.date} is not kept: {found}")
        self._memory.put(kept_window(found, expected, ended.date, now))
        return closes

    def _confirmed(self, expected: tuple[date, ...], market: Market, split: Split, sessions: int) -> bool:
        """Whether the broker's closes confirm the split; without a broker, whether three sessions have shown it."""
        assert self._memory.newest is not None
        # The split's day lies between the kept session and this one. Should Yahoo report it after all, the book must
        # recognise it as the same split.
        if split.date - self._memory.newest.session > SAME_EVENT:
            return False
        if self._broker is None:
            return sessions >= basis.SESSIONS_OF_A_SPLIT
        confirmed = filling.same_basis(self._broker.closes(expected), market, split.symbol)
        self._broker.led_nowhere = not confirmed
        return confirmed

    def _filled(self, market: Market, expected: tuple[date, ...]) -> Market:
        missing = filling.gaps(market, expected)
        if not missing:
            return market
        if problem := filling.fillable(market, expected, missing):
            log.warning("Yahoo's rows have a gap: %s", problem)
            return market
        sources = partial(self._candidates, expected)
        then = filling.fill(market, missing, sources, self._memory.last_look, self._rules.leverage)
        for day, source in then.origins.items():
            log.info("the close of %s is missing in Yahoo's rows and comes from %s", day, source.label)
        if self._broker is not None and filling.gaps(then, expected):
            self._broker.led_nowhere = True  # only the broker is asked again: Yahoo is to be spared
        return then

    def _candidates(self, expected: tuple[date, ...], market: Market, day: date) -> Iterator[Candidate | None]:
        yield filling.from_kept(self._memory.newest, market, day)
        for source, asked in ((Source.INTRADAY, self._intraday), (Source.BROKER, self._broker)):
            if asked is not None:
                yield filling.from_closes(source, asked.closes(expected), market, day)
        if look := self._memory.last_look(day):
            yield Candidate(Source.SEEN, look.close, look.fund)

    def _without_yahoo(self, second: SecondPrices, now: datetime, away: PricesUnavailable) -> Market:
        """The market from the kept window and the broker. Raises PricesUnavailable with both sources' reasons."""
        session, expected = self._expected(now)
        kept = self._memory.newest
        if kept is None:
            raise PricesUnavailable(f"{away}; and no earlier prices are kept that the broker's prices could continue")
        if kept.session == session and self._symbols == self._memory.symbols:
            closes: Closes = {}
        else:
            assert self._broker is not None
            closes = self._broker.closes(expected)
        try:
            quotes = second.last_prices()
        except BrokerUnavailable as error:
            raise PricesUnavailable(f"{away}; and the broker gave no prices: {error}") from error
        if lacking := [symbol for symbol in self._symbols if symbol not in quotes]:
            raise PricesUnavailable(f"{away}; and the broker has no price of {' and '.join(lacking)}")
        wanted = [quotes[symbol] for symbol in self._symbols]
        looks, leverage = self._memory.last_look, self._rules.leverage
        found = filling.without_yahoo(kept, expected, session, closes, wanted, leverage, looks)
        if isinstance(found, str):
            trouble = ""
            if self._broker is not None and kept.session != session:
                trouble = self._broker.trouble
                self._broker.led_nowhere = True
            raise PricesUnavailable(f"{away}; and {found}{f' ({trouble})' if trouble else ''}")
        return found

    def _expected(self, now: datetime) -> tuple[date, tuple[date, ...]]:
        """The session that is open or was last, and the finished sessions of its window."""
        table = self._table or self.sessions(now)
        session = table.current(now).date
        return session, table.before(session, self._rules.form.history)


def _with_untold_split(
    memory: PriceMemory, market: Market, session: date, now: datetime, confirmed: Callable[[Market, Split, int], bool]
) -> tuple[Market, tuple[basis.Moved, ...]]:
    """`market`, with a split that one fund's rows show and Yahoo does not report, if `confirmed` accepts it.

    Second come the funds whose rows are on a different basis from the kept rows; none while such a split waits.
    """
    kept = memory.newest
    moved = basis.moved(kept, market)
    if kept is None or not moved:
        return market, ()
    market = basis.without_other_splits(moved, kept, market)
    if (ratio := basis.split_in(moved)) is None:
        return market, moved
    sessions = memory.moved(moved[0].symbol, float(ratio), session, now)
    split = Split(moved[0].symbol, sessions[0], float(ratio))
    if not confirmed(market, split, len(sessions)):
        return market, ()
    log.warning("%s: a split %s:1 that Yahoo does not report is treated as one of %s", split.symbol, ratio, split.date)
    return replace(market, splits=(*market.splits, split)), moved


class NewBasis:
    """Rows on a different basis from the kept rows, which the owner accepts as right, and the split that they may show.

    The owner can confirm such a split only after Yahoo has had until the next session to report it.
    """

    def __init__(self, memory: PriceMemory, found: Market, table: SessionTable, now: datetime) -> None:
        self._memory, self._table, self._now, self._session = memory, table, now, table.current(now).date
        self.market, self._moved = _with_untold_split(
            memory, found, self._session, now, lambda _market, _split, sessions: sessions > 1
        )

    def take(self, history: int) -> list[str]:
        """Keep the rows. Call it once the split is in the book. Returns a sentence for each fund."""
        expected = self._table.before(self._session, history)
        if not self._moved or filling.gaps(self.market, expected):
            return []
        self._memory.put(kept_window(self.market, expected, self._session, self._now))
        return [
            f"{one.symbol}: rows {one.factor:.3g} times the earlier ones are accepted as right" for one in self._moved
        ]
