"""The loop around the engine: when checks are made, and what ends it."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from qqqbot.model.errors import AlreadyRunning, PricesUnavailable
from qqqbot.model.values import OrderStatus
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.come_back import SOON
from qqqbot.trading.loop import poll, timetable
from tests.support.builders import DAY, NOW, RULES, new_york
from tests.support.fakes import World, fills_part

QUARTER = timedelta(minutes=15)
TIMES = timetable(RULES, QUARTER)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, clock=VirtualClock(NOW, stop_at=NOW + timedelta(hours=1)))


def checks(world: World) -> list[datetime]:
    """When each check was made."""
    return sorted({datetime.fromisoformat(row["check"]) for row in world.rows("decisions.jsonl")})


def test_the_first_check_is_made_at_once_and_the_others_on_the_grid(world: World) -> None:
    poll(world.start(), world.clock, TIMES, lambda _: None)
    assert checks(world) == [NOW + n * QUARTER for n in range(4)]


def test_the_heartbeat_is_written_after_each_check_and_every_minute_and_names_the_next_check(world: World) -> None:
    beats: list[tuple[datetime, datetime]] = []
    poll(world.start(), world.clock, TIMES, lambda due: beats.append((world.clock.now(), due)))
    assert beats[0] == (NOW, NOW + QUARTER)
    assert {after - before for (before, _), (after, _) in itertools.pairwise(beats)} == {timedelta(minutes=1)}
    assert all(due > at for at, due in beats)


def test_an_unfinished_rotation_is_resumed_within_a_minute(world: World) -> None:
    world.broker.behaviours = [fills_part(50, OrderStatus.CANCELLED)]
    world.broker.on_submit = lambda _: setattr(world.broker, "account_silent", True)
    poll(world.start(), world.clock, TIMES, lambda _: None)
    assert checks(world)[:2] == [NOW, NOW + SOON]


def test_a_guard_that_objects_ends_the_loop_before_the_next_check(world: World) -> None:
    waits = 0

    def guard() -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            raise AlreadyRunning("somebody else is here")

    with pytest.raises(AlreadyRunning):
        poll(world.start(), world.clock, TIMES, lambda _: None, guard=guard)
    assert checks(world) == [NOW]
    assert world.clock.now() == NOW + timedelta(minutes=2)


def test_a_guard_is_asked_as_often_as_a_halt_is_looked_for(world: World) -> None:
    """In the minute between two beats a second daemon could be started over the same records."""
    begun = NOW + timedelta(seconds=7)

    def guard() -> None:
        if world.clock.now() >= begun:
            raise AlreadyRunning("somebody else is here")

    with pytest.raises(AlreadyRunning):
        poll(world.start(), world.clock, TIMES, lambda _: None, guard=guard, look=2.0)
    assert world.clock.now() == NOW + timedelta(seconds=8)


def test_a_guard_that_objects_at_once_prevents_the_first_check(world: World) -> None:
    def guard() -> None:
        raise AlreadyRunning("somebody else is here")

    with pytest.raises(AlreadyRunning):
        poll(world.start(), world.clock, TIMES, lambda _: None, guard=guard)
    assert checks(world) == []
    assert world.broker.submitted == []


def test_a_clock_set_back_leaves_no_check_in_the_far_future(world: World) -> None:
    clock = world.clock
    beats: list[datetime] = []

    def beat(due: datetime) -> None:
        if not beats:
            clock.advance(-timedelta(minutes=30))
        beats.append(due)

    poll(world.start(), clock, TIMES, beat)
    assert beats[1] <= NOW - timedelta(minutes=30) + QUARTER


def test_a_session_without_a_decision_is_told_of_at_its_end(tmp_path: Path) -> None:
    clock = VirtualClock(new_york(DAY, 15), stop_at=new_york(DAY, 16, 30))
    world = World(tmp_path, clock=clock)
    world.prices.trouble = PricesUnavailable("429")
    beats: list[tuple[datetime, int]] = []
    poll(
        world.start(), clock, TIMES, lambda _: beats.append((clock.now(), world.notifier.kinds().count("no_decision")))
    )
    assert next(at for at, told in beats if told) == new_york(DAY, 16)
    assert beats[-1][1] == 1
