"""Queries Yahoo and the calendar library. As its own process it may hang, leak or crash without harm to the daemon.

    python -m qqqbot.adapters.yahoo.child sessions --start 2024-11-24 --end 2027-11-24
    python -m qqqbot.adapters.yahoo.child prices --period 2y
    python -m qqqbot.adapters.yahoo.child all --start 2024-11-24 --end 2027-11-24 --period 2y

prints one JSON document on standard output, and nothing else there:

    {"schema": 1, "sessions": [[date, open, close], ...], "prices": {"QQQ": symbol, "TQQQ": symbol}}
    symbol: {"price": .., "time": .., "rows": [[date, close], ...], "splits": [[date, ratio], ...]}

with times in ISO 8601, UTC. A failure is {"schema": 1, "error": {"code": .., "text": ..}} and status 1; the codes are
those of SENTENCES. Rows are as Yahoo answered them, in its order, with the client's adjusted closes (null if there
is none): nothing is repaired here. The only seam is the HTTP session that the unmodified client is given, see
`new_session`. Importing this module is light.
"""

import argparse
import contextlib
import functools
import json
import math
import os
import pickle
import signal
import sqlite3
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.sessions import session_rows
from qqqbot.model.values import QQQ, TQQQ, Session

SCHEMA = 1
# The client asks for its cookie with 30 s and for a symbol's time zone with 10 s, whatever it is configured to.
REQUEST_TIMEOUT_SECONDS = 10
CHART_PATH = "/v8/finance/chart/"
CACHE_FILES = ("tkr-tz.db", "cookies.db")
LIGHT_PERIOD = "1y"

SENTENCES = {
    "rate_limited": "Yahoo refuses to answer for a while (429, too many requests)",
    "refused": "Yahoo refuses to answer (401 or 403)",
    "not_found": "Yahoo does not know the symbol (404)",
    "server_error": "Yahoo reports an internal error",
    "unreadable": "Yahoo's answer is not what was expected",
    "connection": "Yahoo cannot be reached: check this machine's network",
    "tls": "Yahoo's certificate is not accepted: check this machine's clock, proxy and certificates",
    "too_slow": "Yahoo did not answer in time",
    "empty": "Yahoo answered without prices",
    "cache": "the price client's own files are damaged (deleting them)",
    "calendar": "the calendar library has no sessions for these days: update it (./bot_control.sh update)",
}
"""code -> sentence for the owner"""

CODES = {
    "YFRateLimitError": "rate_limited",
    "YFDataException": "server_error",
    "YFTickerMissingError": "empty",
    "CertificateVerifyError": "tls",
    "SSLError": "tls",
    "Timeout": "too_slow",
    "ConnectTimeout": "too_slow",
    "InvalidJSONError": "unreadable",
    "JSONDecodeError": "unreadable",
    "RequestException": "connection",
    "PeeweeException": "cache",
    "UnpicklingError": "cache",
    "OSError": "connection",
}
"""name of an exception class of yfinance, curl_cffi, peewee or Python -> code; others are an unreadable answer"""

STATUS_CODES = {401: "refused", 403: "refused", 404: "not_found", 429: "rate_limited"}
"""HTTP status -> code; 500 and above are server_error"""


