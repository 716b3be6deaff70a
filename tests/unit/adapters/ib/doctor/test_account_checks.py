"""The account checks as pure functions: what no gateway stand-in plays, and every edge of a verdict."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from qqqbot.adapters.ib.account import PositionRow, SummaryRow
from qqqbot.adapters.ib.doctor import account_checks
from qqqbot.adapters.ib.doctor.result import ContractDetails, Day, Reply, Verdict, WhatIf
from qqqbot.adapters.ib.error_codes import explain_order
from qqqbot.adapters.ib.order_tracker import Status
from qqqbot.adapters.ib.requests import TOO_LATE
from qqqbot.runtime.config import Config
from tests.support.builders import ACCOUNT, NOW
from tests.support.symbols import SYMBOLS

OK, NOTE, FAILED = Verdict.OK, Verdict.NOTE, Verdict.FAILED
HOURS = "20261123:0930-20261123:1600;20261124:0930-20261124:1600;20261125:CLOSED;20261127:0930-20261127:1300"
SHARE = ContractDetails("STK", Decimal("0.01"), ("LMT", "MKT"), HOURS, "US/Eastern")
MONEY = {"AvailableFunds": "100000", "BuyingPower": "400000", "NetLiquidation": "100000", "TotalCashValue": "100000"}
MONEY |= {"CashBalance": "100000"}


def open_order(symbol: str) -> Status:
    return Status(1, 1, "Submitted", "x", symbol=symbol)


def summary_of(**changes: str) -> Reply:
    return Reply(tuple(SummaryRow(ACCOUNT, tag, value, "USD") for tag, value in {**MONEY, **changes}.items()))


def positions_of(**quantities: str) -> Reply:
    return Reply(tuple(PositionRow(ACCOUNT, s, "STK", "USD", Decimal(q)) for s, q in quantities.items()))


def both(**changes: Any) -> dict[str, Reply]:
    """The contract details of QQQ and TQQQ, the latter changed."""
    return {"QQQ": Reply((SHARE,)), "TQQQ": Reply((replace(SHARE, **changes),))}


@pytest.mark.parametrize("tag", ["AvailableFunds", "BuyingPower", "NetLiquidation", "TotalCashValue"])
def test_a_summary_without_an_amount_is_not_complete(tag: str) -> None:
    rows = tuple(row for row in summary_of().rows if row.tag != tag)
    result = account_checks.summary(Reply(rows), ACCOUNT, Config())
    assert result.verdict is FAILED
    assert tag in result.found


def test_the_summary_of_another_account_is_no_answer() -> None:
    assert account_checks.summary(summary_of(), "DU7", Config()).verdict is FAILED


def test_a_margin_account_is_ok_and_a_cash_account_gets_a_note() -> None:
    assert account_checks.summary(summary_of(), ACCOUNT, Config()).verdict is OK
    assert account_checks.summary(summary_of(BuyingPower="100000"), ACCOUNT, Config()).verdict is NOTE


def test_an_account_below_the_capital_gets_a_note() -> None:
    result = account_checks.summary(summary_of(NetLiquidation="99999.99"), ACCOUNT, Config())
    assert result.verdict is NOTE
    assert "lower total_capital" in result.fix


def test_positions_of_other_accounts_are_not_counted() -> None:
    rows = (PositionRow("DU7", "QQQ", "OPT", "USD", Decimal(5)), PositionRow(ACCOUNT, "QQQ", "STK", "EUR", Decimal(6)))
    result = account_checks.positions(Reply(rows), ACCOUNT, SYMBOLS)
    assert result.found == "0 QQQ, 0 TQQQ; 1 other position ignored (QQQ STK)"


def test_the_owners_shares_are_ok_and_the_book_is_mentioned() -> None:
    result = account_checks.positions(positions_of(QQQ="211"), ACCOUNT, SYMBOLS)
    assert (result.verdict, result.found) == (OK, "211 QQQ, 0 TQQQ")
    assert "adopt or leave" in result.meaning


def test_somebody_elses_order_matters_only_in_our_shares() -> None:
    assert account_checks.open_orders(Reply((open_order("SPY"),)), NOW, SYMBOLS).verdict is OK
    assert account_checks.open_orders(Reply((open_order("QQQ"),)), NOW, SYMBOLS).verdict is NOTE


def test_contracts_need_one_share_each_that_takes_the_order_type() -> None:
    assert account_checks.contracts(both(), "MKT", NOW).verdict is OK
    refused = account_checks.contracts(both(order_types=("LMT",)), "MKT", NOW)
    assert (refused.verdict, refused.fix) == (FAILED, "set order_type to LMT")
    assert account_checks.contracts(both(sec_type="OPT"), "MKT", NOW).verdict is FAILED
    assert account_checks.contracts({**both(), "TQQQ": Reply()}, "MKT", NOW).verdict is FAILED


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (24, "; regular hours today 09:30-16:00 US/Eastern"),
        (25, "; closed today"),
        (27, "; regular hours today 09:30-13:00 US/Eastern"),
        (28, ""),
    ],
)
def test_this_days_hours_are_read_from_the_brokers_text(day: int, told: str) -> None:
    assert account_checks.hours_today(SHARE, datetime(2026, 11, day, 17, tzinfo=UTC)) == told


def test_hours_in_an_unknown_format_are_left_out() -> None:
    odd = ContractDetails("STK", None, (), "20261124:garbage", "US/Eastern")
    assert account_checks.hours_today(odd, NOW) == ""


@pytest.mark.parametrize(("number", "fix"), [(354, "subscribe"), (10168, "subscribe"), (10197, "log out there")])
def test_missing_quotes_are_never_a_failure(number: int, fix: str) -> None:
    result = account_checks.quotes({}, f"{number}: anything (the broker's text)", SYMBOLS)
    assert result.verdict is NOTE
    assert fix in result.fix


def test_one_price_of_two_is_not_enough_for_a_second_opinion() -> None:
    assert account_checks.quotes({"QQQ": {4: 450.0}}, "", SYMBOLS).verdict is NOTE
    assert account_checks.quotes({"QQQ": {4: 450.0}, "TQQQ": {4: -1.0}}, "", SYMBOLS).verdict is NOTE
    assert account_checks.quotes({"QQQ": {4: 450.0}, "TQQQ": {4: 60.0}}, "", SYMBOLS).verdict is OK


def test_a_lost_connection_fails_and_a_quiet_one_is_ok() -> None:
    assert account_checks.line("").verdict is OK
    result = account_checks.line(
        "1100: the gateway has lost its connection to Interactive Brokers; wait: it comes back"
    )
    assert (result.verdict, result.found) == (
        FAILED,
        "1100: the gateway has lost its connection to Interactive Brokers",
    )


def test_warnings_about_a_what_if_are_shown_and_so_are_missing_numbers() -> None:
    warned = account_checks.precautions(Reply((WhatIf(None, Decimal("0.6"), ("it is a leveraged fund",)),)), "TQQQ")
    assert warned.verdict is NOTE
    assert "margin not given, commission 0.60 USD" in warned.found
    assert "it is a leveraged fund" in warned.meaning


def test_a_what_if_that_a_precaution_stops_has_the_precautions_advice() -> None:
    told = explain_order(354, "without having market data")
    result = account_checks.precautions(Reply(trouble=told), "TQQQ")
    assert (result.verdict, "AllowBlindTrading" in result.fix) == (FAILED, True)
    assert "subscribe" not in result.fix + result.found


def test_an_order_of_the_bot_that_rests_from_yesterday_is_named_with_the_setting() -> None:
    rests = Status(1, 1, "PreSubmitted", "qqqbot-20261123-01", symbol="QQQ")
    result = account_checks.open_orders(Reply((rests,)), NOW, SYMBOLS)
    assert (result.verdict, "Maintain and resubmit" in result.fix) == (NOTE, True)
    fresh = replace(rests, order_ref="qqqbot-20261124-01")
    assert "Maintain" not in account_checks.open_orders(Reply((fresh,)), NOW, SYMBOLS).fix


LATE = Reply(trouble=TOO_LATE)
FILLED_REF = frozenset({"qqqbot-20261124-01"})


def test_executions_are_needed_and_completed_orders_are_not() -> None:
    assert account_checks.executions(Day(Reply(), Reply())).verdict is OK
    missing = account_checks.executions(Day(LATE, Reply()))
    assert (missing.verdict, "UTC format" in missing.fix) == (FAILED, True)
    assert account_checks.completed(LATE).verdict is NOTE
    assert account_checks.completed(Reply()).verdict is OK


def test_an_empty_answer_for_executions_is_none_if_an_order_was_filled() -> None:
    """TWS 10.31: it ends at once, and empty."""
    empty = account_checks.executions(Day(Reply(), Reply(), frozenset(), FILLED_REF))
    assert (empty.verdict, "UTC format" in empty.fix) == (FAILED, True)
    assert account_checks.executions(Day(Reply(), Reply(), FILLED_REF, FILLED_REF)).verdict is OK
    assert account_checks.executions(Day(Reply(), Reply(), frozenset(), frozenset({"mine"}))).verdict is OK


def test_a_broker_that_estimates_nothing_fails_the_what_if() -> None:
    result = account_checks.precautions(Reply((WhatIf(None, None, ()),)), "TQQQ")
    assert result.verdict is FAILED
    assert "may not be allowed" in result.meaning


def test_every_failure_says_what_to_do() -> None:
    failures = [
        account_checks.read_only(Reply(trouble="321: read-only; fix")),
        account_checks.read_only(Reply(trouble="late")),
        account_checks.summary(Reply(trouble="late"), ACCOUNT, Config()),
        account_checks.positions(positions_of(QQQ="-1"), ACCOUNT, SYMBOLS),
        account_checks.contracts({"QQQ": Reply(trouble="late")}, "MKT", NOW),
        account_checks.line("1100: lost"),
        account_checks.precautions(Reply(trouble="203: x"), "TQQQ"),
    ]
    assert [result.name for result in failures if result.verdict is not FAILED or not result.fix] == []
