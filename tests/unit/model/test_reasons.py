"""Every code and every kind of alert has its words, and no error of a check lacks a code."""

import pytest

from qqqbot.adapters.yahoo.price_source import Stopped
from qqqbot.model import errors
from qqqbot.model.reasons import ADVICE_OF_CODE, AlertKind, Reason

OF_A_CHECK = (errors.TemporaryError, errors.TradingHalted, errors.OrderOutcomeUnknown)
RAISED = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, OF_A_CHECK) and kind is not errors.TemporaryError
]


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_of_a_check_has_its_reason(kind: type[errors.BotError]) -> None:
    assert Reason.of(kind("why")) == kind.__name__


def test_an_error_of_a_more_special_kind_ends_no_program() -> None:
    """As when a stop drops a question for prices."""
    assert Reason.of(Stopped("the bot is stopping")) == "PricesUnavailable"


def test_a_failing_disk_is_a_disk_error() -> None:
    assert Reason.of(PermissionError("read-only")) is Reason.DISK_ERROR


def test_an_error_that_ends_the_program_has_no_reason() -> None:
    with pytest.raises(ValueError, match="AccountRefused"):
        Reason.of(errors.AccountRefused("not yours"))


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_says_what_to_do(reason: Reason) -> None:
    assert reason.advice
    assert reason.headline == reason.alert.headline
    assert ADVICE_OF_CODE[reason.value].endswith(f". {reason.advice}")


@pytest.mark.parametrize("reason", list(Reason))
def test_nothing_to_do_is_said_only_of_what_can_end_without_a_person(reason: Reason) -> None:
    begins = "Needs you." if reason.needs_you else "Ends on its own."
    assert ADVICE_OF_CODE[reason.value].startswith(begins)
    assert "nothing to do" not in f"{reason.advice} {reason.alert.advice}".lower()


def test_what_needs_the_owner() -> None:
    assert {reason for reason in Reason if reason.needs_you} == {
        *("TradingHalted", "LedgerMismatch", "UnexpectedPosition", "DidNotSettle", "CalendarEnded"),
        *("OrderUnanswered", "OrderOverrun", "DiskError", "OrderOpen", "NoTrades", "ClockWrong"),
        "PricesRebased",
        "NotAnswered",
    }


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_of_alert_has_a_headline_and_a_lasting_one_says_what_to_do(kind: AlertKind) -> None:
    assert kind.headline
    assert kind.advice or not kind.lasts


def test_the_texts_in_files_and_json_never_change() -> None:
    assert sorted(Reason) == [
        "BrokerUnavailable",
        "CalendarEnded",
        "ClockWrong",
        "DidNotSettle",
        "DifferenceSeen",
        "DiskError",
        "LedgerMismatch",
        "MoneyLate",
        "MoneyUnsettled",
        "NoTrades",
        "NotAnswered",
        "OrderLimit",
        "OrderOpen",
        "OrderOutcomeUnknown",
        "OrderOverrun",
        "OrderRejected",
        "OrderUnanswered",
        "PricesDoubtful",
        "PricesRebased",
        "PricesUnavailable",
        "StalePrices",
        "TradingHalted",
        "UnexpectedPosition",
        "Vetoed",
    ]
    assert {kind for kind in AlertKind if kind.lasts} == {
        *("halt", "mismatch", "disk", "order_limit", "order_open", "apart", "money", "shortfall", "account"),
        *("broker", "checks_failing", "notifications", "vetoed", "not_answered"),
    }


def test_a_halting_error_needs_the_owner() -> None:
    assert {reason for reason in Reason if reason.halts} == {
        *("TradingHalted", "LedgerMismatch", "UnexpectedPosition", "DidNotSettle", "CalendarEnded"),
        *("OrderUnanswered", "OrderOverrun"),
    }
