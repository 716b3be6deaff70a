"""The verdict on the daemon, and the sentences about what is wrong."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from qqqbot.monitoring.health import Evidence, judge, problems
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.folder import Problem
from qqqbot.records.last_run import End
from qqqbot.records.status_file import calendar_values
from qqqbot.records.verdict import KEEPS_FROM_TRADING, PATIENCE, STALE_AFTER, Health, failures
from tests.support.builders import DAY, NOW, new_york, table
from tests.support.monitor_samples import PID, blocked, status_values

MINUTE = timedelta(minutes=1)
FAILED = {"action": "FAILED", "error": "PricesUnavailable", "sentence": "no answer within 30 s"}


def evidence(
    holder: int | None = PID, locked_at: datetime | None = NOW, halt: str | None = None, **status: Any
) -> Evidence:
    return Evidence({**status_values(), **status}, holder, locked_at, halt)


def texts(found: Evidence, now: datetime = NOW) -> list[str]:
    return [problem.text for problem in problems(found, judge(found, now), now)]


def test_a_held_lock_and_a_fresh_heartbeat_are_health() -> None:
    assert judge(evidence(), NOW) is Health.HEALTHY
    assert texts(evidence()) == []


def test_without_a_lock_the_daemon_is_dead_whatever_the_status_says() -> None:
    assert judge(evidence(holder=None), NOW) is Health.DEAD
    assert texts(evidence(holder=None)) == ["the daemon died without saying so; last seen Tue 2026-11-24 11:59 ET"]


def test_no_lock_after_a_stop_notice_is_a_stop() -> None:
    assert judge(evidence(holder=None, state="stopped"), NOW) is Health.STOPPED


def test_an_empty_folder_was_never_started() -> None:
    assert judge(Evidence({}, None, None, None), NOW) is Health.NEVER_STARTED


def test_a_damaged_status_without_a_lock_is_not_treated_as_a_first_start() -> None:
    assert judge(Evidence({}, None, NOW, None, (Problem("status.json is damaged"),)), NOW) is Health.DEAD


@pytest.mark.parametrize(("late", "verdict"), [(timedelta(0), Health.HEALTHY), (timedelta(seconds=1), Health.STALE)])
def test_a_heartbeat_is_stale_after_three_minutes(late: timedelta, verdict: Health) -> None:
    beat = (NOW - STALE_AFTER - late).isoformat()
    assert judge(evidence(heartbeat_at=beat), NOW) is verdict


def test_a_daemon_that_has_just_taken_the_lock_is_starting_though_the_old_heartbeat_is_stale() -> None:
    yesterday = (NOW - timedelta(days=1)).isoformat()
    fresh = evidence(state="stopped", heartbeat_at=yesterday, holder=PID + 1)
    assert judge(fresh, NOW + MINUTE) is Health.STARTING
    assert judge(fresh, NOW + STALE_AFTER + MINUTE) is Health.STALE


def test_the_same_pid_in_a_container_is_not_treated_as_the_old_daemon() -> None:
    assert judge(evidence(state="stopped"), NOW) is Health.STARTING


@pytest.mark.parametrize(
    "found",
    [
        evidence(halt="by hand"),
        evidence(halt="the account did not settle", halted="the account did not settle"),
        evidence(last_check=blocked("book", "they differ", "LedgerMismatch")),
        evidence(last_check=blocked("book", "a short position", "UnexpectedPosition")),
        evidence(halt="halted", last_check=blocked("halt", "halted", "TradingHalted")),
    ],
)
def test_an_error_that_needs_the_owner_is_a_halt(found: Evidence) -> None:
    assert judge(found, NOW) is Health.HALTED
    assert len(texts(found)) == 1


def test_a_halt_is_over_with_its_file_though_the_last_check_and_heartbeat_speak_of_it() -> None:
    resumed = evidence(halted="by hand", last_check=blocked("halt", "halted", "TradingHalted"))
    assert judge(resumed, NOW) is Health.HEALTHY
    assert texts(resumed) == []


@pytest.mark.parametrize(
    "check",
    [
        FAILED,
        blocked("quote_age", "the price is old", "StalePrices"),
        blocked("exchange", "the exchange is closed", ""),
        None,
        {"gates": "rubbish"},
    ],
)
def test_a_failed_check_is_not_a_halt(check: Any) -> None:
    assert judge(evidence(last_check=check), NOW) is Health.HEALTHY


def test_a_closed_exchange_does_not_hide_a_mismatch() -> None:
    check = blocked("exchange", "the exchange is closed", "")
    check["gates"].append({"name": "book", "passed": False, "code": "LedgerMismatch", "sentence": "they differ"})
    assert judge(evidence(last_check=check), NOW) is Health.HALTED
    assert failures(check) == [("LedgerMismatch", "they differ")]


def test_a_daemon_that_dies_again_and_again_is_not_well_from_its_first_words_on() -> None:
    """While it starts it would be STARTING, whose exit code is 0; of its predecessor's words nothing counts."""
    again = {"at": (NOW - MINUTE).isoformat(), "text": "the last run ended without saying so"}
    for state in ("starting", "waiting", "running"):
        assert judge(evidence(died_again=again, state=state), NOW) is Health.FAILING
    assert texts(evidence(died_again=again))[0].startswith("the bot died twice within the hour: the last run ended")
    assert judge(evidence(died_again=again, state="starting", holder=1), NOW) is Health.STARTING
    assert judge(evidence(died_again=again, holder=None), NOW) is Health.DEAD
    assert judge(evidence(died_again=again), NOW + timedelta(hours=-1)) is Health.HEALTHY, "the clock was set back"


