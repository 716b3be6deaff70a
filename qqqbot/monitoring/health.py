"""Is the daemon alive, and is anything wrong? A verdict and sentences, from what the files say. Pure.

Whether it is alive is decided by the lock, not by the pid or the state that the daemon wrote: a process that was killed
cannot write that it died.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Self

from qqqbot.model.new_york import NEW_YORK, new_york_text
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import ADVICE_OF_CODE, AlertKind, Reason
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.coerce import mapping, moment, number, sequence, text
from qqqbot.records.folder import Problem
from qqqbot.records.last_run import End

# A single failed check is followed by the next; this many in a row are an outage.
FAILURES_OF_AN_OUTAGE = 3
# The gateway recovers on its own from most interruptions, within this.
PATIENCE = timedelta(minutes=5)
# What keeps the account from the rule's holding or from the book's money, and how long it may last before it needs a
# person. An order that does not end is reported only once it has lasted.
KEEPS_FROM_TRADING: Mapping[str, timedelta] = {
    AlertKind.MONEY: PATIENCE,
    AlertKind.SHORTFALL: PATIENCE,
    AlertKind.ORDER_OPEN: timedelta(0),
    AlertKind.APART: timedelta(0),
}
# Time enough to log in before the first decision of a day.
AHEAD = timedelta(hours=1)
# A session's hours if there is no calendar: a daemon that waits for its account has none.
USUAL_OPEN, USUAL_CLOSE = time(9, 30), time(16)
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
    """it is running, but cannot decide while decisions are due"""


class Evidence(NamedTuple):
    """What the verdict is based on.

    `holder` is the pid that holds the lock, None if nobody does; `locked_at` is when the lock's file was written;
    `halt` is the reason in HALT, None if there is no such file; `status` is empty if there is none; `damage` says what
    is wrong with the files themselves; `touched_at` is when the status was written or, by a daemon that could not write
    it, at least touched.
    """

    status: Mapping[str, Any]
    holder: int | None
    locked_at: datetime | None
    halt: str | None
    damage: tuple[Problem, ...] = ()
    touched_at: datetime | None = None
    halted_by_owner: bool = False
    channels: tuple[ChannelHealth, ...] = ()
    end: End | None = None


NEWEST_ALERTS = 3
SATURDAY = 5
# Kinds of alerts that repeat what the last check's own failures say.
OF_THE_LAST_CHECK: tuple[str, ...] = tuple(
    {reason.alert for reason in Reason} - {AlertKind.ORDER_REFUSED, AlertKind.ORDER_LOST}
)


def judge(evidence: Evidence, now: datetime) -> Health:
    """The verdict at `now`."""
    status = evidence.status
    if evidence.holder is None:
        if evidence.end is not None:
            return Health.DEAD
        if not status and not evidence.damage:
            return Health.NEVER_STARTED
        return Health.STOPPED if status.get("state") == "stopped" else Health.DEAD
    if now - _last_sign_of_life(evidence, now) > STALE_AFTER:
        return Health.STALE
    codes = {code for code, _ in failures(mapping(status.get("last_check")))}
    if evidence.halt is not None or text(status.get("halted")) or codes & HALTING_CODES:
        return Health.HALTED
    if _not_reported_yet(evidence):
        return Health.STARTING
    return Health.FAILING if _decides_nothing(status, now) else Health.HEALTHY


def failures(check: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and sentence of each failed gate of `check` that is an error; for a check that failed, its own."""
    gates = [mapping(gate) for gate in sequence(check.get("gates"))]
    failed = [gate for gate in gates if gate.get("passed") is False and text(gate.get("code"))]
    if failed:
        return [(gate["code"], text(gate.get("sentence")) or gate["code"]) for gate in failed]
    code = text(check.get("error"))
    return [(code, text(check.get("sentence")) or code)] if code else []


def problems(evidence: Evidence, health: Health, now: datetime) -> tuple[Problem, ...]:
    """What is wrong, the worst first; empty if nothing is."""
    found = [*_of_life(evidence, health, now), *_of_trading(evidence), *_of_channels(evidence), *evidence.damage]
    return tuple({problem.text: problem for problem in found}.values())


def _of_life(evidence: Evidence, health: Health, now: datetime) -> Iterable[Problem]:
    if health is Health.DEAD and (end := evidence.end) is not None:
        found = f"the daemon ended {new_york_text(end.at)} with exit code {end.code}: {'; '.join(end.why.splitlines())}"
        yield Problem(found, f"put that right, then {COMMAND} start")
    elif health is Health.DEAD:
        beat = moment(evidence.status.get("heartbeat_at"))
        seen = f"; last seen {new_york_text(beat)}" if beat else ""
        advice = f"{COMMAND} start; its last messages: {COMMAND} logs, and logs/nohup.log"
        yield Problem(f"the daemon died without saying so{seen}", advice)
    if health is Health.STALE:
        minutes = (now - _last_sign_of_life(evidence, now)) // timedelta(minutes=1)
        if _cannot_write(evidence, now):
            found = f"the daemon is running, but it has not been able to write its status for {minutes} minutes"
            yield Problem(found, Reason.DISK_ERROR.advice)
        else:
            found = f"no heartbeat for {minutes} minutes: the daemon hangs"
            yield Problem(found, f"{COMMAND} restart (stop --force if it does not react)")


