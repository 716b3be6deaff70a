"""How long Yahoo is left alone after failures: longer after each one, but always with time left for two more tries."""

import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from qqqbot.model.sessions import SessionTable, Timetable
from qqqbot.strategy.gates import LAST_SAFE_SECONDS

# First and longest pause, in seconds. After a 429 they are longer, because it can last for days.
PAUSES = {"rate_limited": (120.0, 900.0)}
DEFAULT_PAUSES = (20.0, 300.0)
JITTER = 0.25

# In the decision window the bot looks once a minute until it has decided; a try may take a minute itself.
LAST_TRIES = timedelta(minutes=4)
BETWEEN_LAST_TRIES_SECONDS = 45.0


class Backoff:
    """When to ask again after failures: a pause that doubles with each one, with jitter, until a success ends it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.failures = 0
        self.reason = ""
        self._over_at: tuple[float, datetime] | None = None

    def failed(self, monotonic: float, now: datetime, code: str, reason: str, limit: float = math.inf) -> None:
        """Begin a pause of at most `limit` seconds."""
        first, longest = PAUSES.get(code, DEFAULT_PAUSES)
        pause = min(longest, first * 2 ** min(self.failures, 30)) * self._rng.uniform(1 - JITTER, 1)
        pause = min(pause, limit)
        self.failures += 1
        self.reason = reason
        self._over_at = monotonic + pause, now + timedelta(seconds=pause)

    def succeeded(self) -> None:
        self.failures, self.reason, self._over_at = 0, "", None

    def left(self, monotonic: float, now: datetime) -> float:
        """Seconds until the next try, 0 if it may be made now.

        Whichever clock is ahead counts: the monotonic clock stands still while the machine sleeps, and the other clock
        can be set back.
        """
        if self._over_at is None:
            return 0.0
        by_monotonic, by_clock = self._over_at
        return max(0.0, min(by_monotonic - monotonic, (by_clock - now).total_seconds()))


def longest_pause(table: SessionTable | None, times: Timetable | None, now: datetime) -> float:
    """Seconds after which Yahoo must be asked again, so that two tries are left before the session's last decision."""
    if table is None or times is None or now >= table.ends():
        return math.inf
    session = table.open_session(now)
    if session is None:
        return math.inf
    ends = session.close - timedelta(seconds=LAST_SAFE_SECONDS)
    if times.window is not None:
        over_by = max(session.close - times.window, ends - LAST_TRIES)
        return max((over_by - now).total_seconds(), BETWEEN_LAST_TRIES_SECONDS)
    tries = _checks(table, times, now, ends)
    return (tries[max(-2, -len(tries))] - now).total_seconds() if tries else math.inf


def _checks(table: SessionTable, times: Timetable, now: datetime, ends: datetime) -> Sequence[datetime]:
    """The checks that are still to come before `ends`."""
    found = []
    due = times.next_check(table, now)
    while due <= ends:
        found.append(due)
        due = times.next_check(table, due)
    return found
