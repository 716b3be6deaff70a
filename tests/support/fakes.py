"""The implementations of the ports in tests: prices that a test chooses, a broker with its own memory.

`FakeBroker` is the broker's side of the world: it outlives the bot, so a test may discard an Engine at any point and
build another one with the same files. What it does with an order is a `Behaviour`, taken from `behaviours` one by one;
without one, it fills the order at once.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.model.errors import BrokerUnavailable, OrderOutcomeUnknown, OrderRejected
from qqqbot.model.market import Dividend, Market, Quote
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Heard, Notifier
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import (
    AccountSnapshot,
    Answer,
    Fill,
    Holding,
    Mode,
    Order,
    OrderIntent,
    OrderStatus,
    Rules,
    Side,
)
from qqqbot.records.book import Book
from qqqbot.records.jsonl import AppendOnlyFile, Row
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Engine, State
from qqqbot.trading.parts import Adapters, Records
from tests.support.builders import ACCOUNT, DAY, NOW, PRICE, RULES, TQQQ_PRICE, adjusted, market, new_york, table
from tests.support.symbols import QQQ, SYMBOLS, TQQQ


class FakeNotifier:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def notify(self, kind: str, text: str) -> None:
        self.told.append((kind, text))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]


class Watching:
    """A fake that has been told what to watch."""

    watched: tuple[str, ...] = ()

    def watch(self, symbols: tuple[str, ...]) -> None:
        self.watched = symbols


@dataclass
class FakePrices(Watching):
    """QQQ at `price` in a history in which the rule wants `target`; `trouble`, if any, is raised instead.

    An answer comes after `takes`. The rows stay as they are from session to session. Another `target` needs other ones,
    which the bot would doubt: they come without the fund's, the witness of the earlier ones.
    """

    clock: VirtualClock
    target: Holding = Holding.QQQ
    price: float = PRICE
    changes: dict[str, Any] = field(default_factory=dict)
    trouble: Exception | None = None
    known: SessionTable = field(default_factory=table)
    calls: int = 0
    takes: timedelta = timedelta(0)
    first: tuple[date, Holding] | None = None
    paid: tuple[Dividend, ...] | None = None
    """the dividends that the closes are adjusted for; None: those that the answer reports"""

    def sessions(self, now: datetime) -> SessionTable:
        assert now == self.clock.now()
        return self.known

    def market(self, now: datetime) -> Market:
        self.calls += 1
        if self.trouble is not None:
            raise self.trouble
        self.clock.advance(self.takes)
        return self._adjusted(replace(self.as_of(now), **self.changes))

    def _adjusted(self, answer: Market) -> Market:
        paid = answer.dividends if self.paid is None else self.paid
        own, fund = adjusted(answer.bars, paid, answer.signal), adjusted(answer.fund_bars, paid, answer.fund)
        return replace(answer, bars=own, fund_bars=fund)

    def as_of(self, now: datetime, **overrides: Any) -> Market:
        today = new_york_date(now)
        day, target = self.first = self.first or (today, self.target)
        since = sum(session.date >= day for session in table().sessions if session.date < today)
        witnessed = {} if self.target is target else {"fund_bars": ()}
        return market(self.target, self.price, now, **{"recently": 29 + since, **witnessed, **overrides})


@dataclass
class FakeBroker(Watching):
    """An account of 100,000 in cash that trades at the decision's prices."""

    clock: VirtualClock
    mode: Mode = Mode.PAPER
    account: str = ACCOUNT
    needs_open_exchange: bool = True
    absence_is_final_after: timedelta = timedelta(minutes=5)
    cash: Decimal = Decimal(100_000)
    positions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 0))
    orders: dict[str, Order] = field(default_factory=dict)
    submitted: list[OrderIntent] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    behaviours: list["Behaviour"] = field(default_factory=list)
    on_submit: Callable[[OrderIntent], None] = lambda _: None
    late_fills: int = 0
    """shares of the first cancelled order that are filled after it was reported as cancelled"""
    swallowed: list[str] = field(default_factory=list)
    """orders that a window of the gateway holds: taken, and never acknowledged"""
    deaf_to_cancel: bool = False
    cannot_cancel: str = ""
    silent: bool = False
    account_silent: bool = False
    cash_shown: Decimal | None = None
    """what the account shows in place of its cash, as of before a sale; None if it shows what there is"""
    elsewhere: Decimal = Decimal(0)
    """what the account is worth in other things"""
    commission: Decimal | None = Decimal("1.00")
    broker_quotes: Mapping[str, Quote] = field(default_factory=dict)
    dividends_due: Decimal | None = None
    behind: str = ""

    def snapshot(self) -> AccountSnapshot:
        self._answer()
        if self.account_silent:
            raise BrokerUnavailable("no complete answer about the account")
        prices = {QQQ: Decimal(str(PRICE)), TQQQ: Decimal(str(TQQQ_PRICE))}
        return AccountSnapshot(
            account=self.account,
            mode=self.mode,
            net_liquidation=self.cash + sum((prices[s] * n for s, n in self.positions.items()), self.elsewhere),
            spendable=self.cash if self.cash_shown is None else self.cash_shown,
            positions=dict(self.positions),
            open_order_refs=tuple(ref for ref, order in self.orders.items() if not order.status.done),
            taken_at=self.clock.now(),
            dividends_due=self.dividends_due,
            behind=self.behind,
        )

    def quotes(self) -> Mapping[str, Quote]:
        return self.broker_quotes

    def submit(self, intent: OrderIntent) -> None:
        self.on_submit(intent)
        self.submitted.append(intent)
        behaviour = self.behaviours.pop(0) if self.behaviours else fills
        behaviour(self, intent)

    def find(self, intent: OrderIntent) -> Order:
        self._answer()
        order = self.orders.get(intent.order_ref)
        swallowed = intent.order_ref in self.swallowed
        return order or Order(intent.order_ref, OrderStatus.ABSENT, taken=swallowed)

    def cancel(self, intent: OrderIntent) -> None:
        self._answer()
        if self.cannot_cancel:
            raise BrokerUnavailable(self.cannot_cancel)
        self.cancelled.append(intent.order_ref)
        order = self.orders.get(intent.order_ref)
        if order is not None and not self.deaf_to_cancel and not order.status.done:
            self.orders[intent.order_ref] = replace(order, status=OrderStatus.CANCELLED)

    def recent_orders(self) -> tuple[Order, ...]:
        self._answer()
        for intent in self.submitted:
            if self.late_fills and self.orders[intent.order_ref].status is OrderStatus.CANCELLED:
                quantity, self.late_fills = self.late_fills, 0
                self.trade(intent, quantity)
        return tuple(order for order in self.orders.values() if order.fills)

    def trade(self, intent: OrderIntent, quantity: int) -> None:
        """Execute `quantity` of the order, whatever its state."""
        order = self.orders.get(intent.order_ref, Order(intent.order_ref, OrderStatus.WORKING))
        part = Fill(
            exec_id=f"{intent.order_ref}.{len(order.fills) + 1:02d}.01",
            order_ref=intent.order_ref,
            symbol=intent.symbol,
            side=intent.side,
            quantity=quantity,
            price=intent.decision_price,
            commission=self.commission,
            time=self.clock.now(),
        )
        sign = 1 if intent.side is Side.BUY else -1
        self.positions[intent.symbol] += sign * quantity
        self.cash -= sign * quantity * intent.decision_price + (self.commission or 0)
        order = replace(order, fills=(*order.fills, part))
        done = OrderStatus.FILLED if order.filled == intent.quantity else order.status
        self.orders[intent.order_ref] = replace(order, status=done)

    def bust(self, intent: OrderIntent) -> None:
        """The exchange cancels the executions of the order: each is revised to no shares."""
        order = self.orders[intent.order_ref]
        sign = 1 if intent.side is Side.BUY else -1
        for part in order.fills:
            self.positions[intent.symbol] -= sign * part.quantity
            self.cash += sign * part.quantity * part.price + (part.commission or 0)
        none = [replace(f, exec_id=f"{f.exec_id[:-2]}02", quantity=0, commission=Decimal(0)) for f in order.fills]
        self.orders[intent.order_ref] = replace(order, status=OrderStatus.CANCELLED, fills=tuple(none))

    def finish(self, intent: OrderIntent, status: OrderStatus, message: str = "") -> None:
        order = self.orders.get(intent.order_ref, Order(intent.order_ref, status))
        self.orders[intent.order_ref] = replace(order, status=status, message=message)

    def fills(self) -> list[Fill]:
        return [fill for order in self.orders.values() for fill in order.fills]

    def _answer(self) -> None:
        if self.silent:
            raise BrokerUnavailable("no answer")


