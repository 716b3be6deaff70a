"""What the daemon reports at each beat, the real loop on a virtual clock; and the flip prices in it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqq_trading_bot import Daemon, SimulatedAccount
from qqqbot.model.errors import StalePrices
from qqqbot.model.values import Holding, Side
from qqqbot.monitoring.facts import status
from qqqbot.records.book import Book
from qqqbot.records.folder import Folder
from qqqbot.records.verdict import Health
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.config import Config
from qqqbot.trading.assembly import Identity
from qqqbot.trading.engine import State
from tests.support.builders import DAY, NOW, PRICE, new_york, session
from tests.support.fakes import FakeBroker, World
from tests.support.symbols import QQQ, TQQQ

GONE = "nothing listens there"
MINUTE = timedelta(minutes=1)


@dataclass
class Leaving:
    """An account that is lost from `lost` to `back`; nothing is known of it in that time either."""

    world: World
    lost: datetime
    back: datetime

    def identity(self, wait_seconds: float) -> Identity | None:
        if self.problem() is None:
            return Identity(self.world.broker.mode, self.world.broker.account)
        self.world.clock.wait(wait_seconds)
        return None

    def problem(self) -> str | None:
        return GONE if self.lost <= self.world.clock.now() < self.back else None

    def refused(self) -> None:
        return None

    def second_prices(self) -> None:
        return None

    def broker(self, book: Book, state: State) -> FakeBroker:  # noqa: ARG002
        return self.world.broker

    def close(self) -> None:
        """Nothing is open."""


def told_at_the_end(
    logs: Path, ends: timedelta, lost: timedelta, back: timedelta = timedelta(days=1)
) -> dict[str, Any]:
    """The last status of a daemon that runs from NOW for `ends`."""
    world = World(logs)
    world.clock.stop_at = NOW + ends
    Daemon(Config(), logs, world.clock, world.prices, Leaving(world, NOW + lost, NOW + back)).run()
    found: dict[str, Any] = json.loads((logs / "status.json").read_text())
    return found


def test_an_account_lost_while_running_is_reported_at_the_next_heartbeat(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=3 * MINUTE)
    assert told["mode"] == "paper"
    assert (told["problem"], told["problem_since"]) == (GONE, (NOW + 3 * MINUTE).isoformat())


def test_an_account_that_is_back_is_no_longer_a_problem(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=3 * MINUTE, back=5 * MINUTE)
    assert (told["problem"], told["problem_since"]) == (None, None)


def test_an_account_that_never_answered_is_reported_since_the_start(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=timedelta(0))
    assert "mode" not in told
    assert (told["problem"], told["problem_since"]) == (GONE, NOW.isoformat())


def test_before_the_first_check_they_are_not_known(world: World) -> None:
    world.start().step()
    assert world.start().state.flips is None


def test_after_a_check_they_are_those_of_the_holding_it_ended_with(world: World) -> None:
    engine = world.start()
    engine.step()
    found = engine.state.flips
    assert found is not None
    assert (found.seen_at, found.seen_price, found.closes_at) == (NOW, PRICE, session().close)
    assert found.today is not None
    assert found.today.target is Holding.TQQQ
    assert [(order.side, order.symbol) for order in found.today.orders] == [(Side.SELL, QQQ), (Side.BUY, TQQQ)]
    assert found.coming is not None
    assert found.coming.price != found.today.price


def test_a_check_without_prices_leaves_those_of_the_last_signal(world: World) -> None:
    engine = world.start()
    engine.step()
    before = engine.state.flips
    world.pass_time(minutes=15)
    world.prices.trouble = StalePrices("old")
    engine.step()
    assert engine.state.flips == before


def test_after_the_close_only_the_coming_session_has_one(tmp_path: Path) -> None:
    world = World(tmp_path, clock=VirtualClock(new_york(DAY, 17)))
    engine = world.start()
    engine.step()
    assert engine.state.flips is not None
    assert engine.state.flips.today is None
    assert engine.state.flips.coming is not None


def test_after_a_single_check_the_status_shows_what_is_held_then(tmp_path: Path) -> None:
    """It said "never started", or showed the holdings of a daemon that had stopped before that check traded."""
    world = World(tmp_path)
    folder = Folder(tmp_path, lambda _: None)
    for target in (Holding.TQQQ, Holding.QQQ):
        world.prices.target = target
        daemon = Daemon(Config(), tmp_path, world.clock, world.prices, SimulatedAccount(world.clock, Decimal(1)))
        assert daemon.once()
        shown = status.status(folder, world.clock.now())
        assert shown.own is not None
        assert (shown.health, shown.own.holding) == (Health.STOPPED, target)
        world.pass_time(days=1)