class SourceFailed(PricesUnavailable):
    """Yahoo or the calendar library gave no usable answer. `code` is one of SENTENCES."""

    def __init__(self, code: str, subject: str, detail: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {SENTENCES[code]} [{detail[:200]}]")


@dataclass(frozen=True, slots=True)
class History:
    """Daily rows of one symbol, oldest first, as columns of equal length; NaN if Yahoo had nothing.

    `open` and `close` are adjusted for splits, `adj_close` for dividends too; `dividends` are split-adjusted dollars
    and `splits` ratios, 0 on other days.
    """

    dates: list[date]
    open: list[float]
    close: list[float]
    adj_close: list[float]
    dividends: list[float]
    splits: list[float]


def sessions(start: date, end: date) -> list[Session]:
    """The exchange's sessions from `start` to `end`. Raises SourceFailed."""
    import exchange_calendars  # type: ignore[import-untyped]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's use of pandas is not ours to fix
            schedule = exchange_calendars.get_calendar("XNYS", start=start.isoformat(), end=end.isoformat()).schedule
    except (exchange_calendars.errors.CalendarError, ValueError) as error:
        raise SourceFailed("calendar", "exchange calendar", f"{start} to {end}: {error}") from error
    columns = zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    return [Session(day.date(), opens.to_pydatetime(), closes.to_pydatetime()) for day, opens, closes in columns]


def prices(period: str, session: Any = None) -> dict[str, Any]:
    """The `prices` of the document: QQQ's rows over `period`, and TQQQ's over a year. Raises SourceFailed."""
    session = session or new_session()
    return {symbol: _symbol_prices(symbol, span, session) for symbol, span in ((QQQ, period), (TQQQ, LIGHT_PERIOD))}


def daily_history(
    symbol: str, period: str | None = None, start: date | None = None, end: date | None = None, session: Any = None
) -> History:
    """All daily rows of `period` ("max", "5y"), or from `start` up to and without `end`. Raises SourceFailed."""
    span = {"period": period} if period else {"start": start, "end": end}
    frame, _ = _fetch(symbol, session or new_session(), auto_adjust=False, **span)
    wanted = ("Open", "Close", "Adj Close", "Dividends", "Stock Splits")
    return History([stamp.date() for stamp in frame.index], *(frame[name].astype(float).tolist() for name in wanted))


def quarter_hours(symbol: str, session: Any = None) -> tuple[list[datetime], list[float], list[float]]:
    """Start (aware), open and close of the regular 15-minute bars of the last 60 days. Raises SourceFailed."""
    frame, _ = _fetch(symbol, session or new_session(), period="60d", interval="15m", auto_adjust=False)
    starts = [stamp.to_pydatetime() for stamp in frame.index]
    return starts, frame["Open"].astype(float).tolist(), frame["Close"].astype(float).tolist()


def new_session(timeout_seconds: float = REQUEST_TIMEOUT_SECONDS, **options: Any) -> Any:
    """The HTTP session given to the client: curl_cffi's, with `options` such as proxies= and verify=.

    It keeps the last answer about prices, because the client passes on neither its status nor the dates of its rows,
    and it lets no request wait longer than `timeout_seconds`.
    """
    from curl_cffi.requests import Session as CurlSession

    class RecordingSession(CurlSession):  # type: ignore[type-arg]
        chart: Any = None

        def request(self, method: Any, url: str, **kwargs: Any) -> Any:  # type: ignore[override]
            wanted = min(kwargs.pop("timeout", None) or timeout_seconds, timeout_seconds)
            if CHART_PATH not in url:
                return super().request(method, url, timeout=wanted, **kwargs)
            self.chart = None
            self.chart = super().request(method, url, timeout=wanted, **kwargs)
            return self.chart

    return RecordingSession(impersonate="chrome", **options)


def classify(error: Exception, status: int | None) -> str:
    """The code of a failure, from the HTTP status if that is an error, else from the exception's class."""
    if status is not None and status >= 400:
        return STATUS_CODES.get(status, "server_error" if status >= 500 else "refused")
    if getattr(error, "yahoo_reason", None):
        return "server_error"
    return next((CODES[c.__name__] for c in type(error).__mro__ if c.__name__ in CODES), "unreadable")


def _symbol_prices(symbol: str, period: str, session: Any) -> dict[str, Any]:
    frame, meta = _fetch(symbol, session, period=period, auto_adjust=True)
    price, moment = meta.get("regularMarketPrice"), meta.get("regularMarketTime")
    if price is None or not isinstance(moment, datetime):  # pandas' Timestamp is one
        raise SourceFailed("empty", symbol, f"no live price: {price} at {moment}")
    closes = {stamp.date(): _number(close) for stamp, close in frame["Close"].items()}
    splits = frame["Stock Splits"]
    return {
        "price": _number(price),
        "time": moment.astimezone(UTC).isoformat(),
        "rows": [[day.isoformat(), closes.get(day)] for day in _answered_dates(session)],
        "splits": [[stamp.date().isoformat(), float(ratio)] for stamp, ratio in splits[splits > 0].items()],
    }


def _fetch(symbol: str, session: Any, interval: str = "1d", **options: Any) -> tuple[Any, Mapping[str, Any]]:
    """The client's frame of rows (none dropped), and its metadata. Raises SourceFailed."""
    import yfinance  # type: ignore[import-untyped]

    _prepare_cache()
    # Without this, the client turns most failures into an empty frame.
    yfinance.config.debug.hide_exceptions = False
    # The client's own cache keeps failed answers too.
    yfinance.data.YfData.cache_get.cache_clear()
    with warnings.catch_warnings(), _failures_of(symbol, session):
        warnings.simplefilter("ignore")  # the client's use of pandas is not ours to fix
        ticker = yfinance.Ticker(symbol, session=session)
        frame = ticker.history(interval=interval, actions=True, keepna=True, **options)
        meta: Mapping[str, Any] = ticker.history_metadata
    if frame.empty:
        raise SourceFailed("empty", symbol, "no rows")
    return frame, meta


@contextlib.contextmanager
def _failures_of(symbol: str, session: Any) -> Iterator[None]:
    """Foreign exceptions become SourceFailed here."""
    import peewee  # type: ignore[import-untyped]
    import yfinance

    foreign = (
        *(yfinance.exceptions.YFException, peewee.PeeweeException, pickle.UnpicklingError),
        *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    )
    try:
        yield
    except foreign as error:
        status = session.chart.status_code if session.chart is not None else None
        code = classify(error, status)
        found = f"HTTP {status}, " if status is not None else ""
        raise SourceFailed(code, symbol, f"{found}{type(error).__name__}: {error}") from error


def _answered_dates(session: Any) -> list[date]:
    """The New York date of each row that Yahoo sent. The client sorts, merges and adds rows silently."""
    stamps = session.chart.json()["chart"]["result"][0]["timestamp"]
    return [datetime.fromtimestamp(stamp, NEW_YORK).date() for stamp in stamps]


def _number(value: Any) -> float | None:
    """A float; None for one that is not finite (JSON cannot express it)."""
    number = float(value)
    return number if math.isfinite(number) else None


def cache_folder() -> Path:
    """Our own folder for the client's cookie and time zones: other programs cannot damage or lock it."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "qqqbot" / "yfinance"


@functools.cache
def _prepare_cache() -> None:
    """Point the client to an intact cache, or to none. A damaged file would make every call fail."""
    import yfinance

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in CACHE_FILES:
            _require_intact(folder / name)
    except (OSError, sqlite3.Error) as error:
        print(f"no cache for the price client: {folder}: {error}", file=sys.stderr)
        folder = Path(os.devnull) / "none"
    yfinance.set_tz_cache_location(str(folder))


def _require_intact(file: Path) -> None:
    """Delete a damaged database. Raises sqlite3.Error if it cannot be written."""
    try:
        _open_for_writing(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        _remove(file)
        _open_for_writing(file)


def _open_for_writing(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=2, isolation_level=None)) as database:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")


def _forget_cache() -> None:
    """A cookie that was refused, or that cannot be read, must not be sent again."""
    for name in CACHE_FILES:
        with contextlib.suppress(OSError):
            _remove(cache_folder() / name)


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)


def document(what: str, start: date | None, end: date | None, period: str, session: Any = None) -> dict[str, Any]:
    """The whole document, without raising SourceFailed: a failure is under `error`."""
    answer: dict[str, Any] = {"schema": SCHEMA}
    try:
        if what != "prices" and start is not None and end is not None:
            answer["sessions"] = session_rows(sessions(start, end))
        if what != "sessions":
            answer["prices"] = prices(period, session)
    except SourceFailed as failure:
        answer["error"] = {"code": failure.code, "text": str(failure)}
    return answer


def main(arguments: list[str] | None = None) -> int:
    """Print the document; 0 if it contains what was requested, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m qqqbot.adapters.yahoo.child", description="Prices and sessions as JSON."
    )
    parser.add_argument("what", choices=("sessions", "prices", "all"))
    parser.add_argument("--start", type=date.fromisoformat, help="first day of the sessions")
    parser.add_argument("--end", type=date.fromisoformat, help="last day of the sessions")
    parser.add_argument("--period", default="2y", help="length of QQQ's history")
    parser.add_argument("--deadline", type=int, default=0, help="end by SIGALRM after this many seconds; 0: never")
    args = parser.parse_args(arguments)
    if args.what != "prices" and (args.start is None or args.end is None):
        parser.error("sessions need --start and --end")
    signal.alarm(args.deadline)
    # What a library prints, even from C, goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        answer = document(args.what, args.start, args.end, args.period)
        json.dump(answer, output, allow_nan=False)
    if "error" in answer and args.what != "sessions":
        _forget_cache()
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
