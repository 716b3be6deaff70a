"""How long the account has not been where the rule wants it, whatever keeps it from there.

Each cause has its own alert, and its own patience; causes that take turns (no prices, then no connection, then an order
without an outcome) would wear out nobody's patience while the account stays where it should not be.
"""

from datetime import datetime, timedelta

# The second check in a row repairs most things, and the broker's values are up to three minutes late.
CHECKS = 2
PATIENCE = timedelta(minutes=5)


class Apart:
    """Of one process; it is asked after each check."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._checks = 0

    def observe(self, there: bool, now: datetime) -> timedelta | None:
        """For how long it has lasted, if that is longer than two checks and than the broker's delays."""
        if there:
            self._since, self._checks = None, 0
            return None
        self._since = min(self._since or now, now)
        self._checks += 1
        lasted = now - self._since
        return lasted if self._checks > CHECKS and lasted >= PATIENCE else None
