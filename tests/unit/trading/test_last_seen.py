"""An answer that is only shown beside the running daemon: from its status, and without a trace."""

import json
from pathlib import Path
from typing import Any

import pytest

import qqq_trading_bot
from qqqbot.model.errors import OrderOutcomeUnknown, StartRefused
from qqqbot.records.status_file import account_values, write_status
from qqqbot.runtime.lock import PID_FILE, Lock
from qqqbot.trading.last_seen import LastSeen
from tests.support.builders import account, intent, portfolio
from tests.support.fakes import World
from tests.support.symbols import QQQ


def status_of(world: World) -> dict[str, Any]:
    seen = world.broker.snapshot()
    return {"mode": seen.mode, "account": seen.account, "account_says": account_values(seen)}


def test_the_account_is_as_the_daemon_saw_it() -> None:
    seen = account(portfolio(), behind="its cash is late")
    path_values = json.loads(json.dumps(account_values(seen), default=float))
    found = LastSeen({"mode": seen.mode, "account": seen.account, "account_says": path_values}).snapshot()
    assert found == seen


def test_a_daemon_that_has_not_seen_it_has_nothing_to_show() -> None:
    with pytest.raises(StartRefused, match="has not seen the account yet"):
        LastSeen({"state": "waiting"})


def test_an_order_in_flight_is_left_to_the_daemon(tmp_path: Path) -> None:
    with pytest.raises(OrderOutcomeUnknown, match="the running daemon looks for it"):
        LastSeen(status_of(World(tmp_path))).find(intent())


def test_it_touches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    world.start().step()
    world.broker.positions[QQQ] -= 11
    world.broker.cash += 11 * 450
    world.pass_time(minutes=5)
    write_status(world.logs / "status.json", status_of(world))
    config = tmp_path / "config.json"
    config.write_text('{"dry_run": true}')
    with Lock(world.logs / PID_FILE):
        before = {path: path.read_bytes() for path in world.logs.iterdir()}
        options = ["--config", str(config), "--logs", str(world.logs), "--adopt", "--dry-run", "--price", "451"]
        assert qqq_trading_bot.main(options, world.clock, world.prices) == 0
        assert {path: path.read_bytes() for path in world.logs.iterdir()} == before
    told = capsys.readouterr().out
    assert "QQQ: -11 shares recorded in the book at 451.00" in told
    assert "The daemon goes on. This is the account as it was seen" in told


def test_an_answer_that_is_refused_is_not_called_a_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, config = World(tmp_path), tmp_path / "config.json"
    config.write_text('{"dry_run": true}')
    options = ["--config", str(config), "--logs", str(world.logs)]
    with Lock(world.logs / PID_FILE):
        assert qqq_trading_bot.main([*options, "--leave", "--dry-run"], world.clock, world.prices) == 1
        assert qqq_trading_bot.main([*options, "--adopt"], world.clock, world.prices) == 1
    unseen, running = capsys.readouterr().err.splitlines()
    assert unseen.startswith("leave was refused: the running daemon has not seen the account yet")
    assert running.startswith("adopt was refused: another daemon")
    assert qqq_trading_bot.main([*options, "--undo"], world.clock, world.prices) == 1
    assert capsys.readouterr().err.startswith("undo was refused: there is no answer to take back")


def test_without_a_daemon_it_records_nothing_either(tmp_path: Path) -> None:
    """What is due anyway, such as a changed total_capital, is the next start's to record."""
    config, logs = tmp_path / "config.json", tmp_path / "logs"
    world = World(tmp_path)
    options = ["--config", str(config), "--logs", str(logs)]
    config.write_text('{"dry_run": true, "total_capital": 50000}')
    assert qqq_trading_bot.main([*options, "--once"], world.clock, world.prices) == 0
    records = ("trades.jsonl", "orders.jsonl", "decisions.jsonl", "prices.jsonl")
    before = {name: (logs / name).read_bytes() for name in records}
    assert before["trades.jsonl"]
    config.write_text('{"dry_run": true, "total_capital": 60000}')
    for answer in ("--adopt", "--leave"):
        assert qqq_trading_bot.main([*options, answer, "--dry-run"], world.clock, world.prices) == 0
        assert {name: (logs / name).read_bytes() for name in records} == before
    assert qqq_trading_bot.main([*options, "--adopt"], world.clock, world.prices) == 0
    assert (logs / "trades.jsonl").read_bytes() != before["trades.jsonl"]
