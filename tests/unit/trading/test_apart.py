"""An account that stays where it should not be is told of, whatever keeps it there."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.values import Decide, Holding
from qqqbot.trading.apart import Apart
from qqqbot.trading.engine import Check
from tests.support.builders import NOW, RULES
from tests.support.fakes import World


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("pause", "told"),
    [(1, [None] * 5 + [5, 6]), (15, [None, None, 30, 45]), (2.5, [None, None, 5, 7.5])],
)
def test_it_is_told_after_more_than_two_checks_and_five_minutes(pause: float, told: list[float | None]) -> None:
    apart = Apart()
    found = [apart.observe(False, NOW + minutes(n * pause)) for n in range(len(told))]
    assert found == [None if lasted is None else minutes(lasted) for lasted in told]


def test_one_check_that_is_there_begins_anew() -> None:
    apart = Apart()
    assert [apart.observe(n == 3, NOW + minutes(15 * n)) for n in range(6)] == [
        None,
        None,
        minutes(30),
        None,
        None,
        None,
    ]


def test_a_clock_that_is_set_back_begins_anew() -> None:
    apart = Apart()
    apart.observe(False, NOW)
    assert [apart.observe(False, NOW + minutes(n - 60)) for n in (0, 5)] == [None, minutes(5)]


def alternating(world: World, checks: int) -> list[tuple[bool, list[str]]]:
    """Checks in which prices and connection fail in turns: (good, what is told) after each."""
    engine, seen = world.start(), []
    for number in range(checks):
        world.prices.trouble = PricesUnavailable("429") if number % 2 else None
        world.broker.silent = not number % 2
        engine.step()
        assert engine.state.last_check is not None
        seen.append((engine.state.last_check.good, [event.kind.value for event in engine.alerts.lasting()]))
        world.pass_time(minutes=15)
    world.prices.trouble, world.broker.silent = None, False
    engine.step()
    assert engine.alerts.lasting() == ()
    return seen


def test_causes_that_take_turns_do_not_hide_that_it_lasts(tmp_path: Path) -> None:
    seen = alternating(World(tmp_path), 4)
    assert ["apart" in told for _, told in seen] == [False, False, True, True]
    assert not any(good for good, _ in seen)


def test_a_closed_exchange_is_no_distance(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.pass_time(hours=6)
    engine = world.start()
    for _ in range(5):
        engine.step()
        world.pass_time(minutes=15)
    assert engine.alerts.lasting() == ()


def test_before_its_window_a_rule_that_decides_once_wants_nothing_yet(tmp_path: Path) -> None:
    world = World(tmp_path, rules=replace(RULES, decide=Decide.BEFORE_CLOSE))
    world.prices.target = Holding.TQQQ
    engine = world.start()
    for _ in range(6):
        engine.step()
        world.pass_time(minutes=15)
    assert engine.alerts.lasting() == ()


def test_a_check_that_leaves_the_account_apart_is_not_good() -> None:
    check = Check(NOW, "HOLD", "TQQQ is held already", None, {})
    assert check.good
    assert not check._replace(apart=True).good
