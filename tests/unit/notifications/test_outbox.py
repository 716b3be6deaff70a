"""The outbox: handed over at once, tried again with a bound, closed in time."""

import threading
import time
from collections.abc import Iterator

import pytest

from qqqbot.notifications.outbox import Failure, Outbox
from standins.receiver import until

PAUSES = (0.01, 0.01)


class Courier:
    """Delivers numbers; fails as often as asked to; waits at a gate."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tried: list[int] = []
        self.delivered: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.aborted = False

    def deliver(self, item: int) -> Failure | None:
        self.tried.append(item)
        self.gate.wait(20)
        if self.failures:
            self.failures -= 1
            return Failure("nobody is at home")
        self.delivered.append(item)
        return None

    def abort(self) -> None:
        self.aborted = True
        self.gate.set()

    def outbox(self, pauses: tuple[float, ...] = PAUSES, capacity: int = 3) -> Outbox[int]:
        return Outbox("test", self.deliver, self.abort, pauses, capacity).start()


@pytest.fixture
def stuck() -> Iterator[Courier]:
    courier = Courier()
    courier.gate.clear()
    yield courier
    courier.gate.set()


def test_items_are_delivered_in_order_and_the_last_ones_before_it_is_closed() -> None:
    courier = Courier()
    outbox = courier.outbox()
    for number in range(3):
        outbox.put(number)
    until(lambda: courier.delivered == [0, 1, 2])
    outbox.put(3)
    outbox.close(10)
    assert courier.delivered == [0, 1, 2, 3]


def test_a_failed_delivery_is_tried_again() -> None:
    courier = Courier(failures=2)
    outbox = courier.outbox()
    outbox.put(1)
    until(lambda: courier.delivered == [1])
    assert courier.tried == [1, 1, 1]
    assert outbox.failure is None


def test_the_attempts_are_limited_and_the_last_failure_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    courier = Courier(failures=3)
    outbox = courier.outbox()
    outbox.put(1)
    until(lambda: outbox.failure == "nobody is at home")
    assert courier.tried == [1, 1, 1]
    assert "given up: nobody is at home" in caplog.text
    outbox.put(2)
    until(lambda: courier.delivered == [2])
    until(lambda: outbox.failure is None)


def test_the_oldest_is_dropped_when_too_many_wait(stuck: Courier, caplog: pytest.LogCaptureFixture) -> None:
    outbox = stuck.outbox()
    outbox.put(0)
    until(lambda: stuck.tried == [0])
    for number in range(1, 6):
        outbox.put(number)
    stuck.gate.set()
    until(lambda: stuck.delivered == [0, 3, 4, 5])
    assert caplog.text.count("the oldest was dropped") == 2


def test_an_outbox_for_one_item_keeps_the_newest(stuck: Courier) -> None:
    outbox = stuck.outbox(capacity=1)
    outbox.put(0)
    until(lambda: stuck.tried == [0])
    outbox.put(1)
    outbox.put(2)
    stuck.gate.set()
    until(lambda: stuck.delivered == [0, 2])


def test_a_hand_over_does_not_wait_for_a_delivery_that_hangs(stuck: Courier) -> None:
    """The delivery takes for ever."""
    outbox = stuck.outbox()
    outbox.put(0)
    until(lambda: stuck.tried == [0])
    begun = time.monotonic()
    for number in range(100):
        outbox.put(number)
    assert time.monotonic() - begun < 5


def test_closing_lets_a_delivery_end_and_tries_nothing_again() -> None:
    courier = Courier(failures=1)
    outbox = courier.outbox(pauses=(60.0,))
    outbox.put(1)
    until(lambda: courier.tried == [1])
    begun = time.monotonic()
    outbox.close(10)
    assert time.monotonic() - begun < 5
    assert not courier.aborted


def test_closing_ends_a_delivery_that_hangs(stuck: Courier) -> None:
    outbox = stuck.outbox()
    outbox.put(1)
    until(lambda: stuck.tried == [1])
    begun = time.monotonic()
    outbox.close(0.05)
    assert time.monotonic() - begun < 5
    assert stuck.aborted


def test_closing_an_empty_outbox_is_nothing() -> None:
    Courier().outbox().close(10)


def test_closing_tries_each_waiting_item_once_more_and_no_failed_one_again() -> None:
    courier = Courier(failures=9)
    outbox = courier.outbox(pauses=(60.0,))
    outbox.put(1)
    outbox.put(2)
    until(lambda: courier.tried)
    outbox.close(10)
    assert courier.tried == [1, 2]
    assert courier.delivered == []


def test_a_delivery_that_raises_is_a_failed_attempt_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    courier = Courier()
    broken = [ValueError("https://token@secret"), ValueError("https://token@secret")]

    def deliver(item: int) -> Failure | None:
        if broken:
            raise broken.pop()
        return courier.deliver(item)

    outbox = Outbox("test", deliver, courier.abort, (0.01,), 3).start()
    outbox.put(1)
    until(lambda: outbox.failure == "the try ended with ValueError")
    outbox.put(2)
    until(lambda: courier.delivered == [2])
    assert "secret" not in caplog.text


def test_an_item_that_waits_for_its_next_try_delays_no_other() -> None:
    courier = Courier(failures=1)
    outbox = courier.outbox(pauses=(60.0,))
    outbox.put(1)
    until(lambda: courier.tried == [1])
    outbox.put(2)
    until(lambda: courier.delivered == [2])
    outbox.close(10)


def test_what_is_urgent_goes_before_what_waits_and_is_never_dropped_for_it(stuck: Courier) -> None:
    outbox = stuck.outbox()
    outbox.put(0)
    until(lambda: stuck.tried == [0])
    outbox.put(1)
    outbox.put(2, urgent=True)
    for number in range(3, 7):
        outbox.put(number)
    stuck.gate.set()
    until(lambda: stuck.delivered == [0, 2, 5, 6])


def test_what_is_urgent_overtakes_what_came_before_it(stuck: Courier) -> None:
    outbox = stuck.outbox()
    outbox.put(0)
    until(lambda: stuck.tried == [0])
    outbox.put(1)
    outbox.put(2, urgent=True)
    stuck.gate.set()
    until(lambda: stuck.delivered == [0, 2, 1])


def test_a_newer_item_takes_the_place_of_an_older_one_on_its_subject(stuck: Courier) -> None:
    outbox = stuck.outbox(capacity=9)
    outbox.put(0, subject="halt")
    until(lambda: stuck.tried == [0])
    outbox.put(1, subject="disk")
    outbox.put(2, subject="halt")
    outbox.put(3, subject="halt")
    stuck.failures = 1
    stuck.gate.set()
    until(lambda: stuck.delivered == [1, 3])
    outbox.close(10)
    assert stuck.tried == [0, 1, 3], "the beginning, tried when the end came, is not tried again after it"


def test_what_would_be_refused_again_is_tried_once() -> None:
    tried: list[int] = []

    def refuse(item: int) -> Failure:
        tried.append(item)
        return Failure("HTTP status 403", 403)

    outbox = Outbox("test", refuse, lambda: None, (0.01,), 3).start()
    outbox.put(1)
    until(lambda: outbox.failure == "HTTP status 403")
    outbox.close(10)
    assert tried == [1]
