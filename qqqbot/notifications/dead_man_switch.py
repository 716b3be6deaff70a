"""The dead man's switch: an outside address that is called while all is well, and rings when the calls stay away.

Called after each good check and, while the exchange is closed, every half hour as long as the last check was good. A
check that failed, could not trade because something is wrong, or was never made is therefore noticed elsewhere,
whatever became of this machine. Never called while trading is halted, whether the exchange is open or not: no decisions
are made then. Nor while the account has been without an answer for longer than its own nights need.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from qqqbot.notifications.outbox import Outbox
from qqqbot.runtime.child_process import ChildFailed, ChildJobs

IDLE_EVERY = timedelta(minutes=30)
# Interactive Brokers resets its servers from 00:15 to 01:45 New York time, on Friday nights from 23:00 to 03:00, and
# the gateway restarts itself at about midnight. Four hours are the longest of these, so that none of them rings; and
# what dies before 04:30 and stays dead still rings before 09:30, with an hour of the monitoring service's own patience.
ACCOUNT_NIGHT = timedelta(hours=4)
PAUSES_SECONDS = (5.0, 30.0)
DEADLINE_SECONDS = 20.0


class Ping:
    """Calls one secret address."""

    def __init__(self, url: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._url = url
        self._deadline = deadline_seconds
        self._jobs = ChildJobs()

    def outbox(self, pauses: tuple[float, ...] = PAUSES_SECONDS) -> Outbox[datetime]:
        """One place: a newer call makes an older one that still waits needless."""
        return Outbox("dead man's ping", self.deliver, self._jobs.abort, pauses, capacity=1).start()

    def deliver(self, _: datetime) -> str | None:
        problem = self.problem()
        return None if problem is None else f"the address {problem}"

    def problem(self) -> str | None:
        """Call once. None where it was answered well."""
        try:
            answer = self._jobs.run(
                "notifications.ping_child", {"url": self._url, "timeout": self._deadline / 2}, self._deadline
            )
        except ChildFailed as failed:
            return f"was not reached: {failed}"
        problem: str | None = answer["problem"]
        return problem


class DeadMan:
    """Decides when to call."""

    def __init__(self, outbox: Outbox[datetime]) -> None:
        self._outbox = outbox
        self._check: str | None = None
        self._called: datetime | None = None

    def look(
        self,
        last_check: Mapping[str, Any] | None,
        exchange_closed: bool,
        now: datetime,
        halted: bool = False,
        down_since: datetime | None = None,
    ) -> None:
        """`last_check` is the row of the newest check, as in decisions.jsonl.

        `down_since`: when the account ceased to answer, None where it answers or is not missed yet.
        """
        if last_check is None or not is_good(last_check) or halted or _longer_than_a_night(down_since, now):
            return
        fresh = last_check["timestamp"] != self._check
        due = self._called is None or not timedelta(0) <= now - self._called < IDLE_EVERY
        if fresh or (exchange_closed and due):
            self._check, self._called = last_check["timestamp"], now
            self._outbox.put(now)

    def close(self) -> None:
        self._outbox.close(0)


def is_good(check: Mapping[str, Any]) -> bool:
    """Whether nothing was wrong: a closed exchange is not an error, a halt is."""
    return check.get("action") != "FAILED" and check.get("error") is None


def _longer_than_a_night(down_since: datetime | None, now: datetime) -> bool:
    return down_since is not None and now - down_since > ACCOUNT_NIGHT
