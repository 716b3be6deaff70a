"""A stand-in for Yahoo's chart service on loopback. See README.md."""

from standins.yahoo.exchange import Exchange
from standins.yahoo.faults import Fault
from standins.yahoo.series import (
    Row,
    as_printed,
    following,
    market_series,
    read_daily_csv,
    rows_of,
    session_dates,
    shaped_series,
    with_event,
)
from standins.yahoo.server import StandIn, write_control

__all__ = [
    "Exchange",
    "Fault",
    "Row",
    "StandIn",
    "as_printed",
    "following",
    "market_series",
    "read_daily_csv",
    "rows_of",
    "session_dates",
    "shaped_series",
    "with_event",
    "write_control",
]
