"""What the monitor finds in the files: trades, decisions, the whole book, the log."""

import os
from pathlib import Path

import pytest

from qqqbot.monitoring.facts import trades as report
from qqqbot.monitoring.facts.trades import Rounds
from qqqbot.records.tail import PATIENCE_ROWS
from tests.support.builders import NOW
from tests.support.monitor_samples import IDENTITY, LogsFolder, book, book_row, capital_row, known
from tests.support.symbols import QQQ, TQQQ

OTHER = {"mode": "live", "account": "U1234567"}


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def test_trades_come_newest_last_and_other_rows_of_the_book_are_left_out(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [*book(), capital_row(NOW, 1000)])
    facts = report.trades(logs.folder, 2)
    assert [(row["side"], row["symbol"]) for row in facts.trades] == [("SELL", QQQ), ("BUY", TQQQ)]
    assert facts.older
    assert not report.trades(logs.folder, 5).trades[0].get("kind")


def test_rows_of_another_mode_or_account_are_never_mixed_in(logs: LogsFolder) -> None:
    paper = {"mode": "paper", "account": "DU1234567"}
    rows = [
        book_row("BUY", QQQ, 1, 500.0, NOW),
        book_row("BUY", QQQ, 2, 500.0, NOW, **paper),
        book_row("BUY", QQQ, 3, 500.0, NOW, **OTHER),
        book_row("BUY", QQQ, 4, 500.0, NOW, **{**paper, "account": "DU7654321"}),
    ]
    logs.rows("trades.jsonl", rows)
    logs.status(**paper)
    facts = report.trades(logs.folder, 10)
    assert [row["quantity"] for row in facts.trades] == [2]
    assert (facts.who.mode, facts.who.account) == ("paper", "DU1234567")


def test_without_a_status_the_newest_row_says_whose_book_it_is(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [book_row("BUY", QQQ, 1, 500.0, NOW), book_row("BUY", QQQ, 3, 500.0, NOW, **OTHER)])
    assert report.trades(logs.folder, 10).who.mode == "live"
    assert [row["quantity"] for row in report.trades(logs.folder, 10).trades] == [3]


def test_the_search_for_trades_of_this_mode_is_bounded(logs: LogsFolder) -> None:
    others = [{"timestamp": NOW.isoformat(), **OTHER}] * (PATIENCE_ROWS + 1)
    logs.rows("trades.jsonl", [book_row("BUY", QQQ, 1, 500.0, NOW), *others])
    logs.status()
    facts = report.trades(logs.folder, 10)
    assert facts.trades == ()
    assert facts.older


def test_damage_is_reported_and_the_rest_is_shown(logs: LogsFolder) -> None:
    path = logs.rows("trades.jsonl", book(), end='{"timestamp": "2026-')
    path.write_text(path.read_text().replace('"quantity": 200', '"quantity" 200', 1))
    facts = report.trades(logs.folder, 10)
    assert len(facts.trades) == 4
    assert facts.notes == (
        "trades.jsonl: the last line is incomplete; it is not shown",
        "trades.jsonl: lines that cannot be read and are not shown: 1",
    )


def test_no_book_has_no_trades(logs: LogsFolder) -> None:
    assert report.trades(logs.folder, 10).trades == ()


def test_performance_adds_up_the_whole_book(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [*book(), book_row("BUY", QQQ, 9, 1.0, NOW, **OTHER)])
    logs.status()
    facts = report.performance(logs.folder, NOW)
    assert facts.start_value == 100_000
    assert facts.value == 101_234.56
    assert facts.change_pct == pytest.approx(1.23456)
    assert facts.realized_pnl == pytest.approx(5_998 - 5_002)
    assert (facts.trades, facts.rotations) == (5, 3)
    assert facts.rounds == {TQQQ: Rounds(closed=1, won=1), QQQ: Rounds(closed=1, won=0)}
    assert facts.slippage_bps == pytest.approx(1.0)
    assert {name: spent.days for name, spent in known(facts.time_in).holdings.items()} == {
        "CASH": 10,
        "TQQQ": 20,
        "QQQ": 10,
    }


def test_performance_skips_a_malformed_row(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [*book(), {**IDENTITY, "timestamp": NOW.isoformat(), "side": "BUY"}])
    facts = report.performance(logs.folder, NOW)
    assert facts.trades == 5
    assert facts.notes == ("trades.jsonl: lines that cannot be read and are not shown: 1",)


def test_performance_without_trades_has_no_start(logs: LogsFolder) -> None:
    assert report.performance(logs.folder, NOW).since is None


def test_the_log_is_read_back_as_many_days_as_necessary(logs: LogsFolder) -> None:
    logs.text("trading_bot_20261122.log", "one\n")
    logs.text("trading_bot_20261123.log", "two\nthree\n")
    logs.text("trading_bot_20261124.log", "2026-11-24T12:00:00.000-05:00 INFO action=HOLD price=450\n")
    lines = report.logs(logs.folder, 2).lines
    assert [line.text for line in lines] == ["three", "action=HOLD price=450"]
    assert lines[1].level == "INFO"
    assert len(report.logs(logs.folder, 99).lines) == 4


def test_a_failed_start_is_visible_in_the_output_outside_the_log(logs: LogsFolder) -> None:
    log = logs.text("trading_bot_20261124.log", "yesterday\n")
    outside = logs.text("nohup.log", "config.json: not valid JSON at line 3\n")
    os.utime(log, (1_000_000, 1_000_000))
    assert report.logs(logs.folder, 5).notes == (
        "nohup.log is newer and ends with: config.json: not valid JSON at line 3",
    )
    os.utime(outside, (999_999, 999_999))
    assert report.logs(logs.folder, 5).notes == ()
