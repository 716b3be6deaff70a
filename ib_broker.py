"""Interactive Brokers' gateway, through the official client.

`IBGateway` is one connection to one TWS or IB Gateway; `IBBroker`, in `qqqbot.adapters.ib.broker`, is the account;
`open_account` puts them together. Only this file and `qqqbot.adapters.ib.orders` import ibapi, and they are imported
only if Interactive Brokers is used. Both run on ibapi 9.81.1 and on the current 10.x: they check what the client has,
not its version. This file and `qqqbot.adapters.ib.transport` work around the client's traps: a connect that never ends,
a loop that wakes up six times a second and dies of any exception, an isConnected that is wrong.
"""
# ruff: noqa: ARG002  (the parameters of callbacks are the client's)

import logging
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

from qqqbot.adapters.ib.account import CURRENCY, LEDGER_TAG, SUMMARY_TAGS, PositionRow, SummaryRow
from qqqbot.adapters.ib.broker import IBBroker
from qqqbot.adapters.ib.connection import NotNow, Timing
from qqqbot.adapters.ib.error_codes import Meaning, code, explain, explain_order, washed
from qqqbot.adapters.ib.execution_time import execution_time
from qqqbot.adapters.ib.line import Line
from qqqbot.adapters.ib.numbers import id_of, number_of, whole
from qqqbot.adapters.ib.order_tracker import (
    REF_PREFIX,
    CommissionReport,
    Event,
    Execution,
    IncompleteExecution,
    Notice,
    Status,
)
from qqqbot.adapters.ib.prices import PriceRequests
from qqqbot.adapters.ib.requests import WHAT_IF, PendingRequest, PendingRequests
from qqqbot.adapters.ib.silence import EXECUTIONS, Conversation, Silences
from qqqbot.adapters.ib.transport import Transport, mute
from qqqbot.model.errors import BrokerUnavailable, ConfigError, OrderOutcomeUnknown, OrderRejected
from qqqbot.model.ports import Clock
from qqqbot.model.values import OrderIntent, Side
from qqqbot.runtime.config import Config

try:
    from ibapi import comm, get_version_string
    from ibapi.client import MAX_CLIENT_VER, EClient
    from ibapi.contract import Contract
    from ibapi.execution import ExecutionFilter
    from ibapi.order import Order as IBOrder
    from ibapi.wrapper import EWrapper

    from qqqbot.adapters.ib.orders import cancel_arguments, contract_of, order_of
except ImportError as missing:
    # Also if protobuf is missing, which some packages of the client need but do not require.
    raise ConfigError(
        [f"use_interactive_brokers is true and the package ibapi cannot be loaded ({missing}): see IB_SETUP.md"]
    ) from missing

log = logging.getLogger("qqqbot.adapters.ib")
try:
    from ibapi.common import PROTOBUF_MSG_ID
    from ibapi.server_versions import MIN_SERVER_VER_PROTOBUF
except ImportError:
    PROTOBUF_MSG_ID = MIN_SERVER_VER_PROTOBUF = 0

logging.getLogger("ibapi").setLevel(logging.WARNING)  # at INFO it logs every message, account ids and all

# Messages without which an order, a fill or the account would be misjudged: if one cannot be read, the bot reconnects.
# Any other unreadable message is skipped: 9.81 reads sizes as whole numbers, and gateways send decimals (Lean.IB#214,
# vnpy_ib#74).
ESSENTIAL = frozenset({3, 4, 5, 9, 11, 15, 49, 53, 55, 59, 61, 62, 63, 64, 102})
# The first request number. No order's number is that high, so an error's number says whether it is about an order.
FIRST_REQUEST_ID = 2_000_000_000
# After a gateway has rolled its ids back, the next id was used before; the next attempt goes well above the used ids.
DUPLICATE_ORDER_ID, IDS_SKIPPED = 103, 100
SIDES = {"BOT": Side.BUY, "SLD": Side.SELL}
IDS_USED_UP = (
    "the gateway's next order number, {}, is too high for the API: in the gateway, Configure, API, Settings, 'Reset "
    "API order ID sequence'"
)
UNREADABLE = (
    "a message from the gateway could not be read ({!r}): if this lasts, use a client of the gateway's line, see "
    "IB_SETUP.md, section 3; reconnecting"
)
# The installed client's name in the connection check, and the newest server version that it supports.
CLIENT_RELEASE = f"ibapi {get_version_string()}", MAX_CLIENT_VER


