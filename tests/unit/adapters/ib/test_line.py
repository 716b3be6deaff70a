"""What the gateway has said about its line, and for how long a new connection waits for it to say more."""

from qqqbot.adapters.ib.line import READING, SILENCE_SECONDS, Line
from tests.support.ib_bench import MovedClock

LOST = "1100: the gateway has lost its connection"


def line_of() -> tuple[Line, MovedClock]:
    clock = MovedClock()
    line = Line(clock)
    line.reconnecting()
    return line, clock


def test_without_a_report_a_connection_counts_as_soon_as_it_has_caught_up() -> None:
    line, _ = line_of()
    assert line.interrupted() == READING
    line.trust(line.interruptions())
    assert line.interrupted() == ""


def test_on_the_connection_that_heard_of_it_a_lost_line_waits_for_the_report_of_its_return() -> None:
    line, clock = line_of()
    line.lost(LOST)
    clock.move(24 * 3600)
    assert line.interrupted() == LOST
    line.restored()
    assert line.interrupted() == READING


def test_a_new_connection_does_not_restore_a_lost_line() -> None:
    line, clock = line_of()
    line.lost(LOST)
    line.reconnecting()
    line.trust(line.interruptions())
    assert line.interrupted().startswith(f"{LOST}; it has not reported the end of this, and is believed if silent ")
    clock.move(SILENCE_SECONDS)
    assert line.interrupted() == READING
    line.trust(line.interruptions())
    assert line.interrupted() == ""


def test_a_repeated_report_on_the_new_connection_begins_the_wait_anew() -> None:
    line, clock = line_of()
    line.lost(LOST)
    line.reconnecting()
    clock.move(SILENCE_SECONDS - 1)
    line.lost(LOST)
    clock.move(SILENCE_SECONDS)
    assert line.interrupted() == LOST


def test_reading_that_began_before_the_doubt_ended_is_not_enough() -> None:
    line, clock = line_of()
    line.lost(LOST)
    line.reconnecting()
    before = line.interruptions()
    clock.move(SILENCE_SECONDS)
    assert line.interrupted() == READING
    line.trust(before)
    assert line.interrupted() == READING
