"""Documents of the price process, for tests of what becomes of them."""

from datetime import date, datetime, timedelta
from typing import Any

from qqqbot.adapters.yahoo import asking
from qqqbot.model.sessions import session_rows
from tests.support.builders import new_york, table

DAY, BEFORE = date(2026, 11, 24), date(2026, 11, 23)
NOON = new_york(DAY, 12)


def market_document(now: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """A valid document; a close of None in `closes` (by date) is a null, the text "gone" removes the row."""
    closes = changes.get("closes", {})
    days = [*table().before(DAY, 130), DAY]
    rows = [[day.isoformat(), *[closes.get(day, 450.0)] * 2] for day in days if closes.get(day) != "gone"]
    symbol = {
        "symbol": "QQQ",
        "currency": "USD",
        "price": 450.0,
        "time": (now - timedelta(seconds=3)).isoformat(),
        "low": 449.0,
        "high": 451.0,
        "rows": rows,
        "splits": [],
    }
    tqqq = {**symbol, "symbol": "TQQQ", **changes.get("tqqq", {})}
    return {"schema": 1, "prices": {"QQQ": {**symbol, **changes.get("qqq", {})}, "TQQQ": tqqq}}


def sessions_document(first: date = date(2025, 7, 1), last: date = date(2027, 11, 30)) -> dict[str, Any]:
    return {"schema": 1, "sessions": session_rows([s for s in table().sessions if first <= s.date <= last])}


def failed_document(code: str) -> dict[str, Any]:
    return {"schema": 1, "error": {"code": code, "text": asking.SENTENCES[code]}}