class IBGateway(EWrapper, EClient):  # type: ignore[misc]
    """One connection, from `open` to its end. Callbacks run in the client's reader thread, one at a time.

    Once `account` is set, `listener` gets everything about its orders.
    """

    def __init__(
        self,
        clock: Clock,
        timing: Timing,
        listener: Callable[[Event], None],
        silences: Silences | None = None,
        line: Line | None = None,
    ) -> None:
        EWrapper.__init__(self)
        self._transport: Transport | None = None
        self._clock = clock
        self._timing = timing
        self._listener = listener
        self.requests = PendingRequests(clock)
        self._conversation = Conversation(self.requests, silences or Silences(clock), timing, self.shut)
        self.answers = self._conversation.answers
        self.prices = PriceRequests(self, self.requests, contract_of)
        self.line = line or Line(clock)
        self.attention = threading.Event()
        self.account = ""
        self.managed: tuple[str, ...] = ()
        self._next_order_id = 0
        self._request_ids = count(FIRST_REQUEST_ID)
        self._state = threading.Lock()
        self._ended = ""
        self._commission_absent = False
        EClient.__init__(self, self)
        # Not the client's queue: a message is handled at once, in the reader's thread, without a second loop.
        self.msg_queue = SimpleNamespace(put=self._take_message)

    # Connecting
    @property
    def conn(self) -> Transport | None:
        return self._transport

    @conn.setter
    def conn(self, made: Any) -> None:
        """Use a Transport instead of the connection that the client made for itself."""
        if made is not None:
            # The host gets half of the time to answer, so that the timeout names the right reason.
            self._transport = Transport(made.host, made.port, self._timing.connect / 2, self.shut, self._timing.second)

    def open(self, host: str, port: int, client_id: int) -> None:
        """Connect, and wait for order ids and accounts. Raises BrokerUnavailable."""
        silence = mute(host, port, self._timing.connect)
        self.line.reconnecting()
        # A timer ends it from outside, because the client's connect waits forever for an answer.
        deadline = threading.Timer(self._timing.connect, self.shut, (silence,))
        deadline.daemon = True
        deadline.start()
        try:
            request = self.requests.ask("greeting", "its greeting", lambda: self.connect(host, port, client_id))
            self.requests.answer(request, self._timing.connect)
        except BrokerUnavailable:
            self.shut(silence)
            wait_longer = self._ended == silence or self._ended.startswith("326:")
            kind = NotNow(self._ended, self._timing.mute_pause) if wait_longer else BrokerUnavailable(self._ended)
            raise kind from None
        finally:
            deadline.cancel()

    def shut(self, why: str) -> None:
        """End the connection; the first reason is kept."""
        with self._state:
            self._ended = self._ended or why
        if self._transport is not None:
            self._transport.disconnect()
        self.requests.close(self._ended)
        self.attention.set()

    close = shut

    def ended(self) -> str:
        return self._ended

    def beat(self) -> None:
        self.answers(self.ask_time(), seconds=self._timing.beat)

    # Requests

    def ask(self, question: str, send: Callable[[int], None]) -> PendingRequest:
        """A request that has a number, which no other thread's request has."""
        number = next(self._request_ids)
        return self.requests.ask(number, question, lambda: send(number))

    def ask_time(self) -> PendingRequest:
        return self.requests.ask("time", "the time", self.reqCurrentTime)

    def ask_summary(self) -> PendingRequest:
        tags = ",".join((*SUMMARY_TAGS, LEDGER_TAG))
        return self.ask("the account summary", lambda n: self.reqAccountSummary(n, "All", tags))

    def ask_positions(self) -> PendingRequest:
        return self.requests.ask("positions", "positions", self.reqPositions)

    def ask_open_orders(self) -> PendingRequest:
        """Request the open orders of every client."""
        return self.requests.ask("open", "open orders", self.reqAllOpenOrders)

    def ask_executions(self) -> PendingRequest:
        wanted = ExecutionFilter()
        wanted.acctCode = self.account
        return self.ask(EXECUTIONS, lambda n: self.reqExecutions(n, wanted))

    def ask_contract(self, symbol: str) -> PendingRequest:
        return self.ask(f"the contract of {symbol}", lambda n: self.reqContractDetails(n, contract_of(symbol)))

    def ask_what_if(self, order_id: int, intent: OrderIntent) -> PendingRequest:
        """The broker's estimate for an order that is not placed."""
        order = order_of(intent, self.account)
        order.whatIf = True
        send = partial(self.placeOrder, order_id, contract_of(intent.symbol), order)
        return self.requests.ask(WHAT_IF, "a what-if order", send)

    def read_account(self) -> tuple[list[SummaryRow], list[PositionRow], list[Status]]:
        """Summary, positions and open orders of every client, each complete, in one go. Raises BrokerUnavailable."""
        summary = self.ask_summary()
        try:
            rows = self.answers(summary, self.ask_positions(), self.ask_open_orders())
        finally:
            # A client may have only two subscriptions to summaries.
            self.send_in_passing(lambda: self.cancelAccountSummary(summary.key))
            self.send_in_passing(self.cancelPositions)
        return rows[0], rows[1], rows[2]

    def read_orders(self) -> list[Status]:
        """Open orders of every client. The listener gets today's executions and completed orders."""
        completed = self.ask_completed()
        rows = self.answers(self.ask_open_orders(), self.ask_executions())
        self._conversation.hear_of(completed)
        return rows[0]

    def ask_completed(self) -> PendingRequest:
        return self._conversation.ask_completed(partial(self.reqCompletedOrders, False))

    def read_executions(self) -> None:
        """Read today's executions with their commissions, for the listener."""
        self.answers(self.ask_executions())

    def send_in_passing(self, send: Callable[[], None]) -> None:
        try:
            send()
        except OSError as error:
            log.debug("not sent: %s", error)

    # Orders

    def take_order_id(self, above: int) -> int:
        """An id that no order of this client has, also after a restart that rolled ids back."""
        with self._state:
            number = max(self._next_order_id, above + 1)
            self._next_order_id = number + 1
            return number

    def place(self, order_id: int, intent: OrderIntent) -> None:
        """Send the order. Raises OrderRejected if no byte has left, OrderOutcomeUnknown if one may have left."""
        wire = self._transport
        before = wire.attempts if wire else 0
        try:
            self.placeOrder(order_id, contract_of(intent.symbol), order_of(intent, self.account))
        except OSError as error:
            log.info("placeOrder: %s", error)
        if wire is None or wire.attempts == before:
            why = self.ended()
            text = f"{intent.order_ref} was not sent: {why or 'the client refused it; see the log'}"
            raise OrderRejected(text)
        if ended := self.ended():
            raise OrderOutcomeUnknown(f"{intent.order_ref}: the connection ended while it was sent: {ended}")

    def withdraw(self, order_id: int) -> None:
        """Raises BrokerUnavailable."""
        try:
            self.cancelOrder(order_id, *cancel_arguments())
        except OSError as error:
            raise BrokerUnavailable(f"the cancel was not sent: {error}") from None
        if ended := self.ended():
            raise BrokerUnavailable(f"the cancel was not sent: {ended}")

    # Messages

    def _take_message(self, message: bytes) -> None:
        """Handle a message, in the reader's thread. If it cannot be read and may be a fill, end the connection."""
        if self._ended:
            return
        number = None
        try:
            number, body = self._parts(message)
            self._decode(number, body, message)
        except Exception as error:
            if number is not None and number % (PROTOBUF_MSG_ID or 1000) not in ESSENTIAL:
                log.info("a message about prices or the like could not be read: %r (%r)", message[:200], error)
                return
            log.exception("a message from the gateway could not be read: %r", message[:200])
            self.shut(UNREADABLE.format(error))

    def _parts(self, message: bytes) -> tuple[int, bytes]:
        """The message's number and its body, for clients with and without raw message numbers."""
        if PROTOBUF_MSG_ID and self.serverVersion() >= MIN_SERVER_VER_PROTOBUF:
            return int.from_bytes(message[:4], "big"), message[4:]
        text, _, body = message.partition(b"\0")
        return int(text), body

    def _decode(self, number: int, body: bytes, message: bytes) -> None:
        """Decode a message as the client's own loop does."""
        if not PROTOBUF_MSG_ID:
            self.decoder.interpret(comm.read_fields(message))
        elif number > PROTOBUF_MSG_ID:
            self.decoder.processProtoBuf(body, number - PROTOBUF_MSG_ID)
        else:
            self.decoder.interpret(comm.read_fields(body), number)

    # Callbacks. Their names and parameters are the client's.

    def nextValidId(self, orderId: int) -> None:
        if orderId >= FIRST_REQUEST_ID:
            self.shut(IDS_USED_UP.format(orderId))
        with self._state:
            self._next_order_id = max(self._next_order_id, orderId, 1)
        self._greeted()

    def managedAccounts(self, accountsList: str) -> None:
        self.managed = tuple(name.strip() for name in accountsList.split(",") if name.strip())
        self._greeted()

    def _greeted(self) -> None:
        if self.managed and self._next_order_id:
            self.requests.end("greeting")

    def currentTime(self, time: int) -> None:
        self.requests.put("time", time)
        self.requests.end("time")

    def connectionClosed(self) -> None:
        self.shut("the connection was closed")

    def error(self, *args: Any) -> None:
        """(reqId, code, text[, json]), and since 10.37 (reqId, time, code, text[, json])."""
        about, number, text = (args[0], args[2], args[3]) if isinstance(args[2], int) else args[:3]
        meaning = code(number).meaning
        if number == DUPLICATE_ORDER_ID:
            with self._state:
                self._next_order_id += IDS_SKIPPED
        if meaning is Meaning.LINE_LOST:
            self.line.lost(explain(number, text))
            self.attention.set()
        elif meaning is Meaning.LINE_RESTORED:
            self.line.restored()
            self.attention.set()
        elif meaning is Meaning.CONNECTION_ENDED:
            self.shut(explain(number, text))
        elif id_of(about) == 0:
            self._unnumbered_error(number, text)
        elif about >= FIRST_REQUEST_ID:
            if meaning is not Meaning.NOTICE and not self.prices.expects(about, number, text):
                self.requests.end(about, explain(number, text))
        else:
            log.info("order %s: %s", about, explain_order(number, text))
            self._listener(Notice(about, number, washed(text)))

    def _unnumbered_error(self, number: int, text: str) -> None:
        """A read-only gateway answers requests for orders like this; it does not say which one it refused."""
        known = code(number).meaning is not Meaning.UNKNOWN
        log.log(logging.DEBUG if known else logging.INFO, "gateway: %s", explain(number, text))
        if code(number).meaning is Meaning.REFUSED:
            for question in ("open", "completed", "positions"):
                self.requests.end(question, explain(number, text))

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        self.requests.put(reqId, SummaryRow(account, tag, value, currency))

    def accountSummaryEnd(self, reqId: int) -> None:
        self.requests.end(reqId)

    def position(self, account: str, contract: Contract, position: Any, avgCost: float) -> None:
        row = PositionRow(account, contract.symbol, contract.secType, contract.currency, number_of(position))
        self.requests.put("positions", row)

    def positionEnd(self) -> None:
        self.requests.end("positions")

    def openOrder(self, orderId: int, contract: Contract, order: IBOrder, orderState: Any) -> None:
        if order.whatIf:
            self.requests.put(WHAT_IF, orderState)
            self.requests.end(WHAT_IF)
            return
        if order.account != self.account:
            return
        text = washed(getattr(orderState, "rejectReason", "") or orderState.warningText or "")
        number = self._own(orderId, order.clientId)
        perm_id, symbol = id_of(order.permId), contract.symbol
        status = Status(perm_id, number, orderState.status, order.orderRef, text=text, symbol=symbol)
        self._listener(status)
        self.requests.put("open", status)

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        self.requests.put(reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:
        self.requests.end(reqId)

    def openOrderEnd(self) -> None:
        self.requests.end("open")

    def orderStatus(
        self, orderId: int, status: str, filled: Any, remaining: Any, avgFillPrice: float, permId: int, *rest: Any
    ) -> None:
        """`rest`: parentId, lastFillPrice, clientId, whyHeld, mktCapPrice."""
        number, average = self._own(orderId, rest[2]), number_of(avgFillPrice)
        self._listener(Status(id_of(permId), number, status, filled=whole(filled), average=average))

    def _own(self, order_id: int, client_id: int) -> int:
        """The id if it is one of this client's, otherwise 0."""
        return max(0, id_of(order_id)) if client_id == self.clientId else 0

    def completedOrder(self, contract: Contract, order: IBOrder, orderState: Any) -> None:
        if order.account == self.account:
            status = "Cancelled" if orderState.status == "Inactive" else orderState.status  # refused, and ended
            text = washed(orderState.completedStatus or "")
            self._listener(Status(id_of(order.permId), 0, status, order.orderRef, whole(order.filledQuantity), text))

    def completedOrdersEnd(self) -> None:
        self.requests.end("completed")

    def execDetails(self, reqId: int, contract: Contract, execution: Any) -> None:
        if execution.acctNumber != self.account or contract.secType != "STK" or contract.currency != CURRENCY:
            return
        if execution.orderRef and not execution.orderRef.startswith(REF_PREFIX):
            return
        shares, price, side = whole(execution.shares), number_of(execution.price), SIDES.get(execution.side)
        number, exec_id = self._own(execution.orderId, execution.clientId), execution.execId
        about = id_of(execution.permId), number, execution.orderRef
        if side is None or not exec_id or shares is None or price is None or not _is_sound(shares, price):
            told = f"id {exec_id!r}, side {execution.side!r}, {execution.shares} shares, price {execution.price}"
            self._listener(IncompleteExecution(exec_id, *about, washed(told)))
            return
        moment = execution_time(execution.time, self._clock.now(), execution.orderRef)
        self._listener(Execution(exec_id, *about, contract.symbol, side, shares, price, moment))

    def execDetailsEnd(self, reqId: int) -> None:
        self.requests.end(reqId)

    def commissionReport(self, commissionReport: Any) -> None:
        """Before 10.37."""
        self._commission(commissionReport, commissionReport.commission)

    def commissionAndFeesReportProtoBuf(self, commissionAndFeesReportProto: Any) -> None:
        """Called just before the next one, for which the client makes 0 of an amount that is not there."""
        self._commission_absent = not commissionAndFeesReportProto.HasField("commissionAndFees")

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
        absent, self._commission_absent = self._commission_absent, False
        if not absent:
            self._commission(commissionAndFeesReport, commissionAndFeesReport.commissionAndFees)

    def _commission(self, report: Any, commission: Any) -> None:
        amount, currency = number_of(commission), report.currency
        if amount is not None and currency not in ("", CURRENCY):
            log.warning("a commission of %s %s is not in the book, which is in %s", amount, washed(currency), CURRENCY)
        elif amount is not None:
            self._listener(CommissionReport(report.execId, amount))

    def marketDataType(self, reqId: int, marketDataType: int) -> None:
        self.prices.data_type(reqId, marketDataType)

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.prices.tick(reqId, tickType, price)

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        self.prices.tick_text(reqId, tickType, value)

    def historicalData(self, reqId: int, bar: Any) -> None:
        self.prices.bar(reqId, bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        self.requests.end(reqId)

    def tickSnapshotEnd(self, reqId: int) -> None:
        self.requests.end(reqId)


def _is_sound(shares: int, price: Decimal) -> bool:
    """Whether these can be an execution; one of 0 shares was busted."""
    return shares == 0 or (shares > 0 and price > 0)


def open_account(config: Config, clock: Clock, timing: Timing | None = None) -> IBBroker:
    """The account of `config`, connecting in the background; returns at once."""
    used = timing or Timing()
    silences, line = Silences(clock), Line(clock)
    broker = IBBroker(config, clock, used, lambda listener: IBGateway(clock, used, listener, silences, line), silences)
    broker.start()
    return broker
