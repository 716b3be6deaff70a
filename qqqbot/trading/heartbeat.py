"""What the daemon reports about itself in status.json, at every check and at least once a minute."""

import contextlib
import logging
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from qqqbot import __version__
from qqqbot.model.ports import Clock
from qqqbot.model.provenance import whose
from qqqbot.model.reasons import AlertKind
from qqqbot.records.codec import to_plain
from qqqbot.records.status_file import account_values, calendar_values, portfolio_values, write_status
from qqqbot.runtime.halt_file import HaltSwitch
from qqqbot.trading.alerts import Event, LogNotifier, Outage
from qqqbot.trading.engine import Engine, State

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Heartbeat:
    """Writes the status of one daemon. `constants` never change: the configuration and its fingerprint."""

    path: Path
    clock: Clock
    constants: dict[str, Any]
    notices: LogNotifier
    engine: Engine | None = None
    outage: Outage = field(default_factory=Outage)
    died_again: Event | None = None
    """that the last run died soon after the run before it; None if it did not"""
    unwritten: Event | None = None
    """since when and why the file cannot be replaced; None if it can"""

    def __post_init__(self) -> None:
        self._started_at = self.clock.now()
        self._switch = HaltSwitch(self.path.with_name("HALT"))

    def beat(self, state: str, next_check: datetime | None = None) -> None:
        """Replace the file. If the disk refuses, that is logged once; each check has its own gate for the disk.

        The old file is then touched, which takes no space, so that a reader sees that the daemon is alive.
        """
        try:
            write_status(self.path, self._values(state, next_check))
        except OSError as error:
            now, text = self.clock.now(), f"status.json cannot be written: {error}"
            if self.unwritten is None:
                log.error(text)
            self.unwritten = Event(AlertKind.DISK, text, self.unwritten.at if self.unwritten else now)
            with contextlib.suppress(OSError):  # the disk is read-only, or there is no file yet
                os.utime(self.path, (now.timestamp(), now.timestamp()))
        else:
            self.unwritten = None

    def _values(self, state: str, next_check: datetime | None) -> dict[str, Any]:
        now = self.clock.now()
        return {
            "state": state,
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._started_at.isoformat(),
            "heartbeat_at": now.isoformat(),
            "next_check_at": next_check.isoformat() if next_check else None,
            "problem": self.outage.problem,
            "problem_since": self.outage.since.isoformat() if self.outage.since else None,
            "halted": self._switch.reason(),
            "died_again": to_plain(self.died_again),
            "notices": [to_plain(event) for event in self.notices.recent],
            **self.constants,
            **(engine_values(self.engine, now) if self.engine else {}),
        }


def engine_values(engine: Engine, now: datetime) -> dict[str, Any]:
    """The values of the status that need a known account."""
    seen = engine.state
    return {
        "mode": engine.broker.mode.value,
        "account": engine.broker.account,
        "calendar": calendar_values(seen.table, now),
        "last_check": seen.last_check.row if seen.last_check else None,
        "last_signal": seen.last_signal.row if seen.last_signal else None,
        "flip": to_plain(seen.flips),
        "portfolio": portfolio_values(engine.portfolio(), engine.equity(), seen.missing),
        "costs": engine.records.book.ledger.costs._asdict(),
        "account_says": account_values(seen.account),
        "agrees": seen.agrees,
        "halted": engine.halted(),
        "prices": _prices_values(seen),
        "failures_in_row": seen.failures_in_row,
        "undecided": to_plain(engine.undecided()),
        "alerts": [to_plain(alert) for alert in engine.alerts.lasting()],
    }


def _prices_values(seen: State) -> dict[str, Any]:
    """Since when the price source is silent, and whose prices are used: null for Yahoo's, and if there were none."""
    silent, answered = seen.silent_since, seen.last_check is not None and not seen.last_check.failed
    whose_prices = (
        whose(seen.market.quoted_by, seen.market.origins, seen.market.signal) if seen.market and answered else ""
    )
    return {"silent_since": silent.isoformat() if silent else None, "from": whose_prices or None}
