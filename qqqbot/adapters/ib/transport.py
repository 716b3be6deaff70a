"""The socket between the official client and a gateway, which replaces the client's own Connection.

The client's Connection waits forever for a host that drops packets or a gateway that does not answer, loses a read of
exactly 4096 bytes if silence follows, cannot reassemble a greeting that comes in two pieces, may send part of a
message, wakes up once a second for nothing, and leaves a socket open for up to a second after its end. This class has
the same methods and none of these faults.
"""

import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

# Below IB's limit of 50 messages a second, with room for messages that a busy network delivers together.
# https://interactivebrokers.github.io/tws-api/order_limitations.html
MOST_SENDS_A_SECOND = 40
# Far longer than a gateway's greeting.
LONGEST_GREETING = 1024
SEND_SECONDS = 5

CLOSED = "the gateway closed the connection; reconnecting"
CLOSED_EARLY = (
    "the connection is accepted and closed before any answer: the gateway behind the port is not logged in or not up "
    "(second factor?), or this computer is not among its trusted IPs (Configure, API, Settings)"
)
STRANGER = "{host} port {port} is not a gateway, it answers {said!r}: check ib_port"


def mute(host: str, port: int, seconds: float) -> str:
    """Why a connection failed that the gateway accepted and never answered."""
    return (
        f"{host} port {port} accepts the connection and does not answer within {seconds:g} s: a login or update dialog "
        "is open in the gateway, this computer is not among its trusted IPs, or it has hung; look at it; if in doubt, "
        "restart it"
    )


class Transport:
    """A socket that connects by a deadline, reads without loss, sends whole messages, and ends at once.

    Reads block without a timeout, so an idle connection wakes nobody. `disconnect`, from any thread, ends them.
    """

    def __init__(
        self, host: str, port: int, seconds: float, on_end: Callable[[str], None], second: float = 1.0
    ) -> None:
        """`seconds` limits the connect; whoever calls `disconnect` limits the greeting."""
        self.host = host
        self.port = port
        self.socket: socket.socket | None = None
        self.unreachable: OSError | None = None
        """why the connect failed"""
        self.wrapper = None
        self.lock = threading.RLock()
        self._seconds = seconds
        self._second = second
        self._on_end = on_end
        self._greeting = bytearray()
        self._greeted = False
        self._sends: deque[float] = deque(maxlen=MOST_SENDS_A_SECOND)
        self._attempts = threading.local()

    def connect(self) -> None:
        """Raises OSError."""
        try:
            made = socket.create_connection((self.host, self.port), self._seconds)
        except OSError as error:
            self.unreachable = error
            self._on_end(self._unreachable(error))
            raise
        # Without it, the second message of a pair leaves 41 ms late on a fresh connection.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        made.settimeout(None)
        self.socket = made

    def isConnected(self) -> bool:
        return self.socket is not None

    def disconnect(self) -> None:
        """Unlike the client's own, it wakes a read in progress, and frees the client id at once."""
        ending, self.socket = self.socket, None
        if ending is not None:
            try:
                ending.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("the gateway had already disconnected")
            # Close only after any send, whose descriptor could otherwise be reused; the shutdown has ended the send.
            with self.lock:
                ending.close()

    @property
    def attempts(self) -> int:
        """The number of messages of which this thread may have sent the first byte."""
        return getattr(self._attempts, "count", 0)

    def sendMsg(self, msg: bytes) -> int:
        """Send a whole message. If it raises OSError, the connection has ended."""
        self._pace()
        with self.lock:
            sending = self.socket
            if sending is None:
                raise ConnectionError("the connection has ended")
            self._attempts.count = self.attempts + 1
            try:
                sending.sendall(msg)
            except OSError as error:
                self._on_end(f"the connection to the gateway broke while sending ({error})")
                raise
        return len(msg)

    def recvMsg(self) -> bytes:
        """The bytes that have arrived; empty at the end. The greeting comes alone and whole, however it was split."""
        if not self._greeted:
            return self._receive_greeting()
        if self._greeting:
            rest, self._greeting = bytes(self._greeting), bytearray()
            return rest
        return self._receive()

    def _receive(self) -> bytes:
        reading = self.socket
        try:
            data: bytes = reading.recv(65536) if reading else b""
        except OSError as error:
            log.debug("read: %s", error)
            data = b""
        if not data:
            self._on_end(CLOSED if self._greeted else CLOSED_EARLY)
        return data

    def _receive_greeting(self) -> bytes:
        """Raises OSError for anything that is not a greeting."""
        while len(self._greeting) < 4 or len(self._greeting) < 4 + self._greeting_size():
            data = self._receive()
            if not data:
                self.disconnect()
                return b""
            self._greeting += data
        size = 4 + self._greeting_size()
        greeting, self._greeting = bytes(self._greeting[:size]), self._greeting[size:]
        if greeting.count(b"\0", 4) != 2 or not greeting[4 : greeting.index(b"\0", 4)].isdigit():
            raise self._stranger(greeting)
        self._greeted = True
        return greeting

    def _greeting_size(self) -> int:
        size: int = struct.unpack(">I", self._greeting[:4])[0]
        if size > LONGEST_GREETING:
            raise self._stranger(bytes(self._greeting))
        return size

    def _stranger(self, said: bytes) -> OSError:
        self._on_end(STRANGER.format(host=self.host, port=self.port, said=said[:40]))
        return ConnectionError("not a gateway")

    def _pace(self) -> None:
        """Wait until another message may be sent, in real seconds, since the gateway counts those."""
        while (
            len(self._sends) == MOST_SENDS_A_SECOND and (wait := self._sends[0] + self._second - time.monotonic()) > 0
        ):
            threading.Event().wait(wait)
        self._sends.append(time.monotonic())

    def _unreachable(self, error: OSError) -> str:
        return (
            f"no gateway answers at {self.host} port {self.port} ({error.strerror or error}): start TWS or IB Gateway "
            "and log in; check ib_host and ib_port, and in the gateway Configure, API, Settings, 'Socket port'"
        )
