"""Daily bars, and why they are refused."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from standins.ib_gateway.codec import Request

DailyCloses = Callable[[str, datetime], Sequence[tuple[date | str, float]]]
"""dates are written in IB's form, texts unchanged"""

SERVICE = "Historical Market Data Service error message:"
# What IB answers to accounts without market data, and to programs that ask too often. `history_refused` names one.
REFUSALS = {
    "no_permission": (162, f"{SERVICE}No market data permissions for NASDAQ STK"),
    "not_subscribed": (
        10089,
        "Requested market data requires additional subscription for API. See link in 'Market Data Connections' dialog "
        "for more details.Delayed market data is available.",
    ),
    "partly": (10090, "Part of requested market data is not subscribed."),
    "pacing": (162, f"{SERVICE}Historical data request pacing violation"),
    "competing": (162, f"{SERVICE}Trading TWS session is connected from a different IP address"),
    "nothing": (162, f"{SERVICE}HMDS query returned no data: QQQ@SMART Trades"),
    "cancelled": (162, f"{SERVICE}API historical data query cancelled: 2"),
    "translated": (162, "Mensaje de error de los servicios de datos:sin permiso"),
    "unknown_contract": (200, "No security definition has been found for the request"),
    "invalid": (321, "Error validating request.-'bN' : cause - What to show field is missing or incorrect."),
    "processing": (322, "Error processing request.-'bN' : cause - Duplicate ticker id"),
    "no_such_query": (366, "No historical data query found for ticker id:2000000004"),
    "too_many": (420, "Invalid Real-time Query:Historical data request pacing violation"),
    "what_to_show": (10299, "Expected what to show is TRADES, please use that instead of ADJUSTED_LAST."),
}
DAYS = {"D": 1, "W": 7, "M": 31, "Y": 366}


def refusal(named: str, request: Request) -> tuple[int, str] | None:
    if named:
        return REFUSALS[named]
    if request.text("barSizeSetting") != "1 day" or request.text("whatToShow") not in ("TRADES", "ADJUSTED_LAST"):
        return 321, "Error validating request.-'bN' : cause - this stand-in has daily bars of trades alone"
    if request.text("whatToShow") == "ADJUSTED_LAST" and request.text("endDateTime"):
        return 321, "Error validating request.-'bN' : cause - End Date/Time: not supported with ADJUSTED_LAST"
    return None


def bars(source: DailyCloses | None, symbol: str, now: datetime, duration: str) -> list[dict[str, Any]]:
    """The bars of the last `duration`, such as "1 Y", up to now."""
    count, _, unit = duration.partition(" ")
    first = (now - timedelta(days=int(count) * DAYS[unit])).date()
    closes = source(symbol, now) if source else ()
    return [_bar(day, close) for day, close in closes if isinstance(day, str) or day >= first]


def _bar(day: date | str, close: float) -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return {
        "date": day if isinstance(day, str) else f"{day:%Y%m%d}",
        **prices,
        "volume": "1000",
        "WAP": str(close),
        "barCount": 10,
    }
