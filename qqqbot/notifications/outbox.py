"""A queue of deliveries to an outside address: handed over in microseconds, delivered by a thread.

Bounded in every way: the oldest item is dropped if there are too many, and each is tried a fixed number of times with
growing pauses. There is one thread, which sleeps while there is nothing to deliver: starting one for each item would
make the loop wait until it runs.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Self, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
# The delivery of an item returns what went wrong, or None if it arrived.
Delivery = Callable[[T], str | None]
KILL_SECONDS = 2.0


class Outbox(Generic[T]):
    """`deliver` runs in the outbox's thread, once started; `abort` makes it end at once. `pauses` are seconds."""

    def __init__(
        self,
        name: str,
        deliver: Delivery[T],
        abort: Callable[[], None],
        pauses: Sequence[float],
        capacity: int,
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
        """why the newest delivery was given up; None if it succeeded"""

    def start(self) -> Self:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Queue an item. Never raises, never waits for a delivery."""
        with self._arrived:
            self._items.append(item)
            full = len(self._items) > self._capacity
            if full:
                self._items.popleft()
            self._arrived.notify()
        if full:
            log.warning("%s: too many items wait to be delivered; the oldest was dropped", self._name)

    def finish(self) -> None:
        """Try each waiting item once more and end, without waiting for that."""
        self._closing.set()
        with self._arrived:
            self._arrived.notify()

    def close(self, seconds: float) -> None:
        """Let a delivery that is under way end within `seconds`, then abort it. Nothing is tried again."""
        self.finish()
        if not self._thread.is_alive():
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._abort()
            self._thread.join(KILL_SECONDS)
            log.warning("%s: given up because the daemon is stopping", self._name)

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
        tries = 0
        for pause in (*self._pauses, None):
            problem = self._problem(item)
            if problem is None:
                self.failure = None
                return
            tries += 1
            if pause is None or self._closing.wait(pause):
                break
        self.failure = problem
        log.warning("%s: given up after %s: %s", self._name, "1 try" if tries == 1 else f"{tries} tries", problem)

    def _problem(self, item: T) -> str | None:
        """An unforeseen error counts as a failed try: if this thread ended, nothing would be delivered any more."""
        try:
            return self._deliver(item)
        except Exception as error:  # noqa: BLE001 (its text may quote an address, so only its kind is reported)
            return f"the try ended with {type(error).__name__}"
