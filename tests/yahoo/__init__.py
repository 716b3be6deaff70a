"""A stand-in for Yahoo's chart service on loopback. See README.md."""

from .exchange import Exchange
from .faults import Fault
from .series import Row, as_printed, market_series, read_daily_csv, session_dates, shaped_series, with_event
from .server import StandIn, write_control

__all__ = [
    "Exchange",
    "Fault",
    "Row",
    "StandIn",
    "as_printed",
    "market_series",
    "read_daily_csv",
    "session_dates",
    "shaped_series",
    "with_event",
    "write_control",
]
