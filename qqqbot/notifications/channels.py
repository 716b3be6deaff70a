"""The owner's notification channels: Telegram, ntfy, mail, Discord and any other that apprise knows by its URL.

A message goes to every channel, and each has its own queue, attempts and deadline: one that hangs or refuses does not
delay the others, and a message that is refused does not delay the next. Each attempt is a child process, so apprise
costs the daemon nothing while there is nothing to send.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Self

from qqqbot.model.program import COMMAND
from qqqbot.notifications.outbox import Failure, Outbox
from qqqbot.notifications.policy import clipped
from qqqbot.records.channel_health import DEAD_MAN, ChannelHealth
from qqqbot.runtime.child_process import ChildFailed, ChildJobs, ChildStopped
from qqqbot.runtime.secret_files import SecretUrls, channel

# Six minutes in all: longer than a router's restart, shorter than a session.
PAUSES_SECONDS = (10.0, 60.0, 300.0)
DEADLINE_SECONDS = 60.0
LISTEN_SECONDS = 30.0
CAPACITY = 50
# Pushover takes 1,024, Discord 2,000, Telegram 4,096; apprise splits what is too long for a channel that it knows.
MOST_CHARACTERS = 1000
SHORT_CHARACTERS = 100
# Bad Request, Content Too Large, Unprocessable Content: the service objects to the message, not to its sender.
ABOUT_THE_MESSAGE = frozenset({400, 413, 422})

# After this long every channel has accepted a message or given up on it.
GIVEN_UP_AFTER = timedelta(seconds=sum(PAUSES_SECONDS) + (len(PAUSES_SECONDS) + 1) * DEADLINE_SECONDS)

Accepted = Callable[[], None]
Tried = Callable[[str, str | None], None]
"""is called after each try with the channel's name and the reason why it did not accept the message, None if it did"""


def addresses(secrets: SecretUrls) -> list[str]:
    """The names under which the health of each address is kept."""
    names = [channel(number, url) for number, url in enumerate(secrets.notify, 1)]
    return [*names, *([DEAD_MAN] if secrets.ping else [])]


class Message(NamedTuple):
    """`urgent` messages go before others; a newer message on the same `subject` replaces one that still waits."""

    title: str
    body: str
    urgent: bool = False
    subject: str = ""

    @property
    def short(self) -> "Message":
        """A short message for a channel that refuses this one: mostly because of its length or its text."""
        return Message(self.title, f"{clipped(self.body, SHORT_CHARACTERS)}\nThe whole of it: {COMMAND} status")


@dataclass(eq=False, repr=False)
class Address:
    """An outside address that gets one job at a time. `name` stands for it wherever its `url` must not be shown."""

    url: str
    name: str
    deadline_seconds: float = DEADLINE_SECONDS
    tried: Tried = lambda _name, _why: None
    jobs: ChildJobs = field(default_factory=ChildJobs)

    def give(self, **job: Any) -> Failure | None:
        """Returns why it did not accept the job, or None if it did. Raises ChildStopped."""
        try:
            answer = self.jobs.run("notifications.deliver", {"url": self.url, **job}, self.deadline_seconds)
        except ChildStopped:
            raise
        except ChildFailed as failed:
            answer = {"problem": f"did not accept it: {failed}", "status": 0}
        self.tried(self.name, answer["problem"])
        return Failure(answer["problem"], answer["status"]) if answer["problem"] else None


class Channel(Address):
    def attempt(self, message: Message) -> Failure | None:
        """Try once. Returns why the message was not accepted, or None if it was. Raises ChildStopped."""
        return self.give(title=message.title, body=message.body)

    def replies(self, code: str, place: int) -> dict[str, Any]:
        """What `notifications.listen` answers about the replies with `code`. Raises ChildFailed."""
        job = {"url": self.url, "code": code, "place": place}
        return self.jobs.run("notifications.listen", job, LISTEN_SECONDS)

    def deliver(self, item: tuple[Message, Accepted]) -> Failure | None:
        message, accepted = item
        refusal = self.attempt(message)
        if refusal is not None and refusal.status in ABOUT_THE_MESSAGE:
            refusal = self.attempt(message.short)
        if refusal is not None:
            return refusal._replace(why=f"{self.name} {refusal.why}")
        accepted()
        return None


class Channels:
    """All channels, each with a thread that sleeps until there is something to send.

    A channel that failed in an earlier run, according to `known`, counts as failing until it accepts something.
    """

    def __init__(
        self,
        urls: Sequence[str],
        deadline_seconds: float = DEADLINE_SECONDS,
        pauses: tuple[float, ...] = PAUSES_SECONDS,
        tried: Tried = lambda _name, _why: None,
        known: Iterable[ChannelHealth] = (),
        jobs: Callable[[], ChildJobs] = ChildJobs,
    ) -> None:
        each = [Channel(url, channel(n, url), deadline_seconds, tried, jobs()) for n, url in enumerate(urls, 1)]
        failed = {health.name: f"{health.name} {health.why}" for health in known if health.fails}
        self._outboxes = [
            Outbox(f"notification, {one.name}", one.deliver, one.jobs.abort, pauses, CAPACITY, failed.get(one.name))
            for one in each
        ]

    def start(self) -> Self:
        for outbox in self._outboxes:
            outbox.start()
        return self

    def put(self, message: Message, accepted: Accepted = lambda: None) -> None:
        """Queue a message. Each channel that accepts it calls `accepted`, from its own thread."""
        for outbox in self._outboxes:
            outbox.put((message, accepted), message.urgent, message.subject)

    @property
    def failure(self) -> str | None:
        """Each channel that gave up on its newest message, and why; None if no channel did."""
        failures = [outbox.failure for outbox in self._outboxes if outbox.failure is not None]
        return "; ".join(failures) or None

    @property
    def all_fail(self) -> bool:
        return all(outbox.failure is not None for outbox in self._outboxes)

    def close(self, seconds: float) -> None:
        """Give the deliveries under way `seconds` in all to end, then abort them."""
        for outbox in self._outboxes:
            outbox.finish()
        end = time.monotonic() + seconds
        for outbox in self._outboxes:
            outbox.close(max(0.0, end - time.monotonic()))
