"""What the gateway has said about its line, and for how long a new connection waits for it to say more."""

from datetime import timedelta

from qqqbot.adapters.ib.line import READING, SILENCE_SECONDS, Line
from qqqbot.model.new_york import NEW_YORK
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


def test_connections_that_keep_breaking_do_not_begin_the_wait_anew() -> None:
    line, clock = line_of()
    line.lost(LOST)
    for _ in range(5):
        line.reconnecting()
        assert line.interrupted().startswith(LOST)
        clock.move(SILENCE_SECONDS / 5)
        line.disconnected(SILENCE_SECONDS / 5)
        clock.move(3600)
    line.reconnecting()
    assert line.interrupted() == READING


def test_silence_counts_from_the_last_report_and_only_while_connected() -> None:
    line, clock = line_of()
    line.lost(LOST)
    line.disconnected(SILENCE_SECONDS)
    clock.move(SILENCE_SECONDS)
    line.reconnecting()
    clock.move(3600)  # no gateway answers: the attempt fails
    line.reconnecting()
    line.disconnected(SILENCE_SECONDS - 1)
    line.reconnecting()
    line.lost(LOST)
    line.disconnected(1)
    line.reconnecting()
    clock.move(SILENCE_SECONDS - 1)
    assert line.interrupted().startswith(LOST)


def test_a_wait_is_told_with_the_moment_of_its_end() -> None:
    line, clock = line_of()
    line.lost(LOST)
    line.reconnecting()
    until = clock.now().astimezone(NEW_YORK) + timedelta(seconds=SILENCE_SECONDS)
    assert line.interrupted().endswith(f"is believed if silent until {until:%H:%M:%S} New York")
