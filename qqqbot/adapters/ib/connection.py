"""Maintains one connection to a gateway in the background: connects, catches up, and checks that it is alive.

Rule 1: after each connect and each 1101 or 1102, everything that may have been missed is read before the connection is
        used.
Rule 2: it tries forever, with growing pauses, and logs only when the problem changes. After a gateway has accepted and
        not answered, the pause is at least ten seconds: handshakes in a tight loop can wedge a gateway for good
        (nautechsystems/nautilus_trader#4796).
Rule 3: a connection counts as alive while it answers, whatever the client's isConnected() says.
"""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from qqqbot.adapters.ib.line import READING, Line
from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from qqqbot.model.ports import Clock
from qqqbot.runtime.daily_log import pairs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in real seconds, whatever the clock says: they measure a network."""

    connect: float = 10.0
    """from the first packet to the end of the greeting"""
    answer: float = 10.0
    """An account summary comes within two seconds on a quiet day."""
    heartbeat: float = 20.0
    """between two requests for the time"""
    beat: float = 5.0
    pauses: tuple[float, ...] = (1, 2, 5, 10, 20, 30, 60)
    mute_pause: float = 10.0
    quotes: float = 1.5
    news: float = 0.05
    """how long a search for an outcome waits for the next callback"""
    second: float = 1.0
    """the second in which the gateway accepts a limited number of messages"""


class NotNow(BrokerUnavailable):
    """A connection failed in a way that must not be retried sooner than `pause` seconds."""

    def __init__(self, text: str, pause: float) -> None:
        super().__init__(text)
        self.pause = pause


class Link(Protocol):
    """One connection."""

    line: Line
    attention: threading.Event
    """set when `ended` or `line` may have changed"""

    def ended(self) -> str:
        """Why the connection is no longer usable; empty while it is usable."""
        ...

    def beat(self) -> None:
        """Raises BrokerUnavailable if there is no sign of life in time."""
        ...

    def close(self, why: str) -> None: ...


L = TypeVar("L", bound=Link)


class ConnectionManager(Generic[L]):
    """`connect` makes a connection, `catch_up` reads what may have been missed; both raise BrokerUnavailable."""

    def __init__(
        self, connect: Callable[[], L], catch_up: Callable[[L], None], clock: Clock, timing: Timing | None = None
    ) -> None:
        self._connect = connect
        self._catch_up = catch_up
        self._clock = clock
        self._timing = timing or Timing()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._link: L | None = None
        self._refused: AccountRefused | None = None
        self._problem = "not connected to the gateway yet"
        self._logged = ""
        self._failures = 0
        self.since = -math.inf
        """monotonic moment at which the present unbroken stretch of connection began"""
        self._thread = threading.Thread(target=self._run, name="ib-connection", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        with self._changed:
            link = self._link
            self._changed.notify_all()
        if link is not None:
            link.close("closed by the bot")
        if self._thread.is_alive():
            # A connect in progress ends by its own deadline; the thread does not keep the process alive.
            self._thread.join(1)

    def ready(self) -> L:
        """The connection, usable at this moment. Raises BrokerUnavailable with what is wrong and what to do."""
        with self._changed:
            link, problem = self._link, self._problem
        if link is None:
            raise BrokerUnavailable(problem)
        if trouble := link.ended() or link.line.interrupted():
            raise BrokerUnavailable(trouble)
        return link

    def problem(self) -> str | None:
        try:
            self.ready()
        except BrokerUnavailable as unavailable:
            return str(unavailable)
        return None

    def refused(self) -> str | None:
        """Why the account that the gateway has now may not be traded; None if that is not the problem."""
        with self._changed:
            return str(self._refused) if self._refused else None

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a connection that is ready; returns whether there is one. Raises AccountRefused."""
        with self._changed:
            self._changed.wait_for(lambda: self._link or self._refused or self._closing.is_set(), seconds)
            if self._refused and self.since == -math.inf:
                raise self._refused
            return self._link is not None

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                pause = self._one_connection()
            except Exception as error:
                # A thread that dies here would silently leave the bot without a broker.
                log.exception("a bug in this program or in the client")
                self._down(f"a bug in this program or in the client, see the log ({error!r}); reconnecting")
                pause = self._timing.pauses[-1]
            self._closing.wait(pause)

    def _one_connection(self) -> float:
        """Run one connection from connect to end; returns the seconds to wait before the next connection."""
        began = self._clock.monotonic()
        try:
            link = self._connect()
        except AccountRefused as refused:
            self._down(str(refused), refused)
            return self._timing.pauses[-1]
        except NotNow as later:
            self._down(str(later))
            return max(self._pause(), later.pause)
        except BrokerUnavailable as unavailable:
            self._down(str(unavailable))
            return self._pause()
        connected = self._clock.monotonic()
        why = self._supervise(link)
        link.close(why)
        link.line.disconnected(self._clock.monotonic() - connected)
        self._down(why)
        if self._clock.monotonic() - began > self._timing.pauses[-1]:
            self._failures = 0
        return self._pause()

    def _pause(self) -> float:
        pauses = self._timing.pauses
        self._failures += 1
        return pauses[min(self._failures, len(pauses)) - 1]

    def _supervise(self, link: L) -> str:
        """Watch the connection until it ends; returns why it ended."""
        try:
            self._read_all(link)
            while not self._closing.is_set():
                link.attention.wait(self._timing.heartbeat)
                link.attention.clear()
                if ended := link.ended():
                    return ended
                interrupted = link.line.interrupted()
                if interrupted == READING:
                    self._read_all(link)
                elif interrupted:
                    self._log(interrupted)
                link.beat()
        except BrokerUnavailable as unavailable:
            return link.ended() or str(unavailable)
        return "closed by the bot"

    def _read_all(self, link: L) -> None:
        before = link.line.interruptions()
        # The gateway's answer to this comes after everything that it sends unasked at a connect, including an end of
        # open orders.
        link.beat()
        self._catch_up(link)
        with self._changed:
            link.line.trust(before)
            self._link = link
            self.since = self._clock.monotonic()
            self._problem = ""
            self._refused = None
            self._changed.notify_all()
        self._log("connected")

    def _down(self, problem: str, refused: AccountRefused | None = None) -> None:
        with self._changed:
            self._link = None
            self._problem = problem
            self._refused = refused
            self._changed.notify_all()
        if not self._closing.is_set():
            self._log(problem)

    def _log(self, text: str) -> None:
        if text != self._logged:
            self._logged = text
            log.info(pairs(gateway=text))
