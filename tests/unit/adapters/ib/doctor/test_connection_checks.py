"""The connection checks as pure functions: what no gateway stand-in plays, and every edge of a verdict."""

from datetime import timedelta

import pytest

from qqqbot.adapters.ib.doctor import connection_checks
from qqqbot.adapters.ib.doctor.result import Verdict
from qqqbot.adapters.ib.transport import CLOSED_EARLY, mute
from qqqbot.runtime.config import Config
from tests.support.builders import ACCOUNT

OK, NOTE, FAILED = Verdict.OK, Verdict.NOTE, Verdict.FAILED


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, OK), (5, OK), (-5, OK), (5.5, NOTE), (-30, NOTE), (60, NOTE), (60.5, FAILED), (-61, FAILED)],
)
def test_a_clock_may_be_off_by_five_seconds_and_must_not_by_more_than_a_minute(
    seconds: float, verdict: Verdict
) -> None:
    assert connection_checks.clock(timedelta(seconds=seconds)).verdict is verdict


def test_an_unknown_clock_fails() -> None:
    assert connection_checks.no_time("no complete answer came in time").verdict is FAILED


def test_a_gateway_that_listens_on_another_of_its_usual_ports_is_pointed_out() -> None:
    result = connection_checks.unreachable("gateway", 7497, ConnectionRefusedError(), 7, (4002, 7496))
    assert result.meaning.endswith("something listens on 4002 (IB Gateway, paper) and 7496 (TWS, live)")
    assert result.fix.startswith("if that is the gateway, set ib_port to it; otherwise start TWS or IB Gateway")


@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "EST", "Eastern Standard Time"])
def test_new_york_has_many_names(zone: str) -> None:
    assert connection_checks.time_zone(f"20261124 12:00:00 {zone}").verdict is OK


@pytest.mark.parametrize("greeting", ["20261124 12:00:00 CET", "20261124 12:00:00", ""])
def test_another_zone_or_none_is_a_note(greeting: str) -> None:
    assert connection_checks.time_zone(greeting).verdict is NOTE


@pytest.mark.parametrize(
    ("dry_run", "allow_live", "account", "verdict"),
    [
        (True, False, "U1234567", NOTE),
        (True, True, "U1234567", NOTE),
        (False, False, "U1234567", FAILED),
        (False, True, "U1234567", OK),
        (False, False, ACCOUNT, OK),
        (False, True, ACCOUNT, OK),
    ],
)
def test_real_money_has_three_keys(dry_run: bool, allow_live: bool, account: str, verdict: Verdict) -> None:
    config = Config(dry_run=dry_run, use_interactive_brokers=True, allow_live=allow_live)
    assert connection_checks.keys(account, config).verdict is verdict


@pytest.mark.parametrize(
    ("account", "port", "verdict"),
    [
        (ACCOUNT, 7497, OK),
        (ACCOUNT, 4002, OK),
        (ACCOUNT, 4004, OK),
        ("DUP770846", 4002, OK),
        (ACCOUNT, 7496, FAILED),
        (ACCOUNT, 4001, FAILED),
        ("U1234567", 7496, OK),
        ("U1234567", 4001, OK),
        ("U1234567", 7497, FAILED),
        ("U1234567", 4002, FAILED),
    ],
)
def test_an_account_behind_the_port_of_the_other_mode_is_refused(account: str, port: int, verdict: Verdict) -> None:
    assert connection_checks.kind(account, port).verdict is verdict


def test_every_failure_says_what_to_do() -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    failures = [
        connection_checks.unreachable("h", 1, refused, 8),
        connection_checks.unreachable("h", 1, TimeoutError("timed out"), 8),
        connection_checks.unreachable("h", 1, OSError(-2, "Name or service not known"), 8),
        connection_checks.no_greeting("h", 1, "the gateway closed the connection", 0, 8),
        connection_checks.no_greeting("h", 1, mute("h", 1, 8), 157, 8),
        connection_checks.no_greeting("h", 1, mute("h", 1, 8), 0, 8),
        connection_checks.no_greeting("h", 1, CLOSED_EARLY, 0, 8),
        connection_checks.client_id_taken(1, "326: taken (text); fix"),
        connection_checks.no_time("x"),
        connection_checks.clock(timedelta(minutes=2)),
        connection_checks.account((), "")[0],
        connection_checks.kind(ACCOUNT, 4001),
        connection_checks.keys("U1234567", Config(dry_run=False, use_interactive_brokers=True)),
    ]
    assert [result.name for result in failures if result.verdict is not FAILED or not result.fix] == []