def test_a_dead_or_silent_daemon_comes_before_a_halt() -> None:
    assert judge(evidence(holder=None, halt="by hand"), NOW) is Health.DEAD
    assert judge(evidence(heartbeat_at=(NOW - timedelta(hours=1)).isoformat(), halt="by hand"), NOW) is Health.STALE


@pytest.mark.parametrize(
    ("touched", "told"),
    [
        (MINUTE, "the daemon is running, but it has not been able to write its status for 60 minutes"),
        (timedelta(hours=1), "no heartbeat for 60 minutes: the daemon hangs"),
        (-MINUTE, "no heartbeat for 60 minutes: the daemon hangs"),
        (None, "no heartbeat for 60 minutes: the daemon hangs"),
    ],
)
def test_an_old_status_touched_just_now_means_a_full_disk(touched: timedelta | None, told: str) -> None:
    beat = (NOW - timedelta(hours=1)).isoformat()
    at = None if touched is None else NOW - touched
    found = evidence(heartbeat_at=beat)._replace(touched_at=at)
    assert judge(found, NOW).exit_code == 1
    assert texts(found) == [told]


def test_a_stopped_bot_still_reports_its_halt() -> None:
    found = evidence(holder=None, state="stopped", halt="by hand")
    assert judge(found, NOW).exit_code == 3
    assert texts(found) == ["trading is halted: by hand"]


def test_failed_checks_are_reported_once_with_their_number() -> None:
    alert = {"kind": "checks_failing", "text": "5 checks in a row: no answer", "at": NOW.isoformat()}
    found = evidence(last_check=FAILED, failures_in_row=5, alerts=[alert])
    assert texts(found) == [
        "the last check could not trade: no answer within 30 s",
        "5 checks in a row could not be made",
    ]


def test_alerts_of_other_kinds_are_reported_beside_the_check() -> None:
    alert = {"kind": "disk", "text": "the disk is nearly full", "at": NOW.isoformat()}
    assert texts(evidence(alerts=[alert])) == ["the disk is nearly full (since Tue 2026-11-24 12:00 ET)"]


def test_differing_shares_are_reported_if_the_check_did_not_get_that_far() -> None:
    assert texts(evidence(agrees=False)) == ["the account's shares differ from the book"]
    check = blocked("book", "they differ", "LedgerMismatch")
    assert texts(evidence(agrees=False, last_check=check)) == ["the last check could not trade: they differ"]


def test_every_problem_of_trading_has_its_advice() -> None:
    for code in ("LedgerMismatch", "UnexpectedPosition", "TradingHalted", "PricesUnavailable", "StalePrices"):
        found = evidence(last_check=blocked("gate", "a sentence", code))
        assert [p for p in problems(found, judge(found, NOW), NOW) if not p.advice] == []


