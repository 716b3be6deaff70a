"""Reporting to the owner, rarely: each kind of trouble once when it begins and once when it is over.

`LogNotifier` writes to the log and keeps the newest events for the status page.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from qqqbot.model.ports import Clock, Notifier
from qqqbot.model.reasons import AlertKind

log = logging.getLogger(__name__)

KEPT = 20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at`, or that has lasted since then."""

    kind: AlertKind
    text: str
    at: datetime


class LogNotifier:
    """Notifications as warnings in the log; `recent` holds the newest for status.json."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.recent: deque[Event] = deque(maxlen=KEPT)

    def notify(self, kind: AlertKind, text: str) -> None:
        log.warning("%s: %s", kind, text)
        self.recent.append(Event(kind, text, self._clock.now()))


class Alerts:
    """Troubles that last: reported when they begin and when they are over."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._lasting: dict[AlertKind, Event] = {}

    def begin(self, kind: AlertKind, text: str, now: datetime, again: bool = False) -> None:
        """Report a trouble that lasts, once. If its text changes, it is reported again only if `again` is set."""
        known = self._lasting.get(kind)
        if known is None or (again and known.text != text):
            self._notifier.notify(kind, text)
        self._lasting[kind] = Event(kind, text, known.at if known else now)

    def end(self, kind: AlertKind) -> None:
        if known := self._lasting.pop(kind, None):
            self._notifier.notify(kind, f"over: {known.text}")

    def tell(self, kind: AlertKind, text: str) -> None:
        """Report an event, which does not last."""
        self._notifier.notify(kind, text)

    def lasting(self) -> tuple[Event, ...]:
        """The troubles that last now, oldest first."""
        return tuple(self._lasting.values())


@dataclass(eq=False)
class Outage:
    """Why the account does not answer, and since when; both are None while it answers."""

    problem: str | None = None
    since: datetime | None = None

    def update(self, problem: str | None, now: datetime) -> None:
        self.since = None if problem is None else self.since or now
        self.problem = problem
