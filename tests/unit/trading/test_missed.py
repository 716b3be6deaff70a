"""A session that ended without a decision is told once, at its end, with the holding and the flip price."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.values import Decide
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.engine import Engine
from tests.support.builders import DAY, RULES, new_york
from tests.support.fakes import World
from tests.support.monitor_samples import known

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
OUTAGE = PricesUnavailable("QQQ: Yahoo cannot be reached")


def day(world: World, engine: Engine, until: tuple[int, int] = (17, 0), minutes: int = 15) -> Iterator[tuple[int, int]]:
    """The checks of a session and the looks back of each minute, up to `until`."""
    end = new_york(DAY, *until)
    while world.clock.now() < end:
        passed = int((world.clock.now() - new_york(DAY, 9, 30)).total_seconds() // 60)
        if world.clock.now() < new_york(DAY, 16) and passed % minutes == 0:
            yield 9 + (30 + passed) // 60, (30 + passed) % 60
            engine.step()
        engine.look_back()
        world.pass_time(minutes=1)


def told(world: World) -> list[str]:
    return [text for kind, text in world.notifier.told if kind == "no_decision"]


def started(tmp_path: Path, decide: Decide, hour: int = 10) -> tuple[World, Engine]:
    world = World(tmp_path, rules=replace(RULES, decide=decide), clock=VirtualClock(new_york(DAY, hour)))
    return world, world.start()


@pytest.mark.parametrize("decide", list(Decide))
def test_a_day_of_outage_is_told_at_its_end_with_holding_flip_and_cause(tmp_path: Path, decide: Decide) -> None:
    world, engine = started(tmp_path, decide)
    for clock in day(world, engine):
        world.prices.trouble = None if clock < (13, 0) else OUTAGE
        assert told(world) == []
    (text,) = told(world)
    first = "the last one was made Tue 2026-11-24 12:45 ET" if decide is Decide.EVERY_CHECK else "none is known"
    assert text.startswith(f"the session of {DAY} ended without a decision; {first}. {OUTAGE}\nHeld: ")
    assert "the last price that passed the checks was QQQ 450.00 (Tue 2026-11-24 12:45 ET); then " in text


@pytest.mark.parametrize("decide", list(Decide))
def test_a_session_with_its_decision_is_not_told(tmp_path: Path, decide: Decide) -> None:
    world, engine = started(tmp_path, decide)
    for clock in day(world, engine):
        world.prices.trouble = OUTAGE if (11, 0) < clock < (14, 0) else None
    assert told(world) == []


def test_one_failed_check_at_the_end_is_not_told(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.EVERY_CHECK)
    for clock in day(world, engine):
        world.prices.trouble = OUTAGE if clock >= (15, 30) else None
    assert told(world) == []


def test_a_trouble_that_is_over_at_the_close_is_told_if_it_cost_the_window(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.BEFORE_CLOSE)
    for clock in day(world, engine):
        world.prices.trouble = OUTAGE if clock >= (15, 45) else None
    world.prices.trouble = None
    engine.step()
    engine.look_back()
    assert len(told(world)) == 1


def test_without_one_sound_check_the_flip_price_is_not_known(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.EVERY_CHECK)
    world.prices.trouble = OUTAGE
    list(day(world, engine))
    assert told(world)[0].endswith("The flip price is not known: no price has passed the checks since the start.")


def test_a_halt_is_told_as_a_halt(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.BEFORE_CLOSE)
    engine.records.switch.halt("by hand")
    list(day(world, engine))
    assert told(world) == []


def test_a_start_after_the_close_has_missed_nothing(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.BEFORE_CLOSE, hour=17)
    engine.step()
    world.clock.advance(timedelta(hours=1))
    engine.look_back()
    assert told(world) == []


@pytest.mark.parametrize("decide", list(Decide))
@pytest.mark.parametrize(
    "hours",
    [0, 1, 17, 19, 67, 115, 6 * 24, 21 * 24],
    ids=[
        *("at the close", "that evening", "in the morning", "in the session"),
        *("two sessions later", "on Sunday", "after a weekend", "after weeks"),
    ],
)
def test_a_run_that_ends_with_the_session_leaves_it_to_the_next_one(tmp_path: Path, decide: Decide, hours: int) -> None:
    world, engine = started(tmp_path, decide)
    for clock in day(world, engine, until=(16, 0)):
        world.prices.trouble = None if clock < (13, 0) else OUTAGE
    assert told(world) == []
    world.clock.advance(timedelta(hours=hours))
    engine = world.start()
    engine.step()
    engine.look_back()
    (text,) = told(world)
    assert text.startswith(f"the session of {DAY} ended without a decision; ")
    assert str(OUTAGE) in text
    engine.look_back()
    again = world.start()
    again.step()
    again.look_back()
    assert len(told(world)) == 1, "it was recorded as told"


def test_a_kill_before_the_notification_is_on_disk_tells_it_again(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.BEFORE_CLOSE)
    world.prices.trouble = OUTAGE
    list(day(world, engine, until=(16, 0)))
    for _ in range(2):
        engine = world.start()
        engine.step()
        engine.look_back()
    assert len(told(world)) == 2


def test_a_machine_that_slept_over_the_close_tells_it_when_it_wakes(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.BEFORE_CLOSE)
    list(day(world, engine, until=(15, 0)))
    world.clock.advance(timedelta(hours=19))
    engine.step()
    engine.look_back()
    assert len(told(world)) == 1


@pytest.mark.parametrize("decide", list(Decide))
def test_a_decision_of_an_earlier_run_counts(tmp_path: Path, decide: Decide) -> None:
    world, engine = started(tmp_path, decide)
    list(day(world, engine, until=(15, 55)))
    engine = world.start()
    world.prices.trouble = OUTAGE
    engine.step()
    world.clock.advance(timedelta(hours=20))
    world.prices.trouble = None
    engine.step()
    engine.look_back()
    assert told(world) == []


def test_the_checks_of_another_account_are_not_this_ones(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.EVERY_CHECK)
    world.prices.trouble = OUTAGE
    list(day(world, engine, until=(16, 0)))
    world.broker.account = "DU7654321"
    engine = world.start()
    engine.step()
    engine.look_back()
    assert told(world) == []


def test_a_disk_that_refuses_the_record_ends_nothing(tmp_path: Path) -> None:
    world, engine = started(tmp_path, Decide.EVERY_CHECK)
    world.prices.trouble = OUTAGE
    list(day(world, engine, until=(16, 0)))
    engine.look_back()
    (tmp_path / "orders.jsonl").unlink()
    engine.look_back()
    engine.look_back()
    assert len(told(world)) == 1


@pytest.mark.parametrize("decide", list(Decide))
def test_it_stays_undecided_over_the_night_and_a_restart_until_a_decision(tmp_path: Path, decide: Decide) -> None:
    world, engine = started(tmp_path, decide)
    for _ in day(world, engine):
        world.prices.trouble = OUTAGE
        assert engine.undecided() is None
    assert known(engine.undecided()).session == DAY
    engine = world.start()
    engine.step()
    engine.look_back()
    assert known(engine.undecided()).session == DAY, "the check of the night failed too"
    world.prices.trouble = None
    engine.step()
    settled = known(engine.state.last_check).row["target"] == engine.portfolio().holding
    assert (engine.undecided() is None) is settled, "a valid answer that wants what is held is the decision"
