"""Questions and answers: only an answer with its end is one."""

import threading
import time

import pytest

from qqqbot.adapters.ib.requests import PendingRequests
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW
from tests.support.ib_bench import MovedClock


def requests() -> PendingRequests:
    return PendingRequests(VirtualClock(NOW))


def test_a_request_is_registered_before_it_is_sent() -> None:
    pending = requests()

    def answered_at_once() -> None:
        assert pending.put(1, "row")
        pending.end(1)

    assert pending.answer(pending.ask(1, "rows", answered_at_once), 0.1) == ["row"]


def test_an_unfinished_answer_is_not_an_answer() -> None:
    pending = requests()
    request = pending.ask("positions", "positions", lambda: None)
    pending.put("positions", "row")
    with pytest.raises(BrokerUnavailable, match="for positions: no complete answer came in time"):
        pending.answer(request, 0.05)
    assert not pending.put("positions", "late row")


def test_a_refusal_is_the_reason_given() -> None:
    pending = requests()
    request = pending.ask(7, "executions", lambda: None)
    assert pending.end(7, "321: read-only")
    with pytest.raises(BrokerUnavailable, match="for executions: 321: read-only"):
        pending.answer(request, 1)


def test_an_end_marker_nobody_waits_for_is_ignored() -> None:
    pending = requests()
    pending.end("open")
    assert not pending.end("open", "whatever")


def test_the_end_of_the_connection_ends_every_question() -> None:
    pending = requests()
    first, second = pending.ask(1, "one", lambda: None), pending.ask(2, "two", lambda: None)
    threading.Timer(0.05, pending.close, ("it is gone",)).start()
    began = time.monotonic()
    for request in (first, second):
        with pytest.raises(BrokerUnavailable, match="it is gone"):
            pending.answer(request, 10)
    assert time.monotonic() - began < 5


def test_nothing_is_sent_after_the_end() -> None:
    pending = requests()
    pending.close("it is gone")
    sent: list[int] = []
    request = pending.ask(1, "one", lambda: sent.append(1))
    with pytest.raises(BrokerUnavailable, match="it is gone"):
        pending.answer(request, 1)
    assert sent == []


def test_a_question_that_cannot_be_sent_has_no_answer() -> None:
    pending = requests()

    def broken() -> None:
        raise BrokenPipeError("gone")

    with pytest.raises(BrokerUnavailable, match="the connection broke \\(gone\\)"):
        pending.answer(pending.ask(1, "one", broken), 1)


def test_the_same_request_twice_at_once_is_a_mistake() -> None:
    pending = requests()
    pending.ask("open", "open orders", lambda: None)
    with pytest.raises(AssertionError, match="already been requested"):
        pending.ask("open", "open orders", lambda: None)


def test_a_stop_ends_a_wait() -> None:
    clock = MovedClock()
    clock.stop = True
    pending = PendingRequests(clock)
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        pending.answer(pending.ask(1, "one", lambda: None), 10)
    assert time.monotonic() - began < 5
