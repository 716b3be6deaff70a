"""Makes an `Order` of all that Interactive Brokers' callbacks say about it. Pure, except for what it remembers.

Rule 1: facts are only ever added, and adding a fact twice or in another order changes nothing: callbacks come twice,
        late, out of order, and again after each reconnect.
Rule 2: the bot recognises its orders by their order_ref, then by their permId. The broker reuses integer order ids
        after some restarts (QuantConnect/Lean.Brokerages.InteractiveBrokers#242): they are forgotten at each connect.
Rule 3: executions are the truth. An order reported as filled is filled when its executions add up. An order reported as
        cancelled has ended when its executions match the reported filled quantity. An order that was made smaller at
        the broker is "Filled" with fewer shares than were ordered; that is believed only from a complete answer.
Rule 4: an error code ends only an order that was never acknowledged. "Inactive" may mean refused or held; with the code
        of a refusal it means refused, also after PreSubmitted and while the order is still listed
        (erdewit/ib_insync#554).
Rule 5: a code of the gateway's precautions ends nothing, because TWS may keep the order until somebody clicks Transmit.
        The order ends when its cancel is answered. It then counts as refused, in the words of the precaution.
Rule 6: an execution that lacks a fact is not counted. It proves that the order was executed, so that the order is never
        treated as refused, absent or cancelled without a fill. Complete it may come with the next answer, or never.
Rule 7: an order's message is the reason for its refusal. A 202 without a reason, or a code that came later, is none.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from qqqbot.adapters.ib.error_codes import Meaning, code_of_order, explain_order
from qqqbot.adapters.ib.silence import LIST_EXECUTIONS
from qqqbot.model.executions import forget_oldest, newest_revisions, revision, stem
from qqqbot.model.values import Fill, Order, OrderStatus, Side, StatusFill

REF_PREFIX = "qqqbot-"
CANCELLED_STATUSES = frozenset({"Cancelled", "ApiCancelled"})
ENDED_STATUSES = CANCELLED_STATUSES | {"Filled"}
# With these statuses the order is in flight, or may be open or not: they are no acknowledgement.
SILENT_STATUSES = CANCELLED_STATUSES | {"", "ApiPending", "PendingSubmit", "Inactive", "PreCancelled", "WarnState"}

# The id was used before: the next order gets a higher id.
DUPLICATE_ID = 103
# The gateway has no order of that number: its answer to a cancel if it does not keep the order, or no longer does.
NOT_AT_THE_GATEWAY = (135, 10147)
# The meanings that may explain the end of an order, the best last. A status's own text ranks between the last two.
SPEAKING = (Meaning.UNKNOWN, Meaning.CANCELLED, Meaning.HELD, Meaning.REFUSED)

INCOMPLETE = "the broker lists an execution that lacks a fact: {}"

# Far more than the orders, executions and unattributed callbacks of a day.
ORDERS_REMEMBERED = 500
COMMISSIONS_REMEMBERED = 5000
UNATTRIBUTED_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Sent:
    """The bot gave this order to the client, under this id of this connection."""

    order_ref: str
    order_id: int


@dataclass(frozen=True, slots=True)
class Status:
    """A status from openOrder (with ref and symbol), orderStatus (with the filled quantity) or completedOrder."""

    perm_id: int
    order_id: int
    """0 if it is not an id of this connection's client"""
    status: str
    order_ref: str = ""
    filled: int | None = None
    text: str = ""
    symbol: str = ""
    average: Decimal | None = None
    """average price of the filled shares"""


@dataclass(frozen=True, slots=True)
class Execution:
    exec_id: str
    perm_id: int
    order_id: int
    order_ref: str
    symbol: str
    side: Side
    shares: int
    price: Decimal
    time: datetime


@dataclass(frozen=True, slots=True)
class IncompleteExecution:
    """An execution that lacks its id, side, shares or price."""

    exec_id: str
    perm_id: int
    order_id: int
    order_ref: str
    told: str
    """the four, as they came"""


@dataclass(frozen=True, slots=True)
class CommissionReport:
    """The commission of an execution, in US dollars."""

    exec_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Notice:
    """A code under an order's id."""

    order_id: int
    number: int
    text: str
    """washed"""


