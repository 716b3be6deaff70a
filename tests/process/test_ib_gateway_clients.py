"""Clients that we did not write trade at the gateway stand-in: ib_async, and every installed ibapi."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import ib_async
import pytest

from standins.ib_gateway import IBGateway

NOON = datetime(2026, 4, 6, 16, 0, tzinfo=UTC)
SCRIPT = Path(__file__).resolve().parents[2] / "standins/ib_gateway/trader.py"
PYTHONS = [sys.executable, *filter(None, os.environ.get("QQQBOT_IB_PYTHONS", "").split(":"))]
NEWEST = 226
MAXIMUM = "import ibapi.server_versions as v; import ibapi.client as c; print(c.MAX_CLIENT_VER)"


def run(python: str, *arguments: str) -> str:
    done = subprocess.run([python, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def newest_version(python: str) -> int:
    return int(run(python, "-c", MAXIMUM))


def trades(python: str, cap: int) -> tuple[dict[str, Any], IBGateway]:
    """What a client in this environment received from a gateway of that version."""
    with IBGateway(clock=lambda: NOON, cap=cap) as gateway:
        gateway.next_order(slices=(40, 60), commission="late", commission_delay=0.01)
        heard = json.loads(run(python, str(SCRIPT), str(gateway.port), "7"))
    return heard, gateway


@pytest.mark.parametrize("cap", [157, 176, 187, 200, 203, 213, NEWEST])
@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parent.parent.name)
def test_a_real_client_reads_the_account_trades_cancels_and_reads_it_all_back(python: str, cap: int) -> None:
    if newest_version(python) < cap < NEWEST:
        pytest.skip(f"this client ends at {newest_version(python)}, which an older cap covers")
    heard, gateway = trades(python, cap)
    first, second = gateway.ledger
    assert heard["version"] == min(newest_version(python), cap)
    assert [event.kind for event in gateway.recording.requests() if event.kind.startswith("malformed")] == []
    assert {tuple(row[:5]) for row in heard["executions"]} == {
        (first.exec_id, "BOT", 40.0, 450.01, "ref-1"),
        (second.exec_id, "BOT", 60.0, 450.01, "ref-1"),
    }
    assert {row[5] for row in heard["executions"]} == {first.perm_id}
    assert [first.order_id, "Filled", 100.0, 0.0] in heard["statuses"]
    assert [first.order_id + 1, "Cancelled", 0.0, 10.0] in heard["statuses"]
    assert ["DU1234567", "QQQ", "STK", "", 100.0, 450.02] in heard["positions"]
    assert heard["summary"]["TotalCashValue"] == "54998.00"
    assert heard["summary"]["NetLiquidation"] == "99998.00"
    assert heard["completed"] == [
        ["QQQ", "ref-1", 100.0, "Filled", "Filled Size: 100"],
        ["QQQ", "ref-2", 0.0, "Cancelled", "Cancelled by Trader"],
    ]
    assert heard["details"][0][:3] == [320227571, "NASDAQ", "US/Eastern"]
    assert heard["time"] == int(NOON.timestamp())
    assert {row[0]: row[1] for row in heard["commissions"]} == {first.exec_id: 1.0, second.exec_id: 0.0}
    opening = {row[2] for row in heard["commissions"]}
    assert opening == ({0.0} if heard["version"] >= 203 else {1.7976931348623157e308})
    if heard["version"] >= 163:
        assert [row for row in heard["prices"] if row[0] in (1, 2)] == [[1, 59.99], [2, 60.01]]
    else:
        assert 10285 in {row[1] for row in heard["errors"]}


def test_other_client_packages_were_tried() -> None:
    if len(PYTHONS) == 1:
        pytest.skip("QQQBOT_IB_PYTHONS names no other environments: only the project's own ibapi was tried")
    assert len({newest_version(python) for python in PYTHONS}) > 1


@pytest.fixture
def gateway() -> Iterator[IBGateway]:
    with IBGateway(clock=lambda: NOON) as gateway:
        yield gateway


def with_ib_async(gateway: IBGateway, use: Any) -> Any:
    async def talk() -> Any:
        ib = ib_async.IB()
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=30)
        try:
            return await use(ib)
        finally:
            ib.disconnect()

    return asyncio.run(talk())


async def until(condition: Any) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("ib_async did not see it")


def test_ib_async_reads_the_account_and_its_positions(gateway: IBGateway) -> None:
    gateway.hold("TQQQ", 30, cost="55.5")

    async def use(ib: ib_async.IB) -> None:
        assert ib.managedAccounts() == ["DU1234567"]
        summary = {row.tag: row.value for row in await ib.accountSummaryAsync()}
        assert summary["NetLiquidation"] == "101800.00"
        assert summary["TotalCashValue"] == "100000.00"
        (held,) = ib.positions()
        assert (held.contract.symbol, held.position, held.avgCost) == ("TQQQ", 30.0, 55.5)
        assert [item.contract.symbol for item in ib.portfolio()] == ["TQQQ"]
        (details,) = await ib.reqContractDetailsAsync(ib_async.Stock("QQQ", "SMART", "USD"))
        assert details.timeZoneId == "US/Eastern"
        assert "20260406:0930-20260406:1600" in details.liquidHours

    with_ib_async(gateway, use)


def test_ib_async_trades_and_is_filled_in_parts(gateway: IBGateway) -> None:
    gateway.next_order(slices=(40, 60), slice_delay=0.01)

    async def use(ib: ib_async.IB) -> None:
        order = ib_async.MarketOrder("BUY", 100, tif="DAY", orderRef="async-1")
        trade = ib.placeOrder(ib_async.Stock("QQQ", "SMART", "USD"), order)
        await until(lambda: trade.orderStatus.status == "Filled" and len(trade.fills) == 2)
        await until(lambda: all(fill.commissionReport.execId for fill in trade.fills))
        assert [fill.execution.shares for fill in trade.fills] == [40.0, 60.0]
        assert trade.orderStatus.avgFillPrice == 450.01
        assert [position.position for position in ib.positions()] == [100.0]

    with_ib_async(gateway, use)
    assert [execution.order_ref for execution in gateway.ledger] == ["async-1", "async-1"]


def test_ib_async_cancels_a_resting_order(gateway: IBGateway) -> None:
    async def use(ib: ib_async.IB) -> None:
        order = ib_async.LimitOrder("BUY", 10, 400, tif="DAY")
        trade = ib.placeOrder(ib_async.Stock("QQQ", "SMART", "USD"), order)
        await until(lambda: trade.orderStatus.status == "Submitted")
        ib.cancelOrder(order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        assert ib.openTrades() == []

    with_ib_async(gateway, use)
    assert gateway.ledger == []
    assert gateway.open_orders == []


def test_ib_async_reads_executions_made_before_it_connected(gateway: IBGateway) -> None:
    gateway.manual_trade("QQQ", 25)
    gateway.foreign_order("TQQQ", 7, client_id=97, order_ref="other")

    async def use(ib: ib_async.IB) -> None:
        fills = await ib.reqExecutionsAsync()
        assert [(fill.execution.clientId, fill.execution.shares) for fill in fills] == [(0, 25.0), (97, 7.0)]
        assert fills[1].execution.orderRef == "other"

    with_ib_async(gateway, use)


def test_ib_async_receives_a_rejection(gateway: IBGateway) -> None:
    gateway.next_order(reject=(201, "Order rejected - reason:not today"), reject_status="Inactive")

    async def use(ib: ib_async.IB) -> None:
        trade = ib.placeOrder(ib_async.Stock("QQQ", "SMART", "USD"), ib_async.MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: 201 in [entry.errorCode for entry in trade.log])

    with_ib_async(gateway, use)
    assert gateway.ledger == []
    assert gateway.account().cash == Decimal(100_000)
