"""Requests to a gateway and their answers: a pending request is registered before it is sent.

Only a complete answer counts. If the end of an answer does not come in time, or the connection is lost, the request
raises BrokerUnavailable, and rows that had arrived are discarded. A request without a number is not repeated before its
end has come: that late end would end the second request before its rows had arrived.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any

from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.ports import Clock

# Seconds between two checks, while waiting for an answer, whether the daemon is being stopped.
LOOK_SECONDS = 0.25
TOO_LATE = "no complete answer came in time"
WHAT_IF = "what-if"


class PendingRequest:
    """One request and the rows of its answer so far."""

    def __init__(self, key: Hashable, question: str) -> None:
        self.key = key
        self.question = question
        self.rows: list[Any] = []
        self.trouble = ""
        self.arrived = threading.Event()


class PendingRequests:
    """The open requests by key: a request's number, or its name if the answer carries no number."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[Hashable, PendingRequest] = {}
        self._overdue: set[Hashable] = set()
        """requests without a number that were given up, and whose end may still come"""
        self._closed = ""

    def ask(self, key: Hashable, question: str, send: Callable[[], None]) -> PendingRequest:
        """Register the request, then send it. A key that is in use is a mistake of the caller."""
        request = PendingRequest(key, question)
        with self._lock:
            assert key not in self._open, f"{question} has already been requested"
            if self._closed or key in self._overdue:
                request.trouble = self._closed or TOO_LATE
                request.arrived.set()
                return request
            self._open[key] = request
        try:
            send()
        except OSError as error:
            self.end(key, f"the connection broke ({error})")
        return request

    def answer(self, request: PendingRequest, seconds: float) -> list[Any]:
        """The rows of a complete answer. Raises BrokerUnavailable."""
        if not self.arrives(request, seconds) and self.end(request.key, TOO_LATE) and isinstance(request.key, str):
            with self._lock:
                self._overdue.add(request.key)
        if request.trouble:
            raise BrokerUnavailable(f"the gateway did not answer for {request.question}: {request.trouble}")
        return request.rows

    def arrives(self, request: PendingRequest, seconds: float) -> bool:
        """Wait up to `seconds` for the end of the answer or of the connection; returns whether it came."""
        while not request.arrived.wait(min(LOOK_SECONDS, seconds)):
            seconds -= LOOK_SECONDS
            if seconds <= 0 or self._clock.stopping():
                return request.arrived.is_set()
        return True

    def put(self, key: Hashable, row: Any) -> bool:
        """Add a row to the answer for `key`; returns whether somebody is waiting for it."""
        with self._lock:
            request = self._open.get(key)
            if request is not None:
                request.rows.append(row)
            return request is not None

    def end(self, key: Hashable, trouble: str = "") -> bool:
        """Nothing more will come for `key`; `trouble` says why its rows do not count. Returns as `put` does."""
        with self._lock:
            request = self._open.pop(key, None)
            if request is None:
                self._overdue.discard(key)
        if request is not None:
            request.trouble = trouble
            request.arrived.set()
        return request is not None

    def close(self, trouble: str) -> None:
        """End all open requests with `trouble`."""
        with self._lock:
            self._closed = self._closed or trouble
            requests, self._open = list(self._open.values()), {}
        for request in requests:
            request.trouble = trouble
            request.arrived.set()
