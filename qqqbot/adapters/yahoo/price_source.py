"""The daemon's price source: a child process with a deadline, whose answer is checked before use.

`ChildPrices` runs `adapters.yahoo.child`, which answers with one JSON document. Whatever the child does (hang, crash,
flood, print nonsense), the daemon gets a Market or a SessionTable, or a PricesUnavailable that says what was wrong. A
stop request ends the wait, and the child with it. Rows are handed on as they came; the gates judge them.
"""

import contextlib
import logging
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from qqqbot.adapters.yahoo.politeness import Backoff, longest_pause
from qqqbot.model.errors import CalendarEnded, PricesUnavailable
from qqqbot.model.market import Bar, DayRow, Dividend, Market, Other, Quote, Split
from qqqbot.model.new_york import new_york_date, new_york_text
from qqqbot.model.ports import Clock
from qqqbot.model.program import COMMAND
from qqqbot.model.sessions import Closures, SessionTable, Timetable, sessions_from_rows
from qqqbot.runtime.child_process import (
    GRACE_SECONDS,
    ChildFailed,
    ChildOutput,
    ChildStopped,
    module_command,
    run_child,
)
from qqqbot.runtime.foreign_text import washed
from qqqbot.strategy.parking import SESSIONS_LOOKED_AT

log = logging.getLogger(__name__)

SCHEMA = 1
CHILD = module_command("adapters.yahoo.child")
# A check against Yahoo takes 1 to 3 s; the client's own time-outs add up to 40 s.
DEADLINE_SECONDS = 60.0

HORIZON = timedelta(days=365)
RENEW_BEFORE_END = timedelta(days=60)
RENEW_AFTER = timedelta(days=1)
# (longest average, years of rows): Yahoo's 1y holds at least 250 sessions; an average needs its length less one, and
# some room.
YEARS_FOR, MOST_YEARS = ((230, 1), (480, 2), (1_230, 5)), 10
CURRENCY = "USD"
# An answer that came with the first table of sessions is used if it is no older than this.
EARLY_ANSWER_SECONDS = 30.0

# Rows of a share that is no witness: as many as parking needs; the close of the session before is among them.
OTHER_ROWS = SESSIONS_LOOKED_AT + 1
# A split with an unreadable ratio does not matter once it is this old: by then all rows and accounts are on its basis.
RECENT = timedelta(days=10)

Document = Mapping[str, Any]
Runner = Callable[[Sequence[str], float, Callable[[], bool]], ChildOutput]


class Stopped(PricesUnavailable):
    """The price request was dropped because the bot is stopping."""


