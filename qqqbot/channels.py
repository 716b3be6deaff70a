"""The owner's channels of notification: Telegram, ntfy, mail, Discord and whatever else apprise knows by its URL.

A message goes to each channel; one that does not take it is tried again alone. Each try is a child process, so that
apprise costs the daemon nothing while there is nothing to say.
"""

from dataclasses import dataclass, replace

from qqqbot.child_job import ChildJobs, JobFailed
from qqqbot.outbox import Outbox
from qqqbot.secret_urls import channel

# A tenth of an hour in all: longer than a router's restart, shorter than a session.
PAUSES_SECONDS = (10.0, 60.0, 300.0)
DEADLINE_SECONDS = 60.0
CAPACITY = 50


@dataclass(frozen=True, slots=True)
class Message:
    """`done` holds the numbers (from 0) of the channels that have it already."""

    title: str
    body: str
    done: frozenset[int] = frozenset()


class Channels:
    def __init__(self, urls: tuple[str, ...], deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._urls = urls
        self._deadline = deadline_seconds
        self._jobs = ChildJobs()

    def outbox(self, pauses: tuple[float, ...] = PAUSES_SECONDS) -> Outbox[Message]:
        return Outbox("notification", self.deliver, self._jobs.abort, pauses, CAPACITY).start()

    def deliver(self, message: Message) -> tuple[Message | None, str]:
        """Try once. Returns what is left to do, None for nothing, and what went wrong."""
        problems = self.problems(message)
        if not problems:
            return None, ""
        done = frozenset(range(len(self._urls))) - problems.keys()
        told = "; ".join(f"{channel(n + 1, self._urls[n])} {problem}" for n, problem in problems.items())
        return replace(message, done=done), f"{told}; try it with ./bot_control.sh notify-test"

    def problems(self, message: Message) -> dict[int, str]:
        """Number of each channel that did not take it, and why."""
        open_channels = [n for n in range(len(self._urls)) if n not in message.done]
        urls = [self._urls[n] for n in open_channels]
        try:
            answer = self._jobs.run(
                "notify_child", {"urls": urls, "title": message.title, "body": message.body}, self._deadline
            )
        except JobFailed as failed:
            # The slow one is not known, so all are tried again: twice is better than never.
            return dict.fromkeys(open_channels, f"did not take it: {failed}")
        results = dict(zip(open_channels, answer["results"], strict=True))
        return {n: problem for n, problem in results.items() if problem is not None}
