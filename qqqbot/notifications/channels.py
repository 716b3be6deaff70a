"""The owner's channels of notification: Telegram, ntfy, mail, Discord and whatever else apprise knows by its URL.

A message goes to each channel, and each has a queue, tries and a deadline of its own: one that hangs or refuses keeps
no other waiting. Each try is a child process, so that apprise costs the daemon nothing while there is nothing to say.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from qqqbot.notifications.outbox import Outbox
from qqqbot.runtime.child_process import ChildFailed, ChildJobs
from qqqbot.runtime.secret_files import channel

# A tenth of an hour in all: longer than a router's restart, shorter than a session.
PAUSES_SECONDS = (10.0, 60.0, 300.0)
DEADLINE_SECONDS = 60.0
CAPACITY = 50

Settled = Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str


class Letter:
    """A message on its way to `copies` channels. `settled` is told once: that one of them has it, or that none took it.

    One is enough: the owner knows.
    """

    def __init__(self, message: Message, copies: int, settled: Settled) -> None:
        self.message = message
        self._copies = copies
        self._settled: Settled | None = settled
        self._guard = threading.Lock()

    def ended(self, delivered: bool) -> None:
        """What became of one copy."""
        with self._guard:
            self._copies -= 1
            known = delivered or self._copies == 0
            settled = self._settled if known else None
            if known:
                self._settled = None
        if settled is not None:
            settled(delivered)


class Channel:
    """One address. `number` counts from 1, and is its name wherever the address must not be told."""

    def __init__(self, number: int, url: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._url = url
        self._deadline = deadline_seconds
        self.name = channel(number, url)
        self.jobs = ChildJobs()

    def problem(self, message: Message) -> str | None:
        """Try once. Why it did not take it, None where it did."""
        job = {"url": self._url, "title": message.title, "body": message.body}
        try:
            problem: str | None = self.jobs.run("notifications.deliver_child", job, self._deadline)["problem"]
        except ChildFailed as failed:
            return f"did not take it: {failed}"
        return problem

    def deliver(self, letter: Letter) -> str | None:
        problem = self.problem(letter.message)
        return None if problem is None else f"{self.name} {problem}"


class Channels:
    """All of them. Threads that sleep until there is something to say, one for each."""

    def __init__(
        self,
        urls: tuple[str, ...],
        deadline_seconds: float = DEADLINE_SECONDS,
        pauses: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        each = [Channel(number, url, deadline_seconds) for number, url in enumerate(urls, 1)]
        self._outboxes = [
            Outbox(f"notification, {one.name}", one.deliver, one.jobs.abort, pauses, CAPACITY, Letter.ended)
            for one in each
        ]

    def start(self) -> Self:
        for outbox in self._outboxes:
            outbox.start()
        return self

    def put(self, message: Message, settled: Settled = lambda _: None) -> None:
        """Hand over. `settled` is called from another thread, or never where this process ends before."""
        letter = Letter(message, len(self._outboxes), settled)
        for outbox in self._outboxes:
            outbox.put(letter)

    @property
    def failure(self) -> str | None:
        """Each channel that gave up on its newest message, and why; None where there is none."""
        failures = [outbox.failure for outbox in self._outboxes if outbox.failure is not None]
        return f"{'; '.join(failures)}; try it with ./bot_control.sh notify-test" if failures else None

    def close(self, seconds: float) -> None:
        """Let what is under way end within `seconds` in all, then end it."""
        for outbox in self._outboxes:
            outbox.finish()
        end = time.monotonic() + seconds
        for outbox in self._outboxes:
            outbox.close(max(0.0, end - time.monotonic()))
