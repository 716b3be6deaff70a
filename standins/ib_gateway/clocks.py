"""Clocks for a gateway in a process of its own."""

import time
from datetime import UTC, datetime, timedelta


def system_clock() -> datetime:
    return datetime.now(UTC)


class MovableClock:
    """Stands at a moment, or runs on from it at `rate` seconds per second; the system's time until it is set."""

    def __init__(self, moment: datetime | None = None, rate: float = 0.0) -> None:
        self._moment, self._rate, self._anchor = moment, rate, time.monotonic()

    def __call__(self) -> datetime:
        if self._moment is None:
            return system_clock()
        return self._moment + timedelta(seconds=(time.monotonic() - self._anchor) * self._rate)

    def set(self, moment: datetime, rate: float = 0.0) -> None:
        self._moment, self._rate, self._anchor = moment, rate, time.monotonic()
