"""A line of decisions.jsonl: a decision's inputs and its result."""

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from qqqbot.model.family import DEFAULT
from qqqbot.model.provenance import whose
from qqqbot.model.values import Plan, Portfolio, Snapshot
from qqqbot.records.coerce import number, text
from qqqbot.records.row_prices import named, prices_of
from qqqbot.records.tail import Row, RowReader, last_rows
from qqqbot.records.time_search import offset_of
from qqqbot.records.track import event_values
from qqqbot.regular_file import reading_if_there

FAILED = "FAILED"
"""the action of a check that could not be made"""


def decision_values(snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    """A decision's inputs and result, as one flat row of JSON values.

    It contains refused prices as they came, but no figure uses them: without a signal there is no equity.
    """
    signal, market, portfolio = plan.signal, snapshot.market, snapshot.portfolio
    others = whose(market.quoted_by, market.origins, market.signal)
    prices = named({symbol: _finite(price) for symbol, price in market.prices.items()})
    events = event_values(market, snapshot.session.date)
    return {
        "session": snapshot.session.date.isoformat(),
        "exchange_open": snapshot.exchange_open,
        "action": plan.action.value,
        "sentence": plan.sentence,
        "error": plan.blocked_by.code if plan.blocked_by else None,
        "target": (plan.target or (signal.target if signal else None)),
        "held": portfolio.holding.value,
        "price": _finite(market.signal_quote.price),
        "tqqq_price": _finite(market.fund_quote.price),
        "quote_time": market.signal_quote.time.isoformat(),
        "short_ma": signal.short_ma if signal else None,
        "long_ma": signal.long_ma if signal else None,
        "flip_leave_tqqq": _finite(signal.flips.leave_strong) if signal else None,
        "flip_enter_tqqq": _finite(signal.flips.enter_strong) if signal else None,
        "flip_trend": _finite(signal.flips.trend) if signal else None,
        "gates": [
            {"name": g.name, "passed": g.passed, "found": g.found, "sentence": g.sentence, "code": g.code or ""}
            for g in plan.gates
        ],
        "orders": [
            {"side": o.side.value, "symbol": o.symbol, "quantity": o.quantity, "price": o.decision_price}
            for o in plan.orders
        ],
        "total_capital": portfolio.total_capital,
        "cash": portfolio.cash,
        "shares": {symbol: portfolio.shares.get(symbol, 0) for symbol in market.quotes},
        "equity": equity_of(portfolio, market.prices) if signal else None,
        **({"prices": prices} if prices else {}),
        **({"prices_from": others} if others else {}),
        **({"qqq_events": events} if events else {}),
    }


def equity_of(portfolio: Portfolio, prices: Mapping[str, float] | None) -> float | None:
    """The bot's equity at `prices`; None if a needed price is missing or not a number."""
    held = {s: n for s, n in portfolio.shares.items() if n}
    if not held.keys() <= (prices or {}).keys():
        return None
    value = float(portfolio.cash) + sum((prices or {})[s] * n for s, n in held.items())
    return _finite(round(value, 2))


def last_price(path: Path, mode: str, account: str, symbol: str, before: date) -> float | None:
    """The price of `symbol` in the newest valid decision from a session before `before`. Raises OSError."""

    def seen(row: Row) -> bool:
        session, own = text(row.get("session")), (row.get("mode"), row.get("account")) == (mode, account)
        valid = number(row.get("short_ma")) is not None and symbol in prices_of(row)
        return own and valid and session is not None and session < before.isoformat()

    found = last_rows(path, 1, seen).rows
    return prices_of(found[0])[symbol] if found else None


def last_rule(path: Path, mode: str, account: str) -> str | None:
    """The rule of the newest decision that had a signal; None if there is none, or it does not say. Raises OSError.

    The default rule is not written. Rows of versions before the family have no track, and do not say their periods.
    """

    def decided(row: Row) -> bool:
        return (row.get("mode"), row.get("account")) == (mode, account) and number(row.get("short_ma")) is not None

    found = last_rows(path, 1, decided).rows
    if not found or "track" not in found[0]:
        return None
    return text(found[0].get("rule")) or DEFAULT


def rows_since(path: Path, start: datetime) -> Iterator[Row]:
    """The rows at and after `start`, oldest first; none if there is no file. Raises OSError."""
    with reading_if_there(path) as file:
        yield from RowReader().forwards(file, offset_of(file, start))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
