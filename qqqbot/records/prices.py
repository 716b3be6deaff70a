"""prices.jsonl: the bot's own memory of prices, append-only.

There are three kinds of rows:

    window  the finished closes that a decision used, once per session; while Yahoo is silent, once more after the
            session, with the broker's close of the session itself
    seen    the live prices of a check in a session's last half hour
    moved   once for each session in which a fund's rows look like a split that Yahoo does not report

Windows are compressed, so the file grows by about 0.7 MB a year and is kept forever. Loading reads only its end, which
takes 5 ms after ten years. A row about funds other than QQQ and TQQQ names them.

Law of this file: it never prevents a decision. If the disk refuses a row, that is logged once, and the process goes on
with its own memory. Prices belong to no account, so unlike in other records the rows of every mode count.
"""

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.model.market import Market
from qqqbot.model.provenance import KeptWindow, Seen, Source
from qqqbot.model.values import Mode, Snapshot
from qqqbot.records.codec import UNREADABLE, packed, unpacked
from qqqbot.records.coerce import moment, positive
from qqqbot.records.jsonl import SCHEMA, AppendOnlyFile
from qqqbot.records.tail import Row, RowReader, last_rows
from qqqbot.regular_file import reading_if_there

log = logging.getLogger(__name__)

# A price seen this shortly before the close may replace the session's close if there is nothing better.
NEAR_CLOSE = timedelta(minutes=30)
BETWEEN_LOOKS = timedelta(minutes=5)
LOOKS_REMEMBERED = 10
# Enough rows for a window and the looks of several sessions.
ROWS_READ = 60
# Prices have no more decimals than hundredths of a cent.
DECIMALS = 4
# A row has the prices of the signal and of its fund under these names, whatever the symbols are.
SIGNAL, FUND = DEFAULT_SYMBOLS


class PriceMemory:
    """The newest window and the newest looks, in the process and on disk."""

    def __init__(self, file: AppendOnlyFile, mode: Mode, account: str) -> None:
        self._file = file
        self._identity = {"schema": SCHEMA, "mode": mode.value, "account": account}
        self._opened = self._failing = False
        self.symbols: tuple[str, ...] = DEFAULT_SYMBOLS
        """the signal and its fund"""
        self._looks: dict[date, Seen] = {}
        self._moved: dict[date, tuple[str, float]] = {}
        self.newest: KeptWindow | None = None

    def load(self, now: datetime) -> str | None:
        """Open the file and read its end; returns what was set aside. Rows that cannot be read are skipped."""
        aside = None
        try:
            aside = self._file.open(now)
            self._opened = True
        except OSError as error:
            self._cannot_write(error)
        self._read()
        return aside

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Remember the prices of `symbols`, the signal and its fund, and forget all others: they are no witness."""
        if symbols != self.symbols:
            self.symbols, self.newest, self._looks, self._moved = symbols, None, {}, {}
            self._read()

    def _read(self) -> None:
        try:
            rows = last_rows(self._file.path, ROWS_READ).rows
        except OSError as error:
            log.error("%s cannot be read, so earlier prices are not known: %s", self._file.path.name, error)
            return
        for row in rows:
            try:
                self._take(row)
            except UNREADABLE as error:
                log.warning("%s: a row cannot be read and is skipped: %s", self._file.path.name, error)

    def last_look(self, session: date) -> Seen | None:
        """The last look at `session`, if it is one of the newest; None if there was none near its close."""
        return self._looks.get(session)

    def keep(self, snapshot: Snapshot) -> None:
        """Remember the closes and prices that the decision on `snapshot` used, if new. Never raises OSError."""
        market, session = snapshot.market, snapshot.session.date
        if self._better(snapshot):
            self.put(kept_window(market, snapshot.expected, session, snapshot.now))
        if self._near_close(snapshot):
            prices = {SIGNAL: market.signal_quote.price, FUND: market.fund_quote.price}
            self._write(snapshot.now, session, {"kind": "seen", "at": market.signal_quote.time.isoformat(), **prices})

    def put(self, window: KeptWindow) -> None:
        """Remember `window` as the newest. Never raises OSError."""
        self._write(window.at, window.session, _window_row(window))

    def moved(self, symbol: str, ratio: float, session: date, now: datetime) -> tuple[date, ...]:
        """Remember that the rows of `symbol` look split in `session`.

        Returns all sessions since the newest window in which they did. Never raises OSError.
        """
        if self._moved.get(session) != (symbol, ratio):
            self._write(now, session, {"kind": "moved", "symbol": symbol, "ratio": ratio})
        return tuple(sorted(day for day, other in self._moved.items() if other == (symbol, ratio)))

    def _better(self, snapshot: Snapshot) -> bool:
        """Whether the window is from a later session than the kept window, or has more of Yahoo's own rows."""
        known = self.newest
        if known is None or known.session != snapshot.session.date:
            return known is None or known.session < snapshot.session.date
        ends_later = known.dates[-1] > snapshot.expected[-1]
        return not ends_later and len(snapshot.market.origins) < len(known.sources)

    def _near_close(self, snapshot: Snapshot) -> bool:
        session, known = snapshot.session, self._looks.get(snapshot.session.date)
        near = snapshot.exchange_open and session.close - snapshot.now <= NEAR_CLOSE
        return near and (known is None or snapshot.market.signal_quote.time - known.at >= BETWEEN_LOOKS)

    def _write(self, now: datetime, session: date, values: Mapping[str, Any]) -> None:
        row = {"timestamp": now.isoformat(), "session": session.isoformat(), **values}
        row |= {} if self.symbols == DEFAULT_SYMBOLS else {"symbols": list(self.symbols)}
        self._take(row)
        try:
            if not self._opened:
                self._file.open(now)
                self._opened = True
            self._file.append({**row, **self._identity})
            self._failing = False
        except OSError as error:
            self._cannot_write(error)

    def _cannot_write(self, error: OSError) -> None:
        if not self._failing:
            log.error("%s cannot be written, so a restart will not know these prices: %s", self._file.path.name, error)
        self._failing = True

    def _take(self, row: Row) -> None:
        """Raises one of UNREADABLE."""
        if not _about(row, self.symbols):
            return
        match row.get("kind"):
            case "window":
                self.newest, self._moved = _window(row), {}
            case "moved":
                self._moved[date.fromisoformat(row["session"])] = str(row["symbol"]), positive(row["ratio"])
            case "seen":
                session = date.fromisoformat(row["session"])
                self._looks[session] = Seen(session, _aware(row["at"]), positive(row[SIGNAL]), positive(row[FUND]))
                self._looks = {day: self._looks[day] for day in sorted(self._looks)[-LOOKS_REMEMBERED:]}


