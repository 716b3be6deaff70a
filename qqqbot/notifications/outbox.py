"""A queue of deliveries to an outside address: items are handed over in microseconds and delivered by a thread.

The queue is bounded in every way: if there are too many items, the oldest is dropped, and each item is tried a fixed
number of times with growing pauses. An item that waits for its next try delays no other. One thread serves the queue,
and sleeps while it is empty: if each item started a thread, the loop would wait until that thread runs.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Self, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
KILL_SECONDS = 2.0
# Request Timeout, Too Early, Too Many Requests: the only 4xx answers for which another try makes sense.
PASSING = frozenset({408, 425, 429})


class Failure(NamedTuple):
    """Why a delivery did not arrive; `status` is the HTTP status, 0 if it is not known."""

    why: str
    status: int = 0

    @property
    def final(self) -> bool:
        """Whether another try would fail too."""
        return 400 <= self.status < 500 and self.status not in PASSING


# The delivery of an item returns what went wrong, or None if it arrived.
Delivery = Callable[[T], Failure | None]


@dataclass(eq=False)
class _Waiting(Generic[T]):
    item: T
    urgent: bool
    subject: str
    due: float = 0.0
    tries: int = 0


@dataclass(eq=False)
class Outbox(Generic[T]):
    """`deliver` runs in the outbox's own thread; `abort` makes it end at once. `pauses` are seconds between tries."""

    name: str
    deliver: Delivery[T]
    abort: Callable[[], None]
    pauses: Sequence[float]
    capacity: int
    failure: str | None = None
    """why the newest delivery was given up, at first one of an earlier process; None if it succeeded"""

    def __post_init__(self) -> None:
        self._items: list[_Waiting[T]] = []
        self._trying: _Waiting[T] | None = None
        self._arrived = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"outbox-{self.name}", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def put(self, item: T, urgent: bool = False, subject: str = "") -> None:
        """Queue an item, before all others if it is `urgent`. Never raises, never waits for a delivery.

        It replaces an item on the same `subject` that still waits: old news must not arrive after new.
        """
        with self._arrived:
            if subject:
                self._items = [waiting for waiting in self._items if waiting.subject != subject]
                if self._trying is not None and self._trying.subject == subject:
                    self._trying.tries = len(self.pauses)
            self._items.append(_Waiting(item, urgent, subject))
            full = len(self._items) > self.capacity
            if full:
                self._items.remove(next((w for w in self._items if not w.urgent), self._items[0]))
            self._arrived.notify()
        if full:
            log.warning("%s: too many items wait to be delivered; the oldest was dropped", self.name)

    def finish(self) -> None:
        """Let the thread try each item that was not tried yet, and end; this call does not wait for it."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()

    def close(self, seconds: float) -> None:
        """Give a delivery under way `seconds` to end, then abort it. Nothing is tried again."""
        self.finish()
        if not self._thread.is_alive():
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.abort()
            self._thread.join(KILL_SECONDS)
            log.warning("%s: given up because the daemon is stopping", self.name)

    def _run(self) -> None:
        """Deliver until the outbox is closed and empty."""
        while (waiting := self._take()) is not None:
            failure = self._try(waiting.item)
            with self._arrived:
                self._trying = None
                tries_left = waiting.tries < len(self.pauses) and not self._closing
                again = failure is not None and not failure.final and tries_left
                if again:
                    waiting.due = time.monotonic() + self.pauses[waiting.tries]
                    waiting.tries += 1
                    self._items.append(waiting)
            if not again:
                self._ended(failure)

    def _take(self) -> _Waiting[T] | None:
        """Wait for the next item that is due, urgent items first; None once the outbox is closed and empty."""
        with self._arrived:
            while True:
                if self._closing:
                    self._items = [waiting for waiting in self._items if not waiting.tries]
                now = time.monotonic()
                due = [waiting for waiting in self._items if waiting.due <= now]
                if due:
                    self._trying = next((waiting for waiting in due if waiting.urgent), due[0])
                    self._items.remove(self._trying)
                    return self._trying
                if self._closing:
                    return None
                self._arrived.wait(min((waiting.due - now for waiting in self._items), default=None))

    def _ended(self, failure: Failure | None) -> None:
        self.failure = failure.why if failure else None
        if failure is not None:
            log.warning("%s: given up: %s", self.name, failure.why)

    def _try(self, item: T) -> Failure | None:
        """Try once. An unforeseen error is a failed try: if it ended this thread, nothing more would be delivered."""
        try:
            return self.deliver(item)
        except Exception as error:  # noqa: BLE001 (its text may quote an address, so only its kind is reported)
            return Failure(f"the try ended with {type(error).__name__}")
