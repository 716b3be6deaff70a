"""For how long the account has not held what the rule wants, whatever the cause.

Each cause has its own alert, which waits for a while. Causes that take turns (no prices, then no connection, then an
order without an outcome) would never reach one of those limits while the account holds the wrong thing.
"""

from datetime import datetime, timedelta

# The next check repairs most causes, and the broker's values are up to three minutes late.
CHECKS = 2
PATIENCE = timedelta(minutes=5)


class Apart:
    """It counts the checks of one process, which calls `observe` after each of them."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._checks = 0

    def observe(self, there: bool, now: datetime) -> timedelta | None:
        """For how long it has lasted; None until it has lasted for more than two checks and the broker's delays."""
        if there:
            self._since, self._checks = None, 0
            return None
        self._since = min(self._since or now, now)
        self._checks += 1
        lasted = now - self._since
        return lasted if self._checks > CHECKS and lasted >= PATIENCE else None
