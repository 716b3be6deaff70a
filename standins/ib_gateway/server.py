"""The gateway as a server: one thread owns the sockets and timers and carries requests to the order handling."""

import heapq
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Self

from standins.ib_gateway import callbacks
from standins.ib_gateway.answers import Answers
from standins.ib_gateway.book import Book
from standins.ib_gateway.codec import Malformed, Message, Request, decode_request, frame
from standins.ib_gateway.connection import Connection, ConnectionLost
from standins.ib_gateway.contracts import Contract, Instruments
from standins.ib_gateway.exchange import Exchange
from standins.ib_gateway.faults import ACTED_UNANSWERED, NOT_ACTED, Fault, Faults, mangler
from standins.ib_gateway.history import DailyCloses
from standins.ib_gateway.order_handling import OrderHandling
from standins.ib_gateway.recording import Received, Recording

MOST_CLIENTS = 32
POLL_SECONDS = 0.02  # how often the session and the clock are polled while something depends on them
IDLE_SECONDS = 0.5
SEGMENT_SECONDS = 0.2  # long enough for a client to have read the first part of a handshake alone
CHANGES_THE_BOOK = ("placeOrder", "cancelOrder", "reqGlobalCancel")


class Server:
    """Sockets, timers and the thread that serves them. Everything happens under `lock`."""

    def __init__(self, clock: Callable[[], datetime], book: Book, cap: int, port: int) -> None:
        self.clock = clock
        self.book = book
        self.cap = cap
        self.port = port
        self.lock = threading.RLock()
        self.faults = Faults()
        self.recording = Recording()
        self.instruments = Instruments()
        self.exchange = Exchange(clock)
        self.order_handling = OrderHandling(book, self.exchange, self.instruments, clock, self, self.later)
        self.read_only = False
        self.market_data = "live"
        self.quote_delay = timedelta(minutes=15)
        self.history_refused = ""
        self.history_note: tuple[int, str] | None = None
        self.daily_closes: DailyCloses | None = None
        self.fractional_size_rules = True
        self.download_open_orders = True
        self.time_zone_text = "US/Eastern"
        self.on_change: Callable[[], None] = lambda: None
        """called whenever the book may have changed, before clients are notified"""
        self.stale: Book | None = None
        self._answers = Answers(self)
        self._connections: list[Connection] = []
        self._changed = threading.Condition(self.lock)
        self._crash: Exception | None = None
        self._touched = False
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_number = 0
        self._next_tick = 0.0
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakee = socket.socketpair()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    # Starting and stopping
    def start(self) -> Self:
        for end in (self._waker, self._wakee):
            end.setblocking(False)
        self._selector.register(self._wakee, selectors.EVENT_READ, None)
        self._listen()
        self._thread = threading.Thread(target=self._serve, name="ib-gateway", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close everything and end the thread; may be called again. Raises the bug that ended the thread, if any."""
        if self._stopping:
            return
        self._stopping = True
        self._wake()
        if self._thread:
            self._thread.join()
        with self.lock:
            self._close_all()
            self._unlisten()
            self._selector.close()
            self._waker.close()
            self._wakee.close()
        if self._crash:
            raise self._crash

    def wait_for(self, condition: Callable[[], object], timeout: float = 30.0) -> None:
        """Wait until `condition` is true. Raises TimeoutError."""
        with self.lock:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError("the gateway did not see it happen")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> None:
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, None)

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    @contextmanager
    def moment(self) -> Iterator[None]:
        """A change of the gateway: it is made under the lock, and what it queues is sent at its end."""
        with self.lock:
            yield
            outside = threading.current_thread() is not self._thread
            if outside or self._touched:
                self._touched = False
                self.on_change()
            self._commit()
            self._set_interest()
            self._changed.notify_all()
        if outside:
            self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes the thread as well
            self._waker.send(b"x")

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer_number += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._timer_number, action))

    # The thread

    def _serve(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001  a bug of this gateway: `stop` raises it in the test
            self._crash = error
            with self.lock:
                self._close_all()

    def _loop(self) -> None:
        while not self._stopping:
            events = self._selector.select(self._pause())
            with self.moment():
                for key, mask in events:
                    self._serve_socket(key.fileobj, key.data, mask)
                self._run_timers()

    def _pause(self) -> float:
        with self.lock:
            now = time.monotonic()
            dues = [c.waits_until for c in self._connections if c.waits_until is not None and not c.blocked]
            dues.append(self._next_tick)
            if self._timers:
                dues.append(self._timers[0][0])
            return max(0.0, min(dues) - now)

    def _serve_socket(self, fileobj: object, connection: Connection | None, mask: int) -> None:
        if fileobj is self._wakee:
            with suppress(BlockingIOError):
                self._wakee.recv(4096)
        elif fileobj is self._listener:
            self._accept()
        elif connection is not None and connection in self._connections and mask & selectors.EVENT_READ:
            self._attempt(connection, lambda: self._read(connection))

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        if now >= self._next_tick:
            busy = bool(self.book.live()) or any(c.subscriptions.summaries for c in self._connections)
            self._next_tick = now + (POLL_SECONDS if busy else IDLE_SECONDS)
            self.tick()

    def tick(self) -> None:
        self.order_handling.tick()
        for connection in self._connections:
            if connection.started:
                self._answers.tick(connection)

    def _attempt(self, connection: Connection, action: Callable[[], None]) -> None:
        try:
            action()
        except ConnectionLost:
            self.close_connection(connection)

    def _commit(self) -> None:
        for connection in list(self._connections):
            self._attempt(connection, connection.commit)

    def _set_interest(self) -> None:
        for connection in self._connections:
            wanted = 0 if connection.swallowing else selectors.EVENT_READ
            if connection.blocked:
                wanted |= selectors.EVENT_WRITE
            known = self._selector.get_map().get(connection.sock.fileno())
            if known is None and wanted:
                self._selector.register(connection.sock, wanted, connection)
            elif known is not None and not wanted:
                self._selector.unregister(connection.sock)
            elif known is not None and known.events != wanted:
                self._selector.modify(connection.sock, wanted, connection)

    # Connections

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except OSError:  # the client has already given up
            return
        if len(self._connections) >= MOST_CLIENTS:
            sock.close()
            return
        self.recording.connections += 1
        connection = Connection(sock, self.recording.connections, self.recording, self.faults)
        connection.swallowing = self.faults.mute
        self._connections.append(connection)

    def close_connection(self, connection: Connection, reset: bool = False) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            with suppress(KeyError):  # a connection that is not read is not registered
                self._selector.unregister(connection.sock)
            connection.close(reset)

    def _close_all(self) -> None:
        for connection in list(self._connections):
            self.close_connection(connection)

    def session(self, client_id: int) -> Connection | None:
        return next((c for c in self._connections if c.client_id == client_id and c.started), None)

    def sessions(self, client_id: int | None = None) -> list[Connection]:
        return [c for c in self._connections if c.started and client_id in (None, c.client_id)]

    def _read(self, connection: Connection) -> None:
        connection.receive()
        if not connection.greeted and not self._handshake(connection):
            return
        for payload in connection.payloads():
            self._take(connection, payload)

    def _handshake(self, connection: Connection) -> bool:
        versions = connection.greeting()
        if versions is None:
            return False
        connection.version = min(versions[1], self.cap)
        connection.greeted = True
        stamp = callbacks.time_text(self.clock(), "zone").rsplit(" ", 1)[0]
        reply = frame(f"{connection.version}\0{stamp} {self.time_zone_text}\0".encode())
        # In one send, whatever the transport: the clients cannot reassemble a reply that comes in two segments.
        connection.transport = "plain"
        for part in (reply[:9], reply[9:]) if self.faults.split_handshake else (reply,):
            connection.say_bytes(part)
            connection.commit()
            if part is not reply:
                connection.hush(SEGMENT_SECONDS)
        connection.transport = None
        return True

    def _take(self, connection: Connection, payload: bytes) -> None:
        self._next_tick = min(self._next_tick, time.monotonic() + POLL_SECONDS)
        try:
            request = decode_request(payload, connection.version)
        except Malformed as error:
            self._take_malformed(connection, payload, error)
            return
        self._record(connection, request, payload)
        self._touched = self._touched or request.kind in CHANGES_THE_BOOK
        fault = self.faults.take(request.kind, connection.client_id)
        try:
            if fault is None:
                self._act(connection, request)
            else:
                self._act_badly(connection, request, fault)
        except Malformed as error:
            req_id = Request(error.kind, error.values)
            self._say_error(connection, 320, str(error), req_id)

    def _record(self, connection: Connection, request: Request, payload: bytes) -> None:
        self.recording.received.append(
            Received(connection.frame_at_ns, connection.number, connection.client_id, request, payload)
        )

    def _take_malformed(self, connection: Connection, payload: bytes, error: Malformed) -> None:
        """Silently ignore a cancel in the format of another version, as the real gateway does."""
        request = Request(f"malformed {error.kind}".strip(), error.values)
        self._record(connection, request, payload)
        if error.kind != "cancelOrder":
            self._say_error(connection, 320, f"Error reading request. {error}", request)

    def _say_error(self, connection: Connection, code: int, text: str, request: Request) -> None:
        raw = request.text("orderId") or request.text("reqId")
        req_id = int(raw) if raw.lstrip("-").isdigit() and abs(int(raw)) < 2**31 else -1
        connection.say(callbacks.error(code, text, req_id, self.clock()))

    def _act(self, connection: Connection, request: Request) -> None:
        if connection.started:
            self._answers.answer(connection, request)
        elif request.kind == "startApi":
            self._start_session(connection, request.integer("clientId"))

    def _start_session(self, connection: Connection, client_id: int) -> None:
        if self.session(client_id) is not None:
            text = "Unable to connect as the client id is already in use. Retry with a unique client id."
            connection.say(callbacks.error(326, text, -1, self.clock()))
            connection.commit()
            self.close_connection(connection)
            return
        connection.client_id, connection.started = client_id, True
        self._answers.greet(connection, self.download_open_orders)

    # Faults

    def _act_badly(self, connection: Connection, request: Request, fault: Fault) -> None:
        if fault.do in NOT_ACTED:
            self._refuse_to_act(connection, request, fault)
            return
        if fault.do == "late":
            self.later(fault.seconds, lambda: self._act_if_there(connection, request))
            return
        if fault.do == "twice":
            self._act(connection, request)
        if fault.do in ACTED_UNANSWERED:
            connection.commit()
            self._act(connection, request)
            connection.forget_unsaid()
            self._leave(connection, fault.do)
            return
        connection.mangle = mangler(fault, connection.version)
        if fault.do in ("split", "slow", "glued"):
            connection.transport = fault.do
        self._act(connection, request)
        connection.commit()
        connection.transport = None
        if fault.do == "pad":
            connection.hush()
        if fault.do == "then_drop":
            self.close_connection(connection)

    def _act_if_there(self, connection: Connection, request: Request) -> None:
        if connection in self._connections:
            self._act(connection, request)

    def _refuse_to_act(self, connection: Connection, request: Request, fault: Fault) -> None:
        if fault.do == "error":
            self._say_error(connection, fault.code, fault.text, request)
        else:
            self._leave(connection, fault.do)

    def _leave(self, connection: Connection, how: str) -> None:
        if how.startswith("drop"):
            self.close_connection(connection)
        elif how.startswith("half_open"):
            self.swallow(connection)
        elif how.startswith("restart"):
            self.restart_now()

    def swallow(self, connection: Connection, holds_id: bool = False) -> None:
        """Stop reading and writing without closing. The client id becomes free unless `holds_id`."""
        connection.swallowing = True
        connection.forget_unsaid()
        if not holds_id:
            connection.started = False

    def restart_now(self, roll_back_ids: int = 0) -> None:
        """Close all sockets at once; what was not transmitted is lost."""
        self._close_all()
        self.order_handling.forget_untransmitted()
        self.book.roll_back_ids(roll_back_ids)

    # What the order_handling needs

    def tell(self, client_id: int, messages: Iterable[Message]) -> None:
        self._touched = True
        connection = self.session(client_id)
        if connection is not None:
            for message in self.faults.disturb(list(messages)):
                connection.say(message)

    def position_changed(self, account: str, contract: Contract) -> None:
        for connection in self.sessions():
            self._answers.position_changed(connection, account, contract)

    def quote_changed(self, symbol: str) -> None:
        for connection in self.sessions():
            self._answers.quote_changed(connection, symbol)

    @property
    def shown(self) -> Book:
        """The book that answers show; while the line to IB is down, the book at the moment when the line broke."""
        return self.book if self.order_handling.connected or self.stale is None else self.stale

    def drop(self, client_id: int) -> None:
        """Close the client's connection, after sending what was queued for it."""
        connection = self.session(client_id)
        if connection is not None:
            self._attempt(connection, connection.commit)
            self.close_connection(connection)
