"""The dead man's switch: an outside service that is called while all is well and alerts when the calls stop.

It is called after each good check and, while the exchange is closed, every half hour as long as the last check was
good. A check that failed, could not trade because something is wrong, or was never made is therefore noticed elsewhere,
whatever happened to this machine. Whatever `status` calls halted or failing is an alarm or silence, never a good call.

An address of healthchecks.io's kind also learns what is going on: each call has the exit code and a sentence, and a
trouble that needs a person triggers its alert at once.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from qqqbot.notifications.channels import Address
from qqqbot.notifications.outbox import Failure, Outbox
from qqqbot.records.channel_health import DEAD_MAN
from qqqbot.trading.engine import Check

IDLE_EVERY = timedelta(minutes=30)
PAUSES_SECONDS = (5.0, 30.0)
DEADLINE_SECONDS = 20.0
_HEALTHCHECKS = re.compile(r"/ping/[\w-]+(/[\w-]+)?/?")


class Call(NamedTuple):
    """What a call says: the exit code of `status`, 0 if all is well, and a sentence."""

    code: int
    sentence: str

    @property
    def body(self) -> str:
        return f"exit code {self.code}: {self.sentence}"


TEST = Call(0, "a test")


@dataclass(eq=False, repr=False)
class Ping(Address):
    """Calls one secret address."""

    name: str = DEAD_MAN
    deadline_seconds: float = DEADLINE_SECONDS

    def outbox(self, pauses: tuple[float, ...] = PAUSES_SECONDS) -> Outbox[Call]:
        """An outbox for one call: a newer call replaces one that is still waiting."""
        return Outbox("dead man's ping", self.deliver, self.jobs.abort, pauses, capacity=1).start()

    def deliver(self, call: Call) -> Failure | None:
        """Make the call. An address that cannot be sent a failure is not called for one: it notices the silence."""
        if call.code != 0 and not takes_words(self.url):
            return None
        refusal = self.attempt(call)
        return refusal._replace(why=f"the address {refusal.why}") if refusal else None

    def attempt(self, call: Call = TEST) -> Failure | None:
        """Call once. Returns what went wrong, or None. Raises ChildStopped."""
        timeout = self.deadline_seconds / 2
        if not takes_words(self.url):
            return self.give(timeout=timeout)
        return self.give(timeout=timeout, url=self.url if call.code == 0 else failing(self.url), body=call.body)


def takes_words(url: str) -> bool:
    """Whether it works like healthchecks.io: it keeps a body, /fail alerts (https://healthchecks.io/docs/http_api/)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.hostname in ("hc-ping.com", "hchk.io") or _HEALTHCHECKS.fullmatch(parts.path) is not None


def failing(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


class DeadManSwitch:
    """Decides when to call."""

    def __init__(self, outbox: Outbox[Call]) -> None:
        self._outbox = outbox
        self._check: datetime | None = None
        self._called: datetime | None = None
        self._rung: Hashable = None

    def look(self, last_check: Check | None, exchange_closed: bool, now: datetime) -> None:
        """Call if it is due; to be used only while the daemon's status is healthy (records/verdict)."""
        if last_check is None or not last_check.good:
            return
        fresh = last_check.at != self._check
        due = self._called is None or not timedelta(0) <= now - self._called < IDLE_EVERY
        if fresh or (exchange_closed and due):
            self._check, self._called, self._rung = last_check.at, now, None
            self._outbox.put(Call(0, last_check.sentence))

    def ring(self, what: Hashable, call: Call) -> None:
        """Report at once, and once for each `what`, that something is wrong: silence is noticed only after a while."""
        if what != self._rung:
            self._rung = what
            self._outbox.put(call)

    def close(self) -> None:
        self._outbox.close(0)
