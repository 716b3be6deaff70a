"""Does the daemon do its job? The only judgement of the daemon's own status. Pure.

Every reader of status.json uses it, and so does the daemon before it feeds its dead man's switch, so that all agree.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self

from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.reasons import AlertKind, Reason
from qqqbot.records.coerce import mapping, moment, number, sequence, text

# A single failed check does not matter, because another follows; this many in a row are an outage.
FAILURES_OF_AN_OUTAGE = 3
# From most interruptions the gateway recovers on its own within this time.
PATIENCE = timedelta(minutes=5)
# The alerts that mean that the account lacks the rule's holding or the book's money, and how long each may last before
# it needs a person. An order that does not end is reported only after it has lasted for a while.
KEEPS_FROM_TRADING: Mapping[str, timedelta] = {
    AlertKind.MONEY: PATIENCE,
    AlertKind.SHORTFALL: PATIENCE,
    AlertKind.ORDER_OPEN: timedelta(0),
    AlertKind.ORDER_LIMIT: timedelta(0),
    AlertKind.APART: timedelta(0),
    AlertKind.VETOED: timedelta(0),
    AlertKind.NOT_ANSWERED: timedelta(0),
    AlertKind.CHECKS_FAILING: timedelta(0),
    AlertKind.DISK: timedelta(0),
}
# Interactive Brokers resets its servers from 00:15 to 01:45 New York time, on Friday nights from 23:00 to 03:00, and
# the gateway restarts itself at about midnight. The longest of these takes four hours. An account that is away for
# longer, in the evening or night before a session, needs a person.
ACCOUNT_NIGHT, EVENING_BEFORE = timedelta(hours=4), timedelta(hours=16)
# Enough time to log in before the first decision of a day.
AHEAD = timedelta(hours=1)
# A session's hours if there is no calendar: a daemon that still waits for its account has no calendar.
USUAL_OPEN, USUAL_CLOSE = time(9, 30), time(16)
SATURDAY = 5
# A daemon that died twice within this time may die again: it is not healthy until it has lived for as long.
DYING = timedelta(hours=1)
# The daemon beats at least once a minute; two missed beats may be a slow disk, more is a hang.
STALE_AFTER = timedelta(minutes=3)
HALTING_CODES = {reason.value for reason in Reason if reason.halts}


class Health(StrEnum):
    """The verdict, and the exit code that scripts see."""

    exit_code: int

    def __new__(cls, word: str, exit_code: int = 0) -> Self:
        health = str.__new__(cls, word)
        health._value_, health.exit_code = word, exit_code
        return health

    HEALTHY = "healthy", 0
    STARTING = "starting", 0
    DEAD = "dead", 1
    STALE = "stale", 1
    STOPPED = "stopped", 3
    NEVER_STARTED = "never started", 3
    HALTED = "halted", 4
    FAILING = "failing", 5
    """the daemon is running, but cannot decide while decisions are due, or dies again and again"""


def verdict(status: Mapping[str, Any], now: datetime) -> Health:
    """HALTED, FAILING or HEALTHY at `now`, for a daemon that is alive and reports `status`."""
    codes = {code for code, _ in failures(mapping(status.get("last_check")))} - {Reason.TRADING_HALTED}
    if text(status.get("halted")) or codes & HALTING_CODES or AlertKind.MISMATCH in _began(status):
        return Health.HALTED
    return Health.FAILING if dies_again(status, now) or _decides_nothing(status, now) else Health.HEALTHY


def dies_again(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether the daemon's last runs were killed, one soon after another, and this one is not much older."""
    at = moment(mapping(status.get("died_again")).get("at"))
    return at is not None and timedelta(0) <= now - at < DYING


def failures(check: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and sentence of each failed gate of `check` that is an error; if the check itself failed, its own."""
    gates = [mapping(gate) for gate in sequence(check.get("gates"))]
    failed = [gate for gate in gates if gate.get("passed") is False and text(gate.get("code"))]
    if failed:
        return [(gate["code"], text(gate.get("sentence")) or gate["code"]) for gate in failed]
    code = text(check.get("error"))
    return [(code, text(check.get("sentence")) or code)] if code else []


def _decides_nothing(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether a decision that is due now or soon cannot be made, or the last due decision was not made.

    A failure in a session counts over the night and the weekend. A failure before today's open says nothing about
    today, but the day's first check does. A trouble that began later than `now` counts as lasting: the clock was set
    back.
    """
    if mapping(status.get("undecided")) or _kept_from_trading(status, now):
        return True
    session, checked = _session(status, now), moment(mapping(status.get("last_check")).get("timestamp"))
    in_session = session is not None and checked is not None and session[0] <= checked < session[1]
    if in_session and (number(status.get("failures_in_row")) or 0) >= FAILURES_OF_AN_OUTAGE:
        return True
    since = _without_account_since(status)
    if since is None:
        return False
    due = _is_open(session, now) or _opens_within(AHEAD, status, now)
    brief = timedelta(0) <= now - since <= (PATIENCE if due else ACCOUNT_NIGHT)
    return not brief and (due or _opens_within(EVENING_BEFORE, status, now))


def _kept_from_trading(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether the account has been kept from the rule's holding for longer than a broker's delays."""
    began = _began(status)
    allowed = KEEPS_FROM_TRADING.items()
    return any(
        (at := began.get(kind)) is not None and not timedelta(0) <= now - at < patience for kind, patience in allowed
    )


def _began(status: Mapping[str, Any]) -> dict[str, datetime | None]:
    """Kind of each alert -> since when it has lasted. A check that fails before it asks the account ends none."""
    return {text(a.get("kind")) or "": moment(a.get("at")) for a in map(mapping, sequence(status.get("alerts")))}


def _without_account_since(status: Mapping[str, Any]) -> datetime | None:
    """When the account stopped answering; the daemon's start if it has not answered yet; None if it answers."""
    since, waiting = moment(status.get("problem_since")), status.get("state") == "waiting"
    return moment(status.get("started_at")) if waiting and since is None else since


def _session(status: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime] | None:
    """Open and close of the current session, or of the last one."""
    session = mapping(mapping(status.get("calendar")).get("session"))
    opened, closes = moment(session.get("open")), moment(session.get("close"))
    return _usual_hours(now) if opened is None or closes is None else (opened, closes)


def _is_open(session: tuple[datetime, datetime] | None, now: datetime) -> bool:
    return session is not None and session[0] <= now < session[1]


def _opens_within(length: timedelta, status: Mapping[str, Any], now: datetime) -> bool:
    """Whether a decision may be due within `length`.

    If decisions are made only near the close, the hour before the open is too early.
    """
    if length <= AHEAD and mapping(status.get("config")).get("decide") == "before_close":
        return False
    coming = moment(mapping(status.get("calendar")).get("next_open")) or _usual_hours(now)[0]
    return coming - length <= now < coming


def _usual_hours(now: datetime) -> tuple[datetime, datetime]:
    """Open and close of a usual session on the day of `now` in New York; on a weekend, of Monday's."""
    day = now.astimezone(NEW_YORK).date()
    day += timedelta(days=7 - day.weekday() if day.weekday() >= SATURDAY else 0)
    return datetime.combine(day, USUAL_OPEN, NEW_YORK), datetime.combine(day, USUAL_CLOSE, NEW_YORK)
