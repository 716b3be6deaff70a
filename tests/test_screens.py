"""Trades, performance, reasons and the log, in words."""

from datetime import timedelta
from pathlib import Path

import pytest
from builders import DAY, NOW
from monitor_samples import LogsFolder, blocked, book, book_row, decision_row

from qqqbot import report, screens
from qqqbot.model import TQQQ, Holding
from qqqbot.terminal import Screen, plain


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def lines(screen: Screen) -> list[str]:
    return plain(screen).splitlines()


def test_trades_in_columns(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", book())
    assert lines(screens.trades(report.trades(logs.folder, 3))) == [
        "DRY RUN: simulated account, no order can reach a broker",
        "Time (ET)         Order             Price    Bp     Profit  Equity after",
        "2026-11-04 12:00  BUY    200 QQQ   500.00  +1.0          -    105,997.00",
        "2026-11-14 12:00  SELL   200 QQQ   475.00  +1.0  -5,002.00    100,996.00",
        "2026-11-14 12:00  BUY  1,500 TQQQ   62.00  +1.0          -    100,995.00",
        "Newest last; older: --limit N. Bp: slippage, basis points. Reasons: --why DATE",
    ]


def test_millions_stay_within_eighty_columns(logs: LogsFolder) -> None:
    row = book_row(
        "SELL", TQQQ, 99_999, 1234.56, NOW, equity=9_999_999.99, realized_pnl=-999_999.99, slippage_bps=-99.9
    )
    logs.rows("trades.jsonl", [row])
    assert max(map(len, lines(screens.trades(report.trades(logs.folder, 3))))) <= 80


def test_a_row_that_lacks_values_is_shown_with_dashes(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [{"mode": "dry_run", "account": "simulated"}])
    assert lines(screens.trades(report.trades(logs.folder, 3)))[2].split() == ["-"] * 8


def test_no_trades_says_where_to_look(logs: LogsFolder) -> None:
    assert lines(screens.trades(report.trades(logs.folder, 3)))[1].startswith("No trades yet.")


def test_performance_in_words(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", book())
    logs.status()
    assert lines(screens.performance(report.performance(logs.folder, NOW))) == [
        "DRY RUN: simulated account, no order can reach a broker",
        "Since        Thu 2026-10-15 13:00 ET (40 d)",
        "Put in       100,000.00 USD",
        "Value now    101,234.56 USD",
        "Change       +1,234.56 USD (+1.23 %)",
        "Realized     +996.00 USD, commissions taken off",
        "Commissions  5.00 USD",
        "Slippage     41.40 USD (+1.0 basis points of what was traded)",
        "Trades       5 in 3 rotations",
        "Won in TQQQ  1 of 1 (100 %)",
        "Won in QQQ   0 of 1 (0 %)",
        "Drawdown     -4.72 % at worst, looked at after each trade",
        "Time in      TQQQ 20.0 d (50 %), QQQ 10.0 d (25 %), CASH 10.0 d (25 %)",
    ]


def test_why_shows_every_gate_with_its_verdict(logs: LogsFolder) -> None:
    row = decision_row(target=Holding.TQQQ)
    logs.rows("decisions.jsonl", [row])
    text = plain(screens.why(report.why(logs.folder, None)))
    assert "Decided  Tue 2026-11-24 12:00 ET ROTATE" in text
    assert "Orders   SELL 200 QQQ at about 450.00" in text
    assert [line.split()[0] for line in text.splitlines() if "  ok  " in line] == [g["name"] for g in row["gates"]]


def test_a_failed_gate_is_shown_with_its_sentence(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [blocked("quote_age", "the price of TQQQ is older than 20 minutes", "StalePrices")])
    text = plain(screens.why(report.why(logs.folder, None)))
    assert "quote_age   NO  the price of TQQQ is older than 20 minutes" in text


def test_why_of_a_day_is_a_table_and_the_decisions_that_ordered(logs: LogsFolder) -> None:
    quiet, ordered, last = (
        decision_row(NOW + timedelta(minutes=15 * n), target)
        for n, target in enumerate((Holding.QQQ, Holding.TQQQ, Holding.QQQ))
    )
    failed = {**quiet, "gates": [], "price": None, "target": None, "action": "FAILED", "error": "PricesUnavailable"}
    logs.rows("decisions.jsonl", [quiet, failed, ordered, last])
    text = plain(screens.why(report.why(logs.folder, DAY)))
    assert text.splitlines()[1:6] == [
        "ET     Action  Target     QQQ  Stopped by",
        "12:00  HOLD    QQQ     450.00  -",
        "12:00  FAILED  -            -  PricesUnavailable",
        "12:15  ROTATE  TQQQ    450.00  -",
        "12:30  HOLD    QQQ     450.00  -",
    ]
    assert text.count("Decided  ") == 2


def test_why_without_decisions(logs: LogsFolder) -> None:
    assert "No decisions yet." in plain(screens.why(report.why(logs.folder, None)))
    assert "No decisions on 2026-11-24 (New York)." in plain(screens.why(report.why(logs.folder, DAY)))


def test_log_lines_are_as_written_but_for_account_ids(logs: LogsFolder) -> None:
    line = "2026-11-24T12:00:00.000-05:00 INFO account=DU1234567 action=HOLD"
    logs.text("trading_bot_20261124.log", line + "\nno log line of ours\n")
    assert lines(screens.logs(report.logs(logs.folder, 9)))[1:] == [
        line.replace("DU1234567", "DU***567"),
        "no log line of ours",
    ]
