"""The rungs of the connection check as pure functions: what no gateway stand-in plays, and every edge of a verdict."""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import test_ib_connection
from qqqbot.adapters.ib.account import PositionRow, SummaryRow
from qqqbot.adapters.ib.doctor import account_checks as rungs
from qqqbot.adapters.ib.doctor import connection_checks as ladder
from qqqbot.adapters.ib.doctor.checkup import LARGEST_CLIENT_ID, Checkup, Patience, Report
from qqqbot.adapters.ib.doctor.result import (
    KIND,
    NAMES,
    PACKAGE,
    PORT,
    Answer,
    Contract,
    OpenOrder,
    Rung,
    Silence,
    Verdict,
    WhatIf,
)
from qqqbot.display.terminal import Tone
from qqqbot.runtime.config import Config
from tests.support.builders import ACCOUNT, NOW
from tests.support.ib_desk import MovedClock

OK, NOTE, FAILED = Verdict.OK, Verdict.NOTE, Verdict.FAILED
HOURS = "20261123:0930-20261123:1600;20261124:0930-20261124:1600;20261125:CLOSED;20261127:0930-20261127:1300"
SHARE = Contract("STK", 1, Decimal("0.01"), ("LMT", "MKT"), HOURS, "US/Eastern")
MONEY = {"AvailableFunds": "100000", "BuyingPower": "400000", "NetLiquidation": "100000", "TotalCashValue": "100000"}


def summary_of(**changes: str) -> Answer:
    return Answer(tuple(SummaryRow(ACCOUNT, tag, value, "USD") for tag, value in {**MONEY, **changes}.items()))


def positions_of(**quantities: str) -> Answer:
    return Answer(tuple(PositionRow(ACCOUNT, s, "STK", "USD", Decimal(q)) for s, q in quantities.items()))


def both(**changes: Any) -> dict[str, Answer]:
    """The contract details of QQQ and TQQQ, the latter changed."""
    values = {field: getattr(SHARE, field) for field in SHARE.__slots__}
    return {"QQQ": Answer((SHARE,)), "TQQQ": Answer((Contract(**{**values, **changes}),))}


# Verdicts and their edges


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, OK), (5, OK), (-5, OK), (5.5, NOTE), (-30, NOTE), (60, NOTE), (60.5, FAILED), (-61, FAILED)],
)
def test_a_clock_may_be_off_by_five_seconds_and_must_not_by_more_than_a_minute(
    seconds: float, verdict: Verdict
) -> None:
    assert ladder.clock(timedelta(seconds=seconds)).verdict is verdict


def test_a_clock_that_was_not_told_is_no_sound_clock() -> None:
    assert ladder.clock(None, "no complete answer came in time").verdict is FAILED


@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "EST", "Eastern Standard Time"])
def test_new_york_has_many_names(zone: str) -> None:
    assert ladder.time_zone(f"20261124 12:00:00 {zone}").verdict is OK


@pytest.mark.parametrize("greeting", ["20261124 12:00:00 CET", "20261124 12:00:00", ""])
def test_another_zone_or_none_is_a_note(greeting: str) -> None:
    assert ladder.time_zone(greeting).verdict is NOTE


@pytest.mark.parametrize("tag", ["AvailableFunds", "BuyingPower", "NetLiquidation", "TotalCashValue"])
def test_a_summary_that_lacks_an_amount_is_not_complete(tag: str) -> None:
    rows = tuple(row for row in summary_of().rows if row.tag != tag)
    rung = rungs.summary(Answer(rows), ACCOUNT, Config())
    assert rung.verdict is FAILED
    assert tag in rung.found


def test_the_summary_of_another_account_is_no_answer() -> None:
    assert rungs.summary(summary_of(), "DU7", Config()).verdict is FAILED


def test_a_margin_account_is_well_and_a_cash_account_a_note() -> None:
    assert rungs.summary(summary_of(), ACCOUNT, Config()).verdict is OK
    assert rungs.summary(summary_of(BuyingPower="100000"), ACCOUNT, Config()).verdict is NOTE


def test_what_is_less_than_the_capital_is_noted() -> None:
    rung = rungs.summary(summary_of(NetLiquidation="99999.99"), ACCOUNT, Config())
    assert rung.verdict is NOTE
    assert "lower total_capital" in rung.fix


