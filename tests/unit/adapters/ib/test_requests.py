"""Questions and answers: only an answer with its end is one."""

import threading
import time

import pytest

from qqqbot.adapters.ib.requests import Mailboxes
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW
from tests.support.ib_desk import MovedClock


def boxes() -> Mailboxes:
    return Mailboxes(VirtualClock(NOW))


def test_the_mailbox_is_there_before_the_question_is_sent() -> None:
    open_boxes = boxes()

    def answered_at_once() -> None:
        assert open_boxes.put(1, "row")
        open_boxes.end(1)

    assert open_boxes.answer(open_boxes.ask(1, "rows", answered_at_once), 0.1) == ["row"]


def test_an_answer_without_its_end_is_none() -> None:
    open_boxes = boxes()
    box = open_boxes.ask("positions", "positions", lambda: None)
    open_boxes.put("positions", "row")
    with pytest.raises(BrokerUnavailable, match="for positions: no complete answer came in time"):
        open_boxes.answer(box, 0.05)
    assert not open_boxes.put("positions", "late row")


def test_a_refusal_is_the_reason_given() -> None:
    open_boxes = boxes()
    box = open_boxes.ask(7, "executions", lambda: None)
    assert open_boxes.fail(7, "321: read-only")
    with pytest.raises(BrokerUnavailable, match="for executions: 321: read-only"):
        open_boxes.answer(box, 1)


def test_an_end_that_nobody_waits_for_is_nothing() -> None:
    open_boxes = boxes()
    open_boxes.end("open")
    assert not open_boxes.fail("open", "whatever")
    assert not open_boxes.waiting("open")


def test_the_end_of_the_connection_ends_every_question() -> None:
    open_boxes = boxes()
    first, second = open_boxes.ask(1, "one", lambda: None), open_boxes.ask(2, "two", lambda: None)
    threading.Timer(0.05, open_boxes.close, ("it is gone",)).start()
    began = time.monotonic()
    for box in (first, second):
        with pytest.raises(BrokerUnavailable, match="it is gone"):
            open_boxes.answer(box, 10)
    assert time.monotonic() - began < 5


def test_after_the_end_nothing_is_sent() -> None:
    open_boxes = boxes()
    open_boxes.close("it is gone")
    sent: list[int] = []
    box = open_boxes.ask(1, "one", lambda: sent.append(1))
    with pytest.raises(BrokerUnavailable, match="it is gone"):
        open_boxes.answer(box, 1)
    assert sent == []


def test_a_question_that_cannot_be_sent_has_no_answer() -> None:
    open_boxes = boxes()

    def broken() -> None:
        raise BrokenPipeError("gone")

    with pytest.raises(BrokerUnavailable, match="the connection broke \\(gone\\)"):
        open_boxes.answer(open_boxes.ask(1, "one", broken), 1)


def test_the_same_question_twice_at_once_is_a_mistake() -> None:
    open_boxes = boxes()
    open_boxes.ask("open", "open orders", lambda: None)
    with pytest.raises(AssertionError, match="asked already"):
        open_boxes.ask("open", "open orders", lambda: None)


def test_a_stop_ends_a_wait() -> None:
    clock = MovedClock()
    clock.stop = True
    open_boxes = Mailboxes(clock)
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        open_boxes.answer(open_boxes.ask(1, "one", lambda: None), 10)
    assert time.monotonic() - began < 5