OrderEvent = Sent | Status | Execution | IncompleteExecution | Notice
Event = OrderEvent | CommissionReport


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known about an order. `order` is None if nothing was heard of it.

    `ask`: only a complete answer can say more. `absent`: a complete answer no longer contains the order and does not
    say how it ended.
    """

    order: Order | None
    ask: bool = False
    absent: bool = False
    silent: bool = False
    """the order was sent and never acknowledged"""
    held: bool = False
    """the gateway may keep the order untransmitted: it must be cancelled, and the answer to the cancel ends it"""


@dataclass
class _Facts:
    """Everything that was reported about one order."""

    sent: bool = False
    here: bool = False
    """heard of since the last connect or full read"""
    statuses: set[str] = field(default_factory=set)
    filled: int | None = None
    """the highest quantity that a status reported"""
    filled_whole: int | None = None
    """the highest quantity that was reported together with "Filled\""""
    filled_price: Decimal | None = None
    """the average price that came with `filled`"""
    executions: dict[str, Execution] = field(default_factory=dict)
    incomplete: dict[str, str] = field(default_factory=dict)
    """the executions that lack a fact: the part of the id that all revisions share -> what came"""
    perm_ids: set[int] = field(default_factory=set)
    notices: dict[tuple[int, str], None] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)

    def said_filled(self, status: str, count: int | None, average: Decimal | None = None) -> None:
        if count is not None:
            if count >= (self.filled or 0):
                self.filled, self.filled_price = count, average or self.filled_price
            if status == "Filled":
                self.filled_whole = max(count, self.filled_whole or 0)

    @property
    def heard(self) -> bool:
        return bool(self.statuses or self.executions or self.incomplete or self.notices)

    @property
    def acknowledged(self) -> bool:
        return bool(self.statuses - SILENT_STATUSES or self.executions or self.incomplete)

    def meaning(self, *meanings: Meaning) -> bool:
        return any(code_of_order(*notice).meaning in meanings for notice in self.notices)

    @property
    def refused(self) -> bool:
        """Whether it is certain that the order was refused: before it was open, or by becoming inactive."""
        if self.incomplete:
            return False
        return self.meaning(Meaning.REFUSED) and ("Inactive" in self.statuses or not self.acknowledged)

    @property
    def message(self) -> str:
        """What lacks of an execution, or the broker's own words: the reason for a refusal, never an empty 202."""
        if self.incomplete:
            return INCOMPLETE.format(next(iter(self.incomplete.values())))
        texts = [(0.5, len(text), 0, text) for text in self.texts]
        told = [
            (_weight(number, text), len(text), -number, explain_order(number, text)) for number, text in self.notices
        ]
        return max(texts + told, default=(0, 0, 0, ""))[-1]


def _weight(number: int, text: str) -> float:
    """How much a code explains the end of its order."""
    meaning = code_of_order(number, text).meaning
    if meaning is Meaning.CANCELLED and not _has_reason(text):
        return 0.25
    return SPEAKING.index(meaning) + 1 if meaning in SPEAKING else 0


def _has_reason(text: str) -> bool:
    """Whether the text of a 202 gives a reason: 'Order Canceled - reason:' gives none."""
    return not text.endswith(":") and text.lower() not in ("", "order canceled", "order cancelled")


