"""What the page and the live terminal show, as plain values, from the files of the logs folder alone."""

from datetime import datetime
from pathlib import Path
from typing import Any

from qqqbot.monitoring.facts import charts as track
from qqqbot.monitoring.facts import status as status_report
from qqqbot.monitoring.facts import trades as report
from qqqbot.records.folder import Folder, identity
from qqqbot.records.tail import last_rows

TRADES, DECISIONS, LOG_LINES = 10, 8, 20

Facts = dict[str, Any]


class Dashboard:
    """Answers again and again for one folder; the charts are drawn anew only when a decision has come."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._charts: tuple[Any, Facts] = (None, {})

    def glance(self, now: datetime) -> Facts:
        """Status, and the newest trades, decisions and lines of the log. Raises OSError."""
        folder = self._folder
        who = identity(folder, folder.status()[0])
        return {
            "status": status_report.status(folder, now),
            "trades": report.trades(folder, TRADES),
            "decisions": last_rows(folder.decisions, DECISIONS, who.owns).rows,
            "log": report.logs(folder, LOG_LINES),
        }

    def whole(self, now: datetime) -> Facts:
        """The same with the lines of the charts. Raises OSError."""
        facts = self.glance(now)
        return {**facts, **self._drawn(facts["status"]["last_signal"])}

    def _drawn(self, signal: Facts | None) -> Facts:
        folder, seen_at = self._folder, signal["at"] if signal else None
        who = identity(folder, folder.status()[0])
        key = (who, seen_at, _size(folder.decisions), _size(folder.trades))
        known, charts = self._charts
        if known != key:
            charts = {"months": track.months(folder, who, seen_at), "life": track.life(folder, who)}
            self._charts = key, charts
        return charts


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return 0
