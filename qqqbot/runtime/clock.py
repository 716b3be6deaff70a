"""The only place that reads the machine's date and time; the daemon's waits are here too.

The daemon uses `SystemClock`; the demo and the simulation use `VirtualClock`. A wait ends when its time has passed or
when a stop is requested. The stop is a pipe, not a threading.Event: a signal handler that sets an Event can deadlock
with the main thread that waits on it (both take its lock), while writing a byte to a pipe takes no lock.
"""

import contextlib
import math
import os
import select
import signal
import time
import weakref
from datetime import UTC, datetime, timedelta


class StopRequest:
    """Set by a signal handler or another thread; never cleared."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self.close = weakref.finalize(self, _close_all, self._read_end, self._write_end)

    def on(self, *signals: signal.Signals) -> None:
        """Request a stop when one of `signals` arrives; to be called from the main thread.

        Python runs a handler between two of its own instructions. A signal that comes after the last one of them and
        before poll() sleeps would be handled only when poll() ends; the wake-up descriptor is written at once. A hangup
        that the caller has us ignore (nohup) stays ignored.
        """
        for number in signals:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: self.set())
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)

    def set(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is full of earlier requests
            os.write(self._write_end, b"s")

    def is_set(self) -> bool:
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """True as soon as a stop is requested, False after `seconds`."""
        waiting = select.poll()  # select() cannot watch a descriptor above 1023
        waiting.register(self._read_end, select.POLLIN)
        return bool(waiting.poll(math.ceil(max(0.0, seconds) * 1000)))


class SystemClock:
    """The machine's clock."""

    def __init__(self, stop: StopRequest | None = None) -> None:
        self._stop = stop or StopRequest()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)

    def stopping(self) -> bool:
        return self._stop.is_set()


class VirtualClock:
    """A clock that jumps: a wait returns at once, as if its time had passed. At `stop_at` it requests a stop."""

    def __init__(self, start: datetime, stop_at: datetime | None = None) -> None:
        self._now = start
        self._start = start
        self.stop_at = stop_at

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def wait(self, seconds: float) -> bool:
        if not self.stopping():
            self.advance(timedelta(seconds=max(0.0, seconds)))
        return self.stopping()

    def stopping(self) -> bool:
        return self.stop_at is not None and self._now >= self.stop_at

    def advance(self, by: timedelta) -> None:
        """Let time pass, at most up to `stop_at`."""
        later = self._now + by
        self._now = min(later, self.stop_at) if self.stop_at is not None else later


def _close_all(*descriptors: int) -> None:
    with contextlib.suppress(ValueError):  # not in the main thread
        if (written := signal.set_wakeup_fd(-1)) not in descriptors:
            signal.set_wakeup_fd(written)
    for descriptor in descriptors:
        os.close(descriptor)