class OrderTracker:
    """The orders of one account; callbacks about other accounts must be kept out."""

    def __init__(self) -> None:
        self._facts: dict[str, _Facts] = {}
        """order_ref -> what was reported about it"""
        self._perm_refs: dict[int, str] = {}
        self._id_refs: dict[int, str] = {}
        """order id of this connection -> order_ref"""
        self._highest_id = 0
        self._commissions: dict[str, Decimal] = {}
        """exec_id -> commission"""
        self._unattributed: dict[OrderEvent, None] = {}
        """callbacks whose order is not known yet"""

    def new_connection(self) -> None:
        """Forget order ids, which mean nothing on the new connection; statements about open orders are out of date."""
        self._id_refs.clear()
        self.mark_unconfirmed()
        self._unattributed = {event: None for event in self._unattributed if isinstance(event, Execution)}

    def mark_unconfirmed(self) -> None:
        """Callbacks may have been lost: an open order counts as open only when it is heard of again."""
        for facts in self._facts.values():
            facts.here = False

    def take(self, event: Event) -> None:
        if isinstance(event, CommissionReport):
            self._commissions[event.exec_id] = event.amount
            forget_oldest(self._commissions, COMMISSIONS_REMEMBERED)
            return
        ref = self._ref_of(event)
        if ref is None:
            self._unattributed[event] = None
            forget_oldest(self._unattributed, UNATTRIBUTED_REMEMBERED)
        elif ref.startswith(REF_PREFIX):
            self._apply(ref, event)
            self._learn(ref, event)

    def refused(self, order_ref: str) -> bool:
        """Whether the broker refused the order before it was open; it may stay in the broker's list as inactive."""
        facts = self._facts.get(order_ref)
        return facts is not None and facts.refused

    def order_ids(self, order_ref: str) -> tuple[int, ...]:
        """The order's ids on this connection: none if it was sent on another one, several if the broker has twins."""
        return tuple(number for number, ref in self._id_refs.items() if ref == order_ref)

    def was_sent(self, order_ref: str) -> bool:
        facts = self._facts.get(order_ref)
        return facts is not None and (facts.sent or facts.heard)

    def highest_order_id(self) -> int:
        """The highest id that this client is known to have used."""
        return self._highest_id

    def with_executions(self) -> tuple[Order, ...]:
        """The orders with known executions; nothing is requested."""
        return tuple(
            self._order(ref, facts, OrderStatus.UNKNOWN) for ref, facts in self._facts.items() if facts.executions
        )

    def judge(self, order_ref: str, quantity: int, alive: frozenset[str] | None = None) -> Judgement:
        """The state of the order for `quantity` shares.

        `alive` are the refs that a complete answer of the broker lists as open, if that answer was requested after
        everything else here was known, executions and completed orders included; None without such an answer.
        """
        facts = self._facts.get(order_ref)
        if facts is None or not (facts.heard or facts.sent):
            return Judgement(None, ask=alive is None)
        done = sum(e.shares for e in newest_revisions(facts.executions.values()))
        if done >= quantity:
            return Judgement(self._order(order_ref, facts, OrderStatus.FILLED))
        if not facts.heard:
            missing = alive is not None and order_ref not in alive
            submitted = self._order(order_ref, facts, OrderStatus.SUBMITTED)
            return Judgement(submitted, ask=alive is None, absent=missing, silent=True)
        return self._unfilled(order_ref, facts, quantity, done, alive)

    def _unfilled(self, ref: str, facts: _Facts, quantity: int, done: int, alive: frozenset[str] | None) -> Judgement:
        """Judge an order that was reported, but whose executions do not add up to its quantity."""
        if facts.refused and not facts.statuses & ENDED_STATUSES and not done:
            return Judgement(self._order(ref, facts, OrderStatus.REJECTED))
        if alive is not None and ref in alive:
            working, reported = self._order(ref, facts, OrderStatus.WORKING), facts.statuses & ENDED_STATUSES
            ended = bool(reported) or facts.meaning(Meaning.CANCELLED, Meaning.REFUSED)
            return Judgement(working, ask=ended, held=facts.meaning(Meaning.HELD))
        if "Filled" in facts.statuses:
            return self._said_filled(ref, facts, quantity, done, alive is not None)
        if facts.statuses & CANCELLED_STATUSES or facts.meaning(Meaning.CANCELLED):
            return self._cancelled(ref, facts, done, alive is not None)
        if facts.incomplete:
            return Judgement(self._order(ref, facts, OrderStatus.UNKNOWN), ask=True)
        if facts.meaning(Meaning.REFUSED) and alive is not None:
            status = OrderStatus.REJECTED if done == 0 else OrderStatus.CANCELLED
            return Judgement(self._order(ref, facts, status))
        if alive is not None:
            return self._unlisted(ref, facts, done)
        doubts = (Meaning.REFUSED, Meaning.HELD, Meaning.NOT_CANCELLED, Meaning.UNKNOWN)
        unsure = facts.meaning(*doubts) or "Inactive" in facts.statuses
        if facts.here and facts.acknowledged and not unsure:
            return Judgement(self._order(ref, facts, OrderStatus.WORKING))
        return Judgement(self._order(ref, facts, OrderStatus.UNKNOWN), ask=True)

    def _unlisted(self, ref: str, facts: _Facts, done: int) -> Judgement:
        """Judge an order that a complete answer does not list, although nothing says that it has ended."""
        # An unknown code may come from a new precaution.
        held = not done and facts.meaning(Meaning.HELD, Meaning.UNKNOWN)
        if held and any(number in NOT_AT_THE_GATEWAY for number, _ in facts.notices):
            # "Not found" proves less than "cancelled": a precaution's window may still hold the order.
            refused = self._order(ref, facts, OrderStatus.REJECTED)
            return Judgement(replace(refused, taken=facts.meaning(Meaning.HELD)))
        silent = facts.sent and not facts.acknowledged
        return Judgement(self._order(ref, facts, OrderStatus.UNKNOWN), absent=True, silent=silent, held=held)

    def _said_filled(self, ref: str, facts: _Facts, quantity: int, done: int, answered: bool) -> Judgement:
        """Judge an order reported as filled that lacks executions.

        If a complete answer has as many shares as were reported, the order was made smaller at the broker.
        """
        order = self._order(ref, facts, OrderStatus.UNKNOWN)
        if answered and 0 < done == facts.filled_whole == facts.filled and not facts.incomplete:
            message = f"the order was made smaller at the broker: {done} of {quantity}"
            return Judgement(replace(order, status=OrderStatus.CANCELLED, message=message))
        told = self._told(facts, answered) if facts.filled_whole == facts.filled == quantity else None
        message = order.message
        if answered and not facts.incomplete:
            message = f"it is filled, and the broker lists no execution: {LIST_EXECUTIONS}"
        return Judgement(replace(order, told=told, message=message), ask=True)

    @staticmethod
    def _told(facts: _Facts, answered: bool) -> StatusFill | None:
        """The status's own figures for an ended order, if a complete answer still lacks executions."""
        return (
            StatusFill(facts.filled, facts.filled_price) if answered and facts.filled and facts.filled_price else None
        )

    def _cancelled(self, ref: str, facts: _Facts, done: int, answered: bool) -> Judgement:
        """Judge a cancelled order. It has ended if its executions match the reported filled quantity.

        In a complete answer they may also be more than was reported.
        """
        said = facts.filled
        matches = done == said or (answered and (said is None or done > said))
        if facts.incomplete or not matches:
            order = self._order(ref, facts, OrderStatus.UNKNOWN)
            return Judgement(replace(order, told=self._told(facts, answered)), ask=True)
        refused = done == 0 and facts.meaning(Meaning.REFUSED, Meaning.HELD)
        return Judgement(self._order(ref, facts, OrderStatus.REJECTED if refused else OrderStatus.CANCELLED))

    def _ref_of(self, event: OrderEvent) -> str | None:
        """The order that the event concerns; None if that is not known yet."""
        if not isinstance(event, Notice):
            if event.order_ref:
                return event.order_ref
            if not isinstance(event, Sent) and event.perm_id in self._perm_refs:
                return self._perm_refs[event.perm_id]
        return self._id_refs.get(event.order_id)

    def _apply(self, ref: str, event: OrderEvent) -> None:
        facts = self._facts.setdefault(ref, _Facts())
        match event:
            case Sent():
                facts.sent = True
            case Status():
                facts.here = True
                facts.statuses.add(event.status)
                facts.said_filled(event.status, event.filled, event.average)
                if event.text:
                    facts.texts.add(event.text)
            case Execution():
                facts.executions[event.exec_id] = event
                facts.incomplete.pop(stem(event.exec_id), None)
            case IncompleteExecution():
                trade = stem(event.exec_id)
                if all(stem(exec_id) != trade for exec_id in facts.executions):
                    facts.incomplete[trade] = event.told
            case Notice():
                facts.notices[event.number, event.text] = None
        forget_oldest(self._facts, ORDERS_REMEMBERED)

    def _learn(self, ref: str, event: OrderEvent) -> None:
        """Remember the ids that `event` ties to `ref`, and apply the callbacks that were waiting for them."""
        new = False
        if not isinstance(event, Sent | Notice) and event.perm_id:
            new = self._perm_refs.get(event.perm_id) != ref
            self._perm_refs[event.perm_id] = ref
            self._facts[ref].perm_ids.add(event.perm_id)
            forget_oldest(self._perm_refs, UNATTRIBUTED_REMEMBERED)
        if isinstance(event, Sent | Status | Execution | IncompleteExecution):
            self._highest_id = max(self._highest_id, event.order_id)
        if isinstance(event, Sent) or (
            isinstance(event, Status) and event.order_id and event.order_id not in self._id_refs
        ):
            new = True
            self._id_refs[event.order_id] = ref
        if not new:
            return
        while waiting := next((event for event in self._unattributed if self._ref_of(event) == ref), None):
            del self._unattributed[waiting]
            self.take(waiting)

    def _order(self, ref: str, facts: _Facts, status: OrderStatus) -> Order:
        fills = tuple(
            Fill(e.exec_id, ref, e.symbol, e.side, e.shares, e.price, self._commission(e), e.time)
            for e in sorted(newest_revisions(facts.executions.values()), key=lambda e: (e.time, e.exec_id))
        )
        again = any(number == DUPLICATE_ID for number, _ in facts.notices)
        return Order(ref, status, fills, facts.message, again=again, twins=len(facts.perm_ids) > 1)

    def _commission(self, execution: Execution) -> Decimal | None:
        """The commission of the execution or, if it has none, of its newest earlier revision with one."""
        if execution.exec_id in self._commissions:
            return self._commissions[execution.exec_id]
        trade = stem(execution.exec_id)
        known = [exec_id for exec_id in self._commissions if stem(exec_id) == trade]
        return self._commissions[max(known, key=revision)] if known else None
