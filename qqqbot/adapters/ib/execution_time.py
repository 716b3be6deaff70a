"""The moment of an execution, from the gateway's text, which is in whatever zone the gateway was set to.

Seen: "20260413 15:27:04 US/Eastern", "20260611-13:30:30" (UTC), "20260413  15:27:04" (treated as New York time), and
Java's names of zones: "EST", also in summer, and "Central European Standard Time". An abbreviation may mean several
zones; then the order's session decides. A text that cannot be understood never loses a fill: the fill then gets the
time of its receipt, or the end of the order's session if that is earlier.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qqqbot.model.new_york import NEW_YORK

_TEXT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)([ T-]+)(\d\d:\d\d:\d\d)(?:\.\d+)? *(.*)")
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d\d?):?(\d\d)?")
# This machine's clock may be behind by this much; a time that is later still must be in another zone.
AHEAD = timedelta(minutes=10)
# The bot's orders are executed in the regular session alone (outsideRth is false).
OPEN, CLOSE = time(9, 30), time(16)
# By the gateway's Java names of a zone: the abbreviation of its standard time, used all year round, or the words before
# "Standard Time", "Daylight Time", "Summer Time" and the like.
_NAMES = {
    "Z,UTC,UT,Coordinated Universal": ("UTC",),
    "GMT,Greenwich": ("UTC", "Europe/London"),
    "BST,British": ("Europe/London",),
    "WET,WEST,Western European": ("Europe/Lisbon",),
    "CET,CEST,MET,MEST,MEZ,MESZ,Central European,Middle Europe": ("Europe/Berlin",),
    "EET,EEST,Eastern European": ("Europe/Athens",),
    "MSK,Moscow": ("Europe/Moscow",),
    "ET,EST,EDT,Eastern": ("America/New_York",),
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "CT,CDT,Central": ("America/Chicago",),
    "MT,MST,MDT,Mountain": ("America/Denver", "America/Phoenix"),
    "PT,PST,PDT,Pacific": ("America/Los_Angeles",),
    "AST,ADT,Atlantic": ("America/Halifax",),
    "HST,Hawaii,Hawaii-Aleutian": ("Pacific/Honolulu",),
    "BRT,Brasilia": ("America/Sao_Paulo",),
    "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "India": ("Asia/Kolkata",),
    "IDT,Israel": ("Asia/Jerusalem",),
    "GST,Gulf": ("Asia/Dubai",),
    "ICT,Indochina": ("Asia/Bangkok",),
    "China": ("Asia/Shanghai",),
    "HKT,HKST,Hong Kong": ("Asia/Hong_Kong",),
    "SGT,Singapore": ("Asia/Singapore",),
    "JST,Japan": ("Asia/Tokyo",),
    "KST,Korean,Korea": ("Asia/Seoul",),
    "AWST,Australian Western": ("Australia/Perth",),
    "AEST,AEDT,Australian Eastern": ("Australia/Sydney",),
    "NZST,NZDT,New Zealand": ("Pacific/Auckland",),
}
_ENDING = re.compile(r" (Standard |Daylight |Summer |Mean )?Time$")
_ZONES = {name: zones for names, zones in _NAMES.items() for name in names.split(",")}


def execution_time(text: str, received: datetime, order_ref: str = "") -> datetime:
    """The execution's moment, aware UTC. `order_ref`, if known, contains the order's session."""
    day = _session_of(order_ref)
    found = [moment for moment in _readings(text) if moment <= received + AHEAD]
    if found:
        return max(found, key=lambda moment: _likely(moment, received, day))  # of equally likely ones, the first
    end = datetime.combine(day, CLOSE, NEW_YORK) if day else received
    return min(received, end).astimezone(UTC)


def _readings(text: str) -> list[datetime]:
    """The moments that `text` may mean, none if it is not understood."""
    parts = _TEXT.fullmatch(text.strip())
    if parts is None:
        return []
    year, month, day, between, clock, named = parts.groups()
    try:
        wall = datetime.fromisoformat(f"{year}-{month}-{day} {clock}")
        zones = (UTC,) if between == "-" and not named else _zones_named(named)
        moments = [wall.replace(tzinfo=zone).astimezone(UTC) for zone in zones]
        # A time without a zone is New York's only if the exchange was open then.
        return moments if named or between == "-" else [moment for moment in moments if _in_hours(moment)]
    except (ValueError, OverflowError):
        return []


def _zones_named(named: str) -> tuple[tzinfo, ...]:
    if not named:
        return (NEW_YORK,)
    if known := _ZONES.get(_ENDING.sub("", named)):
        return tuple(ZoneInfo(zone) for zone in known)
    if offset := _OFFSET.fullmatch(named):
        sign, hours, minutes = offset.groups()
        east = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return (timezone(east if sign == "+" else -east),)
    try:
        return (ZoneInfo(named),)
    except (ValueError, OSError, ZoneInfoNotFoundError):  # OSError: the name of a folder of zones
        return ()


def _session_of(order_ref: str) -> date | None:
    """The session in an order_ref such as qqqbot-20260413-1f2e-01; None if there is none."""
    parts = order_ref.split("-")
    try:
        return date.fromisoformat(parts[1]) if len(parts) > 1 else None
    except ValueError:
        return None


def _likely(moment: datetime, received: datetime, day: date | None) -> tuple[bool, bool, bool]:
    """How likely `moment` is, for sorting: most executions are received as they happen."""
    return moment.astimezone(NEW_YORK).date() == day, _in_hours(moment), received - moment <= AHEAD


def _in_hours(moment: datetime) -> bool:
    return OPEN <= moment.astimezone(NEW_YORK).time() <= CLOSE
