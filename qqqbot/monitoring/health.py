"""Is the daemon alive, and is anything wrong? Combines its own verdict (records/verdict) with the lock. Pure.

The lock decides whether the daemon is alive, not the pid or the state that the daemon wrote: a killed process cannot
write that it died.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from qqqbot.model.new_york import new_york_text
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import ADVICE_OF_CODE, ENDS_BY_ITSELF, AlertKind, Reason
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.coerce import mapping, moment, number, sequence, text
from qqqbot.records.folder import Problem
from qqqbot.records.last_run import End
from qqqbot.records.verdict import STALE_AFTER, Health, dies_again, failures, verdict


class Evidence(NamedTuple):
    """What the verdict is based on.

    `holder` is the pid that holds the lock, None if no process does; `locked_at` is when the lock's file was written;
    `halt` is the reason in HALT, None if there is no such file; `status` is empty if there is no status.json; `damage`
    says what is wrong with the files themselves; `touched_at` is when the daemon last wrote the status or, on a full
    disk, touched its file.
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
    disk_is_full: bool = False


REFUSED = "refused: it is not known why"
# The file HALT shows the first, the problem of the connection or the last check the second.
SHOWN_OTHERWISE = (AlertKind.HALT, AlertKind.BROKER)
# What a check reports under these kinds lasts until another check gets as far and does not find it.
OF_CHECKS = frozenset(reason.alert for reason in Reason)
# Without a daemon no check can show that these are over.
ENDING_ALONE = frozenset(reason.alert for reason in Reason if not reason.needs_you)
ABOUT_SHARES = frozenset({Reason.LEDGER_MISMATCH, Reason.UNEXPECTED_POSITION, Reason.DIFFERENCE_SEEN})


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
    health = verdict({**status, "halted": evidence.halt}, now)
    if evidence.disk_is_full and health is Health.HEALTHY:
        return Health.FAILING
    is_starting = health is not Health.HALTED and _not_reported_yet(evidence)
    return Health.STARTING if is_starting and not _dies_again(evidence, now) else health


def problems(evidence: Evidence, health: Health, now: datetime) -> tuple[Problem, ...]:
    """Everything that is wrong, the worst first."""
    found = [*_of_life(evidence, health, now), *_of_trading(evidence), *_of_channels(evidence), *evidence.damage]
    return tuple({problem.text: problem for problem in found}.values())


def _of_life(evidence: Evidence, health: Health, now: datetime) -> Iterable[Problem]:
    if health is Health.DEAD and (end := evidence.end) is not None:
        _, refused, why = end.why.rpartition("did not start: ")
        what = f"{'did not start' if refused else 'ended'} {new_york_text(end.at)}, exit code {end.code}"
        found = f"the daemon {what}: {'; '.join(why.splitlines())}"
        yield Problem(found, f"remove the cause, then run {COMMAND} start")
    elif health is Health.DEAD:
        beat = moment(evidence.status.get("heartbeat_at"))
        seen = f"; last seen {new_york_text(beat)}" if beat else ""
        advice = f"run {COMMAND} start; its last messages are in {COMMAND} logs and logs/nohup.log"
        yield Problem(f"the daemon died without saying so{seen}", advice)
    if evidence.holder is not None and _dies_again(evidence, now):
        told = text(mapping(evidence.status.get("died_again")).get("text"))
        yield Problem(f"{AlertKind.CRASHED.headline}: {told}", AlertKind.CRASHED.advice)
    if health is Health.STALE:
        minutes = (now - _last_sign_of_life(evidence, now)) // timedelta(minutes=1)
        if _cannot_write(evidence, now):
            found = f"the daemon is running, but it has not been able to write its status for {minutes} minutes"
            yield Problem(found, Reason.DISK_ERROR.advice)
        else:
            found = f"no heartbeat for {minutes} minutes: the daemon hangs"
            yield Problem(found, f"run {COMMAND} restart (or stop --force if it does not react)")
    elif evidence.disk_is_full and evidence.holder is not None and Reason.DISK_ERROR not in _failed(evidence):
        yield Problem(AlertKind.DISK.headline, AlertKind.DISK.advice)


