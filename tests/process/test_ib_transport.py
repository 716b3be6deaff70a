"""The socket under the official client, against bare sockets."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qqqbot.adapters.ib.transport import LONGEST_GREETING, MOST_SENDS_A_SECOND, Transport


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


GREETING = frame(b"200\x0020261124 12:00:00 US/Eastern\x00")


@contextmanager
def connected() -> Iterator[tuple[Transport, socket.socket, list[str]]]:
    """A connected transport, the other end, and the reasons it gave for its end."""
    ends: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = Transport("127.0.0.1", listener.getsockname()[1], 1.0, ends.append)
        transport.connect()
        other, _ = listener.accept()
        try:
            yield transport, other, ends
        finally:
            transport.disconnect()
            other.close()


def test_the_greeting_comes_alone_and_whole() -> None:
    with connected() as (transport, other, ends):
        other.sendall(GREETING[:9])
        threading.Timer(0.05, other.sendall, (GREETING[9:] + frame(b"next"),)).start()
        assert transport.recvMsg() == GREETING
        assert transport.recvMsg() == frame(b"next")
        assert ends == []


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192, 65536])
def test_a_read_that_is_followed_by_silence_loses_nothing(size: int) -> None:
    with connected() as (transport, other, _):
        other.sendall(GREETING)
        transport.recvMsg()
        other.sendall(b"x" * size)
        received = b""
        while len(received) < size:
            received += transport.recvMsg()
        assert received == b"x" * size


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(b"hello"), frame(b"a\x00b\x00c\x00"), frame(b"a\x00b\x00")]
)
def test_anything_but_a_greeting_is_reported(said: bytes) -> None:
    with connected() as (transport, other, ends):
        other.sendall(said)
        with pytest.raises(OSError, match="not a gateway"):
            transport.recvMsg()
        assert "is not a gateway" in ends[0]


def test_an_endless_greeting_is_not_waited_for() -> None:
    with connected() as (transport, other, _):
        other.sendall(struct.pack(">I", LONGEST_GREETING + 1))
        with pytest.raises(OSError, match="not a gateway"):
            transport.recvMsg()


def test_a_disconnect_by_the_peer_ends_the_connection() -> None:
    with connected() as (transport, other, ends):
        other.sendall(GREETING)
        transport.recvMsg()
        other.close()
        assert transport.recvMsg() == b""
        assert ends == ["the gateway closed the connection; reconnecting"]


def test_disconnecting_wakes_a_read_that_is_under_way() -> None:
    with connected() as (transport, other, _):
        other.sendall(GREETING)
        transport.recvMsg()
        threading.Timer(0.05, transport.disconnect).start()
        began = time.monotonic()
        assert transport.recvMsg() == b""
        assert time.monotonic() - began < 30
        assert not transport.isConnected()
        transport.disconnect()


def test_a_message_is_sent_whole_or_the_connection_ends() -> None:
    with connected() as (transport, other, ends):
        assert transport.sendMsg(b"x" * 100) == 100
        assert other.recv(1000) == b"x" * 100
        assert transport.attempts == 1
        transport.disconnect()
        with pytest.raises(OSError, match="has ended"):
            transport.sendMsg(b"y")
        assert (transport.attempts, ends) == (1, [])


def test_a_failed_send_may_have_gone_out() -> None:
    with connected() as (transport, other, ends):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        with pytest.raises(OSError):
            _send_until_it_breaks(transport)
        assert transport.attempts >= 1
        assert "broke while sending" in ends[0]


def test_small_messages_are_not_held_back() -> None:
    with connected() as (transport, _, _):
        assert transport.socket is not None
        assert transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_gateways_message_limit_is_kept() -> None:
    with connected() as (transport, _, _):
        began = time.monotonic()
        for _ in range(MOST_SENDS_A_SECOND + 1):
            transport.sendMsg(b"x")
        assert time.monotonic() - began > 0.99


def test_a_refused_connection_says_where_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ends: list[str] = []
    with pytest.raises(OSError):
        Transport("127.0.0.1", port, 1.0, ends.append).connect()
    assert f"127.0.0.1 port {port} (Connection refused)" in ends[0]


def _send_until_it_breaks(transport: Transport) -> None:
    for _ in range(20):
        transport.sendMsg(b"x")
        time.sleep(0.01)
