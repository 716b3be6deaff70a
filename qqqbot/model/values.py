"""Values that the parts of the bot hand to each other. All frozen; standard library only.

Indicators are `float`; money and prices of fills are `Decimal`; shares are `int`; times are aware UTC. A field with a
`key` in its metadata has that name in files, the name it had when the only rule was on QQQ and TQQQ.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from qqqbot.model.family import Rule, two_averages
from qqqbot.model.instruments import Holding as Holding
from qqqbot.model.market import Market, Quote
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.reasons import Reason

# A rotation of two orders begins only with four minutes left. If its first order is refused, or is not filled within a
# minute, a second try follows a minute later, and fetching its prices takes twenty seconds.
SHORTEST_WINDOW_MINUTES = 7
# With less free space nothing is traded, because each order is written down first.
MIN_FREE_DISK_BYTES = 50 * 1024 * 1024


class Mode(StrEnum):
    """Which kind of money is traded; rows of different modes never mix."""

    DRY_RUN = "dry_run"
    PAPER = "paper"
    LIVE = "live"


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MARKET = "MKT"
    LIMIT = "LMT"


class OrderStatus(StrEnum):
    """How an order stands. The last two are the bot's own, and such an order is not done.

    ABSENT: a complete answer contains neither the order nor how it ended.
    """

    SUBMITTED = "SUBMITTED"
    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    ABSENT = "ABSENT"

    @property
    def done(self) -> bool:
        return self in (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED)


class Decide(StrEnum):
    """When the rule may trade: at each check, or once near the close."""

    EVERY_CHECK = "every_check"
    BEFORE_CLOSE = "before_close"


class Action(StrEnum):
    """HOLD: nothing to do. ROTATE: orders to send. WAIT: something forbids trading now."""

    HOLD = "HOLD"
    ROTATE = "ROTATE"
    WAIT = "WAIT"


class Answer(StrEnum):
    """What the owner may reply to an announced rotation. None of them chooses an order."""

    VETO = "veto"
    HALT = "halt"
    GO = "go"


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of the exchange: open inclusive, close exclusive, both aware UTC."""

    date: date
    open: datetime
    close: datetime

    def contains(self, moment: datetime) -> bool:
        return self.open <= moment < self.close


class FlipOrder(NamedTuple):
    side: Side
    symbol: str
    quantity: int


class Flip(NamedTuple):
    """The nearest price of the signal that changes the rule's answer, to `target`, and the orders that would follow."""

    price: float
    target: Holding
    orders: tuple[FlipOrder, ...]


class Crossing(NamedTuple):
    """If the price stays where it is, the averages cross `sessions` after today's, and the rule then wants `target`."""

    sessions: int
    target: Holding


@dataclass(frozen=True, slots=True)
class FlipPrices:
    """Prices of the signal at which the rule's answer changes, from the finished closes alone.

    `leave_strong` and `enter_strong` differ only if a band is configured. Above the price `trend` there is an uptrend.
    It is plus or minus infinity if no price of today can change the trend, because `closes_needed` closes in a row,
    including today's, must be beyond the line.
    """

    leave_strong: float
    enter_strong: float
    trend: float
    closes_needed: int = 1


@dataclass(frozen=True, slots=True)
class Signal:
    """The rule's answer, and the prices at which it would be another.

    `short_ma` and `long_ma` are the two sides of its trend; the first may be the price itself.
    """

    target: Holding
    price: float
    short_ma: float
    long_ma: float
    reason: str
    flips: FlipPrices


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as decided. It is on disk before it is sent to the broker.

    `decision_price` is the live price that the decision used, `limit_price` the collar of a marketable limit order. The
    averages and prices are the rule's inputs; the book's row carries them too. `prices` has the live prices of all
    watched symbols, and is empty if those are the default's. `position_size` is the part of the money that
    the rules wanted invested (None: earlier versions did not record it). `account_money` is what a purchase was sized
    on if the account had less money than the book.
    """

    order_ref: str
    session: date
    decided_at: datetime
    side: Side
    symbol: str
    quantity: int
    order_type: OrderType
    limit_price: Decimal | None
    decision_price: Decimal
    target: Holding
    reason: str
    signal_price: float = field(metadata={"key": "qqq_price"})
    fund_price: float = field(metadata={"key": "tqqq_price"})
    short_ma: float
    long_ma: float
    position_size: Decimal | None = None
    account_money: Decimal | None = None
    prices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, counted once by its `exec_id`. `commission` is None until the broker has reported it."""

    exec_id: str
    order_ref: str
    symbol: str
    side: Side
    quantity: int
    price: Decimal
    commission: Decimal | None
    time: datetime


