"""Killed with -9 in a rotation, the gateway left running: a restart finishes it, and nothing is done twice.

The account's values lag, each for itself: a process that starts between the legs sees money of before the sale.

The process dies at a given call of the project's own functions, whichever thread makes it: between the journal and the
wire, in a callback, with a fill half recorded. The points are spread evenly over a whole rotation; there are more of
them where QQQBOT_CRASH_POINTS says so.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import ib_broker
from qqqbot.model.values import Holding
from qqqbot.runtime.config import Config
from standins.ib_gateway.control import RemoteGateway
from tests.support.builders import ACCOUNT, NOW
from tests.support.ib_bench import CAP, QUICK, Bench, MovedClock
from tests.support.ib_trader import Trader

ROOT = Path(__file__).resolve().parents[2]
POINTS = int(os.environ.get("QQQBOT_CRASH_POINTS", "25"))
# In seconds of the gateway's clock, which runs with the machine's; the bot's is moved on by its waits, minutes ahead.
LAGS = {"positions": 0.02, "NetLiquidation": 0.05, "TotalCashValue": 0.1, "CashBalance": 0.15, "AvailableFunds": 0.2}
TARGETS = (Holding.QQQ, Holding.TQQQ)
OURS = (str(ROOT / "qqqbot"), str(ROOT / "ib_broker.py"))


@contextmanager
def gateway_process() -> Iterator[tuple[int, RemoteGateway]]:
    """A gateway that outlives those who are connected to it; its clock stands at noon and runs."""
    account = f"{ACCOUNT}:100000:4"
    command = [sys.executable, "-m", "standins.ib_gateway", "--account", account, "--cap", str(CAP)]
    command += ["--now", (NOW - timedelta(seconds=30)).isoformat(), "--rate", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        try:
            with RemoteGateway(ports["control"]) as remote:
                remote.behave(slices=(30, 40))
                remote.lag(**LAGS)
                yield ports["port"], remote
        finally:
            process.terminate()


class Fuse:
    """Counts calls of the project's functions in every thread; at the last one the process is gone."""

    def __init__(self, length: int) -> None:
        self.burnt = 0
        self._length = length

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.burnt += 1
            if self.burnt == self._length:
                os.kill(os.getpid(), signal.SIGKILL)


def rotate(port: int, logs: Path, target: Holding, fuse: Fuse | None = None) -> Any:
    """Trade to `target` and settle there; the trader, for a look at its book."""
    clock = MovedClock()
    config = Config(dry_run=False, use_interactive_brokers=True, ib_port=port)
    broker = ib_broker.open_account(config, clock, QUICK)
    try:
        at = Bench(None, broker, clock)  # type: ignore[arg-type]  # its gateway is in another process
        at.sound()
        trader = Trader(at, logs, orders=10_000)
        if fuse is not None:
            threading.setprofile_all_threads(fuse) if hasattr(threading, "setprofile_all_threads") else None
            threading.setprofile(fuse)
            sys.setprofile(fuse)
        trader.settle(target, checks=20)
        sys.setprofile(None)
        trader.close()
        return trader
    finally:
        broker.close()


def burn(port: int, logs: Path, target: Holding, length: int) -> None:
    """The body of a process that does not live to its end, unless the fuse is longer than a rotation."""
    rotate(port, logs, target, Fuse(length))
    os._exit(0)


def length_of_a_rotation(port: int, logs: Path) -> int:
    rotate(port, logs, TARGETS[0])
    fuse = Fuse(0)
    rotate(port, logs, TARGETS[1], fuse)
    return fuse.burnt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_anywhere_and_restarted_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with gateway_process() as (port, remote):
        length = length_of_a_rotation(port, tmp_path)
        assert length > POINTS
        killed = 0
        for number in range(POINTS):
            target = TARGETS[number % 2]
            point = 1 + length * number // POINTS
            process = context.Process(target=burn, args=(port, tmp_path, target, point), daemon=True)
            process.start()
            process.join(60)
            killed += process.exitcode == -signal.SIGKILL
            trader = rotate(port, tmp_path, target)
            where = f"killed at call {point} of {length} on the way to {target}"
            assert_nothing_lost_and_nothing_twice(remote, trader, target, rotations=number + 3, where=where)
        assert killed >= POINTS * 0.9


def assert_nothing_lost_and_nothing_twice(
    remote: RemoteGateway, trader: Any, target: Holding, rotations: int, where: str
) -> None:
    """One order for each leg that the rule wanted, every fill in the book once, cash to the cent."""
    ledger, orders = remote.get("ledger"), remote.get("orders")
    book = trader.records.book.ledger
    assert {symbol for symbol, count in book.shares.items() if count} == {target.value}, where
    for symbol, count in book.shares.items():
        assert count == remote.position(symbol), where
    assert all(book.counted(execution.exec_id) for execution in ledger), where
    assert book.cash == remote.account(ACCOUNT).cash, where
    # The first buy, and a sell and a buy for each rotation after it.
    assert len(orders) == 2 * rotations - 1, where
    assert len({order.order_ref for order in orders}) == len(orders), where
    assert all(order.status == "Filled" for order in orders), where
