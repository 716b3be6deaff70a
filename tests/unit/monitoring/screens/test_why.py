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
    assert [line.split()[0] for line in text.splitlines() if "  ok  " in line] == [g["name"] for g in row["gates"]]


def test_a_failed_gate_is_shown_with_its_sentence(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [blocked("quote_age", "the price of TQQQ is older than 20 minutes", "StalePrices")])
    text = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "quote_age   NO  the price of TQQQ is older than 20 minutes" in text


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
        "12:00  FAILED  -            -  PricesUnavailable",
        "12:15  ROTATE  TQQQ    450.00  -",
        "12:30  HOLD    QQQ     450.00  -",
    ]
    assert text.count("Decided  ") == 2


def test_why_without_decisions_says_so(logs: LogsFolder) -> None:
    assert "No decisions yet." in plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "No decisions on 2026-11-24 (New York)." in plain(why_screen.why(why(logs.folder, When(DAY), NOW)))
