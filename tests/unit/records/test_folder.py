"""The daemon's files as a reader finds them."""

from datetime import timedelta
from pathlib import Path

from qqqbot.records.folder import Identity, damage, identity, present
from qqqbot.records.tail import Rows
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, book_row, decision_row


def test_logs_are_in_the_order_of_their_dates_and_nothing_else_is_a_log(tmp_path: Path) -> None:
    logs = LogsFolder(tmp_path)
    names = ["trading_bot_20261124.log", "trading_bot_20261123.log", "nohup.log", "trading_bot_20261123.log.gz"]
    for name in names:
        logs.text(name, "")
    assert [path.name for path in logs.folder.log_files()] == [names[1], names[0]]
    assert logs.folder.newest_log() == tmp_path / names[0]


def test_the_status_says_whose_rows_are_shown(tmp_path: Path) -> None:
    logs = LogsFolder(tmp_path)
    logs.rows("trades.jsonl", [book_row("BUY", "QQQ", 1, 1.0, NOW, mode="live", account="U1234567")])
    found = logs.status()
    assert identity(logs.folder, found) == Identity("dry_run", "simulated")
    assert identity(logs.folder, {}) == Identity("live", "U1234567")


def test_without_trades_the_newest_decision_says_it(tmp_path: Path) -> None:
    logs = LogsFolder(tmp_path)
    logs.rows("decisions.jsonl", [decision_row()])
    assert identity(logs.folder, {}) == Identity("dry_run", "simulated")


def test_only_a_demonstration_has_its_own_time() -> None:
    beat = NOW - timedelta(days=100)
    assert present({"simulated_prices": True, "heartbeat_at": beat.isoformat()}, NOW) == beat
    assert present({"simulated_prices": True}, NOW) == NOW
    assert present({"heartbeat_at": beat.isoformat()}, NOW) == NOW


def test_valid_rows_have_no_damage() -> None:
    assert damage(Path("trades.jsonl"), Rows()) == ()