class ChildPrices:
    """The PriceSource of the daemon.

    `symbols` are the signal, its leveraged fund and all other watched symbols; `long_period` is the length of the
    longest average; `closed_on` has the closures that only the owner knows; `times` says when checks are made.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        symbols: Sequence[str],
        long_period: int = 120,
        closed_on: Closures = MappingProxyType({}),
        times: Timetable | None = None,
        command: Sequence[str] = CHILD,
        deadline_seconds: float = DEADLINE_SECONDS,
        run: Runner = run_child,
    ) -> None:
        self._clock = clock
        self._symbols = tuple(symbols)
        self._years = next((years for longest, years in YEARS_FOR if long_period <= longest), MOST_YEARS)
        self._closed_on = closed_on
        self._times = times
        self._command = tuple(command)
        self._deadline = deadline_seconds
        self._run = run
        self._backoff = Backoff(rng)
        self._table: SessionTable | None = None
        self._built_at: datetime | None = None
        self._early: tuple[float, Document] | None = None

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Ask for `symbols` from now on."""
        if symbols != self._symbols:
            self._symbols, self._early = symbols, None

    def sessions(self, now: datetime) -> SessionTable:
        """The table of sessions from two years (more for long averages) before `now` to one year after.

        Raises PricesUnavailable, or CalendarEnded if the library does not reach `now`.
        """
        table = self._table
        if table is None or self._due(table, now):
            try:
                table = self._renewed(now)
            except PricesUnavailable as failure:
                if table is None or isinstance(failure, Stopped) or not _covers(table, now):
                    raise
                log.warning("the table of sessions of %s stays in use: %s", self._built_at, failure)
            self._table = table
        if table.ends() <= now:
            raise CalendarEnded(f"the calendar library ends before {new_york_text(now)}: {COMMAND} update")
        return table

    def market(self, now: datetime) -> Market:
        """Rows and live prices, as Yahoo gave them. Raises PricesUnavailable."""
        document = self._early_answer() or self._asked(now)
        try:
            market = read_market(document, self._symbols, self._session_date(now))
        except PricesUnavailable as failure:
            self._leave_alone(str(_error(document).get("code")), failure)
            raise
        self._backoff.succeeded()
        return market

    def intraday_closes(self, now: datetime) -> dict[str, dict[date, float]]:
        """The closes of whole sessions by their last 15-minute bars, by symbol. Raises PricesUnavailable."""
        if self._backoff.left(self._clock.monotonic(), now):
            raise PricesUnavailable(f"Yahoo is not asked for 15-minute bars; {self._backoff.reason}")
        ends = {session.close: session.date for session in self.sessions(now).sessions}
        symbols = self._symbols[:2]
        document = self._ask("intraday", "--symbols", *symbols)
        if "intraday" not in document:
            raise _failure_of(document)
        try:
            bars = {symbol: document["intraday"][symbol] for symbol in symbols}
            return {symbol: _at_the_close(rows, ends) for symbol, rows in bars.items()}
        except (LookupError, TypeError, ValueError) as error:
            raise PricesUnavailable(f"the 15-minute bars cannot be read: {washed(str(error))}") from error

    def _wanted(self) -> tuple[str, ...]:
        return ("--period", f"{self._years}y", "--symbols", *self._symbols)

    def _asked(self, now: datetime) -> Document:
        """Ask for prices, but not during the pause after a failure. Raises PricesUnavailable."""
        left = self._backoff.left(self._clock.monotonic(), self._clock.now())
        if left:
            then = new_york_text(now + timedelta(seconds=left))
            raise PricesUnavailable(f"Yahoo is not asked again before {then}; {self._backoff.reason}")
        try:
            return self._ask("prices", *self._wanted())
        except Stopped:
            raise
        except PricesUnavailable as failure:
            self._leave_alone("", failure)
            raise

    def _leave_alone(self, code: str, failure: PricesUnavailable) -> None:
        now = self._clock.now()
        limit = longest_pause(self._table, self._times, now)
        self._backoff.failed(self._clock.monotonic(), now, code, str(failure), limit)

    def _session_date(self, now: datetime) -> date | None:
        """The session that is open or closed last; today, if the table wrongly takes a closed day for a session."""
        if self._table is None or not _covers(self._table, now):
            return None
        return self._table.current(now).date

    def _due(self, table: SessionTable, now: datetime) -> bool:
        old = self._built_at is None or abs(now - self._built_at) > RENEW_AFTER
        return old or not _covers(table, now + RENEW_BEFORE_END)

    def _renewed(self, now: datetime) -> SessionTable:
        """A new table. The first one comes together with prices: importing the libraries twice takes a second."""
        first = self._table is None and not self._backoff.failures
        today = new_york_date(now)
        start, end = today - timedelta(days=366 * (self._years + 1)), today + HORIZON
        what = ("all", *self._wanted()) if first else ("sessions",)
        document = self._ask(*what, "--start", start.isoformat(), "--end", end.isoformat())
        if "sessions" not in document:
            raise _failure_of(document)
        try:
            table = SessionTable.build(sessions_from_rows(document["sessions"]), self._closed_on)
        except (ValueError, TypeError) as error:
            raise PricesUnavailable(f"the table of sessions cannot be read: {error}") from error
        self._built_at = now
        if first:
            self._early = (self._clock.monotonic(), document)
        return table

    def _early_answer(self) -> Document | None:
        """The prices that came with the first table of sessions, once, while they are fresh."""
        early, self._early = self._early, None
        if early is None or self._clock.monotonic() - early[0] > EARLY_ANSWER_SECONDS:
            return None
        return early[1]

    def _ask(self, *arguments: str) -> Document:
        """The document of one child process. Raises PricesUnavailable."""
        # With this limit the child ends on its own if this process is killed while the child hangs.
        limit = ("--deadline", str(math.ceil(self._deadline) + GRACE_SECONDS))
        try:
            answer = self._run((*self._command, *arguments, *limit), self._deadline, self._clock.stopping)
        except ChildStopped:
            raise Stopped("the price request was dropped because the bot is stopping") from None
        except ChildFailed as failed:
            raise PricesUnavailable(f"Yahoo's prices could not be fetched: {failed}") from None
        return _document(answer)


def _document(answer: ChildOutput) -> Document:
    with contextlib.suppress(ChildFailed):
        document = answer.document()
        if document.get("schema") == SCHEMA:
            return document
    words = f": {answer.last_words}" if answer.last_words else ""
    raise PricesUnavailable(f"the price process {answer.ended} and without an answer{words}")


def _failure_of(document: Document) -> PricesUnavailable | CalendarEnded:
    """The document's error as an exception."""
    error = _error(document)
    text = str(error.get("text", "the price process answered without what was requested"))
    return CalendarEnded(text) if error.get("code") == "calendar" else PricesUnavailable(text)


