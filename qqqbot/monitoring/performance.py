"""What the book's rows add up to beyond the portfolio: time in each holding, and wins. Pure; row by row.

Only the newest rows of a book are enough: `shares_before` finds what was held before them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from qqqbot.model.values import SYMBOLS, Holding, Rules, Side, most_of
from qqqbot.records.ledger import Ledger

Row = Mapping[str, Any]

BAD_ROW = (KeyError, ValueError, TypeError, ArithmeticError)
"""What `Performance.apply` raises for an invalid row."""


class TimeSpent(NamedTuple):
    days: float
    pct: float


class TimeIn(NamedTuple):
    """Holding -> time spent in it since `since`, which is the first row of the book if `whole`."""

    since: datetime
    whole: bool
    holdings: Mapping[str, TimeSpent]


class Performance:
    """The sums for one mode and account; rows are applied oldest first."""

    def __init__(self, opening: Mapping[str, int] | None = None) -> None:
        self.ledger = Ledger()
        self.ledger.shares.update(opening or {})
        self.first: datetime | None = None
        self.wins: dict[str, int] = dict.fromkeys(SYMBOLS, 0)
        self.rounds: dict[str, int] = dict.fromkeys(SYMBOLS, 0)
        self._seconds = defaultdict[Holding, float](float, dict.fromkeys(reversed(Rules().form.shelves), 0.0))
        self._last: datetime | None = None
        self._realized_at_opening: dict[str, Decimal] = {}

    def apply(self, row: Row) -> None:
        """Add one row. Raises one of BAD_ROW."""
        moment = datetime.fromisoformat(row["timestamp"])
        held, realized = dict(self.ledger.shares), self.ledger.realized_pnl
        holding = self.holding
        self.ledger.apply(row)
        self._spend(holding, moment)
        self._count_rounds(held, realized)

    @property
    def holding(self) -> Holding:
        """What is held after the rows applied so far."""
        return most_of(self.ledger.shares)

    def seconds_in(self, now: datetime) -> dict[Holding, float]:
        """Holding -> seconds spent in it, from the first row to `now`."""
        seconds = self._seconds.copy()
        if self._last is not None and now > self._last:
            seconds[self.holding] += (now - self._last).total_seconds()
        return seconds

    def _spend(self, holding: Holding, moment: datetime) -> None:
        if self._last is None:
            self.first = moment
        elif moment > self._last:
            self._seconds[holding] += (moment - self._last).total_seconds()
        self._last = max(moment, self._last or moment)

    def _count_rounds(self, held: Mapping[str, int], realized: Decimal) -> None:
        """A round goes from no shares of a symbol to none again; it is won if it made money after commissions."""
        for symbol in SYMBOLS:
            before, after = held[symbol], self.ledger.shares[symbol]
            if before == 0 and after > 0:
                self._realized_at_opening[symbol] = realized
            elif before > 0 and after == 0 and symbol in self._realized_at_opening:
                self.rounds[symbol] += 1
                self.wins[symbol] += self.ledger.realized_pnl > self._realized_at_opening.pop(symbol)


def shares_before(rows: Iterable[Row]) -> dict[str, int]:
    """Shares of each symbol held before `rows`, assuming that at some point among them none was held.

    In a window of many rotations each symbol is sold completely many times; the lowest running sum is then minus the
    opening.
    """
    total, least = dict.fromkeys(SYMBOLS, 0.0), dict.fromkeys(SYMBOLS, 0.0)
    ratio = dict.fromkeys(SYMBOLS, 1.0)
    for row in rows:
        kind, symbol = row.get("kind", "trade"), row.get("symbol")
        if symbol not in SYMBOLS:
            continue
        if kind == "split":
            ratio[symbol] *= float(row["ratio"])
        elif kind in ("trade", "correction", "adopt", "undo"):
            sign = -1 if kind in ("trade", "undo") and row["side"] == Side.SELL else 1
            total[symbol] += sign * float(row["quantity"]) / ratio[symbol]
            least[symbol] = min(least[symbol], total[symbol])
    return {symbol: round(-least[symbol]) for symbol in SYMBOLS}


def time_in(book: Performance, now: datetime, whole: bool = True) -> TimeIn | None:
    """Days and per cent of the time in each holding since the first row; `whole` if that is the book's first."""
    seconds = book.seconds_in(now)
    total = sum(seconds.values())
    if book.first is None or total <= 0:
        return None
    return TimeIn(book.first, whole, {h.value: TimeSpent(s / 86400, s / total * 100) for h, s in seconds.items()})
