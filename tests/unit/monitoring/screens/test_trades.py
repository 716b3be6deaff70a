"""Trades, performance, reasons and the log, in words."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.display.terminal import Screen, plain
from qqqbot.monitoring.facts import trades as report
from qqqbot.monitoring.screens import trades as screens
from tests.support.builders import NOW
from tests.support.monitor_samples import IDENTITY, LogsFolder, book, book_row
from tests.support.symbols import TQQQ


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def lines(screen: Screen) -> list[str]:
    return plain(screen).splitlines()


def test_trades_are_shown_in_columns(logs: LogsFolder) -> None:
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


def test_a_side_and_a_symbol_that_are_not_texts_are_not_shown(logs: LogsFolder) -> None:
    odd = {**book_row("BUY", TQQQ, 1, 50.0, NOW), "side": ["BUY"], "symbol": {"TQQQ": 1}}
    logs.rows("trades.jsonl", [odd])
    assert lines(screens.trades(report.trades(logs.folder, 3)))[2].startswith("2026-11-24 12:00  -        1 -")


def test_a_row_that_lacks_values_is_shown_with_dashes(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [{"mode": "dry_run", "account": "simulated"}])
    assert lines(screens.trades(report.trades(logs.folder, 3)))[2].split() == ["-"] * 8


def test_without_trades_it_says_where_to_look(logs: LogsFolder) -> None:
    assert lines(screens.trades(report.trades(logs.folder, 3)))[1].startswith("No trades yet.")


def test_performance_in_words(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", book())
    first = {**IDENTITY, "timestamp": (NOW - timedelta(hours=1)).isoformat(), "short_ma": 1.0, "total_capital": 100_000}
    first |= {"equity": 100_000.0, "price": 500.0, "tqqq_price": 60.0}
    fallen = {**first, "timestamp": NOW.isoformat(), "equity": 75_000.0, "price": 550.0}
    logs.rows("decisions.jsonl", [first, fallen])
    logs.status()
    assert lines(screens.performance(report.performance(logs.folder, NOW))) == [
        "DRY RUN: simulated account, no order can reach a broker",
        "Since        Thu 2026-10-15 13:00 ET (40 d)",
        "Put in       100,000.00 USD",
        "Value        101,234.56 USD, as of Tue 2026-11-24 11:57 ET",
        "Change       +1,234.56 USD (+1.23 %)",
        "Drawdown     -25.00 % now, -25.00 % at worst on 2026-11-24, at each check",
        "Beside QQQ   -35,000.00 USD, -35.00 points against QQQ held, which would be 110,000.00",
        "Open profit  -3,001.00 USD (-3.23 %)",
        "Costs        5.00 USD of commissions, 41.40 USD of slippage",
        "Changes      -25,000.00 USD (-25.00 %) today",
        "             -25,000.00 USD (-25.00 %) this week",
        "             -25,000.00 USD (-25.00 %) this month",
        "             -25,000.00 USD (-25.00 %) this year",
        "Realized     +996.00 USD, after commissions",
        "Dividends    +0.00 USD",
        "Slippage     +1.0 basis points of what was traded",
        "Trades       5 in 3 rotations",
        "Won in TQQQ  1 of 1 (100 %)",
        "Won in QQQ   0 of 1 (0 %)",
        "Time in      TQQQ 20.0 d (50 %), QQQ 10.0 d (25 %), CASH 10.0 d (25 %)",
    ]


def test_log_lines_are_as_written_but_for_account_ids(logs: LogsFolder) -> None:
    line = "2026-11-24T12:00:00.000-05:00 INFO account=DU1234567 action=HOLD"
    logs.text("trading_bot_20261124.log", line + "\nno log line of ours\n")
    assert lines(screens.logs(report.logs(logs.folder, 9)))[1:] == [
        line.replace("DU1234567", "DU***567"),
        "no log line of ours",
    ]
