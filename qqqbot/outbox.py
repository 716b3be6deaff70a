"""What is to be delivered to strangers, handed over in microseconds and delivered behind the loop's back.

Bounded in every way: the oldest item is dropped when there are too many, each is tried a fixed number of times with
growing pauses, and the thread that does it lives only while there is something to deliver.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

log = logging.getLogger("qqqbot.outbox")

T = TypeVar("T")
# An item's delivery returns what is left of it, None for nothing, and what went wrong.
Delivery = Callable[[T], tuple[T | None, str]]
KILL_SECONDS = 2.0


class Outbox(Generic[T]):
    """`deliver` runs in the outbox's thread; `abort` makes it end at once. `pauses` are seconds between the tries."""

    def __init__(
        self, name: str, deliver: Delivery[T], abort: Callable[[], None], pauses: Sequence[float], capacity: int
    ) -> None:
        self._name = name
        self._deliver = deliver
        self._abort = abort
        self._pauses = pauses
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: str | None = None
        """why the newest delivery was given up, None where it succeeded"""

    def put(self, item: T) -> None:
        """Hand over. Never raises, never waits for a delivery."""
        with self._guard:
            self._items.append(item)
            if len(self._items) > self._capacity:
                self._items.popleft()
                log.warning("%s: too many wait to be delivered; the oldest was dropped", self._name)
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name=f"outbox-{self._name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads: the next hand-over tries again
                log.warning("%s: not delivered yet: %s", self._name, error)
            else:
                self._thread = thread

    def close(self, seconds: float) -> None:
        """Let what is under way end within `seconds`, then end it. Nothing is tried again."""
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        if thread is not None and thread.is_alive():
            self._abort()
            thread.join(KILL_SECONDS)
            log.warning("%s: given up, the daemon is stopping", self._name)

    def _run(self) -> None:
        try:
            while True:
                with self._guard:
                    if not self._items:
                        return
                    item = self._items.popleft()
                self._try(item)
        finally:
            with self._guard:
                self._thread = None

    def _try(self, item: T) -> None:
        rest: T | None = item
        problem = ""
        for pause in (*self._pauses, None):
            assert rest is not None
            rest, problem = self._deliver(rest)
            if rest is None:
                self.failure = None
                return
            if pause is None or self._closing.wait(pause):
                break
        self.failure = problem
        log.warning("%s: given up after %d tries: %s", self._name, len(self._pauses) + 1, problem)
