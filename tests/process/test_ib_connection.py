"""The connection to a gateway over real sockets: how it comes to be, how its end is noticed, how it comes back."""

import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ib_broker
from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.transport import MOST_SENDS_A_SECOND
from qqqbot.model.errors import BrokerUnavailable, OrderOutcomeUnknown
from qqqbot.model.values import OrderStatus
from qqqbot.runtime.config import Config
from tests.support.ib_bench import (
    QUICK,
    SILENCE,
    MovedClock,
    bench,
    bench_timing,
    broker_at,
    eventually,
    gateway_at,
    order,
)


@contextmanager
def stranger(answer: bytes = b"") -> Iterator[socket.socket]:
    """A port that accepts, says `answer`, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    heard.append(connection)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener
        for connection in heard:
            connection.close()


@contextmanager
def broker_on(port: int, timing: Timing = QUICK) -> Iterator[Any]:
    config = Config(dry_run=False, use_interactive_brokers=True, ib_port=port)
    broker = ib_broker.open_account(config, MovedClock(), timing)
    try:
        yield broker
    finally:
        broker.close()


# Connecting


def test_a_closed_port_says_what_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with broker_on(port) as broker:
        eventually(lambda: f"no gateway answers at 127.0.0.1 port {port}" in (broker.problem() or ""))
        assert "start TWS or IB Gateway" in (broker.problem() or "")


def test_a_host_that_drops_packets_is_abandoned_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for knocking in waiting:  # the queue of the listener is full from here on: further packets are dropped
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        with broker_on(port, replace(QUICK, connect=0.3)) as broker:
            eventually(lambda: "timed out" in (broker.problem() or ""))
            assert time.monotonic() - began < 20, "the machine waits for two minutes"
        for knocking in waiting:
            knocking.close()


def test_a_gateway_that_accepts_and_never_answers_is_not_asked_again_and_again() -> None:
    clock = MovedClock()
    timing = bench_timing(replace(QUICK, pauses=(0.01,), mute_pause=0.5))
    with gateway_at(clock) as gateway, ExitStack() as haste:
        gateway.mute()
        haste.enter_context(timing.hasty(connect=0.2))
        began = time.monotonic()
        with broker_at(gateway, clock, timing) as broker:
            eventually(lambda: "does not answer within 0.2 s" in (broker.problem() or ""))
            assert "login or update dialog" in (broker.problem() or "")
            eventually(lambda: gateway.recording.connections >= 3)
            assert time.monotonic() - began > 2 * timing.mute_pause
            gateway.mute(False)
            haste.close()
            assert broker.identity(30)


def test_another_server_is_distinguished_from_a_gateway() -> None:
    with stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n") as listener, broker_on(listener.getsockname()[1]) as broker:
        eventually(lambda: "is not a gateway, it answers b'HTTP/1.1" in (broker.problem() or ""))


def test_a_gateway_that_hangs_up_at_once_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: _hang_up(listener), daemon=True).start()
        with broker_on(listener.getsockname()[1]) as broker:
            eventually(lambda: "among its trusted IPs" in (broker.problem() or ""))


def _hang_up(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()


def test_a_greeting_in_two_pieces_is_joined() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.faults.split_handshake = True
        with broker_at(gateway, clock) as broker:
            assert broker.identity(30)
            assert gateway.recording.connections == 1


def test_connected_means_ids_accounts_and_everything_read() -> None:
    with bench() as at:
        kinds = [kind for kind in at.gateway.recording.kinds() if kind.startswith("req")]
        assert {"reqExecutions", "reqAllOpenOrders", "reqCompletedOrders", "reqPositions"} <= set(kinds)
        assert "reqAutoOpenOrders" not in kinds
        assert "reqGlobalCancel" not in kinds


def test_a_client_id_in_use_is_explained_and_waited_for() -> None:
    with bench() as at, broker_at(at.gateway, at.clock) as second:
        eventually(lambda: (second.problem() or "").startswith("326: "))
        assert "ib_client_id" in (second.problem() or "")
        at.broker.close()
        assert second.identity(30)


def test_a_closed_broker_frees_its_client_id_at_once() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        for _ in range(3):
            with broker_at(gateway, clock) as broker:
                assert broker.identity(30)
        assert gateway.recording.connections == 3


# Staying connected


@pytest.mark.parametrize(("size", "frames"), [(4096, 1), (4096, 16), (12288, 16)])
def test_a_read_of_exactly_4096_bytes_loses_nothing(size: int, frames: int) -> None:
    with bench() as at:
        at.gateway.send_padding(size, frames)
        at.broker.snapshot()
        assert at.gateway.recording.connections == 1


@pytest.mark.parametrize("transport", ["glued", "split", "slow"])
def test_frames_arrive_however_they_are_split(transport: str) -> None:
    with bench() as at:
        at.gateway.faults.transport = transport
        intent = order()
        at.broker.submit(intent)
        assert at.done(intent).status is OrderStatus.FILLED
        assert at.broker.snapshot().positions["QQQ"] == 100
        assert at.gateway.recording.connections == 1


def test_an_idle_connection_wakes_nobody() -> None:
    """The client's own loop and reader wake up six times a second."""
    with bench(timing=replace(QUICK, heartbeat=60.0)):
        eventually(lambda: _woken_in_a_second() <= 2)  # a busy machine may still be at the connecting


