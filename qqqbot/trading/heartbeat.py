"""What the daemon tells about itself in status.json, at every check and at least once a minute."""

import contextlib
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from qqqbot import __version__
from qqqbot.model.ports import Clock
from qqqbot.model.values import SYMBOLS
from qqqbot.records.status_file import account_values, calendar_values, flip_values, portfolio_values, write_status
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.engine import Engine, equity_of

log = logging.getLogger(__name__)


@dataclass
class Heartbeat:
    """Writes the status of one daemon. `constants` are values that stay: the configuration, its fingerprint."""

    path: Path
    clock: Clock
    constants: dict[str, Any]
    notices: LogNotifier
    engine: Engine | None = None
    problem: str | None = None
    """what keeps the account from answering now; None where nothing does"""

    def __post_init__(self) -> None:
        self._started_at = self.clock.now()
        self._failing = False
        self._problem_since: datetime | None = None

    def beat(self, state: str, next_check: datetime | None = None) -> None:
        """Replace the file. A disk that refuses is told of once in the log: the check itself has its own gate.

        The old file is then touched, which takes no room: a reader sees that the daemon lives.
        """
        try:
            write_status(self.path, self._values(state, next_check))
        except OSError as error:
            if not self._failing:
                log.error("status.json cannot be written: %s", error)
            self._failing = True
            now = self.clock.now().timestamp()
            with contextlib.suppress(OSError):  # the disk is read-only, or there is no file yet
                os.utime(self.path, (now, now))
        else:
            self._failing = False

    def _values(self, state: str, next_check: datetime | None) -> dict[str, Any]:
        now = self.clock.now()
        self._problem_since = (self._problem_since or now) if self.problem else None
        return {
            "state": state,
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._started_at.isoformat(),
            "heartbeat_at": now.isoformat(),
            "next_check_at": next_check.isoformat() if next_check else None,
            "problem": self.problem,
            "problem_since": self._problem_since.isoformat() if self._problem_since else None,
            "notices": list(self.notices.recent),
            **self.constants,
            **(self._engine_values(self.engine, now) if self.engine else {}),
        }

    def _engine_values(self, engine: Engine, now: datetime) -> dict[str, Any]:
        seen = engine.state
        portfolio = engine.records.book.ledger.portfolio()
        prices = {s: seen.market.quote(s).price for s in SYMBOLS} if seen.market else None
        return {
            "mode": engine.broker.mode.value,
            "account": engine.broker.account,
            "calendar": calendar_values(seen.table, now),
            "last_check": seen.last_check,
            "last_signal": seen.last_signal,
            "flip": flip_values(seen.flips),
            "portfolio": portfolio_values(portfolio, equity_of(portfolio, prices)),
            "account_says": account_values(seen.account),
            "agrees": seen.agrees,
            "halted": engine.records.switch.reason(),
            "failures_in_row": seen.failures_in_row,
            "alerts": engine.alerts.lasting(),
        }
