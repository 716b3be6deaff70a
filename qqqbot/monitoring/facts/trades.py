"""What the monitor's screens show, except status and reasons, as plain values, from the files of the logs folder alone.

The answers are dictionaries that `--json` prints as they are (times aware UTC) and `screens` puts into words. Nothing
here reads more of a file than it shows, except `performance`, which reads the whole book as a stream. Rows of one mode
and account are shown: those of status.json or, where there is none, of the book's newest row.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from qqqbot.monitoring import performance as book_performance
from qqqbot.records.coerce import mapping, moment, number
from qqqbot.records.folder import Folder, damage, identity, present, whose
from qqqbot.records.tail import RowReader, Rows, last_lines, last_rows

Facts = dict[str, Any]


def trades(folder: Folder, limit: int) -> Facts:
    """The newest `limit` trades, oldest first. Raises OSError."""
    who = identity(folder, folder.status()[0])
    found = last_rows(folder.trades, limit, lambda row: who.owns(row) and row.get("kind", "trade") == "trade")
    return {
        **whose(who),
        "trades": list(found.rows),
        "older": not found.whole,
        "notes": [problem.text for problem in damage(folder.trades, found)],
    }


def performance(folder: Folder, now: datetime) -> Facts:
    """What the whole book adds up to, read as a stream. Raises OSError."""
    found, _ = folder.status()
    now, who, reader = present(found, now), identity(folder, found), RowReader()
    book = book_performance.Performance()
    if folder.trades.exists():
        with folder.trades.open("rb") as file:
            for row in reader.forwards(file):
                if who.owns(row):
                    try:
                        book.apply(row)
                    except book_performance.BAD_ROW:
                        reader.garbage += 1
    equity = number(mapping(found.get("portfolio")).get("equity"))
    if equity is not None and book.first is not None:
        book.value(Decimal(str(equity)))
    return {
        **whose(who),
        "now": now,
        **_results(book, now),
        "notes": [p.text for p in damage(folder.trades, Rows((), reader.torn, reader.garbage))],
    }


def logs(folder: Folder, count: int) -> Facts:
    """The newest `count` lines of the daemon's logs, oldest first, from as many days as they take. Raises OSError."""
    who = identity(folder, folder.status()[0])
    lines: list[str] = []
    for path in reversed(folder.log_files()):
        lines = last_lines(path, count - len(lines)) + lines
        if len(lines) == count:
            break
    return {**whose(who), "lines": [log_line(line) for line in lines], "notes": _said_outside_the_log(folder)}


def log_line(line: str) -> Facts:
    """'2026-11-25T10:15:00.123-05:00 INFO text' in its parts; what is not of that form is all text."""
    at, _, rest = line.partition(" ")
    level, _, said = rest.partition(" ")
    if moment(at) is None or not level.isupper():
        return {"at": None, "level": None, "text": line}
    return {"at": at, "level": level, "text": said}


def _said_outside_the_log(folder: Folder) -> list[str]:
    """The last line of nohup.log where it is newer than the log: a start that failed says so there."""
    newest = folder.newest_log()
    try:
        outside = folder.nohup.stat()
    except FileNotFoundError:
        return []
    if outside.st_size and (newest is None or outside.st_mtime > newest.stat().st_mtime):
        return [f"{folder.nohup.name} is newer and ends with: {' '.join(last_lines(folder.nohup, 1))}"]
    return []


def _results(book: book_performance.Performance, now: datetime) -> Facts:
    ledger = book.ledger
    capital, equity = float(ledger.total_capital), float(book.equity)
    return {
        "since": book.first,
        "start_value": capital,
        "value": equity,
        **book_performance.change(equity, capital),
        "realized_pnl": float(ledger.realized_pnl),
        "commissions": float(book.commissions),
        "slippage": float(book.slippage),
        "slippage_bps": float(book.slippage / book.traded * 10_000) if book.traded else None,
        "trades": ledger.trades,
        "rotations": book.rotations,
        "rounds": {s: {"closed": book.rounds[s], "won": book.wins[s]} for s in book.rounds},
        "max_drawdown_pct": book.max_drawdown * 100,
        "time_in": book_performance.time_in(book, now),
    }
