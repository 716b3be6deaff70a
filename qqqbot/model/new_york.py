"""New York's time, for calendar dates, file names and texts for people. Everything else is aware UTC."""

import sys
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

try:
    NEW_YORK = ZoneInfo("America/New_York")
except ZoneInfoNotFoundError:  # a small machine without zone files; the bot's own environment has them
    sys.exit(
        "this Python does not know New York's time: it has no time-zone files. Run .venv/bin/python, which "
        "./bot_control.sh makes, in its place; or install tzdata"
    )


def new_york_date(moment: datetime) -> date:
    """The date in New York at an aware `moment`."""
    return moment.astimezone(NEW_YORK).date()


def new_york_text(moment: datetime) -> str:
    """'Fri 2026-11-27 13:00 ET', for people."""
    return f"{moment.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M} ET"
