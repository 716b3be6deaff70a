"""The owner's notification channels: Telegram, ntfy, mail, Discord and any other that apprise knows by its URL.

A message goes to every channel, and each has its own queue, attempts and deadline: one that hangs or refuses does not
delay the others. Each attempt is a child process, so apprise costs the daemon nothing while there is nothing to send.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, Self

from qqqbot.notifications.outbox import Outbox
from qqqbot.runtime.child_process import ChildFailed, ChildJobs
from qqqbot.runtime.secret_files import channel

# Six minutes in all: longer than a router's restart, shorter than a session.
PAUSES_SECONDS = (10.0, 60.0, 300.0)
DEADLINE_SECONDS = 60.0
CAPACITY = 50

# After this long every channel has accepted a message or given up on it.
GIVEN_UP_AFTER = timedelta(seconds=sum(PAUSES_SECONDS) + (len(PAUSES_SECONDS) + 1) * DEADLINE_SECONDS)

Accepted = Callable[[], None]


class Message(NamedTuple):
    title: str
    body: str


class Channel:
    """One address. `number` counts from 1, and stands for it wherever the address must not be shown."""

    def __init__(self, number: int, url: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._url = url
        self._deadline = deadline_seconds
        self.name = channel(number, url)
        self.jobs = ChildJobs()

    def problem(self, message: Message) -> str | None:
        """Try once. Returns why the message was not accepted, or None if it was."""
        job = {"url": self._url, "title": message.title, "body": message.body}
        try:
            problem: str | None = self.jobs.run("notifications.deliver", job, self._deadline)["problem"]
        except ChildFailed as failed:
            return f"did not accept it: {failed}"
        return problem

    def deliver(self, item: tuple[Message, Accepted]) -> str | None:
        message, accepted = item
        if (problem := self.problem(message)) is not None:
            return f"{self.name} {problem}"
        accepted()
        return None


class Channels:
    """All channels, each with a thread that sleeps until there is something to send."""

    def __init__(
        self,
        urls: tuple[str, ...],
        deadline_seconds: float = DEADLINE_SECONDS,
        pauses: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        each = [Channel(number, url, deadline_seconds) for number, url in enumerate(urls, 1)]
        self._outboxes = [
            Outbox(f"notification, {one.name}", one.deliver, one.jobs.abort, pauses, CAPACITY) for one in each
        ]

    def start(self) -> Self:
        for outbox in self._outboxes:
            outbox.start()
        return self

    def put(self, message: Message, accepted: Accepted = lambda: None) -> None:
        """Queue a message. Each channel that accepts it calls `accepted`, from its own thread."""
        for outbox in self._outboxes:
            outbox.put((message, accepted))

    @property
    def failure(self) -> str | None:
        """Each channel that gave up on its newest message, and why; None if there is none."""
        failures = [outbox.failure for outbox in self._outboxes if outbox.failure is not None]
        return f"{'; '.join(failures)}; try it with ./bot_control.sh notify-test" if failures else None

    def close(self, seconds: float) -> None:
        """Let deliveries that are under way end within `seconds` in all, then abort them."""
        for outbox in self._outboxes:
            outbox.finish()
        end = time.monotonic() + seconds
        for outbox in self._outboxes:
            outbox.close(max(0.0, end - time.monotonic()))
