"""Clocks for a gateway in a process of its own."""

import time
from datetime import UTC, datetime, timedelta


def system_clock() -> datetime:
    return datetime.now(UTC)


class MovableClock:
    """A clock that stands still, or runs at `rate` seconds per second, once set; until then, the system's time."""

    def __init__(self, moment: datetime | None = None, rate: float = 0.0) -> None:
        self._moment, self._rate, self._anchor = moment, rate, time.monotonic()

    def __call__(self) -> datetime:
        if self._moment is None:
            return system_clock()
        return self._moment + timedelta(seconds=(time.monotonic() - self._anchor) * self._rate)

    def set(self, moment: datetime, rate: float = 0.0) -> None:
        self._moment, self._rate, self._anchor = moment, rate, time.monotonic()
