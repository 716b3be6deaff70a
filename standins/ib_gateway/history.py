"""Daily bars, and why they are refused."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from standins.ib_gateway.codec import Request

DailyCloses = Callable[[str, datetime], Sequence[tuple[date, float]]]

SERVICE = "Historical Market Data Service error message:"
# What accounts without market data, and programs that ask too often, are told. `history_refused` names one.
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
    """The bars of the `duration`, such as "1 Y", up to now."""
    count, _, unit = duration.partition(" ")
    first = (now - timedelta(days=int(count) * DAYS[unit])).date()
    closes = source(symbol, now) if source else ()
    return [_bar(day, close) for day, close in closes if day >= first]


def _bar(day: date, close: float) -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return {"date": f"{day:%Y%m%d}", **prices, "volume": "1000", "WAP": str(close), "barCount": 10}
