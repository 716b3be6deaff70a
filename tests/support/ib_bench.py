"""What tests of the Interactive Brokers part share: a broker on a gateway stand-in, and a clock that can be moved."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import ib_broker
from qqqbot.adapters.ib.broker import IBBroker
from qqqbot.adapters.ib.connection import Timing
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.values import Order, OrderIntent, OrderStatus
from qqqbot.runtime.config import Config
from standins.ib_gateway import Account, IBGateway
from standins.ib_gateway.accounts import Prices
from tests.support.builders import ACCOUNT, NOW
from tests.support.builders import intent as sound_intent

# The stand-in counts no messages: forty of them may leave in a twentieth of a second.
BRIEF_SECOND = 0.05
# A gateway speaks the newest version that it and the client know; CI sets this to go through all of them.
CAP = int(os.environ.get("QQQBOT_IB_CAP", "226"))
# Quick pauses, and deadlines that a busy machine keeps. Only `quotes`, which a check can do without, may be waited for.
QUICK = Timing(
    connect=10.0,
    answer=10.0,
    heartbeat=1.0,
    beat=10.0,
    pauses=(0.02, 0.05),
    mute_pause=0.1,
    quotes=1.0,
    news=0.02,
    second=BRIEF_SECOND,
)
# For a fault that is noticed by its silence: how long an answer and a sign of life are waited for.
SILENCE = {"answer": 1.0, "beat": 1.0}


class BenchTiming(Timing):
    """Patient, because a busy machine may take seconds for any answer; hasty in the step that withholds one."""

    @contextmanager
    def hasty(self, **seconds: float) -> Iterator[None]:
        """Shorten these deadlines; `connect` from the next connection on."""
        before = {name: getattr(self, name) for name in seconds}
        self._set(seconds)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, seconds: dict[str, float]) -> None:
        for name, value in seconds.items():
            object.__setattr__(self, name, value)


def bench_timing(timing: Timing = QUICK) -> BenchTiming:
    return BenchTiming(**asdict(timing))


class MovedClock:
    """Runs with the machine's seconds from a noon in New York, and can be moved on; a wait moves it."""

    def __init__(self, start: datetime = NOW) -> None:
        self._start = start
        self._began = time.monotonic()
        self._moved = 0.0
        self.stop = False

    def monotonic(self) -> float:
        return time.monotonic() - self._began + self._moved

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def wait(self, seconds: float) -> bool:
        """The rest of the wait is skipped, after a moment in which callbacks can arrive."""
        threading.Event().wait(min(seconds, 0.005))
        self._moved += max(0.0, seconds - 0.005)
        return self.stop

    def stopping(self) -> bool:
        return self.stop

    def move(self, seconds: float) -> None:
        self._moved += seconds


class StillClock(MovedClock):
    """Passes only when it is moved, so that a slow answer does not look like a wrong clock."""

    def monotonic(self) -> float:
        return self._moved


@dataclass
class LateAccount(Account):
    """An account whose summary goes on telling the values in `late` as they were when they became late."""

    late: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)

    def values(self, prices: Prices, today: date) -> dict[str, str]:
        real = super().values(prices, today)
        self.told = {**real, **{tag: self.told[tag] for tag in self.late}}
        return self.told


def margin_account(account_id: str = ACCOUNT, cash: int = 100_000) -> Account:
    return Account(account_id, cash=Decimal(cash), leverage=Decimal(4))


def config(gateway: IBGateway, **changes: Any) -> Config:
    return Config(**{"dry_run": False, "use_interactive_brokers": True, "ib_port": gateway.port} | changes)


@contextmanager
def gateway_at(clock: MovedClock, *accounts: Account, **options: Any) -> Iterator[IBGateway]:
    """A gateway, by default with a margin account of 100,000."""
    with IBGateway(clock=clock.now, cap=CAP, accounts=accounts or [margin_account()], **options) as gateway:
        yield gateway


@contextmanager
def broker_at(gateway: IBGateway, clock: MovedClock, timing: Timing = QUICK, **changes: Any) -> Iterator[IBBroker]:
    """A broker, connecting."""
    broker = ib_broker.open_account(config(gateway, **changes), clock, timing)
    try:
        yield broker
    finally:
        broker.close()


class Bench:
    """A connected broker, its gateway and their clock."""

    timing: BenchTiming
    """of the benches that `bench` makes"""

    def __init__(self, gateway: IBGateway, broker: IBBroker, clock: MovedClock) -> None:
        self.gateway = gateway
        self.broker = broker
        self.clock = clock

    def sound(self, seconds: float = 30.0) -> None:
        """Wait until it is connected again."""
        eventually(lambda: self.broker.problem() is None, seconds, lambda: str(self.broker.problem()))

    def reconnected(self, connections: int = 2) -> None:
        """Wait until it is connected for the second time, or as often as said."""
        eventually(lambda: self.gateway.recording.connections >= connections, 30)
        self.sound()

    def done(self, intent: OrderIntent, looks: int = 400) -> Order:
        """Look for the outcome until there is one."""
        order: Order | None = None
        for _ in range(looks):
            order = self.broker.find(intent)
            if order.status.done:
                return order
            self.clock.wait(0.25)
        raise AssertionError(f"no outcome: {order}")

    def done_in_the_end(self, intent: OrderIntent, seconds: float = 60.0) -> Order:
        """The outcome, however often the connection ends in between."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(BrokerUnavailable):
                order = self.broker.find(intent)
                if order.status.done:
                    return order
            self.clock.wait(0.25)
        raise AssertionError(f"no outcome; {self.broker.problem()}")

    def absent(self, intent: OrderIntent, looks: int = 20) -> Order:
        """What is said of it when a complete answer does not have it."""
        for _ in range(looks):
            order = self.broker.find(intent)
            if order.status is OrderStatus.ABSENT:
                return order
            self.clock.wait(0.25)
        raise AssertionError(f"it is not absent: {order}")

    def looked_for(self, intent: OrderIntent, looks: int) -> Order:
        """What is known after some looks, a quarter of a second apart."""
        order = self.broker.find(intent)
        for _ in range(looks):
            self.clock.wait(0.25)
            order = self.broker.find(intent)
        return order

    def status(self, intent: OrderIntent, looks: int) -> OrderStatus:
        return self.looked_for(intent, looks).status


@contextmanager
def bench(
    *accounts: Account, timing: Timing = QUICK, clock: MovedClock | None = None, **changes: Any
) -> Iterator[Bench]:
    clock, used = clock or MovedClock(), bench_timing(timing)
    with gateway_at(clock, *accounts) as gateway, broker_at(gateway, clock, used, **changes) as broker:
        made = Bench(gateway, broker, clock)
        made.timing = used
        made.sound()
        yield made


def order(quantity: int = 100, number: int = 1, **changes: Any) -> OrderIntent:
    return sound_intent(quantity=quantity, order_ref=f"qqqbot-20261124-{number:02d}", **changes)


def eventually(condition: Any, seconds: float = 30.0, found: Any = lambda: "it did not happen") -> None:
    """Wait for something in another thread. Raises AssertionError."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(found())
        threading.Event().wait(0.005)
