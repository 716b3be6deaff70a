"""The process is killed between any two lines of the modules that trade, and a restart finishes what it had begun."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest

from qqqbot.adapters.simulated.broker import PaperBroker
from qqqbot.model.values import Holding, OrderStatus
from qqqbot.trading.engine import Engine
from tests.support.builders import market
from tests.support.fakes import World, fills_part
from tests.support.symbols import QQQ, TQQQ


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory if the system has one: thousands of fsyncs prove nothing here."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


class Killed(BaseException):
    """Stands for kill -9: nothing in the bot may catch it."""


SWEPT = ("executor.py", "journal.py", "book.py", "jsonl.py")


def run_killed_at(step: Callable[[], object], moment: int | None) -> list[tuple[str, int]]:
    """Run `step`, killing it before the `moment`-th line of the swept modules; returns file and line of each."""
    reached: list[tuple[str, int]] = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        name = Path(frame.f_code.co_filename).name
        if name not in SWEPT:
            return None
        if event == "line":
            reached.append((name, frame.f_lineno))
            if len(reached) == moment:
                raise Killed
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(outer)
    return reached


def moments(reached: list[tuple[str, int]]) -> list[int]:
    """The first time that each line was reached, and the last time for those of the executor, counted from 1."""
    first = {place: n for n, place in reversed(list(enumerate(reached, start=1)))}
    last = {place: n for n, place in enumerate(reached, start=1) if place[0] == "executor.py"}
    return sorted({*first.values(), *last.values()})


def rotation(folder: Path, moment: int | None) -> tuple[World, list[tuple[str, int]]]:
    """From QQQ to TQQQ, killed at `moment`, then started again until the account has settled."""
    folder.mkdir()
    world = World(folder)
    engine = world.start()
    engine.step()
    world.prices.target = Holding.TQQQ
    world.broker.behaviours = [fills_part(150, then=OrderStatus.CANCELLED)]
    reached: list[tuple[str, int]] = []
    with suppress(Killed):
        reached = run_killed_at(engine.step, moment)
    for record in (engine.records.book, engine.records.journal, engine.records.decisions):
        record.close()
    engine = world.start()
    for _ in range(3):  # an order that was never sent is given up after five minutes
        engine.step()
        world.pass_time(minutes=6)
    return world, reached


def test_killed_between_any_two_lines_it_ends_as_if_it_had_not_been(memory: Path) -> None:
    whole, reached = rotation(memory / "whole", None)
    assert whole.broker.positions == {QQQ: 0, TQQQ: 1583}
    assert len(moments(reached)) > 150
    for moment in moments(reached):
        world, _ = rotation(memory / str(moment), moment)
        where = f"killed before {reached[moment - 1]}, the {moment}th line"
        assert world.broker.positions == whole.broker.positions, where
        world.assert_book_is_the_brokers()
        orders = [(i.side, i.symbol, i.quantity) for i in world.broker.submitted]
        assert orders == [(i.side, i.symbol, i.quantity) for i in whole.broker.submitted], where


def test_the_simulated_account_killed_between_any_two_lines_trades_once(memory: Path) -> None:
    def run(folder: Path, moment: int | None) -> tuple[World, list[tuple[str, int]]]:
        folder.mkdir()
        world = World(folder)
        engine = with_paper(world)
        reached: list[tuple[str, int]] = []
        with suppress(Killed):
            reached = run_killed_at(engine.step, moment)
        for _ in range(2):
            with_paper(world).step()
        return world, reached

    whole, reached = run(memory / "whole", None)
    assert [row["quantity"] for row in whole.trades()] == [211]
    for moment in moments(reached)[::2]:
        world, _ = run(memory / str(moment), moment)
        where = f"killed before {reached[moment - 1]}, the {moment}th line"
        assert [row["quantity"] for row in world.trades()] == [211], where
        assert [row["cash"] for row in world.trades()] == [row["cash"] for row in whole.trades()]


def test_a_commission_of_the_day_before_is_charged_once_wherever_the_process_is_killed(memory: Path) -> None:
    def run(folder: Path, moment: int | None) -> tuple[World, list[tuple[str, int]]]:
        folder.mkdir()
        world = World(folder)
        world.broker.commission = None
        engine = world.start()
        engine.step()
        world.pass_time(days=1)
        (order,) = world.broker.orders.values()
        told = tuple(replace(fill, commission=Decimal("1.06")) for fill in order.fills)
        world.broker.orders[order.order_ref] = replace(order, fills=told)
        world.broker.cash -= Decimal("1.06")
        reached: list[tuple[str, int]] = []
        with suppress(Killed):
            reached = run_killed_at(engine.step, moment)
        for record in (engine.records.book, engine.records.journal, engine.records.decisions):
            record.close()
        world.start().step()
        return world, reached

    whole, reached = run(memory / "whole", None)
    assert [row["commission"] for row in whole.rows("trades.jsonl") if row.get("kind") == "correction"] == [
        Decimal("1.06")
    ]
    for moment in moments(reached):
        world, _ = run(memory / str(moment), moment)
        assert len(world.rows("trades.jsonl")) == len(whole.rows("trades.jsonl")), f"killed at the {moment}th line"
        world.assert_book_is_the_brokers()


def with_paper(world: World) -> Engine:
    """A start of the daemon as a dry run."""
    world.broker.mode, world.broker.account = PaperBroker.mode, PaperBroker.account
    engine = world.start()
    paper = PaperBroker(engine.records.book, world.clock, lambda: market(Holding.QQQ), Decimal(1))
    engine.broker = paper
    engine.executor._broker = paper
    return engine