def kept_windows(path: Path, symbols: tuple[str, ...]) -> Iterator[KeptWindow]:
    """The windows of `symbols` in the file at `path`, oldest first. Skips unreadable rows. Raises OSError."""
    with reading_if_there(path) as file:
        for row in RowReader().forwards(file):
            if row.get("kind") == "window" and _about(row, symbols):
                with contextlib.suppress(*UNREADABLE):
                    yield _window(row)


def _about(row: Row, symbols: tuple[str, ...]) -> bool:
    return bool(row.get("symbols", [*DEFAULT_SYMBOLS]) == [*symbols])


def kept_window(market: Market, dates: tuple[date, ...], session: date, at: datetime) -> KeptWindow:
    """The window of `dates` in `market`, whose closes are complete (see `gates.window_problem`)."""
    own = {bar.date: bar.close for bar in market.bars}
    fund = {bar.date: bar.close for bar in market.fund_bars}
    return KeptWindow(
        session=session,
        at=at,
        dates=dates,
        closes=tuple(own[day] for day in dates),
        fund=tuple(fund.get(day, math.nan) for day in dates),
        sources={day: source for day, source in market.origins.items() if day in dates},
    )


def _window_row(window: KeptWindow) -> dict[str, Any]:
    dates = [day.isoformat() for day in window.dates]
    values = {"dates": dates, SIGNAL: _rounded(window.closes), FUND: _rounded(window.fund)}
    sources = {day.isoformat(): source.value for day, source in window.sources.items()}
    return {"kind": "window", "sources": sources, "packed": packed(values)}


def _window(row: Row) -> KeptWindow:
    """The inverse of `_window_row`. Raises one of UNREADABLE."""
    values = unpacked(row["packed"])
    dates = tuple(date.fromisoformat(day) for day in values["dates"])
    own = tuple(positive(close) for close in values[SIGNAL])
    fund = tuple(math.nan if close is None else positive(close) for close in values[FUND])
    if not len(dates) == len(own) == len(fund) or list(dates) != sorted(set(dates)):
        raise ValueError("its dates and closes do not belong together")
    session = date.fromisoformat(row["session"])
    sources = {date.fromisoformat(day): Source(value) for day, value in row["sources"].items()}
    return KeptWindow(session, _aware(row["timestamp"]), dates, own, fund, sources)


def _rounded(closes: Sequence[float]) -> list[float | None]:
    """`closes`, with None for anything that is no price: no gate has checked the fund's rows."""
    rounded = [round(close, DECIMALS) if math.isfinite(close) else 0.0 for close in closes]
    return [close if close > 0 else None for close in rounded]


def _aware(value: Any) -> datetime:
    """`value` as an aware time. Raises ValueError for anything else."""
    found = moment(value)
    if found is None:
        raise ValueError(f"expected a time, found {value!r}")
    return found