def test_positions_of_others_are_not_counted() -> None:
    rows = (PositionRow("DU7", "QQQ", "OPT", "USD", Decimal(5)), PositionRow(ACCOUNT, "QQQ", "STK", "EUR", Decimal(6)))
    rung = rungs.positions(Answer(rows), ACCOUNT)
    assert rung.found == "0 QQQ, 0 TQQQ; 1 other position ignored (QQQ STK)"


def test_own_shares_are_well_and_the_book_is_mentioned() -> None:
    rung = rungs.positions(positions_of(QQQ="211"), ACCOUNT)
    assert (rung.verdict, rung.found) == (OK, "211 QQQ, 0 TQQQ")
    assert "adopt or leave" in rung.meaning


def test_an_order_of_a_stranger_in_another_share_is_no_news() -> None:
    assert rungs.open_orders(Answer((OpenOrder("SPY", "x"),))).verdict is OK
    assert rungs.open_orders(Answer((OpenOrder("QQQ", "x"),))).verdict is NOTE


def test_contracts_need_one_share_each_that_takes_the_order_type() -> None:
    assert rungs.contracts(both(), "MKT", NOW).verdict is OK
    refused = rungs.contracts(both(order_types=("LMT",)), "MKT", NOW)
    assert (refused.verdict, refused.fix) == (FAILED, "set order_type to LMT")
    assert rungs.contracts(both(sec_type="OPT"), "MKT", NOW).verdict is FAILED
    assert rungs.contracts({**both(), "TQQQ": Answer()}, "MKT", NOW).verdict is FAILED


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (24, "; regular hours today 09:30-16:00 US/Eastern"),
        (25, "; closed today"),
        (27, "; regular hours today 09:30-13:00 US/Eastern"),
        (28, ""),
    ],
)
def test_the_hours_of_this_day_are_read_out_of_the_brokers_text(day: int, told: str) -> None:
    assert rungs.hours_today(SHARE, datetime(2026, 11, day, 17, tzinfo=UTC)) == told


def test_hours_in_a_form_that_is_not_known_are_left_out() -> None:
    odd = Contract("STK", 1, None, (), "20261124:garbage", "US/Eastern")
    assert rungs.hours_today(odd, NOW) == ""


@pytest.mark.parametrize(("number", "fix"), [(354, "subscribe"), (10168, "subscribe"), (10197, "log out there")])
def test_quotes_are_never_a_failure(number: int, fix: str) -> None:
    rung = rungs.quotes({}, f"{number}: anything (the broker's text)")
    assert rung.verdict is NOTE
    assert fix in rung.fix


def test_one_price_of_two_is_not_enough_for_a_second_opinion() -> None:
    assert rungs.quotes({"QQQ": {4: 450.0}}, "").verdict is NOTE
    assert rungs.quotes({"QQQ": {4: 450.0}, "TQQQ": {4: -1.0}}, "").verdict is NOTE
    assert rungs.quotes({"QQQ": {4: 450.0}, "TQQQ": {4: 60.0}}, "").verdict is OK


def test_a_lost_line_fails_and_a_quiet_one_is_well() -> None:
    assert rungs.line("").verdict is OK
    rung = rungs.line("1100: the gateway has lost its connection to Interactive Brokers; wait: it comes back")
    assert (rung.verdict, rung.found) == (FAILED, "1100: the gateway has lost its connection to Interactive Brokers")


def test_warnings_to_a_what_if_are_told_and_numbers_that_are_missing_too() -> None:
    warned = rungs.precautions(Answer((WhatIf(None, Decimal("0.6"), ("it is a leveraged fund",)),)), "TQQQ")
    assert warned.verdict is NOTE
    assert "margin not told, commission 0.60 USD" in warned.found
    assert "it is a leveraged fund" in warned.meaning


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
    assert ladder.keys(account, config).verdict is verdict


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
def test_an_account_behind_the_other_kinds_port_is_refused(account: str, port: int, verdict: Verdict) -> None:
    assert ladder.kind(account, port).verdict is verdict