def _of_trading(evidence: Evidence) -> Iterable[Problem]:
    status = evidence.status
    halt = evidence.halt if evidence.halt is not None else text(status.get("halted"))
    if halt is not None and not evidence.halted_by_owner:
        yield Problem(f"trading is halted: {halt}", Reason.TRADING_HALTED.advice)
    problem = text(status.get("problem"))
    if problem is not None:
        yield Problem(problem)
    failed = failures(mapping(status.get("last_check")))
    if status.get("agrees") is False and not {Reason.LEDGER_MISMATCH, Reason.DIFFERENCE_SEEN} & dict(failed).keys():
        yield Problem("the account's shares differ from the book", Reason.LEDGER_MISMATCH.advice)
    for code, sentence in failed:
        halted = code == Reason.TRADING_HALTED
        said = halt is not None if halted else (code, sentence) == (Reason.BROKER_UNAVAILABLE, problem)
        if not said:
            yield Problem(f"the last check could not trade: {sentence}", ADVICE_OF_CODE.get(code, ""))
    count = int(number(status.get("failures_in_row")) or 0)
    if count > 1:
        yield Problem(f"{count} checks in a row could not be made")
    told_above: tuple[str, ...] = (AlertKind.BROKER,) if problem is not None else ()
    yield from _of_alerts(status, OF_THE_LAST_CHECK if failed or halt is not None else told_above)


def _of_channels(evidence: Evidence) -> Iterable[Problem]:
    for one in evidence.channels:
        if one.fails and one.refused_at:
            accepted = f"last accepted {new_york_text(one.delivered_at)}" if one.delivered_at else "never accepted"
            found = f"{one.name} {one.why} ({new_york_text(one.refused_at)}; {accepted})"
            yield Problem(found, AlertKind.NOTIFICATIONS.advice)


def _of_alerts(status: Mapping[str, Any], shown_above: tuple[str, ...]) -> Iterable[Problem]:
    """What the owner has been notified of and has not ended, except for the kinds that are `shown_above`."""
    for alert in map(mapping, sequence(status.get("alerts"))[-NEWEST_ALERTS:]):
        found = text(alert.get("text"))
        if found and alert.get("kind") not in shown_above:
            at = moment(alert.get("at"))
            yield Problem(f"{found} (since {new_york_text(at)})" if at else found)


def _decides_nothing(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether a decision that is due, or soon will be, cannot be made. At night nothing is missed.

    A failure before the session's open says nothing about today: the first check of the day does.
    """
    check, since = mapping(status.get("last_check")), _without_account_since(status)
    opened = _open_since(status, now)
    failures_in_row, checked = number(status.get("failures_in_row")) or 0, moment(check.get("timestamp"))
    if opened is not None and checked is not None and checked >= opened and failures_in_row >= FAILURES_OF_AN_OUTAGE:
        return True
    if opened is not None and _kept_from_trading(status, now):
        return True
    lasting = since is not None and now - since > PATIENCE
    return lasting and (opened is not None or _opens_soon(status, now))


def _kept_from_trading(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether the account has been kept from the rule's holding for longer than a broker's delays."""
    began = {text(a.get("kind")) or "": moment(a.get("at")) for a in map(mapping, sequence(status.get("alerts")))}
    allowed = KEEPS_FROM_TRADING.items()
    return any((at := began.get(kind)) is not None and now - at >= patience for kind, patience in allowed)


def _without_account_since(status: Mapping[str, Any]) -> datetime | None:
    """When the account stopped answering; the daemon's start if it has not answered yet; None if it answers."""
    since, waiting = moment(status.get("problem_since")), status.get("state") == "waiting"
    return moment(status.get("started_at")) if waiting and since is None else since


def _open_since(status: Mapping[str, Any], now: datetime) -> datetime | None:
    """When the current session opened; None while the exchange is closed."""
    session = mapping(mapping(status.get("calendar")).get("session"))
    opened, closes = moment(session.get("open")), moment(session.get("close"))
    if opened is None or closes is None:
        opened, closes = _usual_hours(now)
    return opened if opened <= now < closes else None


def _opens_soon(status: Mapping[str, Any], now: datetime) -> bool:
    """Whether a decision may be due within the hour; if all are made near the close, the open does not count."""
    if mapping(status.get("config")).get("decide") == "before_close":
        return False
    coming = moment(mapping(status.get("calendar")).get("next_open")) or _usual_hours(now)[0]
    return coming - AHEAD <= now < coming


def _usual_hours(now: datetime) -> tuple[datetime, datetime]:
    """Open and close of a usual session on the day of `now` in New York; on a weekend, of Monday's."""
    day = now.astimezone(NEW_YORK).date()
    day += timedelta(days=7 - day.weekday() if day.weekday() >= SATURDAY else 0)
    return datetime.combine(day, USUAL_OPEN, NEW_YORK), datetime.combine(day, USUAL_CLOSE, NEW_YORK)


def _not_reported_yet(evidence: Evidence) -> bool:
    """Whether the lock's holder has not written a status of its own."""
    status = evidence.status
    return status.get("state") in ("stopped", "starting", None) or number(status.get("pid")) != evidence.holder


def _cannot_write(evidence: Evidence, now: datetime) -> bool:
    """Whether the status is old and its file was touched just now, which takes no room on a full disk."""
    touched = evidence.touched_at
    return touched is not None and timedelta(0) <= now - touched <= STALE_AFTER


def _last_sign_of_life(evidence: Evidence, now: datetime) -> datetime:
    """The heartbeat; for a daemon that has not beaten yet, the moment it took the lock."""
    beat = moment(evidence.status.get("heartbeat_at"))
    if _not_reported_yet(evidence) or beat is None:
        signs = [sign for sign in (beat, evidence.locked_at) if sign is not None]
        return max(signs, default=now)
    return beat
