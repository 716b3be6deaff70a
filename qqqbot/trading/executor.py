"""Orders from intent to outcome.

Rule 1: an intent is on disk on the line above the one that sends it.
Rule 2: only the broker's executions and orders are an outcome. A failed send, an error, a timeout or a missing answer
        is none: the intent stays unresolved, nothing else is sent, and the order is looked for until it is found.
Rule 3: "not there" is believed only if complete answers say so for as long as the broker requires. It proves nothing
        about an order of a past session, because a broker reports the present day only: such an order is lost, not
        refused. Nor does it prove anything about an order that the broker took without a word: a window of the gateway
        may hold it (QuantConnect/Lean.Brokerages.InteractiveBrokers#252). No other order follows it: trading stops.
Rule 4: fills go to the book before the outcome goes to the journal. After a crash in between, the book's step is
        repeated, and nothing is counted twice.
"""

import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from qqqbot.model.errors import (
    BrokerUnavailable,
    OrderOutcomeUnknown,
    OrderOverrun,
    OrderRejected,
    OrderUnanswered,
)
from qqqbot.model.executions import is_from_status, newest_revisions
from qqqbot.model.new_york import new_york_date
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import (
    AccountSnapshot,
    Order,
    OrderIntent,
    OrderStatus,
    Plan,
    PlannedOrder,
    Rules,
    Signal,
    Snapshot,
)
from qqqbot.records.journal import LOST
from qqqbot.records.row_prices import named
from qqqbot.runtime.daily_log import pairs
from qqqbot.strategy.risk import refusal
from qqqbot.trading.audit import overruns
from qqqbot.trading.parts import Adapters, Records
from qqqbot.trading.status_fills import MESSAGE, filled_by_shares, filled_by_status

log = logging.getLogger(__name__)

# Pauses between two looks for an outcome: short at first, since a market order is filled within milliseconds, then a
# few looks a second.
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.25
# A cancel that is not answered within seconds is not answered in this check.
CANCEL_GRACE_SECONDS = 20
# The rest of an order that was filled in part is gone if two answers this far apart lack it.
REST_GONE_AFTER = timedelta(seconds=10)
# An order that is still open this long after its time needs a person: its cancel is not answered, or a window holds it.
LASTING_AFTER = timedelta(minutes=5)
# Executions follow the order's status within seconds. If complete answers lack one for longer, it may never come.
STATUS_BELIEVED_AFTER = timedelta(seconds=60)


