"""A broker with its own ledger, outside the bot: it outlives every crash and knows what really happened.

The whole fate of an order is drawn when it is submitted: when it arrives, when it is executed and at what price, when
its executions and commissions can be seen. What the broker knows at a moment is then a function of that moment, and
what it *reports* may be less. `submit` is where the laws of the project are checked: it stands for the wire.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.account import PositionRow
from qqqbot.adapters.ib.order_tracker import REF_PREFIX, Notice, OrderTracker, Sent, Status
from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.errors import OrderOutcomeUnknown, OrderRejected
from qqqbot.model.market import Quote
from qqqbot.model.values import (
    AccountSnapshot,
    Fill,
    Mode,
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
)
from tests.simulation.sim_orders import Execution, SimOrder, Unkindness
from tests.support.fakes import Watching

ACCOUNT = "DU7654321"
ABSENCE_IS_FINAL_AFTER = timedelta(minutes=5)
# No order arrives later than this; it must be less than the time after which its absence is believed.
LATEST_ARRIVAL_SECONDS = 240
# IB refreshes the values of an account every three minutes, each on its own (facts: tws-api, account summary).
LATEST_VALUE_SECONDS = 180
NO_MARGIN = "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED"
# The executions of a twin are numbered from here.
OF_A_TWIN = 51
REF = f"{REF_PREFIX}1"


@dataclass
class SimBroker(Watching):
    """`now` is the world's time, whatever the bot's clock says; `law` is called with each order before it leaves."""

    now: Callable[[], datetime]
    let_pass: Callable[[timedelta], None]
    prices: SimulatedPrices
    unkind: Unkindness
    odd: Unkindness
    """the same for what is rare: with a generator of its own, so that it leaves the other faults as they were"""
    confused: Unkindness
    """the same for answers that contradict themselves: with a generator of its own, too"""
    law: Callable[[OrderIntent], None]
    capital: Decimal
    orders: dict[str, SimOrder] = field(default_factory=dict)
    by_hand: list[tuple[str, int, Decimal]] = field(default_factory=list)
    """the owner's own trades: symbol, signed shares, price"""
    moved: list[tuple[datetime, Decimal]] = field(default_factory=list)
    """money that came or went without a trade: dividends, fees, what the owner takes and brings back"""
    foreign_cash: Decimal = Decimal(0)
    """in other currencies: part of what the account is worth, and nothing that a purchase may spend"""
    twins: dict[str, SimOrder] = field(default_factory=dict)
    """order_ref -> a second order of the broker's under it"""
    misreported: set[str] = field(default_factory=set)
    """of which the newest answer had a wrong number of shares"""
    reinvested: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """shares bought with dividends: no order and no execution reports them"""
    listed: tuple[str, ...] = ()
    """open orders of the newest answer"""
    shows_short: datetime | None = None
    """when this process first saw a position below zero; None while it sees none"""
    told: dict[str, datetime] = field(default_factory=dict)
    """order_ref -> when this process was first told that there are two of it, or that it was refused while inactive"""
    windows: bool = False
    """whether a precaution opens a window for each order"""
    _wrong: bool = False
    """whether the newest answer had a wrong figure"""
    _refusing: int = 0
    _shown: dict[str, datetime] = field(default_factory=dict)
    """value of the account -> the moment as of which it was last shown"""
    mode: Mode = Mode.PAPER
    account: str = ACCOUNT
    needs_open_exchange: bool = True
    absence_is_final_after: timedelta = ABSENCE_IS_FINAL_AFTER

    # What is true

    def alive(self) -> list[str]:
        return [ref for ref, order in self.orders.items() if order.alive(self.now())]

    def all_orders(self) -> tuple[SimOrder, ...]:
        return (*self.orders.values(), *self.twins.values())

    def of(self, order_ref: str) -> tuple[SimOrder, ...]:
        """The order under that reference, and its twin."""
        return tuple(orders[order_ref] for orders in (self.orders, self.twins) if order_ref in orders)

    def shares(self, now: datetime, by_hand: bool = True) -> dict[str, int]:
        held = dict.fromkeys(self.prices.symbols, 0)
        for order in self.all_orders():
            sign = 1 if order.intent.side is Side.BUY else -1
            held[order.intent.symbol] += sign * sum(e.quantity for e in order.executed(now))
        for symbol, quantity, _ in self.by_hand if by_hand else ():
            held[symbol] += quantity
        return self._whole(held) if by_hand else held

    def _whole(self, held: Mapping[str, int]) -> dict[str, int]:
        return {symbol: count + math.floor(self.reinvested[symbol]) for symbol, count in held.items()}

    def _positions(self, now: datetime) -> dict[str, int]:
        """What the bot's adapter makes of shares and their fractions."""
        found = {s: count + self.reinvested[s] % 1 for s, count in self.shares(now).items()}
        rows = [PositionRow(ACCOUNT, s, "STK", "USD", n) for s, n in found.items()]
        if self.confused.happens(2):  # told twice, and among those of others
            others = [replace(row, quantity=Decimal(7)) for row in rows]
            rows += [replace(other, account="DU7654322") for other in others] + rows
            rows += [replace(other, currency="EUR") for other in others]
            rows += [replace(other, sec_type="OPT") for other in others]
        return ib_account.shares(rows, ACCOUNT, self.prices.symbols)

    def cash(self, now: datetime, by_hand: bool = True) -> Decimal:
        cash = self.capital
        for order in self.all_orders():
            sign = 1 if order.intent.side is Side.BUY else -1
            for e in order.executed(now):
                cash -= sign * e.quantity * e.price_at(now) + e.commission
        for _, quantity, price in self.by_hand if by_hand else ():
            cash -= quantity * price
        return cash + sum((amount for at, amount in self.moved if by_hand and at <= now), Decimal(0))

    def move_cash(self, amount: Decimal) -> None:
        self.moved.append((self.now(), amount))

    def reinvest_a_part(self) -> None:
        """At any time, beside the bot's own order: the fraction of a share grows, and no whole one comes of it."""
        symbol = self.confused.rng.choice(self.prices.symbols)
        grown = self.reinvested[symbol] + Decimal(self.confused.rng.randint(1, 40)) / 100
        if self.shares(self.now())[symbol] > 0 and grown // 1 == self.reinvested[symbol] // 1:
            self.reinvested[symbol] = grown

    def untold_commissions(self, now: datetime) -> Decimal:
        """They are paid, and nothing ever tells of them."""
        orders = [order for order in self.orders.values() if order.untold]
        return sum((e.commission for order in orders for e in order.executed(now)), Decimal(0))

    # What is reported

    def snapshot(self) -> AccountSnapshot:
        self._latency()
        now = self.now()
        # Each value may lag behind the executions for itself; but a broker that reported an order's end before its
        # executions and also showed the shares as they were before them could not be handled by anybody.
        hidden = any(o.cancelled_ahead(now) for o in self.all_orders())
        held = self._positions(now if hidden else self._as_of("shares"))
        cash, funds, net = (self.cash(self._as_of(value)) for value in ("cash", "funds", "net"))
        value = sum((Decimal(str(self.prices.price(s, now))) * n for s, n in held.items()), net)
        lists = now - timedelta(seconds=self.confused.rng.choice((2, 60)) if self.confused.happens() else 0)
        self.listed = tuple(
            ref for ref in self.orders if any(self._is_listed(order, lists, now) for order in self.of(ref))
        )
        seen = AccountSnapshot(
            account=ACCOUNT,
            mode=Mode.PAPER,
            net_liquidation=value + self.foreign_cash,
            spendable=max(min(cash, funds), Decimal(0)),
            positions=held,
            open_order_refs=self.listed,
            taken_at=now,
        )
        self._wrong = self.odd.happens(0.5) and not self._wrong
        told = self._with_a_wrong_figure(seen) if self._wrong else seen
        below = min(told.positions.values()) < 0
        self.shows_short = (self.shows_short or now) if below else None
        self.misreported = {s for s, count in told.positions.items() if count != seen.positions[s]}
        return told

    def _with_a_wrong_figure(self, seen: AccountSnapshot) -> AccountSnapshot:
        """One value of the account, in this answer alone."""
        by, symbol = self.odd.rng.choice((0, 2, 10)), self.odd.rng.choice(self.prices.symbols)
        positions = {**seen.positions, symbol: seen.positions[symbol] * by}
        if sum(amount for _, amount in self.moved) < -self.capital / 10:
            # Money that was taken out is in the book and not there: nothing but the account knows.
            return replace(seen, spendable=seen.spendable * by)
        return self.odd.rng.choice(
            (
                replace(seen, net_liquidation=seen.net_liquidation * by),
                replace(seen, spendable=seen.spendable * by),
                replace(seen, positions=positions),
            )
        )

    def _is_listed(self, order: SimOrder, lists: datetime, now: datetime) -> bool:
        """As the bot's adapter would have it of an order that is Inactive. An ended order may be listed a while yet."""
        if lists < now and order.reported_status(lists) is OrderStatus.WORKING:
            return True
        if self._is_inactive(order, now):
            return not (order.cancelled_at or order.expires) <= now and not _tracker(order).refused(REF)
        return order.reported_status(now) is OrderStatus.WORKING

    @staticmethod
    def _is_inactive(order: SimOrder, now: datetime) -> bool:
        return order.inactive_at is not None and order.inactive_at <= now

    def _as_of(self, value: str) -> datetime:
        """The moment that `value` is shown as of: never an earlier one than it was shown before."""
        now, unkind = self.now(), self.unkind
        lag = unkind.rng.choice((3, 60, LATEST_VALUE_SECONDS)) if unkind.happens(2) else 0
        self._shown[value] = max(now - timedelta(seconds=lag), self._shown.get(value, now - timedelta(days=1)))
        return self._shown[value]

    def quotes(self) -> Mapping[str, Quote]:
        return {}

    def find(self, intent: OrderIntent) -> Order:
        self._latency()
        order = self.orders.get(intent.order_ref)
        known = self._reported(order) if order is not None else None
        if (
            known is not None
            and order is not None
            and (known.twins or (order.turned_down and self._is_inactive(order, self.now())))
        ):
            self.told.setdefault(intent.order_ref, self.now())
        return known or Order(intent.order_ref, OrderStatus.ABSENT, taken=order is not None and order.window)

    def recent_orders(self) -> tuple[Order, ...]:
        self._latency()
        reported = [self._reported(order) for order in self.orders.values()]
        recent = tuple(order for order in reported if order is not None and order.fills)
        self.told.update({order.order_ref: self.now() for order in recent if order.twins} | self.told)
        return recent

    def cancel(self, intent: OrderIntent) -> None:
        self._latency()
        for order in self.of(intent.order_ref):
            if order.deaf and self.unkind.p:
                continue
            if order.cancelled_at is None and not self.unkind.happens(0.5):  # some cancels get lost
                # Whatever is executed until the cancel arrives is executed.
                order.cancelled_at = self.now() + timedelta(seconds=2 if self.unkind.happens() else 0.1)

    def submit(self, intent: OrderIntent) -> None:
        self.law(intent)
        assert intent.order_ref not in self.orders, f"{intent.order_ref} was sent twice"
        unkind = self.unkind
        if not self._refusing and unkind.happens(0.5):
            self._refusing = unkind.rng.choice((1, 1, 1, 4))
        if self._refusing or not self._can_pay(intent):
            self._refusing = max(0, self._refusing - 1)
            raise OrderRejected("the simulated broker refuses it")
        order = self._drawn(intent)
        if self.windows:
            order = SimOrder(intent, None, order.expires, window=True)
        self.orders[intent.order_ref] = order
        if order.window:
            return
        answer_lost = order.arrives is None or unkind.happens(0.5)
        self._latency()
        if answer_lost and unkind.rng.random() < 0.7:
            raise OrderOutcomeUnknown("the answer was lost")

    def click(self, transmit: bool) -> None:
        """Somebody answers the windows of the gateway, and ticks that there be no more."""
        self.windows = False
        transmit = transmit and self.prices.table.open_session(self.now()) is not None
        for ref, order in self.orders.items():
            if order.window:
                # At today's price it may cost more than there is; the broker refuses that.
                price = Decimal(str(self.prices.price(order.intent.symbol, self.now())))
                pays = self._can_pay(replace(order.intent, decision_price=price * Decimal("1.05")))
                dismissed = SimOrder(order.intent, None, order.expires)
                self.orders[ref] = self._released(order.intent) if transmit and pays else dismissed

    def _released(self, intent: OrderIntent) -> SimOrder:
        return replace(self._drawn(intent), arrives=self.now(), untold=False, released=True)

    def send_twin(self, order: SimOrder, quantity: int, expires: datetime) -> None:
        """A second order under the reference of the first (nautechsystems/nautilus_trader#4564)."""
        now, odd = self.now(), self.odd
        intent = replace(order.intent, quantity=quantity)
        price = Decimal(str(self.prices.price(intent.symbol, now))).quantize(Decimal("0.0001"))
        seen_at = now + timedelta(seconds=odd.rng.choice((0, 1, 30, 150)))
        at_once = Execution(OF_A_TWIN, now, quantity, price, seen_at, seen_at)
        rests = odd.rng.random() < 0.4
        executions = () if rests else (at_once,)
        self.twins[intent.order_ref] = SimOrder(intent, now, expires, executions, deaf=odd.happens())

    def _can_pay(self, intent: OrderIntent) -> bool:
        """The money may have left the account since its values were refreshed."""
        return intent.side is Side.SELL or intent.quantity * intent.decision_price <= self.cash(self.now())

    def _latency(self) -> None:
        if self.unkind.happens():
            self.let_pass(timedelta(seconds=self.unkind.rng.choice((0.2, 2, 20))))

    def _drawn(self, intent: OrderIntent) -> SimOrder:
        """The whole life of a new order."""
        unkind, rng, now = self.unkind, self.unkind.rng, self.now()
        session = self.prices.table.open_session(now)
        assert session is not None
        arrives = now + timedelta(seconds=rng.uniform(1, LATEST_ARRIVAL_SECONDS) if unkind.happens(0.5) else 0.001)
        # A gateway that maintains and resubmits orders keeps them over the night.
        night = unkind.happens(0.3)
        expires = self.prices.table.next_open(session.close).close if night else session.close
        if self.odd.happens():
            inactive_at = arrives + timedelta(seconds=self.odd.rng.choice((0.5, 20, 50)))
            reason = self.odd.rng.choice((NO_MARGIN, NO_MARGIN, ""))
            deaf = self.odd.rng.random() < 0.5
            return SimOrder(intent, arrives, expires, deaf=deaf, inactive_at=inactive_at, reason=reason)
        if unkind.happens(0.5):
            return SimOrder(intent, None, expires)
        if unkind.happens(0.3):
            return SimOrder(intent, arrives, expires, refused=True)
        if unkind.happens(0.3):
            whole = tuple(self._executions(intent, arrives, kind=True))
            return SimOrder(intent, arrives, expires, whole, untold=True)
        parts, deaf = self._executions(intent, arrives), unkind.happens(0.5)
        return SimOrder(intent, arrives, expires, tuple(parts), ahead=unkind.happens(), deaf=deaf)

    def _executions(self, intent: OrderIntent, arrives: datetime, kind: bool = False) -> Iterable[Execution]:
        unkind, rng = (Unkindness(0, self.unkind.rng) if kind else self.unkind), self.unkind.rng
        pieces = rng.choice((2, 3, 4)) if unkind.happens(2) else 1
        at = arrives
        for number, quantity in enumerate(_split(intent.quantity, pieces), start=1):
            at = self._open_at(at + timedelta(seconds=rng.choice((0.1, 5, 40, 4000)) if unkind.happens(2) else 0.001))
            if (price := self._price(intent, at)) is None:
                return
            seen_at = at + timedelta(seconds=rng.choice((1, 30, 150)) if unkind.happens() else 0)
            commission_at = seen_at + timedelta(seconds=rng.choice((1, 60, 600)) if unkind.happens() else 0)
            corrected_at = seen_at + timedelta(seconds=rng.choice((0, 50, 900))) if unkind.happens(0.5) else None
            corrected = price + Decimal("0.0100")
            whole = Execution(number, at, quantity, price, seen_at, commission_at, corrected_at, corrected)
            yield whole if kind else self._confused(whole)

    def _confused(self, e: Execution) -> Execution:
        """`e` as a gateway reports it that has misread its time, or that charges it twice with different sums."""
        confused = self.confused
        again = e.commission_seen_at + timedelta(seconds=confused.rng.choice((5, 900))) if confused.happens() else None
        days_off = confused.rng.choice((-1, 1)) if confused.happens(0.3) else 0
        return replace(e, charged_again_at=again, days_off=days_off)

    def _open_at(self, at: datetime) -> datetime:
        """`at`, or the next open after it: an order that survived the night is executed then."""
        if self.prices.table.open_session(at) is not None:
            return at
        return self.prices.table.next_open(at).open + timedelta(seconds=1)

    def _price(self, intent: OrderIntent, at: datetime) -> Decimal | None:
        """The market's price plus or minus a basis point; None if a limit forbids it."""
        sign = 1 if intent.side is Side.BUY else -1
        price = Decimal(str(self.prices.price(intent.symbol, at))) * (1 + sign * Decimal("0.0001"))
        price = price.quantize(Decimal("0.0001"))
        if intent.order_type is OrderType.LIMIT and intent.limit_price is not None:
            return price if sign * (intent.limit_price - price) >= 0 else None
        return price

    def _reported(self, order: SimOrder) -> Order | None:
        now = self.now()
        status = order.reported_status(now)
        if status is None:
            return None
        ref, twin = order.intent.order_ref, self.twins.get(order.intent.order_ref)
        if self._is_inactive(order, now):
            return self._reported_inactive(order, now)
        fills = [self._fill(order, e, now) for o in self.of(ref) for e in o.seen(now)]
        if twin is not None:
            filled = sum(fill.quantity for fill in fills)
            if not status.done and filled >= order.intent.quantity:
                status = OrderStatus.FILLED
        if fills and self.unkind.happens():
            fills += fills[: self.unkind.rng.randint(1, len(fills))]
        told = order.told(now)
        reported = OrderStatus.UNKNOWN if told else status
        message = "refused" if order.refused else ""
        return Order(ref, reported, tuple(fills), message, told, twins=twin is not None)

    def _reported_inactive(self, order: SimOrder, now: datetime) -> Order:
        """What the bot's adapter concludes from the callbacks, and from an answer that lists it until its end."""
        tracker, ended = _tracker(order), (order.cancelled_at or order.expires) <= now
        if ended:
            tracker.take(Status(1, 1, "Cancelled", REF, 0))
        found = tracker.judge(REF, order.intent.quantity, frozenset(() if ended else (REF,))).order
        assert found is not None
        return replace(found, order_ref=order.intent.order_ref)

    def _fill(self, order: SimOrder, e: Execution, now: datetime) -> Fill:
        corrected = e.corrected_at is not None and e.corrected_at <= now
        return Fill(
            exec_id=f"{order.intent.order_ref}.{e.number:02d}.{2 if corrected else 1:02d}",
            order_ref=order.intent.order_ref,
            symbol=order.intent.symbol,
            side=order.intent.side,
            quantity=e.quantity,
            price=e.price_at(now),
            commission=e.commission_at(now),
            time=e.at + timedelta(days=e.days_off),
        )


def _tracker(order: SimOrder) -> OrderTracker:
    """After the callbacks about an order that turned Inactive."""
    tracker = OrderTracker()
    tracker.take(Sent(REF, 1))
    tracker.take(Status(1, 1, "PreSubmitted", REF, 0))
    if order.turned_down:
        tracker.take(Notice(1, 201, order.reason))
    tracker.take(Status(1, 1, "Inactive", REF, 0))
    return tracker


def _split(quantity: int, pieces: int) -> list[int]:
    size = max(1, quantity // pieces)
    parts = [size] * (min(pieces, quantity) - 1)
    return [*parts, quantity - sum(parts)]
