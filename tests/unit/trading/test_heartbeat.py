"""What the daemon tells of its account at each beat, the real loop on a virtual clock."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from qqq_trading_bot import Daemon
from qqqbot.records.book import Book
from qqqbot.runtime.config import Config
from qqqbot.trading.assembly import Identity
from qqqbot.trading.engine import State
from tests.support.builders import NOW
from tests.support.fakes import FakeBroker, World

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


def test_an_account_that_is_lost_while_it_runs_is_told_at_the_next_beat(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=3 * MINUTE)
    assert told["mode"] == "paper"
    assert (told["problem"], told["problem_since"]) == (GONE, (NOW + 3 * MINUTE).isoformat())


def test_an_account_that_is_back_is_no_problem_any_more(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=3 * MINUTE, back=5 * MINUTE)
    assert (told["problem"], told["problem_since"]) == (None, None)


def test_an_account_that_was_never_there_is_told_since_the_start(tmp_path: Path) -> None:
    told = told_at_the_end(tmp_path, ends=8 * MINUTE, lost=timedelta(0))
    assert "mode" not in told
    assert (told["problem"], told["problem_since"]) == (GONE, NOW.isoformat())