def test_every_failure_says_what_to_do() -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    failures = [
        ladder.no_package("x"),
        ladder.unreachable("h", 1, refused, 8),
        ladder.unreachable("h", 1, TimeoutError("timed out"), 8),
        ladder.unreachable("h", 1, OSError(-2, "Name or service not known"), 8),
        ladder.not_greeted("the gateway closed the connection", None, None),
        ladder.not_greeted("h port 1 accepts and does not answer: look", 157, Silence.MUTE),
        ladder.client_id_taken(1, "326: taken (text); fix"),
        ladder.clock(None, "x"),
        ladder.clock(timedelta(minutes=2)),
        ladder.account((), "")[0],
        ladder.kind(ACCOUNT, 4001),
        ladder.keys("U1234567", Config(dry_run=False, use_interactive_brokers=True)),
        rungs.read_only(Answer(trouble="321: read-only; fix")),
        rungs.read_only(Answer(trouble="late")),
        rungs.summary(Answer(trouble="late"), ACCOUNT, Config()),
        rungs.positions(positions_of(QQQ="-1"), ACCOUNT),
        rungs.contracts({"QQQ": Answer(trouble="late")}, "MKT", NOW),
        rungs.line("1100: lost"),
        rungs.precautions(Answer(trouble="203: x"), "TQQQ"),
    ]
    assert [rung.name for rung in failures if rung.verdict is not FAILED or not rung.fix] == []


# The report


def report(*rungs: Rung, dry_run: bool = False) -> Report:
    return Report(rungs, (ACCOUNT,), ACCOUNT, dry_run)


def every(verdict: Verdict) -> list[Rung]:
    return [Rung(name, verdict, "") for name in NAMES]


def test_the_bot_could_trade_only_where_every_rung_was_reached_and_none_failed() -> None:
    assert report(*every(OK)).could_trade
    assert report(*every(NOTE)).could_trade
    assert not report(*every(OK)[:-1]).could_trade
    assert not report(*every(OK)[:-1], Rung(NAMES[-1], FAILED, "")).could_trade
    assert not report().could_trade


class NoGateway:
    """Remembers the client id that it was greeted with, and refuses."""

    account = ""
    managed = ()
    unreachable = ConnectionRefusedError(111, "Connection refused")
    server_version = None
    greeting = ""
    client_id = 0

    def greet(self, host: str, port: int, client_id: int) -> str:  # noqa: ARG002 (as the port has it)
        self.client_id = client_id
        return "refused"

    def shut(self, why: str) -> None:
        """Nothing is open."""

    def __getattr__(self, question: str) -> Any:
        raise AssertionError(f"{question} was asked of a gateway that is not there")


@pytest.mark.parametrize(
    ("own", "daemon", "used"),
    [(1, None, 1), (1, 4711, 1001), (LARGEST_CLIENT_ID, 4711, LARGEST_CLIENT_ID - 1000)],
)
def test_a_running_daemons_client_id_is_left_to_it(own: int, daemon: int | None, used: int) -> None:
    gateway = NoGateway()
    seen: list[str] = []
    checkup = Checkup(
        Config(ib_client_id=own), MovedClock(), Patience(), lambda rung, _: seen.append(rung.name), daemon=daemon
    )
    found = checkup.climb(gateway, "ibapi 9", 157)
    assert gateway.client_id == used
    assert seen == [PACKAGE, PORT]
    assert found.failed == (PORT,)


# The screen


def test_a_rung_is_wrapped_masked_and_coloured_by_its_verdict() -> None:
    rung = Rung(KIND, FAILED, f"{ACCOUNT} " + "word " * 30, "a meaning", "a fix")
    lines = test_ib_connection._lines(rung, (ACCOUNT,))
    assert lines[0].text.startswith("FAILED  Paper or live    DU***567 word")
    assert (lines[0].tone, lines[-1].tone) == (Tone.BAD, Tone.PLAIN)
    assert max(len(line.text) for line in lines) <= 80
    assert [line.text.strip() for line in lines[-2:]] == ["a meaning", "Do: a fix"]


def test_an_account_id_of_an_unusual_form_is_masked_too() -> None:
    assert "XY99887766" not in test_ib_connection._masked("XY99887766 is one of XY99887766", ("XY99887766",))


def test_json_holds_every_rung_and_what_was_not_reached() -> None:
    facts = test_ib_connection._facts(report(*every(OK)[:3]), Config())
    assert json.loads(json.dumps(facts))["not_reached"] == list(NAMES[3:])
    assert [rung["name"] for rung in json.loads(json.dumps(facts))["rungs"]] == list(NAMES[:3])


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        arguments = ["--config", str(config), "--logs", str(tmp_path)]
        assert test_ib_connection.main(arguments, MovedClock(), out, Patience(connect=0.2)) == 1
