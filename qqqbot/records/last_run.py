"""How the last run of the daemon ended, as far as it is recorded.

A requested stop is in status.json. A refused start, or an error that ended a run, is in last_end.json. A run that left
neither was killed, or its machine lost power.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.new_york import new_york_text
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.status_file import write_status
from qqqbot.regular_file import json_object

FILE = "last_end.json"
SAYS_SO = ("stopped", None)
AGAIN_AFTER = timedelta(days=1)


class End(NamedTuple):
    at: datetime
    code: int
    why: str


def ended(logs: Path, end: End) -> bool:
    """Record `end`. Returns whether it is new, since a supervisor may start the bot again and again. Raises OSError."""
    known = json_object(logs / FILE)
    told = moment(known.get("told_at"))
    is_news = told is None or known.get("why") != end.why or not timedelta(0) <= end.at - told < AGAIN_AFTER
    told_at = (end.at if is_news or told is None else told).isoformat()
    write_status(logs / FILE, {"at": end.at.isoformat(), "code": end.code, "why": end.why, "told_at": told_at})
    return is_news


def last_end(logs: Path) -> End | None:
    """The error that ended the last run or refused the last start; None if a later run has written a heartbeat."""
    found = json_object(logs / FILE)
    at, code, why = moment(found.get("at")), number(found.get("code")), text(found.get("why"))
    beat = moment(json_object(logs / "status.json").get("heartbeat_at"))
    if at is None or code is None or why is None or (beat is not None and beat > at):
        return None
    return End(at, int(code), why)


def died(logs: Path) -> str | None:
    """How the last run died, for the next run: it was killed, or an error ended it after its checks had begun.

    None if it was asked to stop. A refused start is no death: the owner removes its cause, and starts again.
    """
    found, end = json_object(logs / "status.json"), last_end(logs)
    beat = moment(found.get("heartbeat_at"))
    if beat is None or found.get("state") in SAYS_SO:
        return None
    if end is None:
        return f"the last run ended without saying so; last seen {new_york_text(beat)}"
    return f"the last run ended with an error: {end.why}" if found.get("state") == "running" else None
