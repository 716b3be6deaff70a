"""The gateway stand-in as a process: controlled over its control channel, and forgetting nothing if it is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ibapi.execution import ExecutionFilter

from standins.ib_gateway import RemoteGateway
from standins.ib_gateway.trader import Trader

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 4, 6, 16, 0, tzinfo=UTC)


@contextmanager
def process(*arguments: str) -> Iterator[tuple[int, RemoteGateway, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "standins.ib_gateway", "--now", NOON.isoformat(), *arguments]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        ports = json.loads(running.stdout.readline())
        with RemoteGateway(ports["control"]) as remote:
            yield ports["port"], remote, running
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def test_prices_session_faults_and_ledger_are_reached_from_another_process() -> None:
    with process("--account", "DU7:50000:2", "--account", "U8") as (port, remote, _):
        remote.set_price("QQQ", "500")
        remote.set("market_data", "delayed")
        remote.next_order(slices=[4, 6], commission="never")
        with Trader().start(port, 1) as trader:
            assert trader.wait("managedAccounts") == [("DU7,U8",)]
            trader.buy(1, 10, account="DU7", orderRef="far")
            trader.wait("execDetails", 2)
            remote.set_open(False)
            trader.buy(2, 1, account="DU7")
            trader.wait_error(399)
            remote.drop_clients()
            trader.wait("connectionClosed")
        first, second = remote.get("ledger")
        assert (first.order_ref, first.shares, second.price, first.time) == ("far", Decimal(4), Decimal("500.01"), NOON)
        assert [order.order_id for order in remote.get("open_orders")] == [2]


def test_a_command_that_fails_says_why() -> None:
    with process() as (_, remote, _):
        with pytest.raises(RuntimeError, match=r"AttributeError.*no_such_thing"):
            remote.no_such_thing()
        with pytest.raises(RuntimeError, match="unknown fault"):
            remote.next_fault("placeOrder", "explode")


def test_the_clock_can_be_moved() -> None:
    with process() as (port, remote, _), Trader().start(port, 1) as trader:
        trader.wait("nextValidId")
        remote.do("clock.set", datetime(2026, 4, 7, tzinfo=UTC))
        trader.reqCurrentTime()
        assert trader.wait("currentTime") == [(int(datetime(2026, 4, 7, tzinfo=UTC).timestamp()),)]


def test_accounts_orders_ledger_and_ids_survive_a_kill(tmp_path: Path) -> None:
    state = str(tmp_path / "book")
    with process("--state", state) as (port, _, running), Trader().start(port, 1) as trader:
        trader.wait("nextValidId")
        trader.buy(1, 100, orderRef="before")
        trader.buy(2, 10, lmtPrice=400, orderRef="rests")
        trader.wait("openOrder", 4)
        os.kill(running.pid, signal.SIGKILL)
        trader.wait("connectionClosed")
    with process("--state", state) as (port, remote, _), Trader().start(port, 1) as trader:
        assert trader.wait("nextValidId") == [(3,)]
        assert trader.all("openOrder")[0][2].orderRef == "rests"
        trader.reqExecutions(1, ExecutionFilter())
        trader.wait("execDetailsEnd")
        assert trader.all("execDetails")[0][2].orderRef == "before"
        assert remote.account().cash == Decimal(100_000) - Decimal("45001.00") - 1
        remote.set_price("QQQ", 399)
        trader.wait("execDetails", 2)
        assert len({execution.exec_id for execution in remote.get("ledger")}) == 2


def test_it_ends_when_asked_to() -> None:
    with process() as (_, _, running):
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 0
