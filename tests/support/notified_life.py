"""The owner's notifier over a real engine with a virtual clock, one process after another, and the owner's phone."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.channels import Accepted, Channels, Message
from qqqbot.notifications.dead_man_switch import Call, DeadManSwitch
from qqqbot.notifications.evening import EveningLetter
from qqqbot.notifications.notifier import OwnerNotifier
from qqqbot.notifications.outbox import Outbox
from qqqbot.trading.alerts import Event, LogNotifier, Outage
from qqqbot.trading.engine import Engine
from tests.support.builders import new_york
from tests.support.fakes import World

WHO = "qqqbot PAPER DU***567"


class Post(Channels):
    """Keeps what is handed over, which arrives at once; it does not while `works` is False, and later if it is None."""

    def __init__(self) -> None:
        super().__init__(())
        self.sent: list[Message] = []
        self.works: bool | None = True
        self.flying: list[Accepted] = []
        self.trouble: str | None = None
        self.all_out = False

    def put(self, message: Message, accepted: Accepted = lambda: None) -> None:
        self.sent.append(message)
        if self.works is None:
            self.flying.append(accepted)
        elif self.works:
            accepted()

    @property
    def failure(self) -> str | None:
        return self.trouble

    @property
    def all_fail(self) -> bool:
        return self.all_out


class Calls(Outbox[Call]):
    def __init__(self) -> None:
        super().__init__("calls", lambda _: None, lambda: None, (), 1)
        self.count = 0
        self.rung: list[str] = []

    def put(self, item: Call, urgent: bool = False, subject: str = "") -> None:  # noqa: ARG002
        self.count += item.code == 0
        self.rung += [item.body] if item.code else []


@dataclass
class Life:
    """One daemon after another with the same files."""

    world: World
    post: Post = field(default_factory=Post)
    calls: Calls = field(default_factory=Calls)
    problem: str | None = None
    refused: str | None = None
    died_again: Event | None = None
    letters: EveningLetter = EveningLetter.OFF

    def __post_init__(self) -> None:
        self.start()

    def start(self, engine: bool = True) -> None:
        world = self.world
        log, self.outage, self.died_again = LogNotifier(world.clock), Outage(), None
        self.notifier = OwnerNotifier(
            *(world.logs, world.clock, log, world.rules, self.outage, self.post, DeadManSwitch(self.calls)),
            refused=lambda: self.refused,
            letters=self.letters,
        )
        world.listener = self.notifier
        if engine:
            self.engine: Engine = world.start()
            self.notifier.engine = self.engine

    def look(self) -> None:
        self.outage.update(self.problem, self.world.clock.now())
        self.notifier.look()

    def check(self) -> None:
        self.engine.step()
        self.look()

    def at(self, moment: datetime, check: bool = False) -> list[str]:
        """Let it be `moment`, look, and return the titles of what was sent."""
        self.world.clock.advance(moment - self.world.clock.now())
        if check:
            self.engine.step()
        self.look()
        return self.new()

    def new(self) -> list[str]:
        titles = [message.title for message in self.post.sent]
        self.bodies = [message.body for message in self.post.sent]
        self.post.sent.clear()
        return titles


FRIDAY = date(2026, 11, 27)
BACKLOG = 20


def troubled(logs: Path, trouble: Callable[[Life], datetime]) -> tuple[Life, datetime]:
    """After `trouble`, and when it is to be told; twenty trades wait besides, which one message cannot hold."""
    life = settled(Life(World(logs)))
    life.at(new_york(FRIDAY, 10), check=True)
    when = trouble(life)
    for number in range(BACKLOG):
        news = f"SELL {number} QQQ at 450.0000, 94,950.00 USD in all, moving from QQQ to CASH; commission 1.00"
        life.notifier._memory.add(Event(AlertKind.TRADE, news, life.world.clock.now()))
    return life, when


def halt(life: Life) -> datetime:
    life.engine.records.switch.halt("EMERGENCY")
    return new_york(FRIDAY, 10, 15)


def no_prices(life: Life) -> datetime:
    life.world.prices.trouble = PricesUnavailable("429")
    for minute in (15, 30):
        life.at(new_york(FRIDAY, 10, minute), check=True)
    return new_york(FRIDAY, 10, 45)


def settled(life: Life) -> Life:
    """The first check has bought, and the owner has been notified."""
    life.check()
    life.check()
    life.new()
    return life


def open_troubles(life: Life) -> list[str]:
    """The problems that the file lists as reported and not over."""
    told = json.loads((life.world.logs / "notices.json").read_text())["told"]
    return [kind for kind, row in told.items() if row["open"]]
