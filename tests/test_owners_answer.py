"""`adopt` and `leave`: the daemon's way from the owner's answer to the book, and when it must refuse."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import FakeBroker, World, works

from qqq_trading_bot import Daemon
from qqqbot.assembly import Identity
from qqqbot.book import Book
from qqqbot.config import Config
from qqqbot.engine import State
from qqqbot.errors import LedgerMismatch, OrderOutcomeUnknown
from qqqbot.model import QQQ


@dataclass
class FakeAccount:
    inner: FakeBroker

    def identity(self, wait_seconds: float) -> Identity:
        assert wait_seconds > 0
        return Identity(self.inner.mode, self.inner.account)

    def problem(self) -> None:
        return None

    def refused(self) -> None:
        return None

    def broker(self, book: Book, state: State) -> FakeBroker:
        assert book.ledger.total_capital
        assert state.market is None
        return self.inner

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.start().step()
    assert world.broker.positions[QQQ] == 211
    return world


def daemon(world: World) -> Daemon:
    return Daemon(Config(), world.logs, world.clock, world.prices, FakeAccount(world.broker))


def test_a_sale_by_hand_is_adopted(world: World) -> None:
    world.broker.positions[QQQ] -= 11
    assert daemon(world).settle("adopt") == ["QQQ: -11 shares recorded in the book at 450.00"]
    assert world.records().book.ledger.shares[QQQ] == 200


def test_the_owners_own_shares_are_left_alone(world: World) -> None:
    world.broker.positions[QQQ] += 40
    assert daemon(world).settle("leave") == ["QQQ: +40 shares left alone"]
    ledger = world.records().book.ledger
    assert (ledger.shares[QQQ], ledger.foreign[QQQ]) == (211, 40)


def test_missing_shares_cannot_be_left_alone(world: World) -> None:
    world.broker.positions[QQQ] -= 11
    with pytest.raises(LedgerMismatch, match="adopt"):
        daemon(world).settle("leave")


@pytest.mark.parametrize("answer", ["adopt", "leave"])
def test_nothing_is_settled_while_an_order_may_still_be_executed(tmp_path: Path, answer: str) -> None:
    world = World(tmp_path)
    world.broker.behaviours, world.broker.deaf_to_cancel = [works], True
    world.start().step()
    world.broker.positions[QQQ] += 100  # executed, and not told yet
    before = (tmp_path / "trades.jsonl").read_text()
    with pytest.raises(OrderOutcomeUnknown, match="counted twice"):
        daemon(world).settle(answer)
    assert (tmp_path / "trades.jsonl").read_text() == before
