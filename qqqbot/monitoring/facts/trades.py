"""What --trades, --performance and --logs show, from the files of the logs folder only.

Nothing here reads more of a file than it shows, except `performance`, which reads the whole book as a stream. Only rows
of one mode and account are shown: those in status.json or, if there is none, in the newest row of the book.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from qqqbot.model.instruments import Holding
from qqqbot.model.new_york import new_york_date
from qqqbot.monitoring import performance as book_performance
from qqqbot.monitoring.facts.answer import Answer
from qqqbot.monitoring.facts.changes import Changes, changes
from qqqbot.records.coerce import mapping, moment, number
from qqqbot.records.folder import Folder, Identity, damage, identity, present
from qqqbot.records.risk_line import Position, RiskLine, gain, life
from qqqbot.records.tail import Row, RowReader, last_lines, last_rows
from qqqbot.records.track import track_of
from qqqbot.regular_file import reading_if_there


@dataclass(frozen=True, slots=True)
class Trades(Answer):
    """Rows of the book as they were written, oldest first; `older`: there may be more before them."""

    trades: tuple[Row, ...]
    older: bool
    notes: tuple[str, ...]


class Rounds(NamedTuple):
    """How often a symbol was sold completely, and how often with a profit."""

    closed: int
    won: int


@dataclass(frozen=True, slots=True)
class Results(Answer):
    """The totals of the whole book, valued at `valued_at`. `since` is None if there is no book.

    `value` and `risk`, which has the drawdown, are None until a check has seen prices.
    """

    now: datetime
    since: datetime | None
    start_value: float
    value: float | None
    change: float | None
    change_pct: float | None
    realized_pnl: float
    commissions: float
    slippage: float
    slippage_bps: float | None
    trades: int
    rotations: int
    rounds: Mapping[str, Rounds]
    max_drawdown_pct: float | None
    time_in: book_performance.TimeIn | None
    notes: tuple[str, ...]
    income: float
    valued_at: datetime | None
    positions: tuple[Position, ...] = ()
    risk: RiskLine | None = None
    changes: Changes | None = None


class LogLine(NamedTuple):
    """`at` and `level` are None for a line that is not in the log's format."""

    at: str | None
    level: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Log(Answer):
    lines: tuple[LogLine, ...]
    notes: tuple[str, ...]


def trades(folder: Folder, limit: int) -> Trades:
    """The newest `limit` trades, oldest first. Raises OSError."""
    who = identity(folder, folder.status()[0])
    found = last_rows(folder.trades, limit, lambda row: who.owns(row) and row.get("kind", "trade") == "trade")
    notes = tuple(problem.text for problem in damage(folder.trades, found))
    return Trades(who, found.rows, older=not found.whole, notes=notes)


def performance(folder: Folder, now: datetime) -> Results:
    """The totals of the whole book, read as a stream. Raises OSError."""
    found, _ = folder.status()
    now, who = present(found, now), identity(folder, found)
    book, notes = _book(folder, who)
    portfolio = mapping(found.get("portfolio"))
    missing = number(portfolio.get("missing")) or 0.0
    if missing:
        notes = (*notes, f"{missing:,.2f} USD of the book's cash are not in the account, and not in these figures")
    ledger, costs, track = book.ledger, book.ledger.costs, track_of(folder.decisions, who)
    held, risk = life(ledger, track, missing)
    # If no money was ever put in, none is lost.
    value, worst = (None, None) if book.first is not None else (0.0, 0.0)
    valued_at = moment(mapping(found.get("last_signal")).get("timestamp"))
    if (equity := number(portfolio.get("equity"))) is not None:
        value = equity - missing
    elif risk is not None:
        value, valued_at = risk.value, risk.at
    capital = float(ledger.total_capital) - missing
    change, change_pct = gain(value, capital)
    return Results(
        who=who,
        now=now,
        since=book.first,
        start_value=capital,
        value=value,
        change=change,
        change_pct=change_pct,
        realized_pnl=float(ledger.realized_pnl),
        commissions=float(costs.commissions),
        slippage=float(costs.slippage),
        slippage_bps=float(costs.slippage / costs.traded * 10_000) if costs.traded else None,
        trades=ledger.trades,
        rotations=costs.rotations,
        rounds={s: Rounds(n, book.wins[s]) for s, n in book.rounds.items() if n or book.is_of_interest(Holding(s))},
        max_drawdown_pct=risk.worst_drawdown_pct if risk else worst,
        time_in=book_performance.time_in(book, now),
        notes=notes,
        income=float(ledger.income),
        valued_at=valued_at,
        positions=held,
        risk=risk,
        changes=changes(folder.decisions, who, track, new_york_date(now)),
    )


def _book(folder: Folder, who: Identity) -> tuple[book_performance.Performance, tuple[str, ...]]:
    """All rows of `who` added up, and what is wrong with the file."""
    book, reader = book_performance.Performance(), RowReader()
    with reading_if_there(folder.trades) as file:
        for row in filter(who.owns, reader.forwards(file)):
            try:
                book.apply(row)
            except book_performance.BAD_ROW:
                reader.garbage += 1
    return book, tuple(problem.text for problem in damage(folder.trades, reader))


def logs(folder: Folder, count: int) -> Log:
    """The newest `count` lines of the daemon's logs, oldest first, over as many days as needed. Raises OSError."""
    who = identity(folder, folder.status()[0])
    lines: list[str] = []
    for path in reversed(folder.log_files()):
        lines = last_lines(path, count - len(lines)) + lines
        if len(lines) == count:
            break
    return Log(who, tuple(map(log_line, lines)), _outside_the_log(folder))


def log_line(line: str) -> LogLine:
    """'2026-11-25T10:15:00.123-05:00 INFO text' in its parts; a line in any other format is all text."""
    at, _, rest = line.partition(" ")
    level, _, said = rest.partition(" ")
    if moment(at) is None or not level.isupper():
        return LogLine(None, None, line)
    return LogLine(at, level, said)


def _outside_the_log(folder: Folder) -> tuple[str, ...]:
    """The last line of nohup.log if that is newer than the log: a start that fails reports it there."""
    newest = folder.newest_log()
    try:
        outside = folder.nohup.stat()
    except FileNotFoundError:
        return ()
    if outside.st_size and (newest is None or outside.st_mtime > newest.stat().st_mtime):
        return (f"{folder.nohup.name} is newer and ends with: {' '.join(last_lines(folder.nohup, 1))}",)
    return ()
