"""New York's time, for calendar dates, file names and texts for people. Everything else is aware UTC."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


def new_york_date(moment: datetime) -> date:
    """The date in New York at an aware `moment`."""
    return moment.astimezone(NEW_YORK).date()


def new_york_text(moment: datetime) -> str:
    """'Fri 2026-11-27 13:00 ET', for people."""
    return f"{moment.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M} ET"