@dataclass(frozen=True, slots=True)
class StatusFill:
    """How many shares were filled at which average price, according to the order's status alone."""

    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the broker reports it. `message` is the broker's own text, if it gave one.

    `told` is set if the status says that the order is filled, but a complete answer lacks some of its executions.
    `since` is set for an absent order: the connection has not broken since that monotonic moment. `taken`: the broker
    received the order and never acknowledged it. `again`: the reason for the refusal is already over. `twins`: the
    broker has more than one order under this reference.
    """

    order_ref: str
    status: OrderStatus
    fills: tuple[Fill, ...] = ()
    message: str = ""
    told: StatusFill | None = None
    since: float = -math.inf
    taken: bool = False
    again: bool = False
    twins: bool = False

    @property
    def filled(self) -> int:
        return sum(fill.quantity for fill in self.fills)


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """The broker's report about the account; it is always complete.

    `spendable` is the cash that a buy may use without borrowing; `unsettled` is cash that arrives when earlier sales
    settle; `positions` holds whole shares by symbol. `open_order_refs` are the bot's orders that the broker is still
    working on. `behind` says which amounts do not show the bot's newest fills yet; empty if all do. `dividends_due` are
    all announced and unpaid dividends of the account in USD, after tax; None if the broker does not say.
    """

    account: str
    mode: Mode
    net_liquidation: Decimal
    spendable: Decimal
    positions: Mapping[str, int]
    open_order_refs: tuple[str, ...]
    taken_at: datetime
    unsettled: Decimal = Decimal(0)
    behind: str = ""
    dividends_due: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The sum of the bot's own fills, starting from `total_capital` in cash.

    `shares` are the bot's; `foreign` are shares in the same account that the owner asked the bot to leave alone. `cost`
    is the average price paid for the bot's shares, commissions included. `income` are the dividends on them.
    """

    total_capital: Decimal
    cash: Decimal
    shares: Mapping[str, int]
    foreign: Mapping[str, int]
    cost: Mapping[str, Decimal]
    realized_pnl: Decimal
    trades: int
    moving_to: Holding = Holding.CASH
    since: datetime | None = None
    income: Decimal = Decimal(0)

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash plus the bot's shares at `prices`."""
        return self.cash + sum((prices[s] * n for s, n in self.shares.items() if n), Decimal(0))

    @property
    def holding(self) -> Holding:
        """The fund that the bot owns; the most leveraged if it owns several; CASH if none."""
        return most_of(self.shares)


