"""What the book's rows say beyond the portfolio: the time in each holding, and the wins. Pure; row by row.

The newest rows of a book are enough: `shares_before` computes what was held before them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from qqqbot.model.family import DEFAULT, DEFAULT_SYMBOLS, PRESETS
from qqqbot.model.values import Holding, Side, most_of
from qqqbot.records.ledger import Ledger

Row = Mapping[str, Any]

BAD_ROW = (KeyError, ValueError, TypeError, ArithmeticError)
"""what `Performance.apply` raises for an invalid row"""


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
        self.wins, self.rounds = Counter[str](), Counter(dict.fromkeys(DEFAULT_SYMBOLS, 0))
        self._seconds = defaultdict[Holding, float](float, dict.fromkeys(reversed(PRESETS[DEFAULT].shelves), 0.0))
        self._last: datetime | None = None
        self._realized_at_opening: dict[str, Decimal] = {}
        self._traded: set[str] = {symbol for symbol, count in self.ledger.shares.items() if count}

    def apply(self, row: Row) -> None:
        """Add one row. Raises one of BAD_ROW."""
        moment = datetime.fromisoformat(row["timestamp"])
        held, realized = Counter(self.ledger.shares), self.ledger.realized_pnl
        holding = self.holding
        self.ledger.apply(row)
        self._traded |= {symbol for symbol, count in self.ledger.shares.items() if count}
        self._spend(holding, moment)
        self._count_rounds(held, realized)

    @property
    def holding(self) -> Holding:
        """What is held after the rows applied so far."""
        return most_of(self.ledger.shares)

    def is_of_interest(self, holding: Holding) -> bool:
        """Whether `holding` is cash or a fund on an index that has been traded; before the first trade, any is."""
        traded = {Holding(symbol).underlying for symbol in self._traded}
        return holding is Holding.CASH or not traded or holding.underlying in traded

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
        """Count rounds: from no shares of a symbol to none again. A round is won if it made money after commissions."""
        for symbol, after in self.ledger.shares.items():
            before = held[symbol]
            if before == 0 and after > 0:
                self._realized_at_opening[symbol] = realized
            elif before > 0 and after == 0 and symbol in self._realized_at_opening:
                self.rounds[symbol] += 1
                self.wins[symbol] += self.ledger.realized_pnl > self._realized_at_opening.pop(symbol)


def shares_before(rows: Iterable[Row]) -> dict[str, int]:
    """Shares of each symbol held before `rows`, assuming that at some point among them none was held.

    In a window of many rotations each symbol is sold completely many times; the lowest running sum is then the negative
    of the shares held before.
    """
    total, least = defaultdict[str, float](float), defaultdict[str, float](float)
    ratio = defaultdict[str, float](lambda: 1.0)
    for row in rows:
        kind, symbol = row.get("kind", "trade"), row.get("symbol")
        if symbol not in tuple(Holding):
            continue
        if kind == "split":
            ratio[symbol] *= float(row["ratio"])
        elif kind in ("trade", "correction", "adopt", "undo"):
            sign = -1 if kind in ("trade", "undo") and row["side"] == Side.SELL else 1
            total[symbol] += sign * float(row["quantity"]) / ratio[symbol]
            least[symbol] = min(least[symbol], total[symbol])
    return {symbol: round(-lowest) for symbol, lowest in least.items()}


def time_in(book: Performance, now: datetime, whole: bool = True) -> TimeIn | None:
    """Days and per cent of the time in each holding since the first row; `whole` if that is the book's first."""
    seconds = book.seconds_in(now)
    total = sum(seconds.values())
    if book.first is None or total <= 0:
        return None
    shown = {h.value: TimeSpent(s / 86400, s / total * 100) for h, s in seconds.items() if s or book.is_of_interest(h)}
    return TimeIn(book.first, whole, shown)
