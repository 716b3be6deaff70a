"""The loop in a world that fails, by seed; a death at every point of a run; ten years against the vectorised rule.

The laws that are checked on the way, after every step and before every order, are in `sim_world.World`. A failing run
prints the call that repeats it.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.values import Mode, Rules
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.rule import level
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import State
from qqqbot.trading.parts import Adapters
from tests.simulation.sim_world import OTHER_RULES, SPARE, World
from tests.simulation.simulation import FOLDERS, End, Silence, simulate
from tests.support.builders import LEVELS
from tests.support.symbols import QQQ, SYMBOLS

SEEDS_A_TEST = 10
# Many more before a release: QQQBOT_SEEDS=2000.
UNKIND_SEEDS = range(int(os.environ.get("QQQBOT_SEEDS", "130")))
P = (0.03, 0.1, 0.15, 0.3)
# Runs with rotations between all holdings, each about 300 points long: every point is tried.
SWEPT = ((0, True), (0, False), (4, True), (4, False))
SLICES = 12
# Of the points of death of other rules.
STEP = 17


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """These runs log thousands of warnings."""
    logger = logging.getLogger("qqqbot")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=FOLDERS) as made:
        yield Path(made)


@pytest.mark.parametrize("first", UNKIND_SEEDS[::SEEDS_A_TEST])
def test_in_a_hostile_world_nothing_is_done_twice_and_nothing_is_lost(first: int) -> None:
    for seed in range(first, first + SEEDS_A_TEST):
        simulate(seed, p=P[seed % len(P)], broker=seed % 5 != 0)


def test_the_hostile_world_is_hostile_and_the_bot_trades_in_it() -> None:
    ends = [simulate(seed, p=0.15) for seed in range(12)]
    assert sum(end.deaths for end in ends) > 20
    assert sum(end.orders for end in ends) > 40
    assert frozenset().union(*(end.holdings for end in ends)) >= {"TQQQ", "QQQ", "CASH"}


def test_the_owner_never_makes_the_account_borrow_so_that_the_law_judges_the_bot(folder: Path) -> None:
    world = World(seed=43, p=0.3, crash_at=None, broker_outside=True, logs=folder)
    world.broker.by_hand.append((QQQ, -9, Decimal(500)))
    world.hand_trade = QQQ, -9  # sold nine, and took the proceeds out: they cannot be bought back yet
    world.taken_out = world.broker.cash(world.clock.true_now()) - SPARE
    world.broker.move_cash(-world.taken_out)
    world.undo_hand_trade()
    assert world.hand_trade == (QQQ, -9)
    assert world.broker.cash(world.clock.true_now()) == SPARE
    world.bring_back()
    world.undo_hand_trade()
    assert world.hand_trade is None


def test_the_same_arguments_give_the_same_run() -> None:
    assert simulate(3, p=0.3) == simulate(3, p=0.3)


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize(("seed", "broker"), SWEPT)
def test_a_death_at_any_point_changes_nothing_in_the_end(seed: int, broker: bool, part: int) -> None:
    undisturbed = simulate(seed, broker=broker)
    for crash_at in range(part + 1, undisturbed.points + 1, SLICES):
        end = simulate(seed, crash_at=crash_at, broker=broker)
        repeated = f"simulate(seed={seed}, crash_at={crash_at}, broker={broker})"
        assert end.deaths == 1, repeated
        assert (end.shares, end.fills) == (undisturbed.shares, undisturbed.fills), repeated


@pytest.mark.parametrize("form", OTHER_RULES)
def test_a_death_changes_nothing_whatever_the_rule_is(form: str) -> None:
    for seed, broker in SWEPT:
        undisturbed = simulate(seed, broker=broker, form=form)
        assert len(undisturbed.holdings) > 1
        for crash_at in range(1 + seed % STEP, undisturbed.points + 1, STEP):
            end = simulate(seed, crash_at=crash_at, broker=broker, form=form)
            repeated = f"simulate(seed={seed}, crash_at={crash_at}, broker={broker}, form={form!r})"
            assert end.deaths == 1, repeated
            assert (end.shares, end.fills) == (undisturbed.shares, undisturbed.fills), repeated


@pytest.mark.parametrize("form", OTHER_RULES)
def test_in_a_hostile_world_any_rule_is_kept(form: str) -> None:
    ends = [simulate(seed, p=P[seed % len(P)], broker=seed % 5 != 0, form=form) for seed in range(5)]
    assert sum(end.orders for end in ends) > 5


def test_at_least_a_thousand_points_of_death_are_tried() -> None:
    ends: list[End] = [simulate(seed, broker=broker) for seed, broker in SWEPT]
    assert sum(end.points for end in ends) >= 1_000
    assert all(end.holdings == {"TQQQ", "QQQ", "CASH"} for end in ends)


def test_over_ten_years_the_engine_decides_what_the_vectorised_rule_says(folder: Path) -> None:
    """One check a day, shortly before the close, on prices that stand still all day."""
    prices, rules = SimulatedPrices(11, SYMBOLS, date(2015, 1, 2), date(2025, 12, 31), gap=1.0, roughness=0.0), Rules()
    wanted = _levels(np.array(prices.closes(QQQ)), rules)
    sessions = prices.table.sessions
    days = range(rules.form.history, len(sessions) - 1)
    clock, state, silence = VirtualClock(sessions[days[0]].open), State(), Silence()
    records = load_records(folder, Identity(Mode.DRY_RUN, ACCOUNT), clock, silence)
    set_capital(records.book, Decimal(100_000), clock)
    broker = PaperBroker(records.book, clock, lambda: state.market, Decimal(1))
    engine = assemble(records, Adapters(clock, prices, broker, silence), rules, timedelta(seconds=60), state)
    for day in days:
        clock.advance(sessions[day].close - timedelta(minutes=5) - clock.now())
        engine.step()
        assert records.book.ledger.portfolio().holding is LEVELS[wanted[day]], sessions[day].date
    assert len(days) > 2_400
    assert {LEVELS[n] for n in wanted[rules.form.history :]} == set(LEVELS)


def _levels(closes: np.ndarray, rules: Rules) -> np.ndarray:
    def average(period: int) -> np.ndarray:
        means = np.lib.stride_tricks.sliding_window_view(closes, period).mean(axis=1)
        return np.concatenate([np.full(period - 1, np.nan), means])

    short, long = average(rules.short_period), average(rules.long_period)
    levels: np.ndarray = level(closes, short, long, short).astype(int)
    return levels