@pytest.mark.parametrize(
    ("health", "code"),
    [
        (Health.HEALTHY, 0),
        (Health.STARTING, 0),
        (Health.DEAD, 1),
        (Health.STALE, 1),
        (Health.STOPPED, 3),
        (Health.NEVER_STARTED, 3),
        (Health.HALTED, 4),
        (Health.FAILING, 5),
    ],
)
def test_scripts_see_the_verdict(health: Health, code: int) -> None:
    assert health.exit_code == code


GONE = "nothing listens at 127.0.0.1:4002: start the gateway"
TUESDAY, MONDAY = DAY, DAY - timedelta(days=1)


def at(
    day: date, hour: int, minute: int = 0, holder: int | None = PID, halt: str | None = None, **status: Any
) -> tuple[Evidence, datetime]:
    """A daemon that beats at that time in New York, and the time."""
    now = new_york(day, hour, minute)
    own = {"heartbeat_at": now.isoformat(), "calendar": calendar_values(table(), now)}
    return evidence(holder, now, halt, **{**own, **status}), now


def failed_at(day: date, hour: int, minute: int = 0) -> dict[str, str]:
    return {**FAILED, "timestamp": new_york(day, hour, minute).isoformat()}


def without_account(since: datetime) -> dict[str, Any]:
    return {"problem": GONE, "problem_since": since.isoformat()}


@pytest.mark.parametrize(("in_row", "verdict"), [(2, Health.HEALTHY), (3, Health.FAILING), (6, Health.FAILING)])
def test_three_failed_checks_in_a_row_are_a_failure(in_row: int, verdict: Health) -> None:
    assert judge(*at(TUESDAY, 15, failures_in_row=in_row, last_check=failed_at(TUESDAY, 14, 45))) is verdict


@pytest.mark.parametrize("kind", KEEPS_FROM_TRADING)
def test_what_keeps_the_account_from_trading_is_a_failure_once_it_has_lasted(kind: str) -> None:
    alert = {"kind": kind, "text": "it waits", "at": new_york(TUESDAY, 14, 45).isoformat()}
    begins = new_york(TUESDAY, 14, 45) + KEEPS_FROM_TRADING[kind]
    found, _ = at(TUESDAY, 14, 50, alerts=[alert])
    if KEEPS_FROM_TRADING[kind]:
        assert judge(found, begins - timedelta(seconds=1)) is Health.HEALTHY
    assert judge(found, begins) is Health.FAILING
    assert judge(*at(TUESDAY, 14, 30, alerts=[alert])) is Health.FAILING, "the clock was set back"
    assert judge(*at(TUESDAY, 20, alerts=[alert])) is Health.FAILING, "over the night too"


@pytest.mark.parametrize("now", [new_york(TUESDAY, 16), new_york(TUESDAY, 23, 30)])
def test_failed_checks_of_a_session_are_a_failure_over_the_night(now: datetime) -> None:
    """The exit code after 25 failed checks was 0 from the close to the next day's first checks."""
    own: dict[str, Any] = {"heartbeat_at": now.isoformat(), "calendar": calendar_values(table(), now)}
    found = evidence(failures_in_row=3, last_check=failed_at(TUESDAY, 15, 45), **own)
    assert judge(found, now) is Health.FAILING
    alone = evidence(failures_in_row=9, last_check=failed_at(TUESDAY, 16, 30), **own)
    assert judge(alone, now) is Health.HEALTHY, "a failure outside the session says nothing about it"


def test_what_the_next_check_would_have_ended_is_no_problem_of_one_that_was_stopped() -> None:
    last = {"action": "FAILED", "error": "PricesUnavailable", "sentence": "Yahoo cannot be reached"}
    assert texts(evidence(last_check=last)) == ["the last check could not trade: Yahoo cannot be reached"]
    assert texts(evidence(holder=None, state="stopped", last_check=last)) == []
    needs_me = {**last, "error": "ClockWrong", "sentence": "the clock is wrong"}
    found = evidence(holder=None, state="stopped", last_check=needs_me)
    assert texts(found) == ["the last check could not trade: the clock is wrong"]


