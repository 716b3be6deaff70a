"""The socket under the official client, without one: tests/process/test_ib_transport.py has the sockets."""

import struct
from typing import Any

import pytest

from qqqbot.adapters.ib.transport import CLOSED, CLOSED_EARLY, LONGEST_GREETING, Transport, mute

GREETING = b"200\x0020261124 12:00:00 US/Eastern\x00"


class Pieces:
    """A socket that has received these pieces, and then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def recv(self, size: int) -> bytes:
        assert size > 0
        return self.pieces.pop(0) if self.pieces else b""

    def shutdown(self, how: int) -> None:  # noqa: ARG002 (as a socket has it)
        self.pieces = []

    def close(self) -> None:
        assert self.pieces == []


def transport(*pieces: bytes) -> tuple[Transport, list[str]]:
    ends: list[str] = []
    made: Any = Transport("host", 4002, 1.0, ends.append)
    made.socket = Pieces(*pieces)
    return made, ends


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def test_a_greeting_is_joined_and_what_follows_it_is_kept() -> None:
    whole = frame(GREETING) + frame(b"next")
    made, ends = transport(whole[:3], whole[3:20], whole[20:])
    assert made.recvMsg() == frame(GREETING)
    assert made.recvMsg() == frame(b"next")
    assert ends == []


def test_a_disconnect_before_the_greeting_has_another_reason_than_one_after_it() -> None:
    early, reasons = transport()
    assert early.recvMsg() == b""
    assert reasons == [CLOSED_EARLY]
    late, reasons = transport(frame(GREETING))
    late.recvMsg()
    assert late.recvMsg() == b""
    assert reasons == [CLOSED]


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request", struct.pack(">I", LONGEST_GREETING + 1), frame(b"hello")]
)
def test_anything_but_a_greeting_is_quoted_and_ends_the_connection(said: bytes) -> None:
    made, ends = transport(said)
    with pytest.raises(ConnectionError):
        made.recvMsg()
    assert "host port 4002 is not a gateway" in ends[0]


def test_a_message_after_the_end_counts_as_not_sent() -> None:
    made, _ = transport()
    made.disconnect()
    with pytest.raises(ConnectionError):
        made.sendMsg(b"an order")
    assert (made.attempts, made.isConnected()) == (0, False)


def test_a_silent_gateway_is_described_with_what_to_do() -> None:
    assert "does not answer within 8 s" in mute("host", 4002, 8)
    assert mute("host", 4002, 8).endswith("restart it")
