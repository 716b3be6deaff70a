"""Requests that a gateway never answers to the end, remembered across connections.

Seen: executions without an end (TWS 10.30, erdewit/ib_insync#638, ib-api-reloaded/ib_async#54 and #82), account
summaries (ib_insync#689), completed orders (ib_insync#355, #224). A new connection helps if an answer got lost, but not
if the gateway never ends that answer. Reconnecting forever would then stop everything, instead of only the work that
needs the answer.
"""

import logging
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.requests import TOO_LATE, PendingRequest, PendingRequests
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.ports import Clock

log = logging.getLogger(__name__)

# If the first new connection has not helped, the next one is tried this many seconds later.
RENEW_SECONDS = 300.0
COMPLETED, EXECUTIONS = "completed orders", "executions"

LIST_EXECUTIONS = (
    "in the gateway: Configure, API, Settings: 'Send instrument-specific attributes for dual-mode API client in' UTC "
    "format; then restart it"
)
_ADVICE = {EXECUTIONS: LIST_EXECUTIONS}
_RESTART = "look at the gateway's window; if this continues, restart it"


class Silences:
    """The silent requests, by the name of their question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._silent: dict[str, tuple[datetime, float]] = {}
        """question -> since when there is no answer, and the monotonic moment at which a new connection was tried"""

    def missed(self, question: str) -> bool:
        """Note that the answer did not end; returns whether a new connection may help."""
        now = self._clock.monotonic()
        since, renewed = self._silent.get(question, (self._clock.now(), -math.inf))
        if now - renewed < RENEW_SECONDS:
            return False
        self._silent[question] = since, now
        return True

    def answered(self, question: str) -> None:
        self._silent.pop(question, None)

    def lasts(self, question: str) -> bool:
        return question in self._silent

    def about(self, question: str) -> str:
        """', since 10:15 New York; what to do', if it is silent."""
        if question not in self._silent:
            return ""
        since = self._silent[question][0].astimezone(NEW_YORK)
        return f", since {since:%H:%M} New York; {_ADVICE.get(question, _RESTART)}"

    def told(self) -> str | None:
        """The sentence about the first silent question that the bot needs; None if there is none."""
        needed = next((question for question in self._silent if question != COMPLETED), None)
        return needed and f"the gateway does not answer for {needed}{self.about(needed)}"


class Conversation:
    """The answers of one connection; `shut` ends it."""

    def __init__(
        self, requests: PendingRequests, silences: Silences, timing: Timing, shut: Callable[[str], None]
    ) -> None:
        self._requests = requests
        self._silences = silences
        self._timing = timing
        self._shut = shut
        self._completed: PendingRequest | None = None

    def answers(self, *requests: PendingRequest, seconds: float | None = None) -> list[list[Any]]:
        """All the answers. Raises BrokerUnavailable if one is missing.

        If a new connection may bring the missing answer, it also ends this connection.
        """
        given, trouble, end = [], "", False
        for request in requests:
            try:
                given.append(self._requests.answer(request, self._timing.answer if seconds is None else seconds))
                self._silences.answered(request.question)
            except BrokerUnavailable as unavailable:
                late = request.trouble == TOO_LATE
                end |= not late or self._silences.missed(request.question)
                trouble = trouble or f"{unavailable}{self._silences.about(request.question) if late else ''}"
        if end:
            self._shut(trouble)
        if trouble:
            raise BrokerUnavailable(trouble)
        return given

    def ask_completed(self, send: Callable[[], None]) -> PendingRequest:
        """Request completed orders, or return the open request: a second one disturbs the first (ib_insync#224)."""
        known = self._completed
        if known is None or known.arrived.is_set():
            if known is not None and not known.trouble:
                self._silences.answered(COMPLETED)
            self._completed = known = self._requests.ask("completed", COMPLETED, send)
        return known

    def hear_of(self, request: PendingRequest) -> None:
        """Wait for an optional answer as long as for any other, but not at all if it failed to come before."""
        silent = self._silences.lasts(request.question)
        if self._requests.arrives(request, 0.0 if silent else self._timing.answer):
            self._silences.answered(request.question)
        elif self._silences.missed(request.question):
            log.info("the gateway does not answer for %s: the bot manages without it", request.question)