def _woken_in_a_second() -> int:
    before = _switches()
    time.sleep(1.0)
    return sum(count - before.get(thread, 0) for thread, count in _switches().items())


def _switches() -> dict[int, int]:
    """How often each thread of the broker has gone to sleep voluntarily: thread -> voluntary switches."""
    own = {t.native_id for t in threading.enumerate() if t.name == "ib-connection" or type(t).__name__ == "EReader"}
    counts = {}
    for thread in own - {None}:
        with open(f"/proc/self/task/{thread}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("voluntary_ctxt_switches"))
        counts[int(thread or 0)] = int(line.split()[1])
    return counts


def test_fifty_messages_a_second_are_never_sent() -> None:
    """By how long all of them take: a busy machine may deliver those of two seconds together."""
    began = time.monotonic()
    with bench(timing=replace(QUICK, second=Timing().second)) as at:
        for _ in range(20):
            at.broker.snapshot()
        sent = len(at.gateway.recording.requests())
        assert sent > 2 * MOST_SENDS_A_SECOND
        assert time.monotonic() - began > (sent - 1) // MOST_SENDS_A_SECOND * Timing().second


# Disconnecting and reconnecting


@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_comes_back(reset: bool) -> None:
    with bench() as at:
        at.gateway.drop_clients(reset=reset)
        at.reconnected()
        assert at.broker.snapshot().spendable == 100_000


def test_a_restart_of_the_gateway_is_survived() -> None:
    with bench() as at:
        at.gateway.go_down()
        eventually(lambda: "no gateway answers" in (at.broker.problem() or ""))
        with pytest.raises(BrokerUnavailable, match="start TWS or IB Gateway"):
            at.broker.snapshot()
        at.gateway.come_up()
        at.reconnected()


def test_a_half_open_connection_is_detected_by_its_silence() -> None:
    with bench() as at:
        with at.timing.hasty(**SILENCE):
            at.gateway.go_silent()
            eventually(lambda: at.gateway.recording.connections > 1)
        at.reconnected()
        assert at.broker.snapshot().spendable == 100_000


def test_a_dead_session_that_holds_the_client_id_is_waited_out() -> None:
    with bench() as at:
        with at.timing.hasty(**SILENCE):
            at.gateway.go_silent(holds_id=True)
            eventually(lambda: (at.broker.problem() or "").startswith("326"))
        at.gateway.drop_clients()
        at.reconnected()


@pytest.mark.parametrize("fault", ["garbage", "wrong_length", "too_few_fields", "bad_number"])
@pytest.mark.parametrize("request_kind", ["reqPositions", "reqAccountSummary", "placeOrder"])
def test_a_corrupt_answer_is_survived(fault: str, request_kind: str) -> None:
    with bench() as at:
        at.gateway.next_fault(request_kind, fault)
        intent = order()
        with at.timing.hasty(**SILENCE):
            with suppress(OrderOutcomeUnknown):  # if the corrupt answer overtakes the end of the sending
                at.broker.submit(intent)
            with suppress(BrokerUnavailable):
                at.broker.snapshot()
            assert at.done_in_the_end(intent).status is OrderStatus.FILLED
        at.sound()
        assert at.broker.snapshot().positions["QQQ"] == 100
        assert len(at.gateway.orders) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(min_size=1, max_size=200), framed=st.booleans())
