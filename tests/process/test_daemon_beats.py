"""A daemon that waits for orders is not mistaken for one that hangs."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from qqq_trading_bot import Daemon
from qqqbot.records.verdict import STALE_AFTER
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.config import Config
from qqqbot.runtime.systemd import Supervisor
from tests.support.builders import DAY, new_york
from tests.support.fakes import FakeAccount, World, works


class Heard(Supervisor):
    """What systemd would receive: the moment and the state of each message."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__({})
        self.clock = clock
        self.beats: list[tuple[datetime, str]] = []

    def report(self, state: str, status: str) -> None:
        assert status
        self.beats.append((self.clock.now(), state))


@pytest.mark.parametrize("seconds", [60, 600])
def test_it_beats_while_it_waits_for_an_order(tmp_path: Path, seconds: int) -> None:
    """systemd and the status page would call it dead else, and it would be killed in the middle of an order."""
    world = World(tmp_path, clock=VirtualClock(new_york(DAY, 12), stop_at=new_york(DAY, 13)))
    world.broker.behaviours = [works] * 10
    heard = Heard(world.clock)
    settings = Config(order_timeout_seconds=seconds)
    Daemon(settings, world.logs, world.clock, world.prices, FakeAccount(world.broker), supervisor=heard).run()
    times = [at for at, _ in heard.beats]
    assert max(after - before for before, after in itertools.pairwise(times)) <= STALE_AFTER / 2
    during_the_first_order = [state for at, state in heard.beats if at < new_york(DAY, 12) + timedelta(seconds=seconds)]
    assert set(during_the_first_order) == {"starting"}, "its first check is not behind it"
    assert heard.beats[-1][1] == "stopped"
