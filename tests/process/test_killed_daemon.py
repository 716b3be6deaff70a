"""The real daemon, started by its script, trading on the stand-in for Yahoo, and killed with -9 again and again.

Each life begins at noon of a new session, on a market that changes its mind nearly every day, so that nearly every life
has a rotation to make or to finish. The kill comes at a random moment of it, or in the milliseconds after a decision,
in which orders are written, sent and filled.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drill.audit import problems, trades
from drill.checkout import STANDINS, Checkout, eventually, finished
from standins.yahoo import Exchange, StandIn
from standins.yahoo.series import session_dates, shaped_series
from tests.support.builders import new_york

LIVES = 16
# Lives that reach their end before the kill, on days of three different answers, so that there is a book to speak of.
WHOLE_LIVES = (1, 7, 9)
LONGEST_LIFE_SECONDS = 2.5
LONGEST_ROTATION_SECONDS = 0.15
SHORT, LONG = 3, 8
DATES = session_dates(date(2024, 1, 2), date(2026, 12, 31))
FIRST = DATES.index(date(2026, 6, 1))


def restless_market(seed: int) -> Exchange:
    """QQQ moves 1 to 3 % a day, up or down."""
    rng = random.Random(seed)
    closes = [450.0]
    for _ in DATES[1:]:
        closes.append(closes[-1] * (1 + rng.choice((-1, 1)) * rng.uniform(0.01, 0.03)))
    return Exchange(shaped_series(DATES, closes))


class World:
    """The moment that the daemon and Yahoo share, and the daemon's folder."""

    def __init__(self, bot: Checkout, control: Path, seed: int) -> None:
        self.bot = bot
        self._control = control
        self.random = random.Random(seed)
        config = json.loads((bot.folder / "config.json").read_text())
        settings = config | {"short_ma_period": SHORT, "long_ma_period": LONG}
        (bot.folder / "config.json").write_text(json.dumps(settings))

    def noon_of(self, day: date) -> None:
        ahead = (new_york(day, 12) - datetime.now(UTC)).total_seconds()
        fresh = self._control.with_suffix(".fresh")
        fresh.write_text(json.dumps({"offset_seconds": ahead}))
        fresh.replace(self._control)

    def live_and_be_killed(self, whole: bool) -> None:
        starting = self.bot.begin("start")
        eventually(lambda: self.bot.holder() is not None, "a daemon has the lock", seconds=30)
        if whole:
            finished(starting)
        elif self.random.random() < 0.4:
            time.sleep(self.random.uniform(0, LONGEST_LIFE_SECONDS))
        else:
            decided = self._decisions()
            eventually(lambda: self._decisions() > decided, "a decision is written down", seconds=30, pause=0.0005)
            time.sleep(self.random.uniform(0, LONGEST_ROTATION_SECONDS))
        pid = self.bot.holder()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        if not whole:
            finished(starting)
        eventually(lambda: self.bot.holder() is None, "the lock is free")

    def _decisions(self) -> int:
        path = self.bot.logs / "decisions.jsonl"
        return path.stat().st_size if path.exists() else 0


@pytest.fixture
def world(checkout: Checkout, tmp_path: Path) -> Iterator[World]:
    control = tmp_path / "clock.json"
    world = World(checkout, control, seed=11)
    world.noon_of(DATES[FIRST])
    with StandIn(restless_market(seed=5), control=control) as yahoo:
        checkout.environment |= yahoo.environment
        checkout.environment["PYTHONPATH"] = f"{STANDINS / 'shifted_clock'}:{checkout.folder}"
        checkout.environment["QQQBOT_TEST_CLOCK"] = str(control)
        yield world


def test_killed_at_random_moments_it_neither_repeats_nor_forgets_a_trade(world: World) -> None:
    for number, day in enumerate(DATES[FIRST : FIRST + LIVES]):
        world.noon_of(day)
        world.live_and_be_killed(whole=number in WHOLE_LIVES)
    world.noon_of(DATES[FIRST + LIVES])
    started = world.bot.run("start")
    assert started.returncode == 0, started.stderr
    status = json.loads((world.bot.logs / "status.json").read_text())
    assert problems(world.bot.logs) == []
    assert len(trades(world.bot.logs)) >= 3, "the market was restless enough for the test to mean anything"

    last = status["last_check"]
    assert last["action"] == "HOLD"
    assert last["held"] == last["target"]
