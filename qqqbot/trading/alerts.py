"""Telling the owner, rarely: each kind of trouble once when it begins and once when it has ended.

`LogNotifier` writes to the log and keeps the newest for the status page.
"""

import logging
from collections import deque
from datetime import datetime
from typing import Any

from qqqbot.model.ports import Clock, Notifier
from qqqbot.model.reasons import AlertKind

log = logging.getLogger(__name__)

KEPT = 20


class LogNotifier:
    """Notifications as warnings in the log; `recent` holds the newest for status.json."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.recent: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def notify(self, kind: AlertKind, text: str) -> None:
        log.warning("%s: %s", kind, text)
        self.recent.append({"kind": kind, "text": text, "at": self._clock.now().isoformat()})


class Alerts:
    """Troubles that last: told when they begin, when their text changes in kind, and when they are over."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._lasting: dict[AlertKind, tuple[str, datetime]] = {}

    def begin(self, kind: AlertKind, text: str, now: datetime) -> None:
        if kind not in self._lasting:
            self._notifier.notify(kind, text)
        self._lasting[kind] = (text, self._lasting.get(kind, (text, now))[1])

    def end(self, kind: AlertKind) -> None:
        if known := self._lasting.pop(kind, None):
            self._notifier.notify(kind, f"over: {known[0]}")

    def lasting(self) -> list[dict[str, Any]]:
        """What is wrong now, oldest first."""
        return [{"kind": k, "text": text, "at": at.isoformat()} for k, (text, at) in self._lasting.items()]
