"""Valid values for tests: a Tuesday before Thanksgiving, noon in New York, an account of 100,000 in cash.

Each function builds a value that passes every gate and takes overrides for what a test is about. `closes` is the one
place that knows price histories for which the rule wants a given holding.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from qqqbot.model.market import Bar, Dividend, Market, Quote
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import (
    AccountSnapshot,
    Fill,
    Holding,
    Mode,
    OrderIntent,
    OrderType,
    Portfolio,
    Rules,
    Session,
    Side,
    Snapshot,
)
from qqqbot.records.ledger import Ledger
from tests.support.symbols import QQQ, TQQQ

NEW_YORK = ZoneInfo("America/New_York")
DAY = date(2026, 11, 24)
ACCOUNT = "DU1234567"
PRICE = 450.0
TQQQ_PRICE = 60.0
QUOTE_OF = {QQQ: "signal_quote", TQQQ: "fund_quote"}
"""symbol -> field of Market"""
RULES = Rules()
LEVELS = RULES.form.shelves
"""what the default rule can want"""

# The exchange's closures and 13:00 closes from July 2025 to the end of 2027: https://www.nyse.com/markets/hours-calendars
HOLIDAYS = {
    date(2025, 7, 4): "Independence Day",
    date(2025, 9, 1): "Labor Day",
    date(2025, 11, 27): "Thanksgiving",
    date(2025, 12, 25): "Christmas",
    date(2026, 1, 1): "New Year's Day",
    date(2026, 1, 19): "Martin Luther King, Jr. Day",
    date(2026, 2, 16): "Washington's Birthday",
    date(2026, 4, 3): "Good Friday",
    date(2026, 5, 25): "Memorial Day",
    date(2026, 6, 19): "Juneteenth",
    date(2026, 7, 3): "Independence Day, observed",
    date(2026, 9, 7): "Labor Day",
    date(2026, 11, 26): "Thanksgiving",
    date(2026, 12, 25): "Christmas",
    date(2027, 1, 1): "New Year's Day",
    date(2027, 1, 18): "Martin Luther King, Jr. Day",
    date(2027, 2, 15): "Washington's Birthday",
    date(2027, 3, 26): "Good Friday",
    date(2027, 5, 31): "Memorial Day",
    date(2027, 6, 18): "Juneteenth, observed",
    date(2027, 7, 5): "Independence Day, observed",
    date(2027, 9, 6): "Labor Day",
    date(2027, 11, 25): "Thanksgiving",
    date(2027, 12, 24): "Christmas, observed",
}
HALF_DAYS = (
    date(2025, 7, 3),
    date(2025, 11, 28),
    date(2025, 12, 24),
    date(2026, 11, 27),
    date(2026, 12, 24),
    date(2027, 11, 26),
)


def new_york(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """The aware UTC moment of a New York wall time."""
    return datetime.combine(day, time(hour, minute, second), NEW_YORK).astimezone(UTC)


NOW = new_york(DAY, 12)


def session(day: date = DAY) -> Session:
    closes_at = 13 if day in HALF_DAYS else 16
    return Session(day, new_york(day, 9, 30), new_york(day, closes_at))


def session_days(first: date, last: date) -> tuple[date, ...]:
    """The exchange's trading days from `first` to `last`, both included."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(d for d in days if d.weekday() < 5 and d not in HOLIDAYS)


@cache
def table(first: date = date(2025, 7, 1), last: date = date(2027, 12, 31)) -> SessionTable:
    return SessionTable.build(session(day) for day in session_days(first, last))


def closes(target: Holding, price: float = PRICE, count: int = 119, recently: int = 29) -> list[float]:
    """`count` finished closes for which the rule, at its default periods, wants `target` at a live `price`."""
    older, recent = {Holding.TQQQ: (0.96, 0.99), Holding.QQQ: (0.98, 1.005), Holding.CASH: (1.03, 1.005)}[target]
    return [round(price * older, 6)] * (count - recently) + [round(price * recent, 6)] * recently


def bars(values: Iterable[float], day: date = DAY) -> tuple[Bar, ...]:
    """`values` as the closes of the sessions before `day`."""
    values = list(values)
    dates = table().before(day, len(values))
    return tuple(Bar(d, close, close) for d, close in zip(dates, values, strict=True))


def fund_bars(history: Sequence[Bar], last: float, leverage: float = 3.0) -> tuple[Bar, ...]:
    """Rows of a fund that moved `leverage` times as far as `history`, up to its close `last`, and a trifle each day."""
    closes = [last]
    for before, after in reversed(list(itertools.pairwise(history))):
        trifle = 1 + 1e-4 * (-1) ** len(closes)
        closes.append(closes[-1] / (1 + leverage * (after.close / before.close - 1)) * trifle)
    return tuple(Bar(bar.date, close, close) for bar, close in zip(history, reversed(closes), strict=True))


def adjusted(rows: Sequence[Bar], dividends: Iterable[Dividend], symbol: str) -> tuple[Bar, ...]:
    """`rows` of `symbol`, with the closes before each of its dividends lowered by it, as Yahoo adjusts them."""
    for paid in (dividend for dividend in dividends if dividend.symbol == symbol):
        earlier = [bar for bar in rows if bar.date < paid.date]
        factor = 1 - paid.amount / earlier[-1].unadjusted if earlier and earlier[-1].unadjusted else 1
        lowered = [replace(bar, close=bar.close * factor) for bar in earlier]
        rows = [*lowered, *rows[len(lowered) :]]
    return tuple(rows)


