"""Queries Yahoo and the calendar library. As its own process it may hang, leak or crash without harm to the daemon.

    python -m qqqbot.adapters.yahoo.child sessions --start 2024-11-24 --end 2027-11-24
    python -m qqqbot.adapters.yahoo.child prices --symbols QQQ TQQQ --period 1y
    python -m qqqbot.adapters.yahoo.child all --symbols QQQ TQQQ --start 2024-11-24 --end 2027-11-24 --period 1y
    python -m qqqbot.adapters.yahoo.child intraday --symbols QQQ TQQQ

prints one JSON document on standard output, and nothing else there:

    {"schema": 1, "sessions": [[date, open, close], ...], "prices": {"QQQ": symbol, "TQQQ": symbol}}
    symbol: {"price": .., "time": .., "rows": [[date, adjusted, close], ...], "splits": [[date, ratio], ...],
             "dividends": [[date, amount], ...], "symbol": .., "currency": .., "low": .., "high": .., "answered_at": ..}
    {"schema": 1, "intraday": {"QQQ": [[end of a session's last quarter of an hour, close], ...], "TQQQ": ...}}

with times in ISO 8601, UTC. A failure is {"schema": 1, "error": {"code": .., "text": ..}} and status 1; the codes are
the keys of SENTENCES. Rows are as Yahoo answered them, in its order, with null for missing values: nothing is repaired
here. `symbol` and `currency` are as named in the answer, `low` and `high` belong to the price's day, and `answered_at`
is the server's own time. Importing this module is cheap.
"""

import argparse
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, date, time, timedelta
from typing import Any

from qqqbot.adapters.yahoo.answer import Chart, Row
from qqqbot.adapters.yahoo.asking import SourceFailed, asked, new_session, server_time
from qqqbot.model.sessions import session_rows
from qqqbot.model.values import Session

SCHEMA = 1
REGULAR_HOURS = (time(9, 30), time(16))
QUARTER = timedelta(minutes=15)


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


def prices(symbols: Sequence[str], period: str, session: Any = None) -> dict[str, Any]:
    """The `prices` of the document, with the rows of `period`. Raises SourceFailed."""
    session = session or new_session()
    return {symbol: _symbol_prices(symbol, period, session) for symbol in symbols}


def whole_history(symbol: str, session: Any = None) -> Chart:
    """All daily rows that Yahoo has. Raises SourceFailed."""
    # For range=max Yahoo answers with monthly rows.
    return asked(symbol, session or new_session(), period1="0", period2=str(2**31))


def quarter_hours(symbol: str, session: Any = None) -> list[Row]:
    """The regular 15-minute bars of the last 60 days. Raises SourceFailed."""
    chart = asked(symbol, session or new_session(), range="60d", interval="15m")
    return [row for row in chart.rows if REGULAR_HOURS[0] <= row.time.time() < REGULAR_HOURS[1]]


def last_quarters(symbols: Sequence[str], session: Any = None) -> dict[str, list[tuple[str, float]]]:
    """End and close of each session's last 15-minute bar that has a close, by symbol. Raises SourceFailed."""
    session = session or new_session()
    found = {}
    for symbol in symbols:
        last = {
            bar.date: (bar.time, bar.close)
            for bar in quarter_hours(symbol, session)
            if bar.close is not None and bar.close > 0
        }
        found[symbol] = [((start + QUARTER).astimezone(UTC).isoformat(), close) for start, close in last.values()]
    return found


def _symbol_prices(symbol: str, period: str, session: Any) -> dict[str, Any]:
    chart = asked(symbol, session, range=period)
    if chart.price is None or chart.time is None:
        raise SourceFailed("empty", symbol, f"no live price: {chart.price} at {chart.time}")
    if not chart.rows:
        raise SourceFailed("empty", symbol, "no rows")
    answered_at = server_time(session)
    return {
        "price": chart.price,
        "time": chart.time.astimezone(UTC).isoformat(),
        "rows": [[row.date.isoformat(), row.adjusted, row.close] for row in chart.rows],
        "splits": [[day.isoformat(), ratio] for day, ratio in chart.splits],
        "dividends": [[day.isoformat(), amount] for day, amount in chart.dividends],
        "symbol": chart.symbol,
        "currency": chart.currency,
        "low": chart.low,
        "high": chart.high,
        "answered_at": answered_at.isoformat() if answered_at else None,
    }


def document(
    what: str,
    symbols: Sequence[str],
    start: date | None,
    end: date | None,
    period: str,
    session: Any = None,
) -> dict[str, Any]:
    """The whole document, without raising SourceFailed: a failure is under `error`."""
    answer: dict[str, Any] = {"schema": SCHEMA}
    try:
        if what == "intraday":
            answer["intraday"] = last_quarters(symbols, session)
            return answer
        if what != "prices" and start is not None and end is not None:
            answer["sessions"] = session_rows(sessions(start, end))
        if what != "sessions":
            answer["prices"] = prices(symbols, period, session)
    except SourceFailed as failure:
        answer["error"] = {"code": failure.code, "text": str(failure)}
    return answer


def main(arguments: list[str] | None = None) -> int:
    """Print the document; 0 if it contains what was requested, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m qqqbot.adapters.yahoo.child", description="Prices and sessions as JSON."
    )
    parser.add_argument("what", choices=("sessions", "prices", "all", "intraday"))
    parser.add_argument("--start", type=date.fromisoformat, help="first day of the sessions")
    parser.add_argument("--end", type=date.fromisoformat, help="last day of the sessions")
    parser.add_argument("--period", default="1y", help="length of the histories")
    parser.add_argument("--symbols", nargs="+", default=(), help="the signal, its fund, all others")
    parser.add_argument("--deadline", type=int, default=0, help="end by SIGALRM after this many seconds; 0: never")
    args = parser.parse_args(arguments)
    if args.what in ("sessions", "all") and (args.start is None or args.end is None):
        parser.error("sessions need --start and --end")
    if args.what != "sessions" and not args.symbols:
        parser.error("prices need --symbols")
    signal.alarm(args.deadline)
    # What a library prints, even from C, goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        answer = document(args.what, args.symbols, args.start, args.end, args.period)
        json.dump(answer, output, allow_nan=False)
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
