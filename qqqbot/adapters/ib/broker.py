"""An account at Interactive Brokers behind the Broker port.

Rule 1: it answers only over a connection that has caught up with everything, and only with complete answers. If this
        gateway never completes some answer, only the work that needs that answer stops. Completed orders are optional.
Rule 2: it sends an order once and never changes it. It neither touches nor counts orders, positions and accounts that
        are not the bot's.
Rule 3: `order_tracker` concludes from all callbacks how an order ended; if they do not say, the broker is asked.
Rule 4: an order that a precaution of the gateway may keep is cancelled, once per connection; the answer ends the order.
Rule 5: an order is treated as unknown to the broker only after answers on one unbroken stretch of connection, because a
        gateway may keep an order while it is offline and send it later.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple, Protocol, Self

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.account import PositionRow, SummaryRow
from qqqbot.adapters.ib.connection import ConnectionManager, Link, Timing
from qqqbot.adapters.ib.order_tracker import ENDED_STATUSES, REF_PREFIX, Event, Judgement, OrderTracker, Sent, Status
from qqqbot.adapters.ib.prices import PriceRequests
from qqqbot.adapters.ib.silence import Silences
from qqqbot.model.errors import AccountRefused, BrokerUnavailable, OrderOutcomeUnknown, OrderRejected
from qqqbot.model.executions import stem
from qqqbot.model.market import Quote
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock
from qqqbot.model.values import AccountSnapshot, Fill, Mode, Order, OrderIntent, OrderStatus, Side
from qqqbot.runtime.config import Config

log = logging.getLogger(__name__)

# Seconds between two requests for a complete answer about orders; also how long to wait for an order's first callback.
ASK_SECONDS = 2.0
# An order that stays open in silence is looked up this often: callbacks get lost around the nightly reset.
ASK_WORKING_SECONDS = 10.0
# Commissions come within seconds of their execution, or not at all.
COMMISSION_SECONDS = 4.0
# Executions are read again this often even if none seems to be missing.
EXECUTIONS_SECONDS = 60.0
# For this long positions and cash may lag behind an execution that is already known.
LAG_SECONDS = 5.0
LAG_PAUSE_SECONDS = 0.2
# The broker refreshes account values every three minutes (facts: tws-api, account summary). If a value has not followed
# the bot's fills after three refreshes, something else changed it too. From then on the value is believed, and compared
# with the book.
BELIEVED_SECONDS = 600.0
# By this part an account value may move less than the fills' money: commissions, interest, other currencies.
LAG_TOLERANCE = Decimal("0.01")
# After an answer without quotes, the broker is not asked for quotes for this long.
NO_QUOTES_SECONDS = 30 * 60.0
BID, ASK, LAST = 1, 2, 4


class Gateway(Link, Protocol):
    """The connection, as the broker needs it. Reading raises BrokerUnavailable if an answer is incomplete."""

    account: str
    managed: tuple[str, ...]
    prices: PriceRequests

    def open(self, host: str, port: int, client_id: int) -> None: ...
    def read_account(self) -> tuple[list[SummaryRow], list[PositionRow], list[Status]]: ...
    def read_orders(self) -> list[Status]: ...
    def read_executions(self) -> None: ...
    def take_order_id(self, above: int) -> int: ...
    def place(self, order_id: int, intent: OrderIntent) -> None: ...
    def withdraw(self, order_id: int) -> None: ...


class IBBroker:
    """`make` makes a new, unconnected gateway object that hands what it hears about orders to its listener."""

    needs_open_exchange = True
    absence_is_final_after = timedelta(minutes=5)

    def __init__(
        self,
        config: Config,
        clock: Clock,
        timing: Timing,
        make: Callable[[Callable[[Event], None]], Gateway],
        silences: Silences,
    ) -> None:
        self._silences = silences
        self._config = config
        self._clock = clock
        self._timing = timing
        self._make = make
        self._connection: ConnectionManager[Gateway] = ConnectionManager(self._connect, self._catch_up, clock, timing)
        self._identity: tuple[Mode, str] | None = None
        self._symbols = config.rules.form.symbols
        self._orders = OrderTracker()
        self._news = threading.Condition()
        """guards `_orders`"""
        self._asking = threading.RLock()
        """one conversation at a time: answers without a number would get mixed up"""
        self._asked: dict[str, float] = {}
        """order_ref -> when a complete answer about it was last requested"""
        self._cancelled: dict[str, set[int]] = {}
        """order_ref -> the ids under which it was cancelled because the gateway may keep it"""
        self._filled_at: dict[str, float] = {}
        self._sent_at: dict[str, float] = {}
        self._executions_at = -EXECUTIONS_SECONDS
        self._before: _Seen | None = None
        """the newest snapshot that showed all fills known at its time"""
        self._behind_since: float | None = None
        self._no_quotes: tuple[float, str] | None = None

    # Connecting
    def start(self) -> None:
        self._connection.start()

    def close(self) -> None:
        """Disconnect. Open orders stay open."""
        self._connection.close()

    def identity(self, wait_seconds: float) -> tuple[Mode, str] | None:
        """Mode and id of the account; None until a connection has been ready. Raises AccountRefused."""
        return self._identity if self._connection.wait(wait_seconds) else None

    def broker(self, *_: object) -> Self:
        """This object itself, which trades the account: a real account does not depend on the bot's records."""
        return self

    second_prices = broker

    def problem(self) -> str | None:
        """What prevents the account from answering at this moment, and what to do about it; None if nothing does."""
        return self._connection.problem() or self._silences.told()

    def refused(self) -> str | None:
        """Why the account that the gateway is logged in to may not be traded: a person must log it in again."""
        return self._connection.refused()

    @property
    def mode(self) -> Mode:
        return self._known()[0]

    @property
    def account(self) -> str:
        return self._known()[1]

    def _known(self) -> tuple[Mode, str]:
        if self._identity is None:
            raise BrokerUnavailable(self._connection.problem() or "the account is not known yet")
        return self._identity

    def _connect(self) -> Gateway:
        """A connection to the right account. Raises BrokerUnavailable, AccountRefused."""
        config = self._config
        link = self._make(self._take)
        link.open(config.ib_host, config.ib_port, config.ib_client_id)
        try:
            allowed = config.allow_live and not config.dry_run
            chosen = ib_account.choose_account(link.managed, config.ib_account, config.ib_port, allowed)
            if self._identity not in (None, chosen):
                raise AccountRefused(
                    f"the gateway's login has changed: it was {self._known()[1]} and is now {chosen[1]}"
                )
        except AccountRefused as refused:
            link.close(str(refused))
            raise
        self._identity = chosen
        link.account = chosen[1]
        with self._news:
            self._orders.new_connection()
        return link

    def _catch_up(self, link: Gateway) -> None:
        """Read everything that may have been missed. Raises BrokerUnavailable."""
        with self._asking:
            with self._news:
                self._orders.mark_unconfirmed()
            self._executions_at = -EXECUTIONS_SECONDS
            for read in (partial(self._read_orders, link), link.read_account):
                try:
                    read()
                except BrokerUnavailable:
                    if link.ended():
                        raise

    def _take(self, event: Event) -> None:
        with self._news:
            self._orders.take(event)
            self._news.notify_all()

    # The account

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Report the shares and prices of `symbols` from now on."""
        self._symbols = symbols

    def snapshot(self) -> AccountSnapshot:
        link = self._connection.ready()
        until = (began := self._clock.monotonic()) + LAG_SECONDS
        with self._asking:
            while True:
                summary, positions, orders = link.read_account()
                seen = self._seen(summary, positions)
                behind = seen.behind(self._before)
                late = self._behind_since is not None or self._clock.monotonic() >= until
                if not behind or late or self._clock.wait(LAG_PAUSE_SECONDS):
                    break
            self._connection.ready()
        self._behind_since = (self._behind_since or began) if behind else None
        if self._behind_since is None or began - self._behind_since > BELIEVED_SECONDS:
            self._before, self._behind_since, behind = seen, None, ""
        sold_today, now = self._sold_today(seen.fills.values()), self._clock.now()
        spendable, unsettled = ib_account.spendable(seen.amounts, sold_today)
        return AccountSnapshot(
            account=self.account,
            mode=self.mode,
            net_liquidation=seen.amounts["NetLiquidation"],
            spendable=spendable,
            positions=seen.shares,
            open_order_refs=tuple(sorted(self._open_refs(orders))),
            taken_at=now,
            unsettled=unsettled,
            behind=behind,
            dividends_due=seen.amounts.get(ib_account.DIVIDENDS),
        )

    def _open_refs(self, orders: list[Status]) -> list[str]:
        with self._news:
            return [ref for ref in _alive(orders) if not self._orders.refused(ref)]

    def _seen(self, summary: list[SummaryRow], positions: list[PositionRow]) -> "_Seen":
        fills = {stem(fill.exec_id): fill for order in self._executed() for fill in order.fills}
        found = ib_account.amounts(summary, self.account)
        shares = ib_account.shares(positions, self.account, self._symbols)
        return _Seen(shares, found, fills)

    def _sold_today(self, fills: Iterable[Fill]) -> Decimal:
        """The proceeds of the bot's own sales today."""
        today = new_york_date(self._clock.now())
        sales = (f for f in fills if f.side is Side.SELL and new_york_date(f.time) == today)
        return sum((f.price * f.quantity for f in sales), Decimal(0))

    def quotes(self) -> Mapping[str, Quote]:
        now = self._clock.monotonic()
        if self._no_quotes and now < self._no_quotes[0]:
            return {}
        try:
            ticks, trouble = self._connection.ready().prices.quotes(self._symbols, self._timing.quotes)
        except BrokerUnavailable as unavailable:
            log.debug("quotes: %s", unavailable)
            return {}
        prices = {symbol: price for symbol in self._symbols if (price := _price(ticks.get(symbol, {})))}
        if len(prices) == len(self._symbols):
            self._no_quotes = None
        else:
            self._no_quotes = now + NO_QUOTES_SECONDS, trouble or "the broker sent no live prices in time"
            log.info("no quotes from the broker for a while: %s", self._no_quotes[1])
        return {symbol: Quote(symbol, price, self._clock.now()) for symbol, price in prices.items()}

    def last_prices(self) -> Mapping[str, Quote]:
        trades = self._connection.ready().prices.last_trades(self._symbols, self._timing.answer)
        return {symbol: Quote(symbol, price, moment) for symbol, (price, moment) in trades.items()}

    def daily_closes(self) -> Mapping[str, Mapping[date, float]]:
        return self._connection.ready().prices.daily_closes(self._symbols, self._timing.answer)

    # Orders

    def submit(self, intent: OrderIntent) -> None:
        try:
            link = self._connection.ready()
        except BrokerUnavailable as unavailable:
            raise OrderRejected(f"{intent.order_ref} was not sent: {unavailable}") from None
        with self._news:
            if self._orders.was_sent(intent.order_ref):
                raise OrderOutcomeUnknown(f"{intent.order_ref} was sent before; it is not sent again")
            order_id = link.take_order_id(self._orders.highest_order_id())
            self._orders.take(Sent(intent.order_ref, order_id))
        self._sent_at[intent.order_ref] = self._clock.monotonic()
        link.place(order_id, intent)

    def cancel(self, intent: OrderIntent) -> None:
        link = self._connection.ready()
        with self._news:
            order_ids = self._orders.order_ids(intent.order_ref)
        if not order_ids:
            raise BrokerUnavailable(
                f"no cancel possible under ib_client_id {self._config.ib_client_id}: it was sent under another, or the "
                "gateway does not list it; set ib_client_id as it was then, or cancel it in TWS"
            )
        for order_id in order_ids:
            link.withdraw(order_id)

    def find(self, intent: OrderIntent) -> Order:
        link, ref = self._connection.ready(), intent.order_ref
        judgement, asked = self._listen(intent), False
        if self._should_ask(intent.order_ref, judgement):
            self._asked[intent.order_ref] = self._clock.monotonic()
            alive = self._ask_for_orders(link)
            with self._news:
                judgement, asked = self._orders.judge(intent.order_ref, intent.quantity, alive), True
        if judgement.held:
            self._cancel_held(link, ref)
        order = judgement.order or Order(ref, OrderStatus.UNKNOWN, message="not completely looked for yet")
        if asked and (judgement.absent or judgement.order is None):
            return self._absent(judgement, order)
        return self._with_commissions(order)

    def recent_orders(self) -> tuple[Order, ...]:
        link = self._connection.ready()
        lacking = any(_lacks_commission(order) for order in self._executed())
        if self._clock.monotonic() - self._executions_at >= (ASK_SECONDS if lacking else EXECUTIONS_SECONDS):
            with self._asking:
                began = self._clock.monotonic()
                link.read_executions()
                self._executions_at = began
        return self._executed()

    def _executed(self) -> tuple[Order, ...]:
        with self._news:
            return self._orders.with_executions()

    def _listen(self, intent: OrderIntent) -> Judgement:
        """Judge the order by what is known. If it is in flight, wait briefly for the callbacks that end it."""
        with self._news:

            def judge() -> Judgement:
                return self._orders.judge(intent.order_ref, intent.quantity)

            def settled() -> bool:
                """Whether nothing more will come: a fill has its commissions, any other end the broker's reason."""
                order = judge().order
                if order is None or order.status is OrderStatus.FILLED:
                    return order is None or not _lacks_commission(order)
                return order.status.done and bool(order.message)

            if intent.order_ref in self._sent_at:
                self._news.wait_for(settled, self._timing.news)
            return judge()

    def _should_ask(self, ref: str, judgement: Judgement) -> bool:
        now = self._clock.monotonic()
        since_asked = now - self._asked.get(ref, -ASK_WORKING_SECONDS)
        if judgement.order is not None and judgement.order.status is OrderStatus.SUBMITTED:
            since_asked = min(since_asked, now - self._sent_at.get(ref, now - ASK_SECONDS))
        if judgement.ask:
            return since_asked >= ASK_SECONDS
        working = judgement.order is not None and not judgement.order.status.done
        return working and min(since_asked, now - self._sent_at.get(ref, 0.0)) >= ASK_WORKING_SECONDS

    def _ask_for_orders(self, link: Gateway) -> frozenset[str]:
        """Refs of open orders; executions and completed orders are read as well. Raises BrokerUnavailable."""
        with self._asking:
            alive = _alive(self._read_orders(link))
            # An answer given while the gateway's line was lost is not trusted.
            self._connection.ready()
        return frozenset(alive)

    def _cancel_held(self, link: Gateway, ref: str) -> None:
        """Cancel the order once under each id that it has on this connection. Raises BrokerUnavailable."""
        with self._news:
            order_ids = self._orders.order_ids(ref)
        for order_id in set(order_ids) - self._cancelled.get(ref, set()):
            link.withdraw(order_id)
            self._cancelled.setdefault(ref, set()).add(order_id)
            log.info("%s is cancelled: a precaution of the gateway may keep it, and send it later", ref)

    def _read_orders(self, link: Gateway) -> list[Status]:
        began = self._clock.monotonic()
        orders = link.read_orders()
        self._executions_at = began
        return orders

    def _absent(self, judgement: Judgement, order: Order) -> Order:
        """Judge an order that a complete answer lacks, or reports without an end; see rules 4 and 5.

        An order that was sent on this connection has arrived, because a later request has been answered. An order that
        the gateway keeps ends with the answer to its cancel, or with the connection on which it had its id.
        """
        ref, since = order.order_ref, self._connection.since
        with self._news:
            known_here = self._orders.order_ids(ref)
        if judgement.held and known_here:
            return order
        arrived = judgement.silent and self._sent_at.get(ref, -math.inf) >= since
        return replace(order, status=OrderStatus.ABSENT, since=since, taken=arrived or judgement.held)

    def _with_commissions(self, order: Order) -> Order:
        """A filled order waits briefly for its commissions, and then ends without them."""
        if order.status is not OrderStatus.FILLED or not _lacks_commission(order):
            return order
        now = self._clock.monotonic()
        if now - self._filled_at.setdefault(order.order_ref, now) < COMMISSION_SECONDS:
            return replace(order, status=OrderStatus.WORKING)
        return order


