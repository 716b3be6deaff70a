"""An order at the simulated broker: its whole fate, drawn when it is submitted, and what it is at any moment."""

import random
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from qqqbot.model.values import OrderIntent, OrderStatus, StatusFill


@dataclass(frozen=True)
class Execution:
    """One execution; `corrected_at` is when the broker replaces its price by `corrected_price`."""

    number: int
    at: datetime
    quantity: int
    price: Decimal
    seen_at: datetime
    commission_seen_at: datetime
    corrected_at: datetime | None = None
    corrected_price: Decimal = Decimal(0)
    charged_again_at: datetime | None = None
    """when its commission is reported once more; the first report had another sum"""
    days_off: int = 0
    """by which its time is reported wrong: a zone or a date was misread"""

    def price_at(self, now: datetime) -> Decimal:
        return self.corrected_price if self.corrected_at is not None and self.corrected_at <= now else self.price

    @property
    def commission(self) -> Decimal:
        return max(Decimal("0.35"), self.quantity * Decimal("0.005")).quantize(Decimal("0.01"))

    def commission_at(self, now: datetime) -> Decimal | None:
        """As it is reported."""
        if now < self.commission_seen_at:
            return None
        again = self.charged_again_at
        return self.commission + Decimal("0.65") * (again is not None and now < again)


@dataclass
class SimOrder:
    """`arrives` is None for an order lost on the way; `ahead`: its status is reported before its executions."""

    intent: OrderIntent
    arrives: datetime | None
    expires: datetime
    executions: tuple[Execution, ...] = ()
    refused: bool = False
    ahead: bool = False
    untold: bool = False
    """its execution is never listed; only its status reports it (ib-api-reloaded/ib_async#82)"""
    window: bool = False
    """a window of the gateway holds it, and nothing is said of it until somebody clicks"""
    released: bool = False
    """from such a window, whatever the bot believed of it by then"""
    deaf: bool = False
    """its cancel is not answered while the world is unkind"""
    cancelled_at: datetime | None = None
    inactive_at: datetime | None = None
    """from then on it is Inactive, and still listed as open (erdewit/ib_insync#554)"""
    reason: str = ""
    """the words of the 201 that made it so; without any it may rest so until it expires"""

    @property
    def turned_down(self) -> bool:
        """Whether it ends by its 201, and not before."""
        stopped = self.cancelled_at or self.expires
        return bool(self.reason) and self.inactive_at is not None and self.inactive_at < stopped

    def executed(self, now: datetime) -> tuple[Execution, ...]:
        """What has really happened at `now`."""
        end = min(self.expires, self.cancelled_at or self.expires)
        return tuple(e for e in self.executions if e.at <= now and e.at < end)

    def seen(self, now: datetime) -> tuple[Execution, ...]:
        return () if self.untold else tuple(e for e in self.executed(now) if e.seen_at <= now)

    def hides(self, now: datetime) -> bool:
        """Whether something has been executed that will be listed later."""
        return not self.untold and len(self.seen(now)) < len(self.executed(now))

    def told(self, now: datetime) -> StatusFill | None:
        done = self.executed(now) if self.untold else ()
        return StatusFill(done[0].quantity, done[0].price) if done else None

    def status(self, now: datetime) -> OrderStatus | None:
        """None if the broker does not know the order (yet)."""
        if self.arrives is None or now < self.arrives:
            return None
        if self.refused or (self.turned_down and self.inactive_at is not None and now >= self.inactive_at):
            return OrderStatus.REJECTED
        if sum(e.quantity for e in self.executed(now)) == self.intent.quantity:
            return OrderStatus.FILLED
        if now >= min(self.expires, self.cancelled_at or self.expires):
            return OrderStatus.CANCELLED
        return OrderStatus.WORKING

    def reported_status(self, now: datetime) -> OrderStatus | None:
        """A broker that works properly does not report the end of an order before its executions."""
        status = self.status(now)
        return OrderStatus.WORKING if self.hides(now) and not self.ahead and status is not None else status

    def cancelled_ahead(self, now: datetime) -> bool:
        """Whether it is reported as cancelled while some of its executions cannot be seen yet."""
        return self.hides(now) and self.reported_status(now) is OrderStatus.CANCELLED

    def alive(self, now: datetime) -> bool:
        """Whether it can still be executed, at the broker or on its way there."""
        if self.arrives is None or self.refused:
            return self.window
        status = self.status(now)
        return status is None or not status.done


@dataclass
class Unkindness:
    """How often, from 0 to 1, the broker does anything but fill at once; `rng` decides."""

    p: float
    rng: random.Random

    def happens(self, weight: float = 1.0) -> bool:
        return self.p > 0 and self.rng.random() < self.p * weight