def test_whatever_a_gateway_says_the_broker_survives(junk: bytes, framed: bool) -> None:
    """It reports what happened, reconnects if necessary, and serves again."""
    with bench() as at:
        at.gateway.send_bytes((len(junk).to_bytes(4, "big") + junk) if framed else junk)
        at.gateway.drop_clients()
        at.reconnected()
        assert at.broker.snapshot().spendable == 100_000


def test_an_answer_that_no_callback_can_take_ends_the_connection_and_not_the_bot() -> None:
    """At once, not when the silence of a dead reader is noticed."""
    with bench(timing=replace(QUICK, heartbeat=60.0)) as at:
        # nextValidId in protobuf, spoilt; to a client that speaks text, a message without a number.
        at.gateway.send_bytes(b"\x00\x00\x00\x07" + b"\x00\x00\x00\xd1" + b"\xff\xff\xff")
        at.reconnected()
        assert at.broker.snapshot().spendable == 100_000


def test_a_port_that_was_changed_ends_the_connection() -> None:
    with bench() as at:
        at.gateway.notify(1300, "Socket port has been reset")
        at.reconnected()


def test_thirty_reconnects_leave_no_thread_and_no_socket() -> None:
    with bench() as at:
        at.reconnected(1)
        gc.collect()
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        for number in range(2, 32):
            at.gateway.drop_clients(reset=number % 2 == 0)
            at.reconnected(number)
        at.broker.snapshot()
        eventually(lambda: threading.active_count() <= threads)
        gc.collect()
        eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


def test_a_closed_broker_leaves_no_thread() -> None:
    before = threading.active_count()
    with bench():
        assert threading.active_count() > before
    eventually(lambda: threading.active_count() <= before)


def test_a_stop_cuts_a_wait_for_an_answer_short() -> None:
    with bench(timing=QUICK) as at:
        at.gateway.next_fault("reqPositions", "swallow")
        at.clock.stop = True
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            at.broker.snapshot()
        assert time.monotonic() - began < QUICK.answer / 2


def test_pauses_grow_and_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    timing = Timing(connect=1, pauses=(0.0, 0.01, 0.02, 5.0))
    with caplog.at_level("INFO", "qqqbot.adapters.ib"), broker_on(port, timing) as broker:
        eventually(lambda: broker.problem() != "not connected to the gateway yet")
        time.sleep(0.3)
    assert sum("no gateway answers" in record.message for record in caplog.records) == 1


def test_a_refused_question_is_not_ended_by_the_late_end_of_another() -> None:
    """The gateway does not say which question it refuses: those that were open then are asked over a new connection."""
    with bench() as at:
        at.gateway.next_fault("reqPositions", "error", code=322, text="cannot process")
        with pytest.raises(BrokerUnavailable, match="322: the gateway could not process"):
            at.broker.snapshot()
        at.reconnected()
        assert at.broker.snapshot().spendable == 100_000


def test_an_unsolicited_open_order_end_on_connecting_ends_none_of_our_questions() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.foreign_order("QQQ", 10, client_id=1, limit=1, order_ref="qqqbot-20261124-09")
        with broker_at(gateway, clock) as broker:
            assert broker.identity(30)
            kinds = [kind for kind in gateway.recording.kinds() if kind.startswith("req")]
            assert kinds.index("reqCurrentTime") < kinds.index("reqAllOpenOrders")
            assert broker.snapshot().open_order_refs == ("qqqbot-20261124-09",)
