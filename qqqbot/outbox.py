"""What is to be delivered to strangers, handed over in microseconds and delivered behind the loop's back.

Bounded in every way: the oldest item is dropped when there are too many, and each is tried a fixed number of times with
growing pauses. One thread does it, asleep while there is nothing to deliver: starting one for each item would make the
loop wait until it runs.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Self, TypeVar

log = logging.getLogger("qqqbot.outbox")

T = TypeVar("T")
# An item's delivery returns what is left of it, None for nothing, and what went wrong.
Delivery = Callable[[T], tuple[T | None, str]]
KILL_SECONDS = 2.0


class Outbox(Generic[T]):
    """`deliver` runs in the outbox's thread, once started; `abort` makes it end at once.

    `pauses` are seconds between the tries.
    """

    def __init__(
        self, name: str, deliver: Delivery[T], abort: Callable[[], None], pauses: Sequence[float], capacity: int
    ) -> None:
        self._name = name
        self._deliver = deliver
        self._abort = abort
        self._pauses = pauses
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._arrived = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)
        self.failure: str | None = None
        """why the newest delivery was given up, None where it succeeded"""

    def start(self) -> Self:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Hand over. Never raises, never waits for a delivery."""
        with self._arrived:
            self._items.append(item)
            crowded = len(self._items) > self._capacity
            if crowded:
                self._items.popleft()
            self._arrived.notify()
        if crowded:
            log.warning("%s: too many wait to be delivered; the oldest was dropped", self._name)

    def close(self, seconds: float) -> None:
        """Let what is under way end within `seconds`, then end it. Nothing is tried again."""
        self._closing.set()
        with self._arrived:
            self._arrived.notify()
        if not self._thread.is_alive():
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._abort()
            self._thread.join(KILL_SECONDS)
            log.warning("%s: given up, the daemon is stopping", self._name)

    def _run(self) -> None:
        """Until closed and empty."""
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._items or self._closing.is_set())
                if not self._items:
                    return
                item = self._items.popleft()
            self._try(item)

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