def _error(document: Document) -> Mapping[str, Any]:
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def read_market(document: Document, symbols: Sequence[str], session: date | None = None) -> Market:
    """The document's prices. The row of `session` (default: the live price's own day) is not a finished row.

    Raises PricesUnavailable.
    """
    if "prices" not in document:
        raise _failure_of(document)
    try:
        parts = {symbol: _of_symbol(document, symbol) for symbol in symbols}
        quotes = [_quote(symbol, part) for symbol, part in parts.items()]
        today = session or new_york_date(quotes[0].time)
        newest, answered = _bars(parts[symbols[0]])[-1].date, parts[symbols[0]].get("answered_at")
        bars, fund_bars, *others = (tuple(b for b in _bars(part) if b.date != today) for part in parts.values())
        return Market(
            bars=bars,
            newest_row=newest,
            signal_quote=quotes[0],
            fund_quote=quotes[1],
            fund_previous_close=_previous_close(fund_bars, bars),
            fund_bars=fund_bars,
            splits=tuple(split for symbol, part in parts.items() for split in _splits(symbol, part, newest)),
            answered_at=datetime.fromisoformat(answered) if answered else None,
            dividends=tuple(dividend for symbol, part in parts.items() for dividend in _dividends(symbol, part)),
            others={q.symbol: Other(q, rows[-OTHER_ROWS:]) for q, rows in zip(quotes[2:], others, strict=True)},
        )
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        problem = washed(f"{type(error).__name__}: {error}")
        raise PricesUnavailable(f"the price process's answer cannot be read: {problem}") from error


def _quote(symbol: str, part: Document) -> Quote:
    moment = datetime.fromisoformat(part["time"])
    if moment.tzinfo is None:
        raise ValueError(f"{symbol}'s time has no zone: {moment}")
    return Quote(symbol, _close(part["price"]), moment, _day_row(part, new_york_date(moment)))


def _of_symbol(document: Document, symbol: str) -> Document:
    """The document's part about `symbol`. Raises PricesUnavailable if Yahoo's answer was about something else."""
    part: Document = document["prices"][symbol]
    found = (part["symbol"], part["currency"])
    if found != (symbol, CURRENCY):
        raise PricesUnavailable(f"Yahoo was asked for {symbol} in {CURRENCY} and answered for {found[0]} in {found[1]}")
    return part


def _day_row(part: Document, day: date) -> DayRow | None:
    """The row of the live price's own day; None if there is none.

    Where Yahoo has null or zero, the close stands for low and high, and the live price for the close.
    """
    close = next((row[2] for row in reversed(part["rows"]) if row[0] == day.isoformat()), None)
    low, high = part["low"] or close, part["high"] or close
    return DayRow(float(low), float(high), float(close or part["price"])) if low and high else None


def _splits(symbol: str, part: Document, newest: date) -> list[Split]:
    """The splits that change something. Raises PricesUnavailable for a recent split with an unknown ratio."""
    found = [Split(symbol, date.fromisoformat(day), float(ratio)) for day, ratio in part["splits"]]
    for split in found:
        if split.ratio <= 0 and newest - split.date < RECENT:
            raise PricesUnavailable(f"{symbol}: Yahoo reports a split on {split.date}, but not its ratio")
    return [split for split in found if split.ratio > 0 and split.ratio != 1]


def _bars(part: Document) -> list[Bar]:
    return [Bar(date.fromisoformat(day), _close(close), _close(unadjusted)) for day, close, unadjusted in part["rows"]]


def _dividends(symbol: str, part: Document) -> list[Dividend]:
    found = [Dividend(symbol, date.fromisoformat(day), float(amount)) for day, amount in part.get("dividends", ())]
    return [dividend for dividend in found if dividend.amount > 0]


def _at_the_close(rows: Iterable[tuple[str, float]], ends: Mapping[datetime, date]) -> dict[date, float]:
    """date -> close, for bars that end with a session: a bar that ends earlier is not the session's close."""
    timed = [(datetime.fromisoformat(end), float(close)) for end, close in rows]
    return {ends[end]: close for end, close in timed if end in ends}


def _close(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _previous_close(fund_bars: Sequence[Bar], bars: Sequence[Bar]) -> float | None:
    """The fund's close of the signal's last finished session; None if there is none."""
    closes = {bar.date: bar.close for bar in fund_bars if math.isfinite(bar.close)}
    return closes.get(bars[-1].date) if bars else None


def _covers(table: SessionTable, moment: datetime) -> bool:
    return bool(table.sessions) and table.sessions[0].open <= moment < table.ends()