def _lacks_commission(order: Order) -> bool:
    return any(fill.commission is None for fill in order.fills)


class _Seen(NamedTuple):
    """The contents of a snapshot: whole shares, the account's amounts by tag, and the executions known at that time.

    It has the newest revision of each execution, under the part of the id that all its revisions share.
    """

    shares: Mapping[str, int]
    amounts: Mapping[str, Decimal]
    fills: Mapping[str, Fill]

    def behind(self, before: "_Seen | None") -> str:
        """Which values have not changed since `before` as the executions since then imply; empty if all have.

        The broker refreshes each value on its own. Cash changes by the executions' money. The available funds change by
        less, depending on the margin of the shares, so that only their direction is known.
        """
        doubt = ib_account.doubt(self.amounts)
        if doubt and (before is None or not ib_account.doubt(before.amounts)):
            return doubt
        if before is None:
            return ""
        each = [(fill, before.fills.get(trade)) for trade, fill in self.fills.items()]
        new = [(fill, known) for fill, known in each if _size(fill) != _size(known)]
        moved = {s: sum(_size(f)[0] - _size(known)[0] for f, known in new if f.symbol == s) for s in self.shares}
        paid = -sum((_size(fill)[1] - _size(known)[1] for fill, known in new), Decimal(0))
        # Of an execution that was cancelled nothing is left, and amounts come rounded to a cent.
        sizes = (max(abs(_size(fill)[1]), abs(_size(known)[1])) for fill, known in new)
        slack = LAG_TOLERANCE * sum(sizes, Decimal(0))
        changed = {tag: self.amounts[tag] - before.amounts[tag] for tag in ("TotalCashValue", "AvailableFunds")}
        late = {
            "positions": any(count - before.shares.get(s, 0) != moved[s] for s, count in self.shares.items()),
            "TotalCashValue": _short_of(changed["TotalCashValue"], paid, slack),
            "AvailableFunds": abs(paid) > slack and changed["AvailableFunds"] * paid <= 0,
        }
        names = ", ".join(name for name, is_late in late.items() if is_late and new)
        return f"{names} of the account do not show our newest fills yet" if names else ""


def _size(fill: Fill | None) -> tuple[int, Decimal]:
    """The shares and money of a fill, both negative for a sale."""
    count = 0 if fill is None else fill.quantity if fill.side is Side.BUY else -fill.quantity
    return count, count * fill.price if fill else Decimal(0)


def _short_of(moved: Decimal, paid: Decimal, slack: Decimal) -> bool:
    """Whether an amount has moved by less than `paid`, in its direction."""
    return moved < paid - slack if paid > 0 else moved > paid + slack


def _alive(orders: Iterable[Status]) -> set[str]:
    """Refs of the bot's orders that are listed as open, whichever client sent them.

    The list also contains lines that the gateway sent unasked in the meantime, so an order's newest line counts.
    """
    newest = {order.order_ref: order.status for order in orders}
    return {ref for ref, status in newest.items() if ref.startswith(REF_PREFIX) and status not in ENDED_STATUSES}


def _price(ticks: Mapping[int, float]) -> float | None:
    """The last trade's price, or else the midpoint of bid and ask."""
    if ticks.get(LAST, 0) > 0:
        return ticks[LAST]
    bid, ask = ticks.get(BID, 0), ticks.get(ASK, 0)
    return (bid + ask) / 2 if bid > 0 and ask > 0 else None
