"""One client's socket: frames in, frames out, and the faults of a connection."""

import re
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from standins.ib_gateway.codec import Message, encode
from standins.ib_gateway.contracts import Contract
from standins.ib_gateway.faults import Faults, Mangler
from standins.ib_gateway.recording import Recording, Sent

LONGEST_FRAME = 1 << 20
MOST_UNSENT = 8 << 20
SILENCE_SECONDS = 1.3  # the clients' reads time out after one second

_GREETING = re.compile(rb"v(\d+)(?:\.\.(\d+))?(?: .*)?")


class ConnectionLost(Exception):
    """The peer has disconnected, or sends nonsense."""


@dataclass
class Subscriptions:
    """What this client has subscribed to."""

    positions: bool = False
    positions_multi: dict[int, str] = field(default_factory=dict)
    summaries: dict[int, "Summary"] = field(default_factory=dict)
    quotes: dict[int, Contract] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    market_data_type: int = 1


@dataclass
class Summary:
    accounts: tuple[str, ...]
    tags: tuple[str, ...]
    reported: dict[tuple[str, str], str] = field(default_factory=dict)
    reported_at: float = 0.0


class Connection:
    def __init__(self, sock: socket.socket, number: int, recording: Recording, faults: Faults) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.number = number
        self.version = 0
        self.client_id: int | None = None
        self.greeted = self.started = False
        self.swallowing = False
        self.closing = False
        self.transport: str | None = None
        """overrides the setting of the gateway"""
        self.mangle: Mangler | None = None
        self.subscriptions = Subscriptions()
        self.frame_at_ns = 0
        self._faults = faults
        self._recording = recording
        self._inbox = bytearray()
        self._frames: list[bytes] = []
        self._outbox: deque[tuple[float, bytes]] = deque()
        self._unsent = 0
        self._next_due = 0.0

    # Reading

    def receive(self) -> None:
        """Read what has arrived. Raises ConnectionLost."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        if not data:
            raise ConnectionLost("closed by the client")
        now = time.monotonic_ns()
        if not self._inbox:
            self.frame_at_ns = now
        self._chunk_at_ns = now
        self._inbox += data
        self._recording.bytes_received[self.number] = self._recording.bytes_received.get(self.number, 0) + len(data)

    def payloads(self) -> Iterator[bytes]:
        """The complete frames received so far. Raises ConnectionLost if a frame is implausibly long."""
        while not self.swallowing and not self.closing and len(self._inbox) >= 4:
            size = struct.unpack_from(">I", self._inbox)[0]
            if size > LONGEST_FRAME:
                raise ConnectionLost(f"a frame of {size} bytes")
            if len(self._inbox) < 4 + size:
                return
            payload = bytes(self._inbox[4 : 4 + size])
            del self._inbox[: 4 + size]
            yield payload
            self.frame_at_ns = self._chunk_at_ns

    def greeting(self) -> tuple[int, int] | None:
        """(lowest, highest) version of the client, once its greeting is complete. Raises ConnectionLost."""
        if not b"API\0".startswith(bytes(self._inbox[:4])):
            raise ConnectionLost("not an API client")
        if len(self._inbox) < 8:
            return None
        size = struct.unpack_from(">I", self._inbox, 4)[0]
        if size > 1000:
            raise ConnectionLost("greeting too long")
        if len(self._inbox) < 8 + size:
            return None
        match = _GREETING.fullmatch(bytes(self._inbox[8 : 8 + size]))
        del self._inbox[: 8 + size]
        if match is None:
            raise ConnectionLost("no version in the greeting")
        lowest = int(match[1])
        return lowest, int(match[2] or lowest)

    # Writing

    def say(self, message: Message) -> None:
        """Queue a message; it leaves with the next `commit`."""
        message = self._faults.alter(message)
        data = encode(message, self.version)
        self._recording.sent.append(Sent(time.monotonic_ns(), self.number, self.client_id, message, data))
        self._frames.append(data)

    def say_bytes(self, data: bytes) -> None:
        self._frames.append(data)

    def forget_unsaid(self) -> None:
        self._frames.clear()

    def commit(self) -> None:
        """Send what is queued, in the way that `faults.transport` says. Raises ConnectionLost."""
        frames, self._frames = self._frames, []
        if self.mangle and frames:
            frames, self.mangle = self.mangle(frames), None
        for pause, data in self._pieces(frames):
            self._next_due = max(self._next_due, time.monotonic()) + pause if pause else self._next_due
            self._outbox.append((self._next_due, data))
            self._unsent += len(data)
        if self._unsent > MOST_UNSENT:
            raise ConnectionLost("the client does not read")
        self.pump()

    def _pieces(self, frames: list[bytes]) -> Iterator[tuple[float, bytes]]:
        """(pause before it, bytes of one send)"""
        transport = self.transport or self._faults.transport
        if transport == "glued":
            frames = [b"".join(frames)] if frames else []
        size = {"split": self._faults.split_at, "slow": self._faults.slow_bytes}.get(transport)
        for data in frames:
            if size is None:
                yield 0.0, data
                continue
            for at in range(0, len(data), size):
                yield self._faults.slow_interval, data[at : at + size]

    def hush(self, seconds: float = SILENCE_SECONDS) -> None:
        """Hold everything that is queued from now on for this long."""
        self._next_due = time.monotonic() + seconds

    def pump(self) -> None:
        """Write what is due. Raises ConnectionLost."""
        while self._outbox and not self.swallowing:
            due, data = self._outbox[0]
            if due > time.monotonic():
                return
            try:
                count = self.sock.send(data)
            except BlockingIOError:
                return
            except OSError as error:
                raise ConnectionLost(str(error)) from None
            self._sent(due, data, count)

    def _sent(self, due: float, data: bytes, count: int) -> None:
        self._unsent -= count
        self._recording.bytes_sent[self.number] = self._recording.bytes_sent.get(self.number, 0) + count
        self._outbox.popleft()
        if count < len(data):
            self._outbox.appendleft((due, data[count:]))

    @property
    def waits_until(self) -> float | None:
        """When the next bytes are due; None if nothing waits."""
        return self._outbox[0][0] if self._outbox and not self.swallowing else None

    @property
    def blocked(self) -> bool:
        """Whether bytes are due while the client's buffers are full."""
        due = self.waits_until
        return due is not None and due <= time.monotonic()

    def close(self, reset: bool = False) -> None:
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closing = True
        self.sock.close()
