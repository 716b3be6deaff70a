"""The real book at every official close, and its figures beside QQQ and TQQQ held since the same day. Pure.

Deposits and withdrawals are no return: each session's return is (equity - what came in) / equity before. The book does
not know dividends, so a long stay shows a little less than it earned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from qqqbot.backtest.metrics import Floats, Metrics, measure
from qqqbot.backtest.prices.table import Dates, Prices
from qqqbot.model.sessions import new_york_date
from qqqbot.model.values import QQQ, SYMBOLS, TQQQ
from qqqbot.records.ledger import Ledger

Row = Mapping[str, Any]
# Figures of a few days say nothing.
FEWEST_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class LiveCurve:
    """Value of 1 put in at the start, at the start and at each close since: the bot, QQQ held, TQQQ held."""

    dates: Dates
    bot: Floats
    qqq: Floats
    tqqq: Floats

    def figures(self, risk_free: float = 0.0) -> dict[str, Metrics]:
        """Name -> figures, the same as the report's."""
        years = float((self.dates[-1] - self.dates[0]).astype(int)) / 365.25
        named = {"bot": self.bot, "QQQ held": self.qqq, "TQQQ held": self.tqqq}
        return {name: measure(curve, years, risk_free) for name, curve in named.items()}


def live_curve(rows: Iterable[Row], prices: Prices) -> LiveCurve | None:
    """The curve of a book, rows oldest first; None where it has too few closes. Raises what Ledger.apply raises."""
    waiting = [(new_york_date(datetime.fromisoformat(row["timestamp"])), row) for row in rows]
    if not waiting:
        return None
    first = max(int(np.searchsorted(prices.dates, np.datetime64(waiting[0][0]))), prices.first)
    days: list[date] = prices.dates[first:].astype(object).tolist()
    if len(days) < FEWEST_SESSIONS:
        return None
    bot = _returns(waiting, prices, first, days)
    return LiveCurve(prices.dates[first:], bot, *(_held(s.close, first) for s in (prices.qqq, prices.tqqq)))


def _returns(waiting: list[tuple[date, Row]], prices: Prices, first: int, days: list[date]) -> Floats:
    """The bot's curve, beginning at 1 at the first close."""
    ledger, value = Ledger(), Decimal(0)
    curve, growth, at = np.empty(len(days)), 1.0, 0
    for number, day in enumerate(days):
        put_in = ledger.total_capital
        while at < len(waiting) and waiting[at][0] <= day:
            ledger.apply(waiting[at][1])
            at += 1
        flow = ledger.total_capital - put_in
        equity = ledger.portfolio().equity(_printed(prices, first + number))
        if number and value > 0:
            growth *= float((equity - flow) / value)
        curve[number], value = growth, equity
    return curve


def _printed(prices: Prices, at: int) -> dict[str, Decimal]:
    series = {QQQ: prices.qqq, TQQQ: prices.tqqq}
    return {s: Decimal(repr(float(series[s].close[at] * series[s].factor[at]))) for s in SYMBOLS}


def _held(close: Floats, first: int) -> Floats:
    return np.asarray(close[first:] / close[first])
