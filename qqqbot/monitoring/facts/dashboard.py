"""What the page shows, from the files of the logs folder only."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from qqqbot.monitoring.facts.changes import Changes, changes
from qqqbot.monitoring.facts.charts import History, history
from qqqbot.monitoring.facts.status import Decision, Status, status
from qqqbot.monitoring.facts.trades import Log, Trades, logs, trades
from qqqbot.monitoring.facts.why import When, Why, why
from qqqbot.records.coerce import mapping, moment, sequence, text
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.tail import Row, last_rows
from qqqbot.records.track import track_of

TRADES, RUNS, LOG_LINES = 12, 10, 20
DECISIONS = 300
"""looked at for runs: ten days of checks every quarter of an hour"""


class Run(NamedTuple):
    """`length` checks in a row that found the same, since `since`; `row` is the newest. `open`: there may be more."""

    row: Row
    length: int
    since: datetime | None
    open: bool


class Dashboard(NamedTuple):
    """`runs` are the newest first. `drawn` changes with the charts.

    `changes` are None before the first valuation; the other figures of the risk line are in `status`.
    """

    status: Status
    trades: Trades
    runs: tuple[Run, ...]
    log: Log
    drawn: tuple[object, ...]
    changes: Changes | None = None


class DashboardReader:
    """Reads one folder repeatedly; what depends on all decisions is computed again only after a new one or a trade."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._runs: tuple[tuple[object, ...], tuple[Run, ...]] = ((), ())
        self._changes: Changes | None = None
        self._history: tuple[tuple[object, ...], History] = ((), History())

    def read(self, now: datetime) -> Dashboard:
        """Raises OSError."""
        folder = self._folder
        seen = status(folder, now)
        drawn = self._key(seen.who, seen.last_signal)
        if self._runs[0] != drawn:
            self._runs = (drawn, (*islice(_runs(folder, seen.who), RUNS),))
            self._changes = changes(folder.decisions, seen.who, track_of(folder.decisions, seen.who))
        return Dashboard(seen, trades(folder, TRADES), self._runs[1], logs(folder, LOG_LINES), drawn, self._changes)

    def status(self, now: datetime) -> Status:
        """Raises OSError."""
        return status(self._folder, now)

    def history(self, now: datetime) -> History:
        """Raises OSError."""
        seen = status(self._folder, now)
        key = self._key(seen.who, seen.last_signal)
        if self._history[0] != key:
            signal = seen.last_signal
            self._history = (key, history(self._folder, seen.who, signal.at if signal else None))
        return self._history[1]

    def why(self, when: When, now: datetime) -> Why:
        """Raises OSError."""
        return why(self._folder, when, now)

    def _key(self, who: Identity, signal: Decision | None) -> tuple[object, ...]:
        return who, signal.at if signal else None, _size(self._folder.decisions), _size(self._folder.trades)


def _runs(folder: Folder, who: Identity) -> Iterator[Run]:
    found = last_rows(folder.decisions, DECISIONS, who.owns)
    groups = [[*rows] for _, rows in groupby(reversed(found.rows), _answer)]
    for rows in groups:
        since = moment(rows[-1].get("timestamp"))
        yield Run(rows[0], len(rows), since, open=rows is groups[-1] and not found.whole)


def _answer(row: Row) -> tuple[object, ...]:
    """What checks of one run have in common. A rotation is shown each time."""
    if row.get("action") == "ROTATE":
        return ("ROTATE", row.get("timestamp"), row.get("round"))
    same = (text(row.get(key)) for key in ("action", "target", "held", "error"))
    return (*same, _failed(sequence(row.get("gates"))))


def _failed(gates: Iterable[object]) -> str | None:
    """The first gate that did not pass."""
    return next((text(gate.get("name")) for gate in map(mapping, gates) if gate.get("passed") is False), None)


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return 0
