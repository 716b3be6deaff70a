"""What the page shows, from the files of the logs folder only."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from qqqbot.monitoring.facts import charts
from qqqbot.monitoring.facts.status import Decision, Status, status
from qqqbot.monitoring.facts.trades import Log, Trades, logs, trades
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.tail import Row, last_rows

TRADES, DECISIONS, LOG_LINES = 10, 8, 20


class Charts(NamedTuple):
    months: charts.Months | None
    life: charts.Life


class Dashboard(NamedTuple):
    """`decisions` are rows of decisions.jsonl, oldest first."""

    status: Status
    trades: Trades
    decisions: tuple[Row, ...]
    log: Log
    charts: Charts


class DashboardReader:
    """Reads one folder repeatedly; its charts are computed again only after a new decision or trade."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._key: tuple[object, ...] | None = None
        self._charts: Charts | None = None

    def read(self, now: datetime) -> Dashboard:
        """Raises OSError."""
        folder = self._folder
        seen = status(folder, now)
        return Dashboard(
            status=seen,
            trades=trades(folder, TRADES),
            decisions=last_rows(folder.decisions, DECISIONS, seen.who.owns).rows,
            log=logs(folder, LOG_LINES),
            charts=self._drawn(seen.who, seen.last_signal),
        )

    def _drawn(self, who: Identity, signal: Decision | None) -> Charts:
        folder, seen_at = self._folder, signal.at if signal else None
        key = (who, seen_at, _size(folder.decisions), _size(folder.trades))
        if self._charts is None or self._key != key:
            self._key = key
            self._charts = Charts(charts.months(folder, who, seen_at), charts.life(folder, who))
        return self._charts


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return 0
