"""Is the daemon alive, and is anything wrong? A verdict and sentences from what the files say. Pure.

The truth about life is the lock, not the pid and not the state that the daemon wrote: a process that was killed cannot
write that it died.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from qqqbot.lenient import mapping, moment, number, sequence, text
from qqqbot.market_calendar import new_york_text

# The daemon beats at least once a minute; two missed beats may be a slow disk, more is a hang.
STALE_AFTER = timedelta(minutes=3)
HALTING_CODES = ("LedgerMismatch", "UnexpectedPosition", "TradingHalted")


class Health(Enum):
    """The verdict, and the exit code that scripts see."""

    HEALTHY = ("healthy", 0)
    STARTING = ("starting", 0)
    DEAD = ("dead", 1)
    STALE = ("stale", 1)
    STOPPED = ("stopped", 3)
    NEVER_STARTED = ("never started", 3)
    HALTED = ("halted", 4)

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def exit_code(self) -> int:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Problem:
    """What was found, and what the owner can do about it (empty: nothing needs doing)."""

    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge by.

    `holder` is the pid that holds the lock, None where nobody does; `locked_at` is when the lock's file was written;
    `halt` is the reason in HALT, None where there is no such file; `status` is empty where there is none;
    `damage` says what is wrong with the files themselves.
    """

    status: Mapping[str, Any]
    holder: int | None
    locked_at: datetime | None
    halt: str | None
    damage: tuple[Problem, ...] = ()


_ADVICE = {
    "TradingHalted": "look at the reason; ./bot_control.sh resume lets it trade again",
    "LedgerMismatch": "./bot_control.sh adopt (the account is right) or leave (those shares are mine)",
    "UnexpectedPosition": "look at the account at your broker, then ./bot_control.sh adopt or leave",
    "DidNotSettle": "look at the account and the log, then ./bot_control.sh resume",
    "CalendarEnded": "./bot_control.sh update",
    "BrokerUnavailable": "is the gateway running and logged in? test_ib_connection.py looks step by step",
    "OrderRejected": "the message above is the broker's; the next check plans afresh",
    "PricesUnavailable": "nothing to do: the next check asks again; it never trades on bad prices",
    "StalePrices": "nothing to do: the next check asks again; it never trades on old prices",
}
"""code of a gate or an error -> what to do"""


def judge(evidence: Evidence, now: datetime) -> Health:
    """The verdict at `now`."""
    status = evidence.status
    if evidence.holder is None:
        if not status and not evidence.damage:
            return Health.NEVER_STARTED
        return Health.STOPPED if status.get("state") == "stopped" else Health.DEAD
    if now - _last_sign_of_life(evidence, now) > STALE_AFTER:
        return Health.STALE
    if evidence.halt is not None or text(status.get("halted")) or blocking_code(status) in HALTING_CODES:
        return Health.HALTED
    return Health.STARTING if _not_reported_yet(evidence) else Health.HEALTHY


def blocking_code(status: Mapping[str, Any]) -> str | None:
    """The code of the gate that blocked the last check, None where none did or the failure is no error."""
    for gate in sequence(mapping(status.get("last_check")).get("gates")):
        if mapping(gate).get("passed") is False:
            return text(mapping(gate).get("code"))
    return None


def problems(evidence: Evidence, health: Health, now: datetime) -> tuple[Problem, ...]:
    """What is wrong, the worst first; empty where nothing is."""
    found = [*_of_life(evidence, health, now), *_of_trading(evidence), *evidence.damage]
    return tuple({problem.text: problem for problem in found}.values())


def _of_life(evidence: Evidence, health: Health, now: datetime) -> Iterable[Problem]:
    if health is Health.DEAD:
        beat = moment(evidence.status.get("heartbeat_at"))
        seen = f"; last seen {new_york_text(beat)}" if beat else ""
        advice = "./bot_control.sh start; what it said last: ./bot_control.sh logs, and logs/nohup.log"
        yield Problem(f"the daemon died without saying so{seen}", advice)
    if health is Health.STALE:
        age = now - _last_sign_of_life(evidence, now)
        found = f"no heartbeat for {age // timedelta(minutes=1)} minutes: the daemon hangs"
        yield Problem(found, "./bot_control.sh restart (stop --force where it does not answer)")


def _of_trading(evidence: Evidence) -> Iterable[Problem]:
    status = evidence.status
    if reason := evidence.halt if evidence.halt is not None else text(status.get("halted")):
        yield Problem(f"trading is halted: {reason}", _ADVICE["TradingHalted"])
    if found := text(status.get("problem")):
        yield Problem(found)
    if status.get("agrees") is False:
        yield Problem("the account's shares differ from the book", _ADVICE["LedgerMismatch"])
    yield from _of_last_check(status)
    for alert in sequence(status.get("alerts"))[-3:]:
        if told := text(mapping(alert).get("text")):
            at = moment(mapping(alert).get("at"))
            yield Problem(f"{told} ({new_york_text(at)})" if at else told)


def _of_last_check(status: Mapping[str, Any]) -> Iterable[Problem]:
    check = mapping(status.get("last_check"))
    code = text(check.get("error")) or blocking_code(status)
    failures = int(number(status.get("failures_in_row")) or 0)
    if code is None or (code == "TradingHalted" and text(status.get("halted"))):
        return
    if code == "LedgerMismatch" and status.get("agrees") is False:
        return
    times = f" ({failures} checks in a row failed)" if failures > 1 else ""
    yield Problem(f"the last check could not trade: {_blocking_sentence(check) or code}{times}", _ADVICE.get(code, ""))


def _blocking_sentence(check: Mapping[str, Any]) -> str | None:
    for gate in sequence(check.get("gates")):
        if mapping(gate).get("passed") is False:
            return text(mapping(gate).get("sentence"))
    return text(check.get("sentence"))


def _not_reported_yet(evidence: Evidence) -> bool:
    """Whether the lock's holder has not written a status of its own."""
    status = evidence.status
    return status.get("state") in ("stopped", "starting", None) or number(status.get("pid")) != evidence.holder


def _last_sign_of_life(evidence: Evidence, now: datetime) -> datetime:
    """The heartbeat; for a daemon that has not beaten yet, the moment it took the lock."""
    beat = moment(evidence.status.get("heartbeat_at"))
    if _not_reported_yet(evidence) or beat is None:
        signs = [sign for sign in (beat, evidence.locked_at) if sign is not None]
        return max(signs, default=now)
    return beat
