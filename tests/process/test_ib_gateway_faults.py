"""What can go wrong on the connection between a client and the gateway stand-in, on real sockets."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from standins.ib_gateway import IBGateway, Message
from standins.ib_gateway.listening import NOON, connected
from standins.ib_gateway.raw_client import RawClient
from standins.ib_gateway.trader import Trader


@pytest.fixture
def gateway() -> Iterator[IBGateway]:
    with IBGateway(clock=lambda: NOON, cap=200) as gateway:
        yield gateway


# Connecting


@pytest.mark.parametrize(
    ("asked", "cap", "given"),
    [(b"v100..157", 200, 157), (b"v100..226", 200, 200), (b"v100..226 +PACEAPI", 226, 226), (b"v157", 200, 157)],
)
def test_the_version_is_the_lower_of_both_maxima(asked: bytes, cap: int, given: int) -> None:
    with IBGateway(clock=lambda: NOON, cap=cap) as gateway, RawClient(gateway, asked, client_id=None) as raw:
        assert raw.version == given


def test_nothing_is_sent_before_the_client_has_started(gateway: IBGateway) -> None:
    with RawClient(gateway, client_id=None) as raw:
        raw.send(49, "1")
        raw.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            raw.sock.recv(1)


def test_a_client_first_gets_accounts_then_its_next_id_then_the_farms(gateway: IBGateway) -> None:
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


def test_a_thirty_third_client_is_rejected(gateway: IBGateway) -> None:
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
def test_a_peer_that_is_not_an_api_client_is_disconnected(gateway: IBGateway, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 1) as sock:
        sock.sendall(greeting)
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            return


def test_an_implausibly_long_frame_ends_the_connection(gateway: IBGateway, raw: RawClient) -> None:
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
    thread.join(30)
    assert not thread.is_alive()


# Protobuf, from 213 on in both directions


def test_a_protobuf_client_trades_and_receives_protobuf() -> None:
    with IBGateway(clock=lambda: NOON, cap=226) as gateway, RawClient(gateway, b"v100..226", client_id=None) as raw:
        raw.send_protobuf("startApi", {"clientId": 4})
        assert raw.read_until("nextValidId").values == {"orderId": 1}
        raw.send_protobuf(
            "placeOrder",
            {
                "orderId": 1,
                "contract.symbol": "QQQ",
                "contract.secType": "STK",
                "contract.exchange": "SMART",
                "contract.currency": "USD",
                "order.action": "BUY",
                "order.totalQuantity": "100",
                "order.orderType": "MKT",
                "order.tif": "DAY",
                "order.orderRef": "proto",
                "order.transmit": True,
            },
        )
        told = raw.read_until("execDetails").values
        assert (told["reqId"], told["execution.shares"], told["execution.orderRef"]) == (-1, "100", "proto")
        assert "realizedPNL" not in raw.read_until("commissionReport").values
        raw.send_protobuf("cancelOrder", {"orderId": 1, "orderCancel": True})
        assert raw.read_until("error").values["errorCode"] == 10148
        raw.send_protobuf("reqPositions", {})
        assert raw.read_until("position").values["position"] == "100"
        assert raw.read_until("positionEnd").values == {}


def test_a_nonsensical_protobuf_request_gets_320() -> None:
    with IBGateway(clock=lambda: NOON, cap=226) as gateway, RawClient(gateway, b"v100..226", client_id=None) as raw:
        raw.send_protobuf("startApi", {"clientId": 4})
        raw.read_until("nextValidId")
        raw.sock.sendall(b"\0\0\0\x06\0\0\0\xcb\x12\x7f")
        while (error := raw.read_until("error")).values["errorCode"] != 320:
            assert error.values["errorCode"] in (2104, 2106, 2158)


# The wire


@pytest.mark.parametrize("transport", ["plain", "glued", "split", "slow"])
def test_a_client_understands_frames_however_they_are_split(gateway: IBGateway, transport: str) -> None:
    with connected(gateway) as trader:
        gateway.faults.transport = transport
        trader.buy(1, 100)
        trader.wait("commissionReport")
        assert len(gateway.ledger) == 1


def test_a_glued_answer_is_sent_in_one_piece(gateway: IBGateway, raw: RawClient) -> None:
    gateway.faults.transport = "glued"
    raw.send(62, "1", "5", "All", "NetLiquidation,TotalCashValue")
    time.sleep(0.05)
    data = raw.sock.recv(65536)
    assert data.count(b"DU1234567") == 2
    assert data.endswith(b"64\x001\x005\x00")


@pytest.mark.parametrize("size", [4096, 8192])
def test_a_padded_answer_has_exactly_that_length_and_is_followed_by_silence(
    gateway: IBGateway, raw: RawClient, size: int
) -> None:
    gateway.next_fault("reqCurrentTime", "pad", size=size)
    raw.send(49, "1")
    raw.send(49, "1")
    time.sleep(0.05)
    assert len(raw.sock.recv(65536)) == size
    raw.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        raw.sock.recv(1)


def test_a_read_of_4096_bytes_and_silence_makes_the_unpatched_client_deaf(gateway: IBGateway, trader: Trader) -> None:
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
    data = b""
    while not data.endswith(b"49\x001\x001775491200\x00"):
        data += raw.sock.recv(65536)
    assert data.startswith(b"\x00\x00\x00\x10\x80")


def test_a_frame_can_have_a_wrong_length(gateway: IBGateway, raw: RawClient) -> None:
    gateway.next_fault("reqCurrentTime", "wrong_length")
    raw.send(49, "1")
    assert struct.unpack(">I", raw.read_exactly(4))[0] == len(b"49\x001\x001775491200\x00") + 3


def test_a_message_can_have_too_few_fields_or_letters_for_a_number(gateway: IBGateway, raw: RawClient) -> None:
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


def test_a_half_open_connection_stays_and_neither_sends_nor_reads(gateway: IBGateway, trader: Trader) -> None:
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