@pytest.mark.parametrize("kind", ["money", "order_limit", "vetoed", "checks_failing", "broker"])
def test_what_ends_by_itself_is_no_problem_of_a_bot_that_was_stopped_and_what_needs_the_owner_is(kind: str) -> None:
    alerts = [{"kind": kind, "text": "it waits"}, {"kind": "order_open", "text": "an order rests"}]
    stopped: dict[str, Any] = {"state": "stopped", "alerts": alerts, "problem": GONE}
    failed = evidence(holder=None, last_check=FAILED, failures_in_row=3, **stopped)
    assert texts(failed) == ["an order rests"]
    found = evidence(holder=None, last_check=blocked("order", "an order rests", "OrderOpen"), **stopped)
    assert texts(found) == ["the last check could not trade: an order rests"]


def test_a_full_disk_is_seen_though_the_daemon_cannot_write_that() -> None:
    full = evidence()._replace(disk_is_full=True)
    assert judge(full, NOW) is Health.FAILING
    assert [problem.text for problem in problems(full, Health.FAILING, NOW)] == [
        "the disk is full or cannot be written"
    ]
    assert judge(full._replace(halt="smoke"), NOW) is Health.HALTED
    assert judge(full._replace(holder=None), NOW) is not Health.FAILING, "nobody wants to write there"


@pytest.mark.parametrize("day", [TUESDAY - timedelta(days=2), MONDAY, TUESDAY])
def test_a_session_without_its_decision_is_a_failure_until_there_is_one(day: date) -> None:
    lost = {"session": "2026-11-20", "sentence": "the session of 2026-11-20 ended without a decision"}
    found, now = at(day, 8, undecided=lost)
    assert judge(found, now) is Health.FAILING
    (problem,) = problems(found, Health.FAILING, now)
    assert problem.text == lost["sentence"]
    assert problem.advice
    assert judge(*at(day, 8, undecided=None)) is Health.HEALTHY


def test_yesterdays_failed_checks_say_nothing_before_todays_first_check() -> None:
    assert judge(*at(TUESDAY, 9, 33, failures_in_row=6, last_check=failed_at(MONDAY, 15, 45))) is Health.HEALTHY
    assert judge(*at(TUESDAY, 9, 46, failures_in_row=7, last_check=failed_at(TUESDAY, 9, 45))) is Health.FAILING


@pytest.mark.parametrize(
    ("hour", "minute", "decide", "verdict"),
    [
        (8, 29, "every_check", Health.HEALTHY),
        (8, 30, "every_check", Health.FAILING),
        (8, 45, "before_close", Health.HEALTHY),
        (9, 30, "before_close", Health.FAILING),
        (15, 45, "every_check", Health.FAILING),
        (16, 0, "every_check", Health.HEALTHY),
    ],
)
def test_an_account_that_does_not_answer_is_a_failure_while_decisions_are_due(
    hour: int, minute: int, decide: str, verdict: Health
) -> None:
    gone = without_account(new_york(TUESDAY, 6))
    assert judge(*at(TUESDAY, hour, minute, config={"decide": decide}, **gone)) is verdict


@pytest.mark.parametrize(
    ("day", "hour", "minute", "verdict"),
    [
        (TUESDAY, 0, 0, Health.HEALTHY),
        (TUESDAY, 0, 1, Health.FAILING),
        (TUESDAY, 8, 0, Health.FAILING),
        (TUESDAY, 16, 30, Health.HEALTHY),
        (TUESDAY, 17, 30, Health.FAILING),
        (TUESDAY - timedelta(days=2), 12, 0, Health.HEALTHY),
        (TUESDAY - timedelta(days=2), 18, 0, Health.FAILING),
    ],
)
def test_an_account_that_is_away_for_longer_than_its_night_is_a_failure_the_evening_before(
    day: date, hour: int, minute: int, verdict: Health
) -> None:
    """The dead man's switch went silent then, and the status was healthy: nobody could tell why."""
    since = new_york(TUESDAY - timedelta(days=3), 20) if day < MONDAY else new_york(MONDAY, 20)
    assert judge(*at(day, hour, minute, **without_account(since))) is verdict


