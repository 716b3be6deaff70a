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
from typing import Any

import pytest

from drill.audit import problems, rows, trades
from drill.checkout import STANDINS, Checkout, eventually, finished
from standins.yahoo import Exchange, Row, StandIn
from standins.yahoo.series import session_dates, shaped_series
from tests.support.builders import new_york

LIVES = 16
# Lives that reach their end before the kill, on days of three different answers, so that there is a book to speak of.
WHOLE_LIVES = (1, 7, 9)
LONGEST_LIFE_SECONDS = 2.5
LONGEST_ROTATION_SECONDS = 0.15
SHORT, LONG = 3, 8
CHANGED_LIVES = 8
ON_SPY = {"signal": "SPY", "fast": "sma3", "slow": "sma8", "strong": "UPRO", "down": "SPY"}
DATES = session_dates(date(2024, 1, 2), date(2026, 12, 31))
FIRST = DATES.index(date(2026, 6, 1))


def restless_market(seed: int) -> Exchange:
    """QQQ and SPY, each with its fund, move 1 to 3 % a day, up or down."""
    rng, series = random.Random(seed), dict[str, list[Row]]()
    for pair in (("QQQ", "TQQQ"), ("SPY", "UPRO")):
        closes = [450.0]
        for _ in DATES[1:]:
            closes.append(closes[-1] * (1 + rng.choice((-1, 1)) * rng.uniform(0.01, 0.03)))
        series |= dict(zip(pair, shaped_series(DATES, closes).values(), strict=True))
    return Exchange(series)


class World:
    """The moment that the daemon and Yahoo share, and the daemon's folder."""

    def __init__(self, bot: Checkout, control: Path, seed: int) -> None:
        self.bot = bot
        self._control = control
        self.random = random.Random(seed)
        self.configure(short_ma_period=SHORT, long_ma_period=LONG)

    def configure(self, **changes: Any) -> None:
        """A rule that is spelled out says it all: the keys of the two averages go."""
        path = self.bot.folder / "config.json"
        settings = json.loads(path.read_text()) | changes
        gone = ("short_ma_period", "long_ma_period") if "rule" in changes else ()
        path.write_text(json.dumps({key: value for key, value in settings.items() if key not in gone}))

    def noon_of(self, day: date) -> None:
        self.at(new_york(day, 12))

    def at(self, moment: datetime) -> None:
        ahead = (moment - datetime.now(UTC)).total_seconds()
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


def test_a_change_to_another_index_survives_kills_at_random_moments(world: World) -> None:
    """What the first rule has left is sold, once, and the new one's shares are bought, whenever the process dies."""
    for number, day in enumerate(DATES[FIRST : FIRST + CHANGED_LIVES]):
        if number == CHANGED_LIVES // 2:
            world.configure(rule=ON_SPY)
        world.noon_of(day)
        world.live_and_be_killed(whole=number in (1, CHANGED_LIVES // 2 - 1))
    world.noon_of(DATES[FIRST + CHANGED_LIVES])
    started = world.bot.run("start")
    assert started.returncode == 0, started.stderr
    assert problems(world.bot.logs) == []
    status = json.loads((world.bot.logs / "status.json").read_text())
    traded = [row["symbol"] for row in trades(world.bot.logs)]
    assert {"QQQ", "TQQQ"} & {*traded}
    assert {"SPY", "UPRO"} & {*traded}
    held = {symbol for symbol, count in status["portfolio"]["shares"].items() if count}
    assert held in ({"SPY"}, {"UPRO"})
    last = status["last_check"]
    assert (last["action"], last["held"]) == ("HOLD", last["target"])
    assert [*last["prices"]][:2] == ["SPY", "UPRO"]
    assert "Beside SPY" in world.bot.run("status").stdout


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


def test_before_close_it_waits_for_its_window_and_a_kill_in_it_trades_once(world: World) -> None:
    world.configure(decide="before_close")
    logs, day = world.bot.logs, DATES[FIRST + 1]
    world.at(new_york(day, 15, 44, 38))
    assert world.bot.run("start").returncode == 0
    early = rows(logs / "decisions.jsonl")[-1]
    assert (early["action"], trades(logs)) == ("HOLD", [])
    assert early["sentence"].startswith("decides 15 minutes before the close")
    assert early["target"] != early["held"], "there is something to wait for"
    eventually(lambda: trades(logs) != [], "it has traded", seconds=60)
    pid = world.bot.holder()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    (trade,) = trades(logs)
    assert datetime.fromisoformat(trade["timestamp"]) >= new_york(day, 15, 45)
    eventually(lambda: world.bot.holder() is None, "the lock is free")
    assert world.bot.run("start").returncode == 0
    last = rows(logs / "decisions.jsonl")[-1]
    assert (last["action"], last["held"]) == ("HOLD", early["target"])
    assert trades(logs) == [trade]
    assert problems(logs) == []