Behaviour = Callable[[FakeBroker, OrderIntent], None]


def fills(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.trade(intent, intent.quantity)


def works(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.finish(intent, OrderStatus.WORKING)


def fills_part(quantity: int, then: OrderStatus = OrderStatus.WORKING) -> Behaviour:
    """Only `quantity` is filled; the rest works on, or is cancelled by the exchange."""

    def behaviour(broker: FakeBroker, intent: OrderIntent) -> None:
        broker.finish(intent, OrderStatus.WORKING)
        broker.trade(intent, quantity)
        if not broker.orders[intent.order_ref].status.done:
            broker.finish(intent, then)

    return behaviour


def never_leaves(broker: FakeBroker, intent: OrderIntent) -> None:
    raise OrderRejected("not connected")


def is_rejected(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.finish(intent, OrderStatus.REJECTED, "not enough buying power")


def swallowed(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.swallowed.append(intent.order_ref)


def lost_on_the_way(broker: FakeBroker, intent: OrderIntent) -> None:
    raise OrderOutcomeUnknown("the connection broke while sending")


def answer_lost(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.trade(intent, intent.quantity)
    raise OrderOutcomeUnknown("the connection broke after sending")


@dataclass
class FakeAccount:
    """The account that the daemon opens, at `inner`."""

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

    def second_prices(self) -> None:
        return None

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeOwner:
    """Reads each announcement at once, and has written `replies` to it."""

    clock: VirtualClock
    told: list[tuple[str, str]] = field(default_factory=list)
    replies: set[Answer] = field(default_factory=set)
    delivers: bool = True
    readable: bool = True
    code: str = ""

    def ask(self, code: str, text: str, delivered: bool) -> None:
        if code not in [known for known, _ in self.told]:
            self.replies = set()
        self.code = code
        if not delivered:
            self.told.append((code, text))

    def heard(self, code: str) -> Heard | None:
        if code != self.code:
            return None
        read, problem = (self.clock.monotonic(), "") if self.readable else (-math.inf, "channel 1 (ntfy) is away")
        return Heard(self.delivers, frozenset(self.replies) if self.readable else frozenset(), read, problem)

    def rest(self) -> None:
        self.code = ""


class FullDisk(AppendOnlyFile):
    """A record on a disk with room for `room` more lines."""

    def __init__(self, path: Path, room: int = 0) -> None:
        super().__init__(path)
        self.room = room

    def append_all(self, rows: Sequence[Row]) -> list[Row]:
        if self.room < len(rows):
            raise OSError(28, "No space left on device")
        self.room -= len(rows)
        return super().append_all(rows)


@dataclass
class World:
    """Files, clock, prices and broker that outlive the bot. `start` is what a start of the daemon does."""

    logs: Path
    rules: Rules = RULES
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    capital: Decimal = Decimal(100_000)
    timeout: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        self.prices = FakePrices(self.clock)
        self.broker = FakeBroker(self.clock)
        self.notifier = FakeNotifier()
        self.listener: Notifier = self.notifier
        self.owner = FakeOwner(self.clock)

    def records(self) -> Records:
        return load_records(self.logs, Identity(self.broker.mode, self.broker.account), self.clock, self.listener)

    def start(self, records: Records | None = None) -> Engine:
        records = records or self.records()
        if later := set_capital(records.book, self.capital, self.clock, records.journal.unresolved()):
            self.listener.notify(AlertKind.TOTAL_CAPITAL, later)
        room = 10 * 1024**3
        outside = Adapters(
            self.clock, self.prices, self.broker, self.listener, disk_free=lambda: room, owner=self.owner
        )
        return assemble(records, outside, self.rules, self.timeout, capital=self.capital)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The complete rows of one of the records."""
        path = self.logs / name
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line, parse_float=Decimal) for line in lines if line.endswith("\n")]

    def trades(self) -> list[dict[str, Any]]:
        return [row for row in self.rows("trades.jsonl") if "kind" not in row]

    def events(self) -> list[str]:
        """The journal as 'event' words, in order."""
        return [row["event"] for row in self.rows("orders.jsonl")]

    def pass_time(self, **parts: float) -> None:
        self.clock.advance(timedelta(**parts))

    def assert_book_is_the_brokers(self) -> None:
        """Every execution is in the book once, and shares and cash are the broker's."""
        ledger = self.records().book.ledger
        told = [exec_id for row in self.rows("trades.jsonl") for exec_id in row.get("exec_ids", ())]
        assert sorted(told) == sorted(fill.exec_id for fill in self.broker.fills())
        assert ledger.shares == self.broker.positions
        assert ledger.cash == self.broker.cash
        assert min(ledger.shares.values()) >= 0
        assert ledger.cash >= 0
        refs = [intent.order_ref for intent in self.broker.submitted]
        assert len(set(refs)) == len(refs)


def world_at(tmp_path: Path, hour: int, minute: int, rules: Rules = RULES) -> World:
    """At that time in New York."""
    return World(tmp_path, rules=rules, clock=VirtualClock(new_york(DAY, hour, minute)))


def in_qqq(world: World) -> Engine:
    """An engine whose account holds QQQ."""
    engine = world.start()
    engine.step()
    assert world.broker.positions == {QQQ: 211, TQQQ: 0}
    return engine


def reports_an_old_fill(broker: FakeBroker, intent: OrderIntent) -> None:
    old = replace(broker.fills()[0], order_ref=intent.order_ref, quantity=intent.quantity)
    broker.orders[intent.order_ref] = Order(intent.order_ref, OrderStatus.FILLED, (old,))