class Executor:
    """Sends orders one at a time and finds out how each ended."""

    def __init__(self, records: Records, outside: Adapters, rules: Rules, timeout: timedelta) -> None:
        self._book, self._journal, self._switch = records.book, records.journal, records.switch
        self._clock, self._broker, self._notifier = outside.clock, outside.broker, outside.notifier
        self.pulse = outside.pulse
        self._rules = rules
        self._timeout = timeout
        self._absent_since: dict[str, float] = {}
        """order_ref -> monotonic seconds: setting the clock must not turn five seconds into five minutes"""
        self._twins: set[str] = set()
        self._listed_since: dict[str, datetime] = {}
        """open order_ref -> when it was first seen, for orders that the journal does not know"""
        self._told_since: dict[str, float] = {}
        """order_ref -> monotonic seconds since its status is ahead of its executions"""
        self._found: dict[str, Order] = {}
        """order_ref -> the newest answer about it"""
        self._said: dict[str, str] = {}
        """open order_ref -> the broker's words about it, or why a cancel could not even be sent"""

    def resolve(self) -> None:
        """Look once for the outcome of every unresolved intent, and record late executions in the book.

        An order that is still open after its time, because the process that waited for it is gone or its cancel got
        lost, is cancelled, whatever its session: a gateway that "maintains and resubmits orders" keeps it overnight.
        Raises BrokerUnavailable, OSError, OrderUnanswered.
        """
        for intent in self._journal.unresolved():
            still_open = self._look(intent) is None and intent.order_ref not in self._absent_since
            if still_open and intent.order_ref not in self._told_since and self._age(intent) >= self._timeout:
                self._cancel(intent)
        for order in self._broker.recent_orders():
            known = self._journal.intent(order.order_ref)
            if known is not None:
                self._note_twins(order)
                self._absorb(known, order)

    def audit(self) -> None:
        """Halt if something happened that must never happen. Each such event halts once, for a person to look at it.

        Raises OrderOverrun, OSError.
        """
        found = overruns(self._book.ledger, self._journal.newest(), self._twins)
        new = [overrun for overrun in found if overrun[:2] not in self._journal.overruns]
        if not new:
            return
        reason = "; ".join(sentence for _, _, sentence in new)
        self._switch.halt(reason)
        for order_ref, what, _ in new:
            self._journal.overrun(order_ref, what, self._clock.now())
        raise OrderOverrun(reason)

    def withdraw(self, listed: Iterable[str]) -> None:
        """Cancel orders that the account lists as open although the journal has an outcome, such as "lost"."""
        unresolved = {intent.order_ref for intent in self._journal.unresolved()}
        for ref in listed:
            intent = self._journal.intent(ref)
            if intent is not None and ref not in unresolved and self._age(intent) >= self._timeout:
                self._said.pop(ref, None)
                self._cancel(intent)

    def executed(self, account: AccountSnapshot, prices: Mapping[str, Decimal]) -> list[tuple[OrderIntent, Order]]:
        """The unresolved orders whose shares `account` shows, each as filled, although the broker reports no fill.

        The price is the owner's, in `prices` ("" stands for any symbol), or else the decision's.
        """
        found, ledger = [], self._book.ledger
        for intent in self._journal.unresolved():
            price = prices.get(intent.symbol, prices.get("", intent.decision_price))
            known, order = ledger.orders.get(intent.order_ref), self._found.get(intent.order_ref)
            if order is None:  # `resolve` has not looked for it
                continue
            booked = known.shares if known else 0
            filled = filled_by_shares(intent, order, price, ledger.portfolio(), booked, account)
            if filled is not None:
                found.append((intent, filled))
        return found

    def lasting(self, open_orders: Iterable[str], account: AccountSnapshot) -> tuple[str, ...]:
        """The orders of `open_orders` that should have ended long ago, each with what is known of why it has not.

        An order that the broker no longer lists is left out: its absence will end it.
        """
        now, refs = self._clock.now(), tuple(ref for ref in open_orders if ref not in self._absent_since)
        self._listed_since = {ref: self._listed_since.get(ref, now) for ref in refs}
        known = {ref: self._journal.intent(ref) for ref in refs}
        since = {ref: i.decided_at if i else self._listed_since[ref] for ref, i in known.items()}
        lasting = [ref for ref in refs if now - since[ref] >= self._timeout + LASTING_AFTER]
        self._said = {ref: said for ref, said in self._said.items() if ref in refs}
        executed = {intent.order_ref for intent, _ in self.executed(account, {})} if lasting else ()
        shown = dict.fromkeys(executed, f"the account shows its shares: {COMMAND} adopt books it")
        why = {ref: "; ".join(filter(None, (self._said.get(ref), shown.get(ref)))) for ref in lasting}
        return tuple(f"{ref} ({why[ref]})" if why[ref] else ref for ref in lasting)

    def _age(self, intent: OrderIntent) -> timedelta:
        return self._clock.now() - intent.decided_at

    def execute(self, plan: Plan, snapshot: Snapshot) -> None:
        """Send the orders of `plan`, which was decided on `snapshot`, each when the one before it is done.

        Raises OrderRejected if one is refused or ends without a fill, OrderOutcomeUnknown if one is not done in
        time or a stop was asked for while it was open, BrokerUnavailable, OSError.
        """
        assert plan.signal is not None
        for planned in plan.orders:
            intent = self._intent(planned, plan, plan.signal, snapshot)
            # Since the snapshot a halt may have begun and, after the plan's first order, the count has changed.
            count = self._journal.orders_in(snapshot.session.date)
            seen = replace(snapshot, halted=self._switch.reason(), orders_this_session=count)
            if reason := refusal(intent, seen, self._rules, self._broker.account, self._clock.now()):
                raise OrderRejected(f"not sent: {reason}")
            self._send(intent)
            self._await_outcome(intent)

    def _intent(self, planned: PlannedOrder, plan: Plan, signal: Signal, snapshot: Snapshot) -> OrderIntent:
        return OrderIntent(
            order_ref=self._journal.next_ref(snapshot.session.date),
            session=snapshot.session.date,
            decided_at=snapshot.now,
            side=planned.side,
            symbol=planned.symbol,
            quantity=planned.quantity,
            order_type=self._rules.order_type,
            limit_price=planned.limit_price,
            decision_price=planned.decision_price,
            target=plan.target or signal.target,
            reason=plan.sentence,
            signal_price=signal.price,
            fund_price=snapshot.market.fund_quote.price,
            prices=named(snapshot.market.prices),
            short_ma=signal.short_ma,
            long_ma=signal.long_ma,
            position_size=self._rules.position_size,
            account_money=planned.account_money,
        )

    def _send(self, intent: OrderIntent) -> None:
        self._journal.intended(intent)
        try:
            self._broker.submit(intent)
        except OrderRejected as rejected:
            self.conclude(intent, Order(intent.order_ref, OrderStatus.REJECTED, message=str(rejected)))
            raise
        self._journal.sent(intent, self._clock.now())
        log.info(pairs(order=intent.order_ref, side=intent.side, quantity=intent.quantity, symbol=intent.symbol))

    def _await_outcome(self, intent: OrderIntent) -> None:
        """Wait until the order is done; cancel it after the timeout. Raises as `execute` does."""
        started, pause, cancelled = self._clock.monotonic(), FIRST_PAUSE_SECONDS, False
        while (order := self._look_patiently(intent)) is None:
            waited = self._clock.monotonic() - started
            if waited >= self._timeout.total_seconds() + CANCEL_GRACE_SECONDS:
                raise self._not_known(intent, f"no outcome after {waited:.0f} s; looked for at each check")
            filled = intent.order_ref in self._told_since  # its status says so: nothing to cancel
            if waited >= self._timeout.total_seconds() and not cancelled and not filled:
                cancelled = self._cancel(intent)
            if self._clock.wait(pause):
                raise self._not_known(intent, "stopped while it was open; looked for at the next start")
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.pulse()
        if order.status is OrderStatus.REJECTED and not order.again:
            raise OrderRejected(f"{intent.order_ref}: {order.message or 'refused by the broker'}")
        if order.status is OrderStatus.CANCELLED and not order.filled:
            # Nobody is trading, as in a trading halt: a new order right now would not be filled either.
            late = f"not filled within {self._timeout.total_seconds():.0f} s and cancelled"
            found = late if cancelled else f"cancelled without a fill ({order.message or 'the broker gives no reason'})"
            if not cancelled:
                self._notifier.notify(
                    AlertKind.ORDER_REFUSED, f"{intent.side} {intent.quantity} {intent.symbol}: {found}"
                )
            raise OrderRejected(f"{intent.order_ref}: {found}; the next check plans again")

    def _not_known(self, intent: OrderIntent, why: str) -> OrderOutcomeUnknown:
        """The error to raise. The executions so far are booked first: the next look may come after a night, in which a
        broker forgets them. Raises OSError.
        """
        if order := self._found.get(intent.order_ref):
            self._absorb(intent, order)
        return OrderOutcomeUnknown(f"{intent.order_ref}: {why}")

    def _look_patiently(self, intent: OrderIntent) -> Order | None:
        with contextlib.suppress(BrokerUnavailable):  # the connection has logged why
            return self._look(intent)
        return None

    def _look(self, intent: OrderIntent) -> Order | None:
        """The order if it is done and recorded; None if it is not done or not known to be."""
        order = self._broker.find(intent)
        self._said[intent.order_ref] = order.message
        self._note_twins(order)
        order = self._found[intent.order_ref] = replace(order, fills=newest_revisions(order.fills))
        # A status that is ahead of its executions is not believed: the book would lack them.
        order = self._as_the_status_says(intent, order) or order
        if not order.status.done or (order.status is OrderStatus.FILLED and order.filled < intent.quantity):
            # An order of a past session ended with that session; executions still missing will never be reported.
            ended = self._is_past(intent) and order.status is not OrderStatus.WORKING
            if order.status is OrderStatus.ABSENT or ended:
                return self._absent(intent, order)
            if order.status not in (OrderStatus.UNKNOWN, OrderStatus.SUBMITTED):
                self._absent_since.pop(intent.order_ref, None)
            return None
        if order.status is OrderStatus.REJECTED and order.taken:
            return self._unanswered(intent, order)
        self.conclude(intent, order)
        return order

    def _as_the_status_says(self, intent: OrderIntent, order: Order) -> Order | None:
        """The order as filled, if its executions do not come and the account's shares agree with its status."""
        if order.told is None:
            return None
        now, ref = self._clock.monotonic(), intent.order_ref
        if now - self._told_since.setdefault(ref, now) < STATUS_BELIEVED_AFTER.total_seconds():
            return None
        known = self._book.ledger.orders.get(ref)
        booked = known.shares if known else 0
        positions = self._broker.snapshot().positions
        portfolio = self._book.ledger.portfolio()
        return filled_by_status(intent, order, portfolio, booked, positions, self._clock.now())

    def _is_past(self, intent: OrderIntent) -> bool:
        """Whether it is from an earlier day, which a broker forgets; the simulated account forgets nothing."""
        return self._broker.needs_open_exchange and intent.session < new_york_date(self._clock.now())

    def _absent(self, intent: OrderIntent, order: Order) -> Order | None:
        """Judge an order that the broker does not have, or whose end it does not report."""
        ref, now, past = intent.order_ref, self._clock.monotonic(), self._is_past(intent)
        if order.taken and not self._journal.was_taken(ref):
            self._journal.taken(intent, self._clock.now())
        since = self._absent_since.get(ref, now)
        self._absent_since[ref] = since if since >= order.since else now
        absent = timedelta(seconds=now - self._absent_since[ref])
        rest = bool(order.fills) and not past
        if absent < (REST_GONE_AFTER if rest else self._broker.absence_is_final_after):
            return None
        if self._journal.was_taken(ref):
            return self._unanswered(intent, order)
        if past:
            return self._lost(intent, order)
        text = f"the broker does not know the order, and has not for {absent.total_seconds():.0f} s"
        if rest:
            text = "the rest of the order is no longer at the broker"
        status = OrderStatus.CANCELLED if rest else OrderStatus.REJECTED
        order = replace(order, status=status, message=order.message or text)
        self.conclude(intent, order)
        return order

    def _unanswered(self, intent: OrderIntent, order: Order) -> Order:
        """The halt comes first: a process that dies in between must not send another one. Raises OrderUnanswered."""
        count = self._journal.unanswered_in_row + 1
        said = f" ({order.message})" if order.message else ""
        orders = f"{count} order{'s' if count > 1 else ''}"
        reason = f"the gateway took {orders} and answered none{said}: look at its windows, then resume"
        self._switch.halt(reason)
        self.conclude(intent, replace(order, status=OrderStatus.CANCELLED, message=reason, taken=True))
        raise OrderUnanswered(reason)

    def _lost(self, intent: OrderIntent, order: Order) -> Order:
        """The order, ended with its session. Only the account's shares can say whether it was executed."""
        text = (
            f"sent on {intent.session}; {LOST}: "
            "if it was executed, the account differs from the book: answer with adopt"
        )
        order = replace(order, status=OrderStatus.CANCELLED, message=text)
        self.conclude(intent, order)
        self._notifier.notify(AlertKind.ORDER_LOST, f"{intent.side} {intent.quantity} {intent.symbol}, {text}")
        return order

    def _cancel(self, intent: OrderIntent) -> bool:
        """Whether the cancel was sent; the outcome shows what it did."""
        try:
            self._broker.cancel(intent)
        except BrokerUnavailable as unavailable:
            log.info(pairs(order=intent.order_ref, cancel=str(unavailable)))
            self._said[intent.order_ref] = self._said.get(intent.order_ref) or str(unavailable)
            return False
        return True

    def conclude(self, intent: OrderIntent, order: Order) -> None:
        """Record how the order ended: its fills in the book, then its outcome in the journal. Raises OSError."""
        self._absorb(intent, order)
        self._journal.outcome(intent, order, self._clock.now())
        self._absent_since.pop(intent.order_ref, None)
        self._told_since.pop(intent.order_ref, None)
        self._found.pop(intent.order_ref, None)
        message = {"message": order.message} if order.message else {}
        log.info(pairs(order=intent.order_ref, status=order.status, filled=order.filled, **message))
        if order.status is OrderStatus.REJECTED and not order.again:
            self._notifier.notify(
                AlertKind.ORDER_REFUSED, f"{intent.side} {intent.quantity} {intent.symbol}: {order.message}"
            )

    def _note_twins(self, order: Order) -> None:
        """Note orders that the broker has twice, ended or not: the audit of the next round halts for them."""
        if order.twins:
            self._twins.add(order.order_ref)

    def _absorb(self, intent: OrderIntent, order: Order) -> None:
        for row in self._book.absorb(intent, order, self._clock.now()):
            if row.get("kind", "trade") == "trade":
                trade = f"{row['side']} {row['quantity']:,} {row['symbol']} at {row['price']:,.4f}"
                self._notifier.notify(AlertKind.TRADE, f"{trade}, moving to {row['position']}")
                if any(map(is_from_status, row["exec_ids"])):
                    self._notifier.notify(AlertKind.NO_EXECUTIONS, f"{trade}: {MESSAGE}")
            elif change := row["order_quantity_change"]:
                text = f"{intent.order_ref}: {change:+,} of the {intent.quantity:,} {intent.symbol}"
                self._notifier.notify(AlertKind.CORRECTED, f"{text} to {intent.side.lower()}")