def most_of(shares: Mapping[str, int]) -> Holding:
    """The most leveraged fund that `shares` has any of; CASH if it has none."""
    return max((Holding(s) for s, n in shares.items() if n), key=lambda h: h.factor, default=Holding.CASH)


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the configuration that decisions depend on. Fractions, not percentages; durations in seconds.

    `rule` is None if the periods and the band define the whole rule, as in older files. Parking must bring at least
    `park_benefit` USD. A rotation is announced `ask_first_seconds` before it is made (0: never announced); with
    `ask_first_waits` it waits for the owner's "go".
    """

    short_period: int = 30
    long_period: int = 120
    band: float = 0.0
    decide: Decide = Decide.EVERY_CHECK
    decide_seconds_before_close: int = 15 * 60
    trading_hours_only: bool = True
    position_size: Decimal = Decimal("0.95")
    order_type: OrderType = OrderType.MARKET
    limit_collar: Decimal = Decimal("0.0020")
    max_orders_per_session: int = 12
    no_trade_seconds_after_open: int = 5 * 60
    max_quote_age_seconds: int = 20 * 60
    max_daily_move: float = 0.20
    rule: Rule | None = None
    park_benefit: Decimal = Decimal(10)
    ask_first_seconds: int = 0
    ask_first_waits: bool = False

    @property
    def form(self) -> Rule:
        """The rule itself."""
        return self.rule or two_averages(self.short_period, self.long_period, self.band)

    @property
    def leverage(self) -> float:
        """The factor of the fund that witnesses the signal's prices."""
        return float(self.form.fund.factor)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of trading: passed or not, what was found, and the sentence for the owner.

    `code` is the reason if the gate fails, None for a failure that is not an error, such as a closed exchange.
    """

    name: str
    passed: bool
    found: str
    sentence: str
    code: Reason | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest announcement of a rotation, from `held` to `target`, and what has become of it.

    `code` is in the announcement's `text`, and a reply must contain it. `closes` is the end of its session. `ended`: it
    was withdrawn, or the rotation has begun. `delivered_monotonic` is when it was delivered, by a clock that nobody
    can set and that runs until the next boot. `waited_seconds` have passed since every channel that can answer accepted
    it (None if one has not), `age_seconds` since it was decided. `silent`: after the time to answer, all channels were
    read once more without a reply. `problem` says why a channel cannot be read.
    """

    code: str
    session: date
    held: Holding
    target: Holding
    announced_at: datetime
    closes: datetime
    text: str = ""
    answers: tuple[Answer, ...] = ()
    delivered_at: datetime | None = None
    delivered_monotonic: float = 0.0
    ended: bool = False
    waited_seconds: float | None = None
    age_seconds: float = 0.0
    silent: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that `decide` may depend on.

    `session` is the one that is open now or, while the exchange is closed, the last one that has closed; `expected` are
    the dates of the averaging window's finished sessions, oldest first, as the calendar knows them. `decided_target` is
    the holding that this session's decision window has fixed, None if it has not yet. `half_made` is the target of a
    rotation that has traded and is not finished, whenever it began. `unfinished` is the symbol of the bot's newest
    executed order if that was filled only in part, or bought less than the book's own money pays for. `broker_quotes`
    are the broker's own prices, if it has any. `lasting_orders` are the open orders that should have ended long ago.
    `money_short_since` is when a buy began to wait for the account's money, None if none is waiting. `missing` is how
    much of the book's cash the account lacked at the last look, None if that look is not recent. `beside` is the
    account's value at the last look, however old, apart from its shares and dollars; None if there was no look. `kept`
    is the newest window that a decision used, in this session or an earlier one; None if there is none. `differed`:
    account and book also differed at the last look, and the account must show all trades by now. `asked` is the newest
    rotation that was announced to the owner, None if none was. `refusal` is why the session's newest order filled
    nothing; empty if it filled something or the reason is not known.
    """

    now: datetime
    session: Session
    exchange_open: bool
    expected: tuple[date, ...]
    market: Market
    account: AccountSnapshot
    portfolio: Portfolio
    unresolved: tuple[OrderIntent, ...]
    orders_this_session: int
    needs_open_exchange: bool
    halted: str | None
    disk_free_bytes: int
    decided_target: Holding | None = None
    half_made: Holding | None = None
    unfinished: str | None = None
    money_short_since: datetime | None = None
    missing: Decimal | None = Decimal(0)
    beside: Decimal | None = None
    broker_quotes: Mapping[str, Quote] = field(default_factory=dict)
    kept: KeptWindow | None = None
    lasting_orders: tuple[str, ...] = ()
    differed: bool = True
    asked: Asked | None = None
    refusal: str = ""

    @property
    def open_orders(self) -> tuple[str, ...]:
        """References of our orders whose outcome is not known, or that the broker lists as open."""
        return tuple(dict.fromkeys([*(i.order_ref for i in self.unresolved), *self.account.open_order_refs]))


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """An order of a plan, before it has a reference."""

    side: Side
    symbol: str
    quantity: int
    decision_price: Decimal
    limit_price: Decimal | None
    account_money: Decimal | None = None
    """the account's money for a purchase, if that is known to be less than the book's"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. `sentence` is for the owner; `gates` holds every gate that was checked.

    `signal` is None if the prices allow none. `target` is the holding to move to: the signal's, or the holding that
    this session's decision window has fixed, or None. `blocked_by` is the gate that forbids trading, if any.
    `session_target` is the target that this check fixes for the rest of the session, None if it fixes nothing.
    `announces`: a rotation to `target` is to be announced to the owner now.
    """

    action: Action
    signal: Signal | None
    sentence: str
    gates: tuple[Gate, ...]
    orders: tuple[PlannedOrder, ...] = ()
    target: Holding | None = None
    blocked_by: Gate | None = None
    session_target: Holding | None = None
    announces: bool = False