def test_an_interruption_of_a_few_minutes_is_not_a_failure() -> None:
    since = new_york(TUESDAY, 15, 45)
    found, _ = at(TUESDAY, 15, 50, **without_account(since))
    assert judge(found, since + PATIENCE) is Health.HEALTHY
    assert judge(found, since + PATIENCE + timedelta(seconds=1)) is Health.FAILING
    assert judge(*at(TUESDAY, 15, 30, **without_account(since))) is Health.FAILING, "the clock was set back"


@pytest.mark.parametrize(
    ("day", "hour", "minute", "verdict"),
    [
        (TUESDAY, 8, 29, Health.HEALTHY),
        (TUESDAY, 8, 30, Health.FAILING),
        (TUESDAY, 15, 45, Health.FAILING),
        (TUESDAY, 16, 0, Health.HEALTHY),
        (TUESDAY - timedelta(days=2), 12, 0, Health.HEALTHY),
        (TUESDAY - timedelta(days=3), 9, 0, Health.HEALTHY),
    ],
)
def test_a_daemon_that_waits_for_its_account_is_reported_at_the_usual_hours(
    day: date, hour: int, minute: int, verdict: Health
) -> None:
    waiting: dict[str, Any] = {
        "state": "waiting",
        "calendar": None,
        "last_check": None,
        **without_account(new_york(day, 5)),
    }
    assert judge(*at(day, hour, minute, **waiting)) is verdict


def test_a_daemon_that_has_just_begun_to_wait_is_not_a_failure() -> None:
    begun: dict[str, Any] = {"state": "waiting", "started_at": new_york(TUESDAY, 15, 44).isoformat(), "calendar": None}
    assert judge(*at(TUESDAY, 15, 45, **begun)) is Health.HEALTHY
    assert judge(*at(TUESDAY, 15, 50, **begun)) is Health.FAILING


def test_death_and_a_halt_come_before_a_failure() -> None:
    gone = without_account(new_york(TUESDAY, 6))
    assert judge(*at(TUESDAY, 12, holder=None, **gone)) is Health.DEAD
    assert judge(*at(TUESDAY, 12, halt="by hand", **gone)) is Health.HALTED


def test_an_account_that_does_not_answer_is_reported_once() -> None:
    alert = {"kind": "broker", "text": GONE, "at": NOW.isoformat()}
    check = {**FAILED, "error": "BrokerUnavailable", "sentence": GONE}
    assert texts(evidence(problem=GONE, alerts=[alert])) == [GONE]
    assert texts(evidence(problem=GONE, alerts=[alert], last_check=check)) == [GONE]
    other = {**check, "sentence": "the summary came without a value"}
    told = [GONE, "the last check could not trade: the summary came without a value"]
    assert texts(evidence(problem=GONE, last_check=other)) == told


def test_a_channel_that_refused_last_is_a_problem_with_its_remedy() -> None:
    refused = ChannelHealth("channel 2 (json)", NOW - timedelta(days=1), NOW, "refused it with HTTP status 401")
    found = evidence()._replace(channels=(ChannelHealth("channel 1 (tgram)", NOW), refused))
    (problem,) = problems(found, judge(found, NOW), NOW)
    assert problem.text.startswith(
        "channel 2 (json) refused it with HTTP status 401 (Tue 2026-11-24 12:00 ET; last acc"
    )
    assert "notify-test" in problem.advice


def test_a_refused_start_is_not_a_stop_and_says_why() -> None:
    for found in (evidence(holder=None, state="stopped"), Evidence({}, None, None, None)):
        refused = found._replace(end=End(NOW, 2, "config.json:\n  decide: not a choice"))
        assert judge(refused, NOW) is Health.DEAD
        (problem,) = problems(refused, Health.DEAD, NOW)
        assert "exit code 2: config.json:;   decide: not a choice" in problem.text
    refused = refused._replace(end=End(NOW, 1, "did not start: line 2: not JSON"))
    (problem,) = problems(refused, Health.DEAD, NOW)
    assert problem.text == "the daemon did not start Tue 2026-11-24 12:00 ET, exit code 1: line 2: not JSON"
