"""Asks the owner: sends an announcement to each channel that can answer, and reads the replies there.

Each channel has a thread, which hands the work to one child process after another; nobody waits for it. A restart needs
nothing that is remembered here: the replies are read again.
"""

import logging
import math
import threading
from collections.abc import Callable

from qqqbot.model.ports import Clock, Heard
from qqqbot.model.values import Answer
from qqqbot.notifications.channels import Channel, Message, Tried
from qqqbot.runtime.child_process import ChildFailed, ChildStopped
from qqqbot.runtime.secret_files import can_answer, channel

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
# A channel that refuses is asked less and less often: ntfy.sh bans clients that go on (binwiederhier/ntfy#1286).
LONGEST_SECONDS = 160.0
# After a quarter of an hour without an answer, none is to be expected within seconds.
SLOWLY_AFTER, SLOWLY_SECONDS = 90, 60.0


class Line:
    """One channel asked about one announcement."""

    def __init__(self, channel: Channel, code: str, message: Message | None, clock: Clock, every: float) -> None:
        self._channel, self._code, self._message = channel, code, message
        self._clock, self._every = clock, every
        self._closed, self._guard = threading.Event(), threading.Lock()
        self._answers: frozenset[Answer] = frozenset()
        self._read_since, self._problem, self._place = -math.inf, "", 0
        self._thread = threading.Thread(target=self._run, name=f"replies, {channel.name}", daemon=True)
        self._thread.start()

    def heard(self) -> Heard:
        with self._guard:
            return Heard(self._message is None, self._answers, self._read_since, self._problem)

    def end(self) -> None:
        self._closed.set()
        self._channel.jobs.abort()

    def _run(self) -> None:
        turns, pause = 0, 0.0
        while not self._closed.wait(pause):
            turns += 1
            try:
                problem = self._announced() if self._message is not None else self._read()
            except Exception as error:  # noqa: BLE001 (its text may quote an address; the thread must go on)
                problem = f"the try ended with {type(error).__name__}"
            if problem != self._problem:
                log.info("%s: %s", self._channel.name, f"replies {problem}" if problem else "replies can be read")
            with self._guard:
                self._problem = problem
            usual = self._every if turns < SLOWLY_AFTER else SLOWLY_SECONDS
            pause = min(max(pause, usual) * 2, LONGEST_SECONDS) if problem else usual

    def _announced(self) -> str:
        """Send the announcement; returns why the channel did not accept it, or an empty text."""
        assert self._message is not None
        refusal = self._channel.attempt(self._message)
        if refusal is not None:
            return f"{self._channel.name} {refusal.why}"
        with self._guard:
            self._message = None
        return ""

    def _read(self) -> str:
        began = self._clock.monotonic()
        try:
            found = self._channel.replies(self._code, self._place)
            problem = found["problem"]
            answers = frozenset(map(Answer, found["answers"]))
            place = int(found["place"])
        except ChildStopped:
            return ""
        except (ChildFailed, LookupError, ValueError, TypeError) as failed:
            problem = str(failed) if isinstance(failed, ChildFailed) else "answered with something else"
        if problem:
            return f"{self._channel.name} {problem}"
        with self._guard:
            self._answers |= answers
            self._read_since, self._place = began, place
        return ""


class Replies:
    """The channels that can answer. `message` turns the text of an announcement into a message."""

    def __init__(
        self,
        urls: tuple[str, ...],
        message: Callable[[str], Message],
        clock: Clock,
        tried: Tried = lambda _name, _why: None,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._urls = [(number, url) for number, url in enumerate(urls, 1) if can_answer(url)]
        self._message, self._clock, self._tried, self._every = message, clock, tried, every
        self._code, self._lines = "", list[Line]()

    def ask(self, code: str, text: str, delivered: bool) -> None:
        self.rest()
        message = None if delivered else self._message(text)
        self._code = code
        channels = [Channel(url, channel(number, url), tried=self._tried) for number, url in self._urls]
        self._lines = [Line(one, code, message, self._clock, self._every) for one in channels]

    def heard(self, code: str) -> Heard | None:
        if code != self._code:
            return None
        each = [line.heard() for line in self._lines]
        return Heard(
            bool(each) and all(one.delivered for one in each),
            frozenset[Answer]().union(*(one.answers for one in each)),
            min((one.read_since for one in each), default=-math.inf),
            "; ".join(one.problem for one in each if one.problem),
        )

    def rest(self) -> None:
        for line in self._lines:
            line.end()
        self._code, self._lines = "", []
