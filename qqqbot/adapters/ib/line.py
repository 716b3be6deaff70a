"""The gateway's own line to Interactive Brokers, as the gateway reports it; remembered across connections to it.

That the bot has connected to the gateway again says nothing about that line, and a 1102 sent in the meantime is not
repeated. Without its line a gateway repeats 1100 to its clients, at least about once a minute (IbcAlpha/IBC#143, #251;
QuantConnect/Lean.Brokerages.InteractiveBrokers#258: 833 times in 15 hours). So after a lost line a new connection
counts only once the gateway has reported the line restored, or has been silent about it for longer than that, on one
connection or on several that break. A gateway that never reports it again therefore delays trading, and does not stop
it for good.
"""

import threading
from datetime import timedelta

from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.ports import Clock

READING = "connected; reading what happened since the last connection"
# More than twice the pause between two reports of a lost line.
SILENCE_SECONDS = 150.0


class Line:
    """The line of one gateway. Its methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = ""
        """the gateway's words; empty if it has not reported the line lost, or has reported it restored"""
        self._doubted: tuple[float, str] | None = None
        """until when the report of an earlier connection counts: monotonic, and in words"""
        self._silent = 0.0
        """for how many seconds connections that ended have heard nothing since the last report of the loss"""
        self._caught_up = False
        self._interruptions = 0

    def reconnecting(self) -> None:
        """A new connection to the gateway is about to be made."""
        with self._lock:
            rest = SILENCE_SECONDS - self._silent
            until = self._clock.now().astimezone(NEW_YORK) + timedelta(seconds=rest)
            self._doubted = self._clock.monotonic() + rest, f"{until:%H:%M:%S} New York"
            self._change(self._lost)

    def disconnected(self, seconds: float) -> None:
        """A connection that could hear reports for so many seconds has ended."""
        with self._lock:
            if self._lost and self._doubted:
                self._silent += seconds

    def lost(self, told: str) -> None:
        with self._lock:
            self._doubted, self._silent = None, 0.0
            self._change(told)

    def restored(self) -> None:
        with self._lock:
            self._change("")

    def interrupted(self) -> str:
        """Why the gateway must not be used now; empty if it may be used, READING if it must first catch up."""
        with self._lock:
            if self._lost and self._doubted:
                ends, until = self._doubted
                if self._clock.monotonic() < ends:
                    return f"{self._lost}; it has not reported the end of this, and is believed if silent until {until}"
                self._change("")
            return self._lost or ("" if self._caught_up else READING)

    def interruptions(self) -> int:
        """How often a line, the gateway's or the bot's to it, was lost or restored."""
        with self._lock:
            return self._interruptions

    def trust(self, interruptions: int) -> None:
        """Note that it has caught up. This has no effect if there was an interruption after number `interruptions`."""
        with self._lock:
            self._caught_up = self._caught_up or self._interruptions == interruptions

    def _change(self, lost: str) -> None:
        self._lost, self._caught_up = lost, False
        self._interruptions += 1
