"""The addition to monitor.py --performance: the real book's curve compared with holding the rule's index or its fund.

The book is valued at every official close. Deposits and withdrawals are not returns: each session's return is
(equity - what came in) / equity before. Dividends count on both sides: they are income in the book, and the closes of
the funds are adjusted for them.

The prices are the ones that the backtest keeps on disk; nothing is fetched. This module needs numpy, so the monitor
imports it only for this view.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from qqqbot.backtest.metrics import Metrics, measure
from qqqbot.backtest.prices.cache import REFRESH, kept_prices
from qqqbot.backtest.prices.table import Dates, Floats, Prices, years_of
from qqqbot.display.terminal import Line, Screen, Table
from qqqbot.model.errors import BotError
from qqqbot.model.new_york import new_york_date
from qqqbot.records.coerce import mapping, number
from qqqbot.records.folder import Folder, identity, own_rows
from qqqbot.records.ledger import Ledger
from qqqbot.records.risk_line import RiskLine, life
from qqqbot.records.row_prices import symbols_of
from qqqbot.records.tail import last_rows
from qqqbot.records.track import track_of

Row = Mapping[str, Any]
# Figures of a few days say nothing.
FEWEST_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class LiveCurve:
    """What 1 USD put in at the start was worth at each close: with the bot, in the index, in its fund."""

    dates: Dates
    bot: Floats
    signal: Floats
    fund: Floats
    symbols: tuple[str, str]

    def figures(self) -> dict[str, Metrics]:
        """Name -> figures, the same ones as in the report."""
        named = {"bot": self.bot, f"{self.symbols[0]} held": self.signal, f"{self.symbols[1]} held": self.fund}
        return {name: measure(curve, years_of(self.dates)) for name, curve in named.items()}


def live_curve(rows: Iterable[Row], prices: Prices) -> LiveCurve | None:
    """The curve of a book, rows oldest first; None if there are too few closes. Raises what Ledger.apply raises."""
    waiting = [(new_york_date(datetime.fromisoformat(row["timestamp"])), row) for row in rows]
    if not waiting:
        return None
    first = max(int(np.searchsorted(prices.dates, np.datetime64(waiting[0][0]))), prices.first)
    days: list[date] = prices.dates[first:].astype(object).tolist()
    if len(days) < FEWEST_SESSIONS:
        return None
    bot = _returns(waiting, prices, first, days)
    signal, fund = (_held(series.close, first) for series in (prices.signal, prices.fund))
    return LiveCurve(prices.dates[first:], bot, signal, fund, (prices.signal.symbol, prices.fund.symbol))


def _returns(waiting: list[tuple[date, Row]], prices: Prices, first: int, days: list[date]) -> Floats:
    """The bot's curve, beginning at 1 at the first close."""
    ledger, value = Ledger(), Decimal(0)
    curve, growth, at = np.empty(len(days)), 1.0, 0
    for index, day in enumerate(days):
        put_in = ledger.total_capital
        while at < len(waiting) and waiting[at][0] <= day:
            ledger.apply(waiting[at][1])
            at += 1
        flow = ledger.total_capital - put_in
        equity = ledger.portfolio().equity(_printed(prices, first + index))
        if index and value > 0:
            growth *= float((equity - flow) / value)
        curve[index], value = growth, equity
    return curve


def _printed(prices: Prices, at: int) -> dict[str, Decimal]:
    return {s.symbol: Decimal(repr(float(s.close[at] * s.factor[at]))) for s in prices.all}


def _held(close: Floats, first: int) -> Floats:
    return np.asarray(close[first:] / close[first])


@dataclass(frozen=True, slots=True)
class HoldingFacts:
    """The figures of the bot and of holding either fund; if there are none, `note` says why."""

    note: str
    figures: Mapping[str, Metrics] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"beside": {name: asdict(figures) for name, figures in self.figures.items()}, "beside_note": self.note}


def holding_facts(folder: Folder, cache: Path) -> HoldingFacts:
    """The figures of the book, and of holding the index or its fund since the same day; or why there are none."""
    try:
        who = identity(folder, folder.status()[0])
        rows = [*own_rows(folder.trades, who)]
        newest = last_rows(folder.decisions, 1, who.owns).rows
        traded = [row["symbol"] for row in rows if row.get("symbol")]
        prices = kept_prices(cache, [*dict.fromkeys((*symbols_of(newest[0] if newest else {}), *traded))])
        curve = live_curve(rows, prices)
    except BotError as reason:
        return HoldingFacts(str(reason))
    except (KeyError, ValueError, TypeError, ArithmeticError) as damage:
        return HoldingFacts(f"a row of the book cannot be read: {damage!r}")
    if curve is None:
        return HoldingFacts(f"too few closes since the start; prices end on {prices.dates[-1]}")
    note = f"{curve.dates[0]} to {curve.dates[-1]}, {len(curve.dates):,} closes; {REFRESH}"
    return HoldingFacts(note, curve.figures())


def lived(folder: Folder) -> tuple[str, RiskLine] | None:
    """The mode of the bot's own book and its risk line, the same as in --performance; None if there is none."""
    try:
        status = folder.status()[0]
        who, ledger = identity(folder, status), Ledger()
        for row in own_rows(folder.trades, who):
            ledger.apply(row)
        track = track_of(folder.decisions, who)
    except (OSError, KeyError, ValueError, TypeError, ArithmeticError):
        return None
    missing = number(mapping(status.get("portfolio")).get("missing")) or 0.0
    line = life(ledger, track, missing)[1]
    mode = (who.mode or "").replace("_", " ") + (", simulated prices" if who.simulated_prices else "")
    return (mode, line) if line else None


def holding_screen(facts: HoldingFacts) -> Screen:
    """The same figures as in the report."""
    rows = tuple(
        (
            *(name, f"{m.total_return:+.1%}", f"{m.cagr:.1%}", f"{m.volatility:.0%}"),
            *(f"{m.sharpe:.2f}", f"{m.sortino:.2f}", f"{m.max_drawdown:.1%}"),
        )
        for name, m in facts.figures.items()
    )
    note = Line(f"Compared with holding, at the closes: {facts.note}")
    if not rows:
        return (Line(""), note)
    head = ("", "return", "CAGR", "vol", "Sharpe", "Sortino", "max DD")
    return (Line(""), note, Table(head, rows, frozenset(range(1, len(head)))))
