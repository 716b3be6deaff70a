"""What can go wrong between a client and the gateway stand-in, on real sockets."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ib_gateway import IBGateway, Message, protobuf
from ib_gateway.codec import decode_message
from ib_gateway.layouts import OUTGOING, PROTOBUF_OFFSET
from ib_gateway.trader import Trader
from ibapi.execution import ExecutionFilter

NOON = datetime(2026, 4, 6, 16, 0, tzinfo=UTC)


@pytest.fixture
def gateway() -> Iterator[IBGateway]:
    with IBGateway(clock=lambda: NOON, cap=200) as gateway:
        yield gateway


@pytest.fixture
def trader(gateway: IBGateway) -> Iterator[Trader]:
    with connected(gateway) as trader:
        yield trader


def connected(gateway: IBGateway, client_id: int = 1) -> Trader:
    trader = Trader().start(gateway.port, client_id)
    trader.wait_error(2158)
    return trader


class RawClient:
    """Sees bytes, not callbacks."""

    def __init__(self, gateway: IBGateway, version: bytes = b"v100..157", client_id: int | None = 9) -> None:
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), 3)
        self.sock.sendall(b"API\0" + struct.pack(">I", len(version)) + version)
        self.version = int(self.read_frame().split(b"\0")[0])
        if client_id is not None:
            self.send(71, "2", str(client_id), "")

    def send(self, *fields: object) -> None:
        body = "".join(f"{field}\0" for field in fields).encode()
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def send_protobuf(self, kind: str, values: dict[str, object]) -> None:
        layout = OUTGOING[kind]
        body = struct.pack(">I", layout.number + PROTOBUF_OFFSET) + protobuf.encode(layout.protobuf, values)
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def read_frame(self) -> bytes:
        return self.read_exactly(struct.unpack(">I", self.read_exactly(4))[0])

    def read_until(self, kind: str) -> Message:
        while True:
            message = decode_message(self.read_frame(), self.version)
            if message.kind == kind:
                return message

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


@pytest.fixture
def raw(gateway: IBGateway) -> Iterator[RawClient]:
    with RawClient(gateway) as raw:
        for _ in range(5):
            raw.read_frame()
        yield raw


# Connecting

@pytest.mark.parametrize(("asked", "cap", "given"), [
    (b"v100..157", 200, 157), (b"v100..226", 200, 200), (b"v100..226 +PACEAPI", 226, 226), (b"v157", 200, 157)])
def test_the_version_is_the_lower_of_both_maxima(asked: bytes, cap: int, given: int) -> None:
    with IBGateway(clock=lambda: NOON, cap=cap) as gateway, RawClient(gateway, asked, client_id=None) as raw:
        assert raw.version == given


def test_nothing_is_said_before_the_client_has_started(gateway: IBGateway) -> None:
    with RawClient(gateway, client_id=None) as raw:
        raw.send(49, "1")
        raw.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            raw.sock.recv(1)


def test_a_client_is_greeted_with_accounts_then_its_next_id_then_the_farms(gateway: IBGateway) -> None:
    with connected(gateway) as trader:
        assert trader.names()[-5:] == ["managedAccounts", "nextValidId", "error", "error", "error"]
        assert [code for _, code, _ in trader.errors()] == [2104, 2106, 2158]


def test_a_second_client_with_the_same_id_gets_326(gateway: IBGateway, trader: Trader) -> None:
    with Trader().start(gateway.port, 1) as second:
        second.wait_error(326)
        second.wait("connectionClosed")
        assert second.all("nextValidId") == []
    assert gateway.client_ids == [1]


def test_a_client_id_is_free_again_when_its_connection_has_ended(gateway: IBGateway) -> None:
    connected(gateway).stop()
    gateway.wait_for(lambda: not gateway.client_ids)
    connected(gateway).stop()


def test_a_thirty_third_client_is_not_let_in(gateway: IBGateway) -> None:
    clients = [RawClient(gateway, client_id=number) for number in range(32)]
    with socket.create_connection(("127.0.0.1", gateway.port), 3) as one_more:
        assert one_more.recv(1) == b""
    for client in clients:
        client.sock.close()


def test_a_refusing_gateway_has_no_open_port(gateway: IBGateway, trader: Trader) -> None:
    gateway.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), 1)
    trader.reqCurrentTime()
    trader.wait("currentTime")
    gateway.refuse(False)
    connected(gateway, 2).stop()


def test_a_mute_gateway_accepts_and_never_answers(gateway: IBGateway) -> None:
    gateway.mute()
    with socket.create_connection(("127.0.0.1", gateway.port), 1) as sock:
        sock.sendall(b"API\0\0\0\0\x09v100..157")
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    gateway.mute(False)
    connected(gateway).stop()


@pytest.mark.parametrize("greeting", [b"GET / HTTP/1.1\r\n\r\n", b"API\0\0\0\0\x05hello", b"API\0\xff\xff\xff\xff"])
def test_whoever_is_no_api_client_is_hung_up_on(gateway: IBGateway, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 1) as sock:
        sock.sendall(greeting)
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            return


def test_a_frame_too_long_to_be_true_ends_the_connection(gateway: IBGateway, raw: RawClient) -> None:
    raw.sock.sendall(b"\x7f\xff\xff\xff")
    assert raw.sock.recv(1) == b""


def test_a_handshake_in_two_segments_makes_the_real_client_hang(gateway: IBGateway) -> None:
    gateway.faults.split_handshake = True
    trader = Trader()
    thread = threading.Thread(target=lambda: trader.connect("127.0.0.1", gateway.port, 1), daemon=True)
    thread.start()
    gateway.wait_for(lambda: gateway.recording.bytes_sent.get(1, 0) > 20)
    thread.join(0.2)
    assert thread.is_alive()
    gateway.restart()
    thread.join(3)
    assert not thread.is_alive()


# Protobuf, from 213 on in both directions

def test_a_protobuf_client_trades_and_hears_protobuf() -> None:
    with IBGateway(clock=lambda: NOON, cap=226) as gateway, RawClient(gateway, b"v100..226", client_id=None) as raw:
        raw.send_protobuf("startApi", {"clientId": 4})
        assert raw.read_until("nextValidId").values == {"orderId": 1}
        raw.send_protobuf("placeOrder", {
            "orderId": 1, "contract.symbol": "QQQ", "contract.secType": "STK", "contract.exchange": "SMART",
            "contract.currency": "USD", "order.action": "BUY", "order.totalQuantity": "100", "order.orderType": "MKT",
            "order.tif": "DAY", "order.orderRef": "proto", "order.transmit": True})
        told = raw.read_until("execDetails").values
        assert (told["reqId"], told["execution.shares"], told["execution.orderRef"]) == (-1, "100", "proto")
        assert "realizedPNL" not in raw.read_until("commissionReport").values
        raw.send_protobuf("cancelOrder", {"orderId": 1, "orderCancel": True})
        assert raw.read_until("error").values["errorCode"] == 10148
        raw.send_protobuf("reqPositions", {})
        assert raw.read_until("position").values["position"] == "100"
        assert raw.read_until("positionEnd").values == {}


def test_a_protobuf_request_of_nonsense_gets_320() -> None:
    with IBGateway(clock=lambda: NOON, cap=226) as gateway, RawClient(gateway, b"v100..226", client_id=None) as raw:
        raw.send_protobuf("startApi", {"clientId": 4})
        raw.read_until("nextValidId")
        raw.sock.sendall(b"\0\0\0\x06\0\0\0\xcb\x12\x7f")
        while (error := raw.read_until("error")).values["errorCode"] != 320:
            assert error.values["errorCode"] in (2104, 2106, 2158)


# The wire

@pytest.mark.parametrize("transport", ["plain", "glued", "split", "slow"])
def test_a_client_understands_frames_however_they_are_cut(gateway: IBGateway, transport: str) -> None:
    with connected(gateway) as trader:
        gateway.faults.transport = transport
        trader.buy(1, 100)
        trader.wait("commissionReport")
        assert len(gateway.ledger) == 1


def test_a_glued_answer_is_one_send(gateway: IBGateway, raw: RawClient) -> None:
    gateway.faults.transport = "glued"
    raw.send(62, "1", "5", "All", "NetLiquidation,TotalCashValue")
    time.sleep(0.05)
    data = raw.sock.recv(65536)
    assert data.count(b"DU1234567") == 2
    assert data.endswith(b"64\x001\x005\x00")


@pytest.mark.parametrize("size", [4096, 8192])
def test_a_padded_answer_is_exactly_that_long_and_then_there_is_silence(gateway: IBGateway, raw: RawClient,
                                                                        size: int) -> None:
    gateway.next_fault("reqCurrentTime", "pad", size=size)
    raw.send(49, "1")
    raw.send(49, "1")
    time.sleep(0.05)
    assert len(raw.sock.recv(65536)) == size
    raw.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        raw.sock.recv(1)


def test_a_read_of_4096_bytes_and_silence_makes_the_unpatched_client_deaf(gateway: IBGateway,
                                                                         trader: Trader) -> None:
    gateway.next_fault("reqCurrentTime", "pad")
    trader.reqCurrentTime()
    with pytest.raises(TimeoutError):
        trader.wait("currentTime", timeout=1.5)
    assert trader.isConnected()


@pytest.mark.parametrize("frames", [1, 20])
def test_padding_can_be_sent_at_any_time(gateway: IBGateway, raw: RawClient, frames: int) -> None:
    with gateway.lock:
        before = gateway.recording.bytes_sent[1]
    gateway.send_padding(4096, frames=frames)
    for _ in range(frames):
        assert b"2119" in raw.read_frame()
    assert gateway.recording.bytes_sent[1] - before == 4096


def test_garbage_can_be_sent_before_an_answer(gateway: IBGateway, raw: RawClient) -> None:
    gateway.next_fault("reqCurrentTime", "garbage")
    raw.send(49, "1")
    time.sleep(0.05)
    data = raw.sock.recv(65536)
    assert data.startswith(b"\x00\x00\x00\x10\x80")
    assert data.endswith(b"49\x001\x001775491200\x00")


def test_a_frame_can_have_a_wrong_length(gateway: IBGateway, raw: RawClient) -> None:
    gateway.next_fault("reqCurrentTime", "wrong_length")
    raw.send(49, "1")
    assert struct.unpack(">I", raw.read_exactly(4))[0] == len(b"49\x001\x001775491200\x00") + 3


def test_a_message_can_have_too_few_fields_or_a_number_that_is_none(gateway: IBGateway, raw: RawClient) -> None:
    gateway.next_fault("reqCurrentTime", "too_few_fields")
    raw.send(49, "1")
    assert raw.read_frame() == b"49\x001\x00"
    gateway.next_fault("reqCurrentTime", "bad_number")
    raw.send(49, "1")
    assert raw.read_frame() == b"49\x00x1\x00x1\x00"


def test_any_bytes_and_any_message_can_be_sent(gateway: IBGateway, raw: RawClient) -> None:
    gateway.send_bytes(b"\x00\x00\x00\x03hi\x00")
    assert raw.read_frame() == b"hi\x00"
    gateway.send(Message("currentTime", {"currentTime": 1}))
    assert raw.read_frame() == b"49\x001\x001\x00"
    gateway.notify(2110, "broken", client_id=9)
    assert raw.read_frame().startswith(b"4\x002\x00-1\x002110")


def test_a_half_open_connection_says_and_hears_nothing_and_stays(gateway: IBGateway, trader: Trader) -> None:
    gateway.go_silent()
    trader.buy(1, 100)
    with pytest.raises(TimeoutError):
        trader.wait("openOrder", timeout=0.2)
    assert trader.isConnected()
    assert gateway.orders == []
    connected(gateway).stop()


def test_a_half_open_connection_can_hold_its_client_id(gateway: IBGateway, trader: Trader) -> None:
    gateway.go_silent(holds_id=True)
    with Trader().start(gateway.port, 1) as second:
        second.wait_error(326)


@pytest.mark.parametrize("reset", [False, True])
def test_dropped_clients_notice(gateway: IBGateway, trader: Trader, reset: bool) -> None:
    gateway.drop_clients(1, reset=reset)
    trader.wait("connectionClosed")


def test_a_client_that_does_not_read_is_dropped_before_memory_fills(gateway: IBGateway, raw: RawClient) -> None:
    for _ in range(200):
        if not gateway.client_ids:
            break
        gateway.send_bytes(bytes(1 << 17))
    assert gateway.client_ids == []


# Around an order

@pytest.mark.parametrize(("fault", "trades"), [
    ("drop_before", 0), ("swallow", 0), ("half_open", 0), ("restart_before", 0), ("error", 0),
    ("drop_after", 1), ("half_open_after", 1), ("restart_after", 1), ("lose_answer", 1), ("then_drop", 1)])
def test_an_order_is_acted_on_or_not_as_the_fault_says(gateway: IBGateway, trader: Trader, fault: str,
                                                       trades: int) -> None:
    gateway.next_fault("placeOrder", fault)
    trader.buy(1, 100)
    gateway.wait_for(lambda: gateway.recording.requests("placeOrder"))
    assert len(gateway.ledger) == trades
    if fault in ("drop_before", "restart_before", "drop_after", "restart_after", "then_drop"):
        trader.wait("connectionClosed")
    assert bool(trader.all("execDetails")) == (fault == "then_drop")


def test_what_was_missed_is_read_after_coming_back(gateway: IBGateway, trader: Trader) -> None:
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


def test_a_fault_can_wait_for_one_client_and_last_some_times(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_fault("reqCurrentTime", "swallow", client_id=2, times=2)
    with connected(gateway, 2) as other:
        for _ in range(3):
            other.reqCurrentTime()
            trader.reqCurrentTime()
        other.wait("currentTime")
        trader.wait("currentTime", 3)
        assert len(other.all("currentTime")) == 1


@pytest.mark.parametrize("fields", [("4", "1", "1", ""), ("4", "1"), ("4",)])
def test_a_cancel_in_the_shape_of_another_version_is_silently_ignored(gateway: IBGateway, fields: tuple[str, ...],
                                                                      raw: RawClient) -> None:
    gateway.foreign_order("QQQ", 1, client_id=9, limit=400)
    raw.read_until("orderStatus")
    raw.send(*fields)
    raw.send(49, "1")
    raw.read_until("currentTime")
    assert len(gateway.open_orders) == 1
    assert [s.kind for s in gateway.recording.messages("error")][3:] == []
    raw.send("4", "1", "1")
    assert raw.read_until("error").values["errorCode"] == "202"


def test_a_request_that_cannot_be_read_gets_320(gateway: IBGateway, raw: RawClient) -> None:
    raw.send("62", "1", "5", "All")
    assert raw.read_until("error").values["errorCode"] == "320"
    raw.send("62", "1", "five", "All", "NetLiquidation")
    assert "five" in raw.read_until("error").values["errorMsg"]
    raw.send("3", str(2**31))
    raw.read_until("error")
    raw.send("999", "1")
    raw.send("49", "1")
    assert raw.read_until("currentTime").values["currentTime"] == "1775491200"


# The gateway's own troubles

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


def test_fills_while_the_line_is_down_are_not_told_later(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=445)
    trader.wait("orderStatus")
    gateway.lose_line()
    gateway.set_price("QQQ", 440)
    gateway.restore_line(data_kept=False)
    trader.wait_error(1101)
    trader.reqCurrentTime()
    trader.wait("currentTime")
    assert [code for _, code, _ in trader.errors()[3:]] == [1100, 1101]
    assert trader.all("execDetails") == []
    assert len(gateway.ledger) == 1


@pytest.mark.parametrize(("kept", "trades"), [(True, 1), (False, 0)])
def test_orders_sent_while_the_line_is_down_are_kept_or_vanish(gateway: IBGateway, trader: Trader, kept: bool,
                                                               trades: int) -> None:
    gateway.desk.keeps_orders_while_down = kept
    gateway.lose_line(2110)
    trader.buy(1, 100)
    gateway.wait_for(lambda: gateway.recording.requests("placeOrder"))
    assert gateway.ledger == []
    gateway.restore_line()
    trader.wait_error(1102)
    assert len(gateway.ledger) == trades


def test_a_nightly_restart_closes_everything_and_may_give_ids_out_again(gateway: IBGateway, trader: Trader) -> None:
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


def test_trades_by_hand_change_the_account_and_tell_nobody(gateway: IBGateway, trader: Trader) -> None:
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
    placed, = gateway.recording.requests("placeOrder")
    assert placed.request.text("order.orderRef") == "seen"
    assert before < placed.at_ns < time.monotonic_ns()
    assert gateway.recording.kinds() == ["startApi", "placeOrder"]
    assert list(gateway.recording.order_refs()) == ["seen"]
    assert [sent.kind for sent in gateway.recording.messages("execDetails", client_id=1)] == ["execDetails"]
    assert gateway.recording.connections == 1
    assert gateway.recording.busiest_second() == 2
    received = sum(len(event.data) + 4 for event in gateway.recording.requests())
    assert gateway.recording.bytes_received[1] == received + len(b"API\0") + 4 + len("v100..157")


def test_a_bug_of_the_gateway_is_raised_in_the_test_that_met_it() -> None:
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
