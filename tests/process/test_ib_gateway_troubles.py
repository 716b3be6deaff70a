"""Problems with an order or inside the gateway stand-in, and what they leave behind."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from ibapi.execution import ExecutionFilter

from standins.ib_gateway import IBGateway
from standins.ib_gateway.listening import NOON, connected
from standins.ib_gateway.raw_client import RawClient
from standins.ib_gateway.trader import Trader


@pytest.fixture
def gateway() -> Iterator[IBGateway]:
    with IBGateway(clock=lambda: NOON, cap=200) as gateway:
        yield gateway


# Around an order


@pytest.mark.parametrize(
    ("fault", "trades"),
    [
        ("drop_before", 0),
        ("swallow", 0),
        ("half_open", 0),
        ("restart_before", 0),
        ("error", 0),
        ("drop_after", 1),
        ("half_open_after", 1),
        ("restart_after", 1),
        ("lose_answer", 1),
        ("then_drop", 1),
    ],
)
def test_an_order_is_executed_or_not_as_the_fault_says(
    gateway: IBGateway, trader: Trader, fault: str, trades: int
) -> None:
    gateway.next_fault("placeOrder", fault)
    trader.buy(1, 100)
    gateway.wait_for(lambda: gateway.recording.requests("placeOrder"))
    assert len(gateway.ledger) == trades
    if fault in ("drop_before", "restart_before", "drop_after", "restart_after", "then_drop"):
        trader.wait("connectionClosed")
    assert bool(trader.all("execDetails")) == (fault == "then_drop")


def test_missed_events_are_read_after_a_reconnect(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_fault("placeOrder", "drop_after")
    trader.buy(1, 100, orderRef="lost")
    trader.wait("connectionClosed")
    with connected(gateway) as again:
        again.reqExecutions(1, ExecutionFilter())
        again.wait("execDetailsEnd")
        assert again.all("execDetails")[0][2].orderRef == "lost"
        assert again.all("nextValidId") == [(2,)]


def test_the_connection_can_drop_between_two_fills(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(slices=(40, 60), slice_delay=0.02, drop_after_fill=1)
    trader.buy(1, 100)
    trader.wait("connectionClosed")
    assert [values[2].shares for values in trader.all("execDetails")] == [40.0]
    gateway.wait_for(lambda: len(gateway.ledger) == 2)


def test_a_fault_can_wait_for_one_client_and_happen_several_times(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_fault("reqCurrentTime", "swallow", client_id=2, times=2)
    with connected(gateway, 2) as other:
        for _ in range(3):
            other.reqCurrentTime()
            trader.reqCurrentTime()
        other.wait("currentTime")
        trader.wait("currentTime", 3)
        assert len(other.all("currentTime")) == 1


@pytest.mark.parametrize("fields", [("4", "1", "1", ""), ("4", "1"), ("4",)])
def test_a_cancel_in_the_shape_of_another_version_is_silently_ignored(
    gateway: IBGateway, fields: tuple[str, ...], raw: RawClient
) -> None:
    gateway.foreign_order("QQQ", 1, client_id=9, limit=400)
    raw.read_until("orderStatus")
    raw.send(*fields)
    raw.send(49, "1")
    raw.read_until("currentTime")
    assert len(gateway.open_orders) == 1
    assert [s.kind for s in gateway.recording.messages("error")][3:] == []
    raw.send("4", "1", "1")
    assert raw.read_until("error").values["errorCode"] == "202"


def test_an_unreadable_request_gets_320(gateway: IBGateway, raw: RawClient) -> None:
    raw.send("62", "1", "5", "All")
    assert raw.read_until("error").values["errorCode"] == "320"
    raw.send("62", "1", "five", "All", "NetLiquidation")
    assert "five" in raw.read_until("error").values["errorMsg"]
    raw.send("3", str(2**31))
    raw.read_until("error")
    raw.send("999", "1")
    raw.send("49", "1")
    assert raw.read_until("currentTime").values["currentTime"] == "1775491200"


# Problems of the gateway itself


def test_a_read_only_gateway_answers_321_and_no_end_marker(gateway: IBGateway, trader: Trader) -> None:
    gateway.read_only = True
    trader.buy(1, 100)
    trader.reqOpenOrders()
    trader.reqCompletedOrders(False)
    trader.reqPositions()
    trader.wait("positionEnd")
    assert [error[:2] for error in trader.errors()[3:]] == [(1, 321), (-1, 321), (-1, 321)]
    assert "Read-Only" in trader.errors()[3][2]
    assert not {"openOrderEnd", "completedOrdersEnd"} & set(trader.names())
    assert gateway.orders == []


def test_fills_during_an_outage_are_reported_only_on_request_afterwards(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=445)
    trader.wait("orderStatus")
    gateway.lose_line()
    gateway.set_price("QQQ", 440)
    trader.reqExecutions(1, ExecutionFilter())
    trader.reqPositions()
    trader.wait("execDetailsEnd")
    trader.wait("positionEnd")
    assert trader.all("position") == []
    gateway.restore_line(data_kept=False)
    trader.wait_error(1101)
    trader.reqCurrentTime()
    trader.wait("currentTime")
    assert [code for _, code, _ in trader.errors()[3:]] == [1100, 1101]
    assert trader.all("execDetails") == []
    trader.reqExecutions(2, ExecutionFilter())
    trader.wait("execDetailsEnd", 2)
    assert [values[2].execId for values in trader.all("execDetails")] == [gateway.ledger[0].exec_id]


@pytest.mark.parametrize(("kept", "trades"), [(True, 1), (False, 0)])
def test_orders_sent_during_an_outage_are_kept_or_vanish(
    gateway: IBGateway, trader: Trader, kept: bool, trades: int
) -> None:
    gateway.order_handling.keeps_orders_while_down = kept
    gateway.lose_line(2110)
    trader.buy(1, 100)
    gateway.wait_for(lambda: gateway.recording.requests("placeOrder"))
    assert gateway.ledger == []
    gateway.restore_line()
    trader.wait_error(1102)
    assert len(gateway.ledger) == trades


def test_a_nightly_restart_closes_everything_and_may_assign_ids_again(gateway: IBGateway, trader: Trader) -> None:
    for order_id in (1, 2, 3):
        trader.buy(order_id, 10)
    trader.wait("commissionReport", 3)
    gateway.go_down(roll_back_ids=2)
    trader.wait("connectionClosed")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), 1)
    gateway.come_up()
    with connected(gateway) as again:
        assert again.all("nextValidId") == [(2,)]
        again.buy(2, 10, orderRef="reissued")
        again.wait("execDetails")
    assert [execution.order_id for execution in gateway.ledger] == [1, 2, 3, 2]
    assert len({execution.perm_id for execution in gateway.ledger}) == 4
    assert gateway.account().cash == Decimal(100_000) - 40 * Decimal("450.01") - 4


def test_trades_by_hand_change_the_account_and_notify_nobody(gateway: IBGateway, trader: Trader) -> None:
    execution = gateway.manual_trade("TQQQ", 10)
    trader.reqCurrentTime()
    trader.wait("currentTime")
    assert (execution.client_id, execution.order_id, execution.order_ref) == (0, 0, "")
    assert trader.all("execDetails") == []
    assert gateway.position("TQQQ") == 10


# What is left behind


def test_everything_received_and_sent_is_recorded(gateway: IBGateway, trader: Trader) -> None:
    before = time.monotonic_ns()
    trader.buy(1, 100, orderRef="seen")
    trader.wait("commissionReport")
    (placed,) = gateway.recording.requests("placeOrder")
    assert placed.request.text("order.orderRef") == "seen"
    assert before < placed.at_ns < time.monotonic_ns()
    assert gateway.recording.kinds() == ["startApi", "placeOrder"]
    assert list(gateway.recording.order_refs()) == ["seen"]
    assert [sent.kind for sent in gateway.recording.messages("execDetails", client_id=1)] == ["execDetails"]
    assert gateway.recording.connections == 1
    assert gateway.recording.busiest_second() == 2
    received = sum(len(event.data) + 4 for event in gateway.recording.requests())
    assert gateway.recording.bytes_received[1] == received + len(b"API\0") + 4 + len("v100..157")


def test_a_bug_in_the_gateway_is_raised_in_the_test_that_hit_it() -> None:
    def broken_clock() -> datetime:
        raise ZeroDivisionError

    gateway = IBGateway(clock=broken_clock).start()
    with pytest.raises((EOFError, ConnectionResetError)):
        RawClient(gateway)
    with pytest.raises(ZeroDivisionError):
        gateway.stop()


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def test_no_thread_and_no_socket_is_left_behind() -> None:
    threads, sockets = threading.active_count(), descriptors()
    for _ in range(3):
        with IBGateway(clock=lambda: NOON) as gateway:
            clients = [RawClient(gateway, client_id=number) for number in range(5)]
            clients[0].send(49, "1")
            clients[0].read_until("currentTime")
            gateway.go_silent(1)
            gateway.drop_clients(2)
            gateway.restart()
            gateway.mute()
            with socket.create_connection(("127.0.0.1", gateway.port), 1):
                gateway.wait_for(lambda: gateway.recording.connections == 6)
            for client in clients:
                client.sock.close()
    assert threading.active_count() == threads
    assert descriptors() == sockets
