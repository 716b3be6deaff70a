"""Everything that was received and sent, for a test to inspect afterwards."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from standins.ib_gateway.codec import Message, Request

MOST_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Received:
    at_ns: int
    """time.monotonic_ns() when the frame's first byte had arrived"""
    connection: int
    client_id: int | None
    request: Request
    data: bytes

    @property
    def kind(self) -> str:
        return self.request.kind


@dataclass(frozen=True, slots=True)
class Sent:
    at_ns: int
    connection: int
    client_id: int | None
    message: Message
    data: bytes

    @property
    def kind(self) -> str:
        return self.message.kind


@dataclass
class Recording:
    """The newest `MOST_EVENTS` events; older events are forgotten, so that a long run needs little memory."""

    received: deque[Received] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    bytes_received: dict[int, int] = field(default_factory=dict)
    """connection number -> bytes; connections are numbered from 1 in the order they were accepted"""
    bytes_sent: dict[int, int] = field(default_factory=dict)
    connections: int = 0

    def requests(self, kind: str = "", client_id: int | None = None, connection: int | None = None) -> list[Received]:
        return [event for event in list(self.received) if _fits(event, kind, client_id, connection)]

    def messages(self, kind: str = "", client_id: int | None = None, connection: int | None = None) -> list[Sent]:
        return [event for event in list(self.sent) if _fits(event, kind, client_id, connection)]

    def kinds(self) -> list[str]:
        """The names of all requests, in the order of arrival."""
        return [event.kind for event in list(self.received)]

    def order_refs(self) -> Iterator[str]:
        return (event.request.text("order.orderRef") for event in self.requests("placeOrder"))

    def busiest_second(self, connection: int | None = None) -> int:
        """The largest number of requests within one second; the gateway's limit is 50."""
        times = [event.at_ns for event in self.requests(connection=connection)]
        return max((bisect_left(times, at + 10**9) - n for n, at in enumerate(times)), default=0)

    def clear(self) -> None:
        self.received.clear()
        self.sent.clear()


def _fits(event: Received | Sent, kind: str, client_id: int | None, connection: int | None) -> bool:
    return kind in ("", event.kind) and client_id in (None, event.client_id) and connection in (None, event.connection)
