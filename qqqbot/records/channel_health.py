"""channels.json: when each of the owner's addresses last accepted a message, and when and why it last refused one.

Notifications write the file, and the screens show it. It never contains an address itself.
"""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.ports import Clock
from qqqbot.records.codec import to_plain
from qqqbot.records.coerce import mapping, record, sequence, text
from qqqbot.records.status_file import write_status
from qqqbot.regular_file import json_object

log = logging.getLogger(__name__)

FILE = "channels.json"
DEAD_MAN = "dead man's address"


class ChannelHealth(NamedTuple):
    name: str
    delivered_at: datetime | None = None
    refused_at: datetime | None = None
    why: str | None = None
    """why the last message was refused"""

    @property
    def fails(self) -> bool:
        """Whether its newest answer was a refusal."""
        return self.refused_at is not None and (self.delivered_at is None or self.refused_at > self.delivered_at)


class ChannelRecord:
    """The health of the addresses called `names`, in a file that the daemon and notify-test share. Thread-safe."""

    def __init__(self, logs: Path, clock: Clock, names: Iterable[str]) -> None:
        self._logs = logs
        self._clock = clock
        self._names = tuple(names)
        self._guard = threading.Lock()

    def tried(self, name: str, why: str | None) -> None:
        """Record that `name` was just tried; `why` says why it refused, None if it accepted.

        On a full disk only this record is lost. Entries under other names are dropped: they are no longer addresses.
        """
        now = self._clock.now()
        with self._guard:
            channels = {health.name: health for health in self.all()}
            old = channels.get(name, ChannelHealth(name))
            channels[name] = old._replace(delivered_at=now) if why is None else old._replace(refused_at=now, why=why)
            try:
                write_status(self._logs / FILE, {"channels": [to_plain(health) for health in channels.values()]})
            except OSError as error:
                log.warning("%s cannot be written: %s", FILE, error.strerror)

    def all(self) -> tuple[ChannelHealth, ...]:
        known = {health.name: health for health in channels_in(self._logs)}
        return tuple(known.get(name, ChannelHealth(name)) for name in self._names)


def channels_in(logs: Path) -> tuple[ChannelHealth, ...]:
    """What the file in `logs` says; nothing if there is none or it is damaged."""
    rows = map(mapping, sequence(json_object(logs / FILE).get("channels")))
    return tuple(record(ChannelHealth, row, name=name) for row in rows if (name := text(row.get("name"))))