def _failed(evidence: Evidence) -> dict[str, str]:
    """Code -> sentence of each failure of the last check."""
    return dict(failures(mapping(evidence.status.get("last_check"))))


def _of_trading(evidence: Evidence) -> Iterable[Problem]:
    status, alive = evidence.status, evidence.holder is not None
    if evidence.halt is not None and not evidence.halted_by_owner:
        yield Problem(f"trading is halted: {evidence.halt}", Reason.TRADING_HALTED.advice)
    problem = text(status.get("problem")) if alive else None
    if problem is not None:
        yield Problem(problem)
    failed = {code: told for code, told in _failed(evidence).items() if alive or code not in ENDS_BY_ITSELF}
    of_last_check = {reason.alert for reason in Reason if reason in failed}
    alerts = _alerts(status, {*SHOWN_OTHERWISE, *of_last_check, *(() if alive else ENDING_ALONE)})
    # An earlier check found these; the last one did not get so far.
    yield from (found for kind, found in alerts if kind in OF_CHECKS)
    if status.get("agrees") is False and not ABOUT_SHARES & failed.keys() and AlertKind.MISMATCH not in dict(alerts):
        yield Problem("the account's shares differ from the book", Reason.DIFFERENCE_SEEN.advice)
    for code, sentence in failed.items():
        # A halt is already reported above, for as long as it lasts, whatever the last check found.
        if code != Reason.TRADING_HALTED and (code, sentence) != (Reason.BROKER_UNAVAILABLE, problem):
            yield Problem(f"the last check could not trade: {sentence}", ADVICE_OF_CODE.get(code, ""))
    if lost := text(mapping(status.get("undecided")).get("sentence")):
        yield Problem(lost, AlertKind.NO_DECISION.advice)
    count = int(number(status.get("failures_in_row")) or 0)
    if count > 1 and (alive or failed):
        yield Problem(f"{count} checks in a row could not be made")
    yield from (found for kind, found in alerts if kind not in OF_CHECKS)


def _of_channels(evidence: Evidence) -> Iterable[Problem]:
    for one in evidence.channels:
        if one.fails and one.refused_at:
            accepted = f"last accepted {new_york_text(one.delivered_at)}" if one.delivered_at else "never accepted"
            found = f"{one.name} {one.why or REFUSED} ({new_york_text(one.refused_at)}; {accepted})"
            yield Problem(found, AlertKind.NOTIFICATIONS.advice)


def _alerts(status: Mapping[str, Any], but: Container[str]) -> list[tuple[str, Problem]]:
    """Kind and problem of each lasting trouble that the owner was notified of, except for the kinds `but`."""
    found = []
    for alert in map(mapping, sequence(status.get("alerts"))):
        kind, told, at = text(alert.get("kind")) or "", text(alert.get("text")), moment(alert.get("at"))
        if told and kind not in but:
            advice = AlertKind(kind).advice if kind in tuple(AlertKind) else ""
            found.append((kind, Problem(f"{told} (since {new_york_text(at)})" if at else told, advice)))
    return found


def _dies_again(evidence: Evidence, now: datetime) -> bool:
    """Whether the running daemon reports that its predecessors died; it does so in its first status."""
    return number(evidence.status.get("pid")) == evidence.holder and dies_again(evidence.status, now)


def _not_reported_yet(evidence: Evidence) -> bool:
    """Whether the lock's holder has not yet written a status of its own."""
    status = evidence.status
    return status.get("state") in ("stopped", "starting", None) or number(status.get("pid")) != evidence.holder


def _cannot_write(evidence: Evidence, now: datetime) -> bool:
    """Whether the status is old but its file was just touched, which needs no space on a full disk."""
    touched = evidence.touched_at
    return touched is not None and timedelta(0) <= now - touched <= STALE_AFTER


def _last_sign_of_life(evidence: Evidence, now: datetime) -> datetime:
    """The heartbeat; for a daemon that has not beaten yet, the moment it took the lock."""
    beat = moment(evidence.status.get("heartbeat_at"))
    if _not_reported_yet(evidence) or beat is None:
        signs = [sign for sign in (beat, evidence.locked_at) if sign is not None]
        return max(signs, default=now)
    return beat