def market(target: Holding = Holding.QQQ, price: float = PRICE, now: datetime = NOW, **overrides: Any) -> Market:
    """QQQ at `price` in a history in which the rule wants `target`; TQQQ has moved three times as far."""
    day: date = overrides.pop("day", now.astimezone(NEW_YORK).date())
    history = bars(closes(target, price, recently=overrides.pop("recently", 29)), day)
    tqqq: float = overrides.pop("tqqq_price", TQQQ_PRICE)
    move = price / history[-1].close - 1
    values = {
        "bars": history,
        "newest_row": day,
        "signal_quote": Quote(QQQ, price, now),
        "fund_quote": Quote(TQQQ, tqqq, now),
        "fund_previous_close": tqqq / (1 + 3 * move),
        "fund_bars": fund_bars(history, tqqq / (1 + 3 * move)),
    }
    return Market(**{**values, **overrides})


def portfolio(qqq: int = 0, tqqq: int = 0, cash: Any = None, **overrides: Any) -> Portfolio:
    """A book of shares bought at today's prices, and the rest of 100,000 in cash unless `cash` is given."""
    spent = qqq * Decimal(str(PRICE)) + tqqq * Decimal(str(TQQQ_PRICE))
    values: dict[str, Any] = {
        "total_capital": Decimal(100_000),
        "cash": Decimal(100_000) - spent if cash is None else Decimal(cash),
        "shares": {QQQ: qqq, TQQQ: tqqq},
        "foreign": {QQQ: 0, TQQQ: 0},
        "cost": {
            QQQ: Decimal(str(PRICE)) if qqq else Decimal(0),
            TQQQ: Decimal(str(TQQQ_PRICE)) if tqqq else Decimal(0),
        },
        "realized_pnl": Decimal(0),
        "trades": 0,
    }
    return Portfolio(**{**values, **overrides})


def account(book: Portfolio | None = None, **overrides: Any) -> AccountSnapshot:
    """The broker's view that agrees with `book`."""
    book = book or portfolio()
    prices = {QQQ: Decimal(str(PRICE)), TQQQ: Decimal(str(TQQQ_PRICE))}
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "mode": Mode.DRY_RUN,
        "net_liquidation": book.equity(prices),
        "spendable": book.cash,
        "positions": {s: book.shares[s] + book.foreign[s] for s in (QQQ, TQQQ)},
        "open_order_refs": (),
        "taken_at": NOW,
    }
    return AccountSnapshot(**{**values, **overrides})


def snapshot(target: Holding = Holding.QQQ, price: float = PRICE, now: datetime = NOW, **overrides: Any) -> Snapshot:
    """A snapshot that passes every gate, in which the rule wants `target`."""
    day = now.astimezone(NEW_YORK).date()
    book: Portfolio = overrides.pop("portfolio", None) or portfolio()
    values: dict[str, Any] = {
        "now": now,
        "session": session(day),
        "exchange_open": session(day).contains(now),
        "expected": table().before(day, 119),
        "market": market(target, price, now),
        "account": account(book),
        "portfolio": book,
        "unresolved": (),
        "orders_this_session": 0,
        "needs_open_exchange": True,
        "halted": None,
        "disk_free_bytes": 10 * 1024**3,
    }
    return Snapshot(**{**values, **overrides})


def intent(side: Side = Side.BUY, symbol: str = QQQ, quantity: int = 211, **overrides: Any) -> OrderIntent:
    price = Decimal(str(PRICE if symbol == QQQ else TQQQ_PRICE))
    values: dict[str, Any] = {
        "order_ref": f"qqqbot-{DAY:%Y%m%d}-01",
        "session": DAY,
        "decided_at": NOW,
        "side": side,
        "symbol": symbol,
        "quantity": quantity,
        "order_type": OrderType.MARKET,
        "limit_price": None,
        "decision_price": price,
        "target": Holding.__members__.get(symbol, Holding.CASH) if side is Side.BUY else Holding.CASH,
        "reason": "a test",
        "signal_price": PRICE,
        "fund_price": TQQQ_PRICE,
        "short_ma": 452.18,
        "long_ma": 443.79,
    }
    return OrderIntent(**{**values, **overrides})


def fill(of: OrderIntent | None = None, **overrides: Any) -> Fill:
    """A whole execution of the intent `of` at its decision price, one dollar of commission."""
    of = of or intent()
    values: dict[str, Any] = {
        "exec_id": f"0000e0d5.{of.order_ref}.01.01",
        "order_ref": of.order_ref,
        "symbol": of.symbol,
        "side": of.side,
        "quantity": of.quantity,
        "price": of.decision_price,
        "commission": Decimal("1.00"),
        "time": NOW,
    }
    return Fill(**{**values, **overrides})


def trade_row(side: Side, symbol: str, quantity: int, price: Any, **overrides: Any) -> Mapping[str, Any]:
    """A row of the book as read from its file."""
    values: dict[str, Any] = {
        "timestamp": NOW.isoformat(),
        "side": side.value,
        "symbol": symbol,
        "quantity": quantity,
        "amount": Decimal(str(price)) * quantity,
        "price": Decimal(str(price)),
        "commission": Decimal("1.00"),
        "exec_ids": [],
        "order_ref": "qqqbot-20261124-01",
        "position": symbol if side is Side.BUY else "CASH",
    }
    return {**values, **overrides}


def fold(rows: Iterable[Mapping[str, Any]]) -> Ledger:
    """The state of a book after all `rows`, oldest first."""
    ledger = Ledger()
    for row in rows:
        ledger.apply(row)
    return ledger
