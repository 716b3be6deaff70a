"""The process of an owner's answer is killed at each write: the book is as before or as after it, and undo works.

A split that is found on the way is a fact of its own, which every check would record; the answer comes after it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from qqq_trading_bot import Daemon
from qqqbot.model.values import Holding, Portfolio
from qqqbot.records.jsonl import AppendOnlyFile, Row, _lines
from qqqbot.runtime.config import Config
from tests.support.fakes import FakeAccount, World
from tests.support.owner import answered, assert_same, by_hand, lose_an_order, now_at, split, told_by
from tests.support.symbols import QQQ, TQQQ


class Killed(BaseException):
    """Stands for kill -9, or for a power cut in the middle of a write."""


class Fuse:
    """Counts the points of death; the process dies at the one numbered `at`."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.points = 0

    def burns(self) -> None:
        self.points += 1
        if self.points == self.at:
            raise Killed


class MortalFile(AppendOnlyFile):
    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    def append_all(self, rows: Sequence[Row]) -> list[Row]:
        self._fuse.burns()
        for end in _ends(_lines(rows)):
            try:
                self._fuse.burns()
            except Killed:
                with self.path.open("ab") as file:
                    file.write(b"".join(_lines(rows))[:end])
                raise
        read = super().append_all(rows)
        self._fuse.burns()
        return read


def _ends(lines: Sequence[bytes]) -> list[int]:
    """How much of a write may be on disk: a byte, half a line, whole lines, all but the last newline."""
    starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]
    half = [start + len(line) // 2 for start, line in zip(starts, lines, strict=False)]
    return sorted({1, *half, *starts[1:-1], starts[-1] - 1} if lines else set())


def invested(folder: Path, target: Holding = Holding.QQQ) -> World:
    world = World(folder)
    world.prices.target = target
    world.start().step()
    world.pass_time(days=1)
    return world


def sold_by_hand(folder: Path) -> World:
    world = invested(folder)
    by_hand(world, -11)
    return world


def moved_by_hand(folder: Path) -> World:
    world = invested(folder)
    by_hand(world, -211)
    by_hand(world, 1500, TQQQ, "60")
    return world


def sold_with_those_left(folder: Path) -> World:
    """A part of what is missing is the bot's, the rest the owner's."""
    world = invested(folder)
    world.broker.cash += 20_000  # the owner's
    by_hand(world, 40)
    answered(world, "leave")
    by_hand(world, -230)
    return world


def beside_the_bots(folder: Path) -> World:
    world = invested(folder)
    by_hand(world, 11)
    by_hand(world, 30, TQQQ, "60")
    return world


def lost(folder: Path) -> World:
    world = invested(folder, Holding.TQQQ)
    lose_an_order(world, Holding.CASH)
    world.prices.changes = now_at(world, tqqq_price=65.40)
    return world


def answered_for_two(folder: Path) -> World:
    world = moved_by_hand(folder)
    answered(world, "adopt")
    return world


def taken_back(folder: Path) -> World:
    world = answered_for_two(folder)
    answered(world, "undo")
    return world


def split_and_bought(folder: Path) -> World:
    """The price source reports the split; a purchase by hand is adopted as well."""
    world = invested(folder, Holding.TQQQ)
    told = split(world, 2.0)
    world.prices.changes["splits"] = (told,)
    world.broker.positions[QQQ] += 10
    return world


Scene = Callable[[Path], World]
SCENES: list[tuple[Scene, str, dict[str, Decimal]]] = [
    (sold_by_hand, "adopt", {}),
    (sold_by_hand, "adopt", {"any": Decimal("449.50")}),
    (moved_by_hand, "adopt", {}),
    (moved_by_hand, "adopt", {QQQ: Decimal(449), TQQQ: Decimal(61)}),
    (sold_with_those_left, "adopt", {}),
    (beside_the_bots, "leave", {}),
    (lost, "adopt", {}),
    (answered_for_two, "undo", {}),
    (taken_back, "undo", {}),
    (split_and_bought, "adopt", {}),
]


def give(world: World, answer: str, prices: dict[str, Decimal], fuse: Fuse) -> None:
    world.pass_time(seconds=1)
    files = lambda path: MortalFile(path, fuse)  # noqa: E731 (the daemon's factory of records)
    told_by(
        Daemon(Config(), world.logs, world.clock, world.prices, FakeAccount(world.broker), files=files),
        answer,
        **prices,
    )


def book(world: World) -> Portfolio:
    return world.records().book.ledger.portfolio()


@pytest.mark.parametrize(
    ("scene", "answer", "prices"), SCENES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_an_answer_that_is_killed_anywhere_is_given_or_not(
    scene: Scene, answer: str, prices: dict[str, Decimal], tmp_path: Path
) -> None:
    def world_of(name: str) -> World:
        (tmp_path / name).mkdir()
        return scene(tmp_path / name)

    whole, fuse = world_of("whole"), Fuse()
    before = book(whole)
    give(whole, answer, prices, fuse)
    after = book(whole)
    answered(whole, "undo")
    undone = book(whole)  # as before, with the split if there was one
    assert fuse.points >= 5
    for at in range(1, fuse.points + 1):
        world = world_of(str(at))
        with suppress(Killed):
            give(world, answer, prices, Fuse(at))
        found = book(world)
        assert same(found, before) or same(found, undone) or same(found, after), f"half an answer, killed at {at}"
        if answer != "undo" or not same(found, after):  # given again, an undo would be taken back
            give(world, answer, prices, Fuse())
        assert_same(book(world), after)
        answered(world, "undo")
        assert_same(book(world), undone)
        world.start().step()
        assert book(world).cash >= 0


def same(one: Portfolio, other: Portfolio) -> bool:
    try:
        assert_same(one, other)
    except AssertionError:
        return False
    return True
