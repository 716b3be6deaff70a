"""The decisions of a day, in words."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.display.terminal import plain
from qqqbot.model.values import Holding
from qqqbot.monitoring.facts.why import When, why
from qqqbot.monitoring.screens import why as why_screen
from tests.support.builders import DAY, NOW
from tests.support.monitor_samples import LogsFolder, blocked, decision_row


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def test_why_shows_every_gate_with_its_verdict(logs: LogsFolder) -> None:
    row = decision_row(target=Holding.TQQQ)
    logs.rows("decisions.jsonl", [row])
    text = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "Decided  Tue 2026-11-24 12:00 ET ROTATE" in text
    assert "Plan     SELL 200 QQQ at about 450.00" in text
    assert [line[4:] for line in text.splitlines() if line.startswith("ok  ")] == [g["sentence"] for g in row["gates"]]


def test_a_failed_gate_is_shown_with_its_sentence(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [blocked("quote_age", "the price of TQQQ is older than 20 minutes", "StalePrices")])
    text = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "NO  the price of TQQQ is older than 20 minutes" in text


def test_why_for_a_day_is_a_table_and_the_decisions_that_ordered(logs: LogsFolder) -> None:
    quiet, ordered, last = (
        decision_row(NOW + timedelta(minutes=15 * n), target)
        for n, target in enumerate((Holding.QQQ, Holding.TQQQ, Holding.QQQ))
    )
    failed = {**quiet, "gates": [], "price": None, "target": None, "action": "FAILED", "error": "PricesUnavailable"}
    logs.rows("decisions.jsonl", [quiet, failed, ordered, last])
    text = plain(why_screen.why(why(logs.folder, When(DAY), NOW)))
    assert text.splitlines()[1:6] == [
        "ET     Action  Target     QQQ  Stopped by",
        "12:00  HOLD    QQQ     450.00  -",
        "12:00  FAILED  -            -  prices unavailable",
        "12:15  ROTATE  TQQQ    450.00  -",
        "12:30  HOLD    QQQ     450.00  -",
    ]
    assert text.count("Decided  ") == 2


def test_why_without_decisions_says_so(logs: LogsFolder) -> None:
    assert "No decisions yet." in plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "No decisions on 2026-11-24 (New York), a Tuesday." in plain(
        why_screen.why(why(logs.folder, When(DAY), NOW))
    )


def test_a_check_of_several_rounds_is_one_row_of_the_day_with_its_orders(logs: LogsFolder) -> None:
    check = {"check": NOW.isoformat()}
    sold, bought = (decision_row(NOW + timedelta(seconds=n), Holding.TQQQ, row=check) for n in (0, 5))
    settled = {**decision_row(NOW + timedelta(seconds=10)), **check, "target": "TQQQ"}
    later = decision_row(NOW + timedelta(minutes=15))
    logs.rows("decisions.jsonl", [sold, bought, settled, later])
    text = plain(why_screen.why(why(logs.folder, When(DAY), NOW)))
    assert text.splitlines()[2:4] == [
        "12:00  ROTATE, 2 orders  TQQQ    450.00  -",
        "12:15  HOLD              QQQ     450.00  -",
    ]


def test_a_check_without_prices_shows_no_library_s_words_and_no_empty_figures(logs: LogsFolder) -> None:
    words = "QQQ: Yahoo cannot be reached [DNSError: curl: (6) Could not resolve host]"
    failed = {**decision_row(NOW), "gates": [], "action": "FAILED", "error": "PricesUnavailable", "sentence": words}
    logs.rows("decisions.jsonl", [{**failed, "price": None, "cash": None, "equity": None, "shares": None}])
    shown = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "Why      QQQ: Yahoo cannot be reached\n" in shown
    assert "Account  not known: the check ended before it was asked" in shown


def test_a_check_that_ordered_and_then_failed_is_not_shown_as_done(logs: LogsFolder) -> None:
    check = {"check": NOW.isoformat()}
    sold = {**decision_row(NOW, Holding.TQQQ), **check}
    failed = {**decision_row(NOW + timedelta(seconds=5)), **check, "action": "FAILED", "error": "DidNotSettle"}
    logs.rows("decisions.jsonl", [sold, failed, decision_row(NOW + timedelta(minutes=15))])
    assert "12:00  FAILED  TQQQ" in plain(why_screen.why(why(logs.folder, When(DAY), NOW)))


@pytest.mark.parametrize(
    ("days", "asked", "nearest"),
    [
        (1, "2026-11-25 (New York), a Wednesday", "Tuesday 2026-11-24"),
        (2, "2026-11-26 (New York), a Thursday", "Friday 2026-11-27"),
        (4, "2026-11-28 (New York), a Saturday", "Friday 2026-11-27"),
    ],
)
def test_a_day_without_decisions_names_the_nearest_session(
    logs: LogsFolder, days: int, asked: str, nearest: str
) -> None:
    logs.rows("decisions.jsonl", [decision_row(NOW + timedelta(days=n)) for n in (0, 3)])
    text = plain(why_screen.why(why(logs.folder, When(DAY + timedelta(days=days)), NOW)))
    assert f"No decisions on {asked}." in text
    assert f"The nearest session with decisions is {nearest}." in text


def test_a_check_while_the_exchange_was_closed_makes_no_session(logs: LogsFolder) -> None:
    at_night = {**decision_row(NOW + timedelta(days=1)), "exchange_open": False}
    logs.rows("decisions.jsonl", [decision_row(), at_night])
    text = plain(why_screen.why(why(logs.folder, When(DAY + timedelta(days=2)), NOW)))
    assert "The nearest session with decisions is Tuesday 2026-11-24." in text


def test_every_gate_has_words_for_the_table_of_a_day() -> None:
    assert {gate["name"] for gate in decision_row()["gates"]} <= set(why_screen.STOPPED_BY)


def test_the_table_of_a_day_says_in_words_what_stopped_a_check(logs: LogsFolder) -> None:
    old = blocked("quote_age", "the price of TQQQ is older than 20 minutes", "StalePrices")
    logs.rows("decisions.jsonl", [old, blocked("of_a_later_version", "it cannot", "")])
    text = plain(why_screen.why(why(logs.folder, When(DAY), NOW)))
    assert "  old price\n" in text
    assert "  of a later version\n" in text
