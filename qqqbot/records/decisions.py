"""A line of decisions.jsonl: a decision's inputs and its result."""

import math
from collections.abc import Mapping
from typing import Any

from qqqbot.model.values import SYMBOLS, Plan, Portfolio, Snapshot


def decision_values(snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    """A decision's inputs and result, as one flat row of JSON values."""
    signal, market, portfolio = plan.signal, snapshot.market, snapshot.portfolio
    return {
        "session": snapshot.session.date.isoformat(),
        "exchange_open": snapshot.exchange_open,
        "action": plan.action.value,
        "sentence": plan.sentence,
        "error": plan.blocked_by.code if plan.blocked_by else None,
        "target": (plan.target or (signal.target if signal else None)),
        "held": portfolio.holding.value,
        "price": _finite(market.qqq.price),
        "tqqq_price": _finite(market.tqqq.price),
        "quote_time": market.qqq.time.isoformat(),
        "short_ma": signal.short_ma if signal else None,
        "long_ma": signal.long_ma if signal else None,
        "flip_leave_tqqq": _finite(signal.flips.leave_tqqq) if signal else None,
        "flip_enter_tqqq": _finite(signal.flips.enter_tqqq) if signal else None,
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
        "shares": dict(portfolio.shares),
        "equity": equity_of(portfolio, {s: market.quote(s).price for s in SYMBOLS}),
    }


def equity_of(portfolio: Portfolio, prices: Mapping[str, float] | None) -> float | None:
    """The bot's equity at `prices`, None if a price that it needs is missing or not a number."""
    held = {s: n for s, n in portfolio.shares.items() if n}
    if held and prices is None:
        return None
    value = float(portfolio.cash) + sum((prices or {})[s] * n for s, n in held.items())
    return _finite(round(value, 2))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
