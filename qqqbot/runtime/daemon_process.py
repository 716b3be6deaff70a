"""The daemon as its owner's commands see it: which process holds the lock, and how far its start or its stop has come.

The lock on bot.pid decides, never the number in that file. status.json counts only if the process that holds the lock
has written it.
"""

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qqqbot.regular_file import REPLACING, descriptor, fresh, json_object
from qqqbot.runtime.halt_file import FILE
from qqqbot.runtime.lock import PID_FILE, holder

if TYPE_CHECKING:  # a command must not wait for imports that it does not need
    from qqqbot.model.ports import Clock

PAUSE_SECONDS = 0.1
STATUS_BYTES = 32 * 1024


class Readiness(Enum):
    """How the wait for the first check ended."""

    READY = auto()
    GONE = auto()
    LATE = auto()


class Patience(NamedTuple):
    """How long a command waits. The wait for the account is short: it may not answer until its owner has logged in."""

    ready_seconds: float = 120
    account_seconds: float = 20
    stop_seconds: float = 10
    # The daemon beats at least once a minute, and looks for HALT more often.
    halt_seconds: float = 75
    full_disk_seconds: float = 5

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Patience":
        """The usual patience, but for what `environment` changes; `stop` must not fail on a mistyped number."""
        usual = cls()
        return usual._replace(
            ready_seconds=_seconds(environment.get("QQQBOT_READY_SECONDS"), usual.ready_seconds),
            account_seconds=_seconds(environment.get("QQQBOT_ACCOUNT_SECONDS"), usual.account_seconds),
        )


def _seconds(text: str | None, usual: float) -> float:
    with contextlib.suppress(ValueError):
        if text and 0 <= (seconds := float(text)) < math.inf:
            return seconds
    return usual


class DaemonProcess:
    def __init__(
        self, logs: Path, clock: "Clock", patience: Patience, find_holder: Callable[[Path], int | None] = holder
    ) -> None:
        self._lock = logs / PID_FILE
        self._status, self._halt = logs / "status.json", logs / FILE
        self._clock = clock
        self._find_holder = find_holder
        self.patience = patience

    def pid(self) -> int | None:
        """The pid of the process that holds the lock. Raises StartRefused if that cannot be determined."""
        return self._find_holder(self._lock)

    def holds_lock(self, pid: int) -> bool:
        return self.pid() == pid

    def state(self, pid: int | None) -> str | None:
        """The state that process `pid` wrote last; None if an earlier daemon wrote it."""
        return self._written_by(pid).get("state")

    def confirms_halt(self, pid: int) -> str | None:
        """When process `pid` reported that it is halted, after HALT was written; None if it does not do so in time."""
        patience = self.patience.full_disk_seconds if self.cannot_write() else self.patience.halt_seconds
        began = self._clock.monotonic()
        while not (self._speaks_of_halt() and (said := self._written_by(pid)).get("halted")):
            if not self.holds_lock(pid) or self._clock.monotonic() - began >= patience:
                return None
            self._clock.wait(PAUSE_SECONDS)
        return str(said.get("heartbeat_at"))

    def cannot_write(self) -> str | None:
        """Why a daemon cannot write in its folder, which is made if it is missing; None if it can."""
        for path in (self._status, fresh(self._status)):
            if path.is_dir():  # a file cannot replace it: no command would learn how the daemon is
                return f"{path.name} is a folder; remove it"
        probe = self._status.with_name(".write-test")
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(descriptor(probe, REPLACING), "wb") as file:
                file.write(b" " * STATUS_BYTES)
        except OSError as error:
            return error.strerror
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
        return None

    def _speaks_of_halt(self) -> bool:
        """Whether the status is newer than HALT: an older status may report an earlier halt that has ended."""
        try:
            return self._status.stat().st_mtime_ns >= self._halt.lstat().st_mtime_ns
        except OSError:
            return False

    def _written_by(self, pid: int | None) -> dict[str, Any]:
        """What process `pid` wrote last into status.json."""
        found = json_object(self._status)
        return found if pid and found.get("pid") == pid else {}

    def wait_until_ready(
        self, find: Callable[[], int | None], is_alive: Callable[[], bool]
    ) -> tuple[int | None, Readiness]:
        """Wait for the process that `find` finds: READY after its first check, GONE once it is dead, LATE otherwise."""
        began = self._clock.monotonic()
        while self.state(pid := find()) != "running":
            if not is_alive():
                return pid, Readiness.GONE
            if self._is_late(pid, began):
                return pid, Readiness.LATE
            self._clock.wait(PAUSE_SECONDS)
        return pid, Readiness.READY

    def wait_until_gone(self, pid: int) -> bool:
        """True as soon as process `pid` has released the lock, False if it still holds it when patience ends."""
        return self.wait_until(lambda: not self.holds_lock(pid))

    def wait_until(self, stopped: Callable[[], bool]) -> bool:
        """Whether `stopped` becomes true within the patience for a stop."""
        deadline = self._clock.monotonic() + self.patience.stop_seconds
        while not stopped():
            if self._clock.monotonic() >= deadline:
                return False
            self._clock.wait(PAUSE_SECONDS)
        return True

    def _is_late(self, pid: int | None, began: float) -> bool:
        """Whether the daemon has had more time for its first check since `began` than it should need."""
        waiting = self.state(pid) == "waiting"
        patience = self.patience.account_seconds if waiting else self.patience.ready_seconds
        return self._clock.monotonic() - began >= patience
