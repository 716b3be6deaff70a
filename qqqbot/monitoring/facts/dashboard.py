"""Everything that the page shows, from the files of the logs folder only."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.new_york import new_york_date
from qqqbot.monitoring.facts.changes import Changes, changes
from qqqbot.monitoring.facts.charts import History, history
from qqqbot.monitoring.facts.status import Status, status
from qqqbot.monitoring.facts.trades import Log, Trades, logs, trades
from qqqbot.monitoring.facts.why import failed_gate
from qqqbot.records.coerce import moment, text
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.tail import Row, last_rows
from qqqbot.records.track import track_of

TRADES, RUNS, LOG_LINES = 12, 10, 20
DECISIONS = 300
"""that are searched for runs: ten days of checks every quarter of an hour"""


class Run(NamedTuple):
    """`length` checks in a row with the same result, since `since`; `row` is the newest. `open`: there may be more."""

    row: Row
    length: int
    since: datetime | None
    open: bool


class Shown(NamedTuple):
    """What runs, changes and charts depend on: only a new decision, trade or day makes them be computed again."""

    who: Identity
    today: date
    newest_signal: datetime | None
    decisions_bytes: int
    trades_bytes: int


class Dashboard(NamedTuple):
    """`runs` has the newest run first. `drawn` changes when the charts do.

    `changes` are None before the first valuation; the other figures of the risk line are in `status`.
    """

    status: Status
    trades: Trades
    runs: tuple[Run, ...]
    changes: Changes | None
    log: Log
    drawn: Shown


def dashboard(folder: Folder, now: datetime) -> Dashboard:
    """Raises OSError."""
    seen = status(folder, now)
    shown = _shown(folder, seen)
    return Dashboard(seen, trades(folder, TRADES), *_counted(folder, shown), logs(folder, LOG_LINES), shown)


def charts(folder: Folder, now: datetime) -> History:
    """Raises OSError."""
    return _history(folder, _shown(folder, status(folder, now)))


def _shown(folder: Folder, seen: Status) -> Shown:
    signal = seen.last_signal
    return Shown(
        seen.who, new_york_date(seen.now), signal.at if signal else None, _size(folder.decisions), _size(folder.trades)
    )


@lru_cache(maxsize=1)
def _counted(folder: Folder, shown: Shown) -> tuple[tuple[Run, ...], Changes | None]:
    who, decisions = shown.who, folder.decisions
    return (*islice(_runs(folder, who), RUNS),), changes(decisions, who, track_of(decisions, who), shown.today)


@lru_cache(maxsize=1)
def _history(folder: Folder, shown: Shown) -> History:
    return history(folder, shown.who, shown.newest_signal)


def _runs(folder: Folder, who: Identity) -> Iterator[Run]:
    found = last_rows(folder.decisions, DECISIONS, who.owns)
    groups = [[*rows] for _, rows in groupby(reversed(found.rows), _answer)]
    for rows in groups:
        since = moment(rows[-1].get("timestamp"))
        yield Run(rows[0], len(rows), since, open=rows is groups[-1] and not found.whole)


def _answer(row: Row) -> tuple[object, ...]:
    """What the checks of one run have in common. Each rotation is a run of its own."""
    if row.get("action") == "ROTATE":
        return ("ROTATE", row.get("timestamp"), row.get("round"))
    same = (text(row.get(key)) for key in ("action", "target", "held", "error"))
    return (*same, failed_gate(row))


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return 0
