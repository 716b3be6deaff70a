"""status.json: the daemon's heartbeat, replaced atomically at every check and at least once a minute."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import AccountSnapshot, Portfolio, Session
from qqqbot.records.jsonl import SCHEMA


def calendar_values(table: SessionTable | None, now: datetime) -> dict[str, Any] | None:
    """What the exchange does now and next; None where the table is missing or does not reach `now`."""
    if table is None or not table.sessions or now >= table.sessions[-1].open:
        return None
    open_now, coming, half = table.open_session(now), table.next_open(now), table.next_half_day(now)
    return {
        "open": open_now is not None,
        "session": _session_values(open_now or table.last_closed(now)),
        "next_open": coming.open.isoformat(),
        "next_session_date": coming.date.isoformat(),
        "half_day": _session_values(half) if half else None,
    }


def portfolio_values(portfolio: Portfolio, equity: float | None) -> dict[str, Any]:
    return {
        "total_capital": portfolio.total_capital,
        "cash": portfolio.cash,
        "shares": dict(portfolio.shares),
        "foreign": dict(portfolio.foreign),
        "equity": equity,
        "realized_pnl": portfolio.realized_pnl,
        "trades": portfolio.trades,
        "holding": portfolio.holding.value,
        "moving_to": portfolio.moving_to.value,
        "since": portfolio.since.isoformat() if portfolio.since else None,
    }


def account_values(account: AccountSnapshot | None) -> dict[str, Any] | None:
    if account is None:
        return None
    return {
        "net_liquidation": account.net_liquidation,
        "spendable": account.spendable,
        "positions": dict(account.positions),
        "taken_at": account.taken_at.isoformat(),
    }


def write_status(path: Path, values: Mapping[str, Any]) -> None:
    """Replace the file at `path`; a reader sees the old one or the new one, whole. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    # Not json.dump, which encodes in Python and takes ten times as long; an idle daemon does this every minute.
    text = json.dumps({"schema": SCHEMA, **values}, default=_plain)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)


def _session_values(session: Session) -> dict[str, Any]:
    return {"date": session.date.isoformat(), "open": session.open.isoformat(), "close": session.close.isoformat()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in status.json")
