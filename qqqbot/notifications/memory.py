"""notices.json: what the owner has been notified of, so that a restart repeats nothing, and forgets no trouble.

Something counts as reported once any channel has accepted the message. Until then it remains due, for the next process
too: at worst the owner gets a message twice, but never loses one.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from qqqbot.notifications.policy import History, Notice, without_repeats
from qqqbot.records.codec import UNREADABLE, from_plain, to_plain
from qqqbot.records.status_file import write_status
from qqqbot.regular_file import content
from qqqbot.trading.alerts import Event

log = logging.getLogger(__name__)

FILE = "notices.json"
# The most events that may wait for the morning, or for a channel that works again.
MOST_WAITING = 50


class NoticeMemory:
    """The history of one account and mode, and of the time before they were known. May be used from any thread."""

    def __init__(self, logs: Path) -> None:
        self._path = logs / FILE
        self._complained = False
        self._guard = threading.Lock()
        self._history = self._load()
        self._inherited = self._history.waiting

    @property
    def history(self) -> History:
        return self._history

    def belongs_to(self, whose: str) -> None:
        """Start over if the file belongs to another account or mode, whose events do not concern this one."""
        self._update(lambda old: old if old.whose == whose else replace(self._own(old), whose=whose))

    def add(self, item: Event) -> None:
        """Keep the event until it has been reported; if there are too many, drop the oldest."""
        self._update(lambda old: replace(old, waiting=(*old.waiting, item)[-MOST_WAITING:]))

    def died(self, at: datetime) -> None:
        self._update(lambda old: replace(old, died=at))

    def begin_weeks(self, digest: str, equity: float | None, capital: float, trades: int) -> None:
        """Record the values that the first digest compares with."""

        def begun(old: History) -> History:
            return replace(old, digest=digest, equity=equity, capital=capital, trades=trades)

        self._update(lambda old: old if old.digest else begun(old))

    def begin_evenings(self, holding: str) -> None:
        """Record the holding that the first letter compares with."""
        self._update(lambda old: old if old.evening_held else replace(old, evening_held=holding))

    def accept(self, whose: str, notices: Sequence[Notice]) -> None:
        """A channel has accepted `notices`, which were written for the history of `whose`."""

        def accepted(old: History) -> History:
            if whose not in ("", old.whose):
                return old
            for notice in notices:
                old = notice.accepted(old)
            return old

        self._update(accepted)

    def drop_repeats(self) -> None:
        self._update(without_repeats)

    def _own(self, old: History) -> History:
        own = tuple(item for item in old.waiting if item not in self._inherited)
        return History(waiting=own) if old.whose else old

    def _update(self, change: Callable[[History], History]) -> None:
        """Replace the file if something changed. If the disk refuses, the only cost is a repeated message."""
        with self._guard:
            new = change(self._history)
            if new != self._history:
                self._history = new
                self._save()

    def _save(self) -> None:
        try:
            write_status(self._path, to_plain(self._history))
        except OSError as error:
            if not self._complained:
                log.warning("%s cannot be written: %s", FILE, error.strerror)
            self._complained = True
        else:
            self._complained = False

    def _load(self) -> History:
        try:
            found: History = from_plain(History, json.loads(content(self._path)))
        except FileNotFoundError:
            return History()
        except (OSError, RecursionError, *UNREADABLE) as error:
            log.warning("%s cannot be used; starting with an empty one: %r", FILE, error)
            return History()
        return found
