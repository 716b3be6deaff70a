"""One connection in the background: when it is ready, and what ends it."""

import threading

import pytest

from qqqbot.adapters.ib.connection import ConnectionManager, NotNow, Timing
from qqqbot.adapters.ib.line import READING, SILENCE_SECONDS, Line
from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from tests.support.ib_bench import MovedClock, eventually


class Faulty:
    """A connection that fails in a way that nobody has thought of, once."""

    def __init__(self) -> None:
        self.line = Line(MovedClock())
        self.attention = threading.Event()
        self.beats = 0

    def ended(self) -> str:
        return ""

    def beat(self) -> None:
        self.beats += 1
        if self.beats == 1:
            raise ZeroDivisionError

    def close(self, why: str) -> None:
        assert why
        self.attention.set()


def test_a_bug_in_the_connection_thread_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    link = Faulty()
    manager = ConnectionManager(lambda: link, lambda _: None, MovedClock(), Timing(pauses=(0.01, 0.2)))
    manager.start()
    eventually(lambda: "ZeroDivisionError" in (manager.problem() or ""))
    assert manager.wait(5)
    assert manager.problem() is None
    manager.close()
    assert "Traceback" in caplog.text


class Steady(Faulty):
    """A connection without that fault."""

    def beat(self) -> None:
        """It is alive."""


def never(_: Faulty) -> None:
    raise BrokerUnavailable("executions did not come")


def test_a_connection_is_not_ready_before_everything_has_been_read() -> None:
    manager = ConnectionManager(Steady, never, MovedClock(), Timing(pauses=(0.01,)))
    assert manager.problem() == "not connected to the gateway yet"
    manager.start()
    eventually(lambda: manager.problem() == "executions did not come")
    assert not manager.wait(0.01)
    with pytest.raises(BrokerUnavailable, match="executions did not come"):
        manager.ready()
    manager.close()


def test_a_refused_account_is_raised_until_a_connection_was_ready() -> None:
    def refuse() -> Faulty:
        raise AccountRefused("it is somebody else's")

    manager = ConnectionManager(refuse, lambda _: None, MovedClock(), Timing(pauses=(0.01,)))
    manager.start()
    with pytest.raises(AccountRefused, match="somebody else's"):
        manager.wait(5)
    assert manager.refused() == "it is somebody else's"
    manager.close()


def test_a_gateway_that_needs_time_is_not_tried_again_sooner() -> None:
    tries: list[int] = []

    def later() -> Faulty:
        tries.append(1)
        raise NotNow("it accepts and does not answer", pause=60)

    manager = ConnectionManager(later, lambda _: None, MovedClock(), Timing(pauses=(0.001,)))
    manager.start()
    eventually(lambda: manager.problem() == "it accepts and does not answer")
    threading.Event().wait(0.05)
    assert len(tries) == 1
    manager.close()


def test_a_connection_that_ended_adds_to_the_silence_about_a_lost_line() -> None:
    clock = MovedClock()

    class Short(Steady):
        def ended(self) -> str:
            clock.move(SILENCE_SECONDS)
            return "closed"

    link = Short()
    link.line.lost("1100: lost")
    link.line.reconnecting()
    connections: list[Faulty] = []

    def once() -> Faulty:
        connections.append(link)
        if len(connections) > 1:
            raise BrokerUnavailable("it is away")
        return link

    manager = ConnectionManager(once, lambda _: None, clock, Timing(pauses=(0.001, 60)))
    link.attention.set()
    manager.start()
    eventually(lambda: len(connections) > 1)  # the end of the first one has been noted
    link.line.reconnecting()
    assert link.line.interrupted() == READING
    manager.close()
