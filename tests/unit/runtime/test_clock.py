"""Waiting ends when time has passed or a stop is asked for, whoever asks for it, and whenever."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.ports import Clock
from qqqbot.runtime.clock import StopRequest, SystemClock, VirtualClock
from tests.support.builders import NOW


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    request = StopRequest()
    yield request
    request.close()


def elapsed_since(start: float) -> float:
    return time.monotonic() - start


def test_without_a_stop_a_wait_lasts_as_long_as_asked(stop: StopRequest) -> None:
    start = time.monotonic()
    assert stop.wait(0.05) is False
    assert elapsed_since(start) >= 0.05


def test_a_requested_stop_ends_every_later_wait_at_once(stop: StopRequest) -> None:
    stop.set()
    start = time.monotonic()
    assert stop.wait(60)
    assert stop.wait(60)
    assert stop.is_set()
    assert elapsed_since(start) < 5


def test_a_stop_from_another_thread_ends_a_wait(stop: StopRequest) -> None:
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    start = time.monotonic()
    assert stop.wait(60)
    assert elapsed_since(start) < 5
    timer.join()


def test_a_stop_asked_for_a_million_times_is_one_stop(stop: StopRequest) -> None:
    for _ in range(100_000):  # more than any pipe holds
        stop.set()
    assert stop.is_set()


def test_a_negative_wait_does_not_wait(stop: StopRequest) -> None:
    assert stop.wait(-5) is False


def test_the_machines_clock_is_aware_and_runs() -> None:
    clock = SystemClock()
    first, instant = clock.now(), clock.monotonic()
    assert first.utcoffset() == timedelta(0)
    assert clock.wait(0.001) is False
    assert clock.stopping() is False
    assert clock.monotonic() > instant


def test_a_stopped_system_clock_says_so(stop: StopRequest) -> None:
    clock = SystemClock(stop)
    stop.set()
    assert clock.stopping()
    assert clock.wait(60)


def test_both_clocks_are_clocks() -> None:
    clocks: list[Clock] = [SystemClock(), VirtualClock(NOW)]
    assert all(clock.now().tzinfo is not None for clock in clocks)


def test_a_virtual_wait_passes_at_once() -> None:
    clock = VirtualClock(NOW)
    start = time.monotonic()
    assert clock.wait(3 * 24 * 3600) is False
    assert clock.now() == NOW + timedelta(days=3)
    assert clock.monotonic() == 3 * 24 * 3600
    assert elapsed_since(start) < 5


def test_a_virtual_stop_comes_on_time_and_then_time_stands_still() -> None:
    clock = VirtualClock(NOW, stop_at=NOW + timedelta(minutes=1))
    assert clock.wait(59) is False
    assert clock.wait(3600) is True
    assert clock.now() == NOW + timedelta(minutes=1)
    assert clock.wait(3600) is True
    assert clock.now() == NOW + timedelta(minutes=1)


@given(st.lists(st.floats(-100, 10_000), max_size=20), st.floats(0, 50_000))
def test_a_virtual_clock_never_passes_its_stop_nor_steps_back(waits: list[float], stop_after: float) -> None:
    stop_at = NOW + timedelta(seconds=stop_after)
    clock, last = VirtualClock(NOW, stop_at), NOW
    for seconds in waits:
        stopped = clock.wait(seconds)
        assert last <= clock.now() <= stop_at
        assert stopped == (clock.now() == stop_at)
        last = clock.now()


def test_no_time_in_the_tests_is_naive() -> None:
    assert datetime(2026, 11, 24, 17, tzinfo=UTC) == NOW
