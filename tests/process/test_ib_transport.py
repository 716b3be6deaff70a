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
def wired() -> Iterator[tuple[Transport, socket.socket, list[str]]]:
    """A connected wire, the other end, and the reasons it gave for its end."""
    ends: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Transport("127.0.0.1", listener.getsockname()[1], 1.0, ends.append)
        wire.connect()
        other, _ = listener.accept()
        try:
            yield wire, other, ends
        finally:
            wire.disconnect()
            other.close()


def test_the_greeting_comes_alone_and_whole() -> None:
    with wired() as (wire, other, ends):
        other.sendall(GREETING[:9])
        threading.Timer(0.05, other.sendall, (GREETING[9:] + frame(b"next"),)).start()
        assert wire.recvMsg() == GREETING
        assert wire.recvMsg() == frame(b"next")
        assert ends == []


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192, 65536])
def test_a_read_that_is_followed_by_silence_loses_nothing(size: int) -> None:
    with wired() as (wire, other, _):
        other.sendall(GREETING)
        wire.recvMsg()
        other.sendall(b"x" * size)
        received = b""
        while len(received) < size:
            received += wire.recvMsg()
        assert received == b"x" * size


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(b"hello"), frame(b"a\x00b\x00c\x00"), frame(b"a\x00b\x00")]
)
def test_what_is_no_greeting_is_told(said: bytes) -> None:
    with wired() as (wire, other, ends):
        other.sendall(said)
        with pytest.raises(OSError, match="not a gateway"):
            wire.recvMsg()
        assert "is not a gateway" in ends[0]


def test_a_greeting_that_would_never_end_is_not_waited_for() -> None:
    with wired() as (wire, other, _):
        other.sendall(struct.pack(">I", LONGEST_GREETING + 1))
        with pytest.raises(OSError, match="not a gateway"):
            wire.recvMsg()


def test_the_other_end_going_away_is_an_end() -> None:
    with wired() as (wire, other, ends):
        other.sendall(GREETING)
        wire.recvMsg()
        other.close()
        assert wire.recvMsg() == b""
        assert ends == ["the gateway closed the connection; reconnecting"]


def test_disconnecting_wakes_a_read_that_is_under_way() -> None:
    with wired() as (wire, other, _):
        other.sendall(GREETING)
        wire.recvMsg()
        threading.Timer(0.05, wire.disconnect).start()
        began = time.monotonic()
        assert wire.recvMsg() == b""
        assert time.monotonic() - began < 1
        assert not wire.isConnected()
        wire.disconnect()


def test_a_message_is_sent_whole_or_the_connection_ends() -> None:
    with wired() as (wire, other, ends):
        assert wire.sendMsg(b"x" * 100) == 100
        assert other.recv(1000) == b"x" * 100
        assert wire.attempts == 1
        wire.disconnect()
        with pytest.raises(OSError, match="has ended"):
            wire.sendMsg(b"y")
        assert (wire.attempts, ends) == (1, [])


def test_a_send_that_breaks_may_have_left() -> None:
    with wired() as (wire, other, ends):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        with pytest.raises(OSError):
            _send_until_it_breaks(wire)
        assert wire.attempts >= 1
        assert "broke while sending" in ends[0]


def test_small_messages_are_not_held_back() -> None:
    with wired() as (wire, _, _):
        assert wire.socket is not None
        assert wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_gateways_limit_of_messages_is_kept() -> None:
    with wired() as (wire, _, _):
        began = time.monotonic()
        for _ in range(MOST_SENDS_A_SECOND + 1):
            wire.sendMsg(b"x")
        assert time.monotonic() - began > 0.99


def test_a_refused_connection_says_where_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ends: list[str] = []
    with pytest.raises(OSError):
        Transport("127.0.0.1", port, 1.0, ends.append).connect()
    assert f"127.0.0.1 port {port} (Connection refused)" in ends[0]


def _send_until_it_breaks(wire: Transport) -> None:
    for _ in range(20):
        wire.sendMsg(b"x")
        time.sleep(0.01)
