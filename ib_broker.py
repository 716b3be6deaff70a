"""Interactive Brokers' gateway, through the official client.

`IBGateway` is one connection to one TWS or IB Gateway; `IBBroker`, in `qqqbot.adapters.ib.broker`, is the account;
`open_account` puts them together. This file alone imports ibapi, and is imported only where Interactive Brokers is
used. It runs on ibapi 9.81.1 and on the current 10.x: it looks at what is there, not at the version. The client's
traps are met here and in `qqqbot.adapters.ib.transport`: a connect that never ends, a loop that dies of an exception
and wakes up six times a second, an isConnected that lies.
"""
# ruff: noqa: ARG002  (the parameters of callbacks are the client's)

import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from qqqbot.adapters.ib.account import CURRENCY, SUMMARY_TAGS, PositionRow, SummaryRow
from qqqbot.adapters.ib.broker import IBBroker
from qqqbot.adapters.ib.connection import NotNow, Timing
from qqqbot.adapters.ib.error_codes import NO_REQUEST_IDS, Meaning, code, explain
from qqqbot.adapters.ib.order_tracker import (
    Commission,
    Completed,
    Event,
    Execution,
    Notice,
    Status,
    number_of,
    parse_time,
    whole,
)
from qqqbot.adapters.ib.requests import TOO_LATE, Mailbox, Mailboxes
from qqqbot.adapters.ib.transport import MUTE, Wire
from qqqbot.model.errors import BrokerUnavailable, ConfigError, OrderOutcomeUnknown, OrderRejected
from qqqbot.model.ports import Clock
from qqqbot.model.values import OrderIntent, OrderType, Side
from qqqbot.runtime.config import Config

try:
    from ibapi import comm
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.execution import ExecutionFilter
    from ibapi.order import Order as IBOrder
    from ibapi.wrapper import EWrapper
except ImportError as missing:
    # Also where protobuf is missing, which some packages of the client need and do not ask for.
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

# Numbers of requests; an order's number is never that high, so that an error's number says what it is about.
FIRST_REQUEST_ID = 2_000_000_000
READING = "connected; reading what happened since the last connection"
# Ids that a gateway has rolled back were used before; the next attempt is well above them.
DUPLICATE_ORDER_ID, IDS_SKIPPED = 103, 100
LIVE_DATA, LAST = 1, 4


class IBGateway(EWrapper, EClient):  # type: ignore[misc]
    """One connection, from `open` to its end. Callbacks run in the client's reader thread, one at a time.

    `listener` is given what is said of orders of `account`, once that is set.
    """

    def __init__(self, clock: Clock, timing: Timing, listener: Callable[[Event], None]) -> None:
        EWrapper.__init__(self)
        self._wire: Wire | None = None
        self._clock = clock
        self._timing = timing
        self._listener = listener
        self.boxes = Mailboxes(clock)
        self.attention = threading.Event()
        self.account = ""
        self.managed: tuple[str, ...] = ()
        self._next_order_id = 0
        self._next_request_id = FIRST_REQUEST_ID
        self._state = threading.Lock()
        self._ended = ""
        self._line = READING
        self._line_lost = self._line_back = False
        self._interruptions = 0
        EClient.__init__(self, self)
        self.msg_queue = _Straight(self._take_message)

    # Life

    @property
    def conn(self) -> Wire | None:
        return self._wire

    @conn.setter
    def conn(self, made: Any) -> None:
        """Whatever connection the client makes for itself, ours is used."""
        if made is not None:
            # Half of the time for the host to answer, so that the reason that is given is the right one.
            self._wire = Wire(made.host, made.port, self._timing.connect / 2, self.shut)

    def open(self, host: str, port: int, client_id: int) -> None:
        """Connected is: order ids and accounts received. Raises BrokerUnavailable."""
        mute = MUTE.format(host=host, port=port, seconds=self._timing.connect)
        # From outside: the client's connect waits for ever for an answer.
        deadline = threading.Timer(self._timing.connect, self.shut, (mute,))
        deadline.daemon = True
        deadline.start()
        try:
            box = self.boxes.ask("greeting", "its greeting", lambda: self.connect(host, port, client_id))
            self.boxes.answer(box, self._timing.connect)
        except BrokerUnavailable:
            self.shut(mute)
            patient = self._ended == mute or self._ended.startswith("326:")
            kind = NotNow(self._ended, self._timing.mute_pause) if patient else BrokerUnavailable(self._ended)
            raise kind from None
        finally:
            deadline.cancel()

    def shut(self, why: str) -> None:
        """End the connection; the first reason stays."""
        with self._state:
            self._ended = self._ended or why
        if self._wire is not None:
            self._wire.disconnect()
        self.boxes.close(self._ended)
        self.attention.set()

    close = shut

    def ended(self) -> str:
        return self._ended

    def interrupted(self) -> str:
        return self._line

    def line_is_back(self) -> bool:
        with self._state:
            return self._line_back

    def interruptions(self) -> int:
        with self._state:
            return self._interruptions

    def trust(self, interruptions: int) -> None:
        with self._state:
            if self._interruptions == interruptions and not self._line_lost:
                self._line, self._line_back = "", False

    def beat(self) -> None:
        box = self.boxes.ask("time", "the time", self.reqCurrentTime)
        self.answers(box, seconds=self._timing.beat)

    # Questions

    def ask(self, question: str, send: Callable[[int], None]) -> Mailbox:
        """A request that has a number."""
        number = self._next_request_id
        self._next_request_id += 1
        return self.boxes.ask(number, question, lambda: send(number))

    def answers(self, *boxes: Mailbox, seconds: float | None = None) -> list[list[Any]]:
        """All of them, or BrokerUnavailable. A question without its answer ends the connection: its end may come yet.

        Without that, the late end of one question would end the next one of its kind before its rows were there.
        """
        given, trouble = [], None
        for box in boxes:
            try:
                given.append(self.boxes.answer(box, self._timing.answer if seconds is None else seconds))
            except BrokerUnavailable as unavailable:
                trouble = trouble or unavailable
        if trouble:
            self.shut(str(trouble))
            raise trouble
        return given

    def read_account(self) -> tuple[list[SummaryRow], list[PositionRow], list[Status]]:
        """Summary, positions and open orders of every client, each complete, in one go. Raises BrokerUnavailable."""
        number = self._next_request_id
        tags = ",".join(SUMMARY_TAGS)
        summary = self.ask("the account summary", lambda n: self.reqAccountSummary(n, "All", tags))
        positions = self.boxes.ask("positions", "positions", self.reqPositions)
        rows = self.answers(summary, positions, self._ask_open_orders())
        # Two subscriptions to summaries are all that a client may have.
        self._send_in_passing(lambda: self.cancelAccountSummary(number))
        self._send_in_passing(self.cancelPositions)
        return rows[0], rows[1], rows[2]

    def read_orders(self) -> list[Status]:
        """Open orders of every client; executions and completed orders of this day are told to the listener."""
        completed = self.boxes.ask("completed", "completed orders", lambda: self.reqCompletedOrders(False))
        return self.answers(self._ask_open_orders(), self._ask_executions(), completed)[0]

    def read_executions(self) -> None:
        """Of this day, with their commissions, to the listener."""
        self.answers(self._ask_executions())

    def _ask_open_orders(self) -> Mailbox:
        return self.boxes.ask("open", "open orders", self.reqAllOpenOrders)

    def _ask_executions(self) -> Mailbox:
        wanted = ExecutionFilter()
        wanted.acctCode = self.account
        return self.ask("executions", lambda n: self.reqExecutions(n, wanted))

    def _send_in_passing(self, send: Callable[[], None]) -> None:
        try:
            send()
        except OSError as error:
            log.debug("not sent: %s", error)

    def quotes(self, symbols: Iterable[str], seconds: float) -> tuple[dict[str, dict[int, float]], str]:
        """Live ticks (tick type -> price) by symbol, as far as they came within `seconds`; and what the broker said."""
        until = time.monotonic() + seconds
        self._send_in_passing(lambda: self.reqMarketDataType(LIVE_DATA))
        boxes = {symbol: self._ask_quote(symbol) for symbol in symbols}
        found, trouble = {}, ""
        for symbol, (number, box) in boxes.items():
            try:
                self.boxes.answer(box, max(0.0, until - time.monotonic()))
            except BrokerUnavailable:
                trouble = trouble or box.trouble
                self._send_in_passing(partial(self.cancelMktData, number))
            if box.trouble in ("", TOO_LATE):
                found[symbol] = dict(box.rows)
        return found, trouble

    def _ask_quote(self, symbol: str) -> tuple[int, Mailbox]:
        number = self._next_request_id
        contract = contract_of(symbol)
        return number, self.ask(f"{symbol}'s price", lambda n: self.reqMktData(n, contract, "", True, False, []))

    # Orders

    def take_order_id(self, above: int) -> int:
        """An id that no order of this client has: ids roll back after some restarts."""
        with self._state:
            number = max(self._next_order_id, above + 1)
            self._next_order_id = number + 1
            return number

    def place(self, order_id: int, intent: OrderIntent) -> None:
        """Raises OrderRejected where no byte has left, OrderOutcomeUnknown where one may have."""
        wire = self._wire
        before = wire.attempts if wire else 0
        try:
            self.placeOrder(order_id, contract_of(intent.symbol), order_of(intent, self.account))
        except OSError as error:
            log.info("placeOrder: %s", error)
        if wire is None or wire.attempts == before:
            why = self.ended()
            text = f"{intent.order_ref} was not sent: {why or 'the client refused it; see the log'}"
            raise OrderRejected(text, again_soon=bool(why))
        if ended := self.ended():
            raise OrderOutcomeUnknown(f"{intent.order_ref}: the connection ended while it was sent: {ended}")

    def withdraw(self, order_id: int) -> None:
        """Raises BrokerUnavailable."""
        try:
            self.cancelOrder(order_id, *_cancel_arguments())
        except OSError as error:
            raise BrokerUnavailable(f"the cancel was not sent: {error}") from None
        if ended := self.ended():
            raise BrokerUnavailable(f"the cancel was not sent: {ended}")

    # Messages

    def _take_message(self, message: bytes) -> None:
        """In the reader's thread. A message that cannot be read may have been a fill: the connection is given up."""
        if self._ended:
            return
        try:
            self._decode(message)
        except Exception as error:
            log.exception("a message of the gateway could not be read: %r", message[:200])
            self.shut(f"a message of the gateway could not be read ({error!r}); connecting anew")

    def _decode(self, message: bytes) -> None:
        """What the client's own loop does with a message, before and since raw message numbers."""
        if not PROTOBUF_MSG_ID:
            self.decoder.interpret(comm.read_fields(message))
            return
        if self.serverVersion() >= MIN_SERVER_VER_PROTOBUF:
            number, body = int.from_bytes(message[:4], "big"), message[4:]
        else:
            text, _, body = message.partition(b"\0")
            number = int(text)
        if number > PROTOBUF_MSG_ID:
            self.decoder.processProtoBuf(body, number - PROTOBUF_MSG_ID)
        else:
            self.decoder.interpret(comm.read_fields(body), number)

    # Callbacks. Their names and parameters are the client's.

    def nextValidId(self, orderId: int) -> None:
        with self._state:
            self._next_order_id = max(self._next_order_id, orderId, 1)
        self._greeted()

    def managedAccounts(self, accountsList: str) -> None:
        self.managed = tuple(name.strip() for name in accountsList.split(",") if name.strip())
        self._greeted()

    def _greeted(self) -> None:
        if self.managed and self._next_order_id:
            self.boxes.end("greeting")

    def currentTime(self, time: int) -> None:
        self.boxes.put("time", time)
        self.boxes.end("time")

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
            self._set_line(explain(number, text), back=False)
        elif meaning is Meaning.LINE_RESTORED:
            self._set_line(READING, back=True)
        elif meaning is Meaning.CONNECTION_ENDED:
            self.shut(explain(number, text))
        elif about in NO_REQUEST_IDS:
            self._unnumbered_error(number, text)
        elif about >= FIRST_REQUEST_ID:
            if meaning is not Meaning.NOTICE:
                self.boxes.fail(about, explain(number, text))
        else:
            log.info("order %s: %s", about, explain(number, text))
            self._listener(Notice(about, number, " ".join(text.split())))

    def _set_line(self, text: str, back: bool) -> None:
        with self._state:
            self._line, self._line_back, self._line_lost = text, back, not back
            self._interruptions += 1
        self.attention.set()

    def _unnumbered_error(self, number: int, text: str) -> None:
        """A read-only gateway answers the questions for orders so; which one was refused it does not say."""
        known = code(number).meaning is not Meaning.UNKNOWN
        log.log(logging.DEBUG if known else logging.INFO, "gateway: %s", explain(number, text))
        if code(number).meaning is Meaning.REFUSED:
            for question in ("open", "completed", "positions"):
                self.boxes.fail(question, explain(number, text))

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        self.boxes.put(reqId, SummaryRow(account, tag, value, currency))

    def accountSummaryEnd(self, reqId: int) -> None:
        self.boxes.end(reqId)

    def position(self, account: str, contract: Contract, position: Any, avgCost: float) -> None:
        quantity = number_of(position) or Decimal(0)
        self.boxes.put(
            "positions", PositionRow(account, contract.symbol, contract.secType, contract.currency, quantity)
        )

    def positionEnd(self) -> None:
        self.boxes.end("positions")

    def openOrder(self, orderId: int, contract: Contract, order: IBOrder, orderState: Any) -> None:
        if order.account != self.account or order.whatIf:
            return
        text = getattr(orderState, "rejectReason", "") or orderState.warningText or ""
        number = orderId if order.clientId == self.clientId else 0
        status = Status(order.permId, max(0, number), orderState.status, order.orderRef, text=text)
        self._listener(status)
        self.boxes.put("open", status)

    def openOrderEnd(self) -> None:
        self.boxes.end("open")

    def orderStatus(
        self, orderId: int, status: str, filled: Any, remaining: Any, avgFillPrice: float, permId: int, *rest: Any
    ) -> None:
        """`rest`: parentId, lastFillPrice, clientId, whyHeld, mktCapPrice."""
        number = orderId if rest[2] == self.clientId else 0
        self._listener(Status(permId, max(0, number), status, filled=whole(filled)))

    def completedOrder(self, contract: Contract, order: IBOrder, orderState: Any) -> None:
        if order.account == self.account:
            done = Completed(
                order.permId, order.orderRef, orderState.status, whole(order.filledQuantity), orderState.completedStatus
            )
            self._listener(done)

    def completedOrdersEnd(self) -> None:
        self.boxes.end("completed")

    def execDetails(self, reqId: int, contract: Contract, execution: Any) -> None:
        if execution.acctNumber != self.account or contract.secType != "STK" or contract.currency != CURRENCY:
            return
        self._listener(
            Execution(
                exec_id=execution.execId,
                perm_id=execution.permId,
                order_id=max(0, execution.orderId) if execution.clientId == self.clientId else 0,
                order_ref=execution.orderRef,
                symbol=contract.symbol,
                side=Side.BUY if execution.side == "BOT" else Side.SELL,
                shares=whole(execution.shares) or 0,
                price=Decimal(str(execution.price)),
                time=parse_time(execution.time, self._clock.now()),
            )
        )

    def execDetailsEnd(self, reqId: int) -> None:
        self.boxes.end(reqId)

    def commissionReport(self, commissionReport: Any) -> None:
        """Before 10.37."""
        self._commission(commissionReport.execId, commissionReport.commission)

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
        self._commission(commissionAndFeesReport.execId, commissionAndFeesReport.commissionAndFees)

    def _commission(self, exec_id: str, told: Any) -> None:
        amount = number_of(told)
        if amount is not None:
            self._listener(Commission(exec_id, amount))

    def marketDataType(self, reqId: int, marketDataType: int) -> None:
        if marketDataType != LIVE_DATA:
            self.boxes.fail(reqId, explain(10167, ""))

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.boxes.put(reqId, (tickType, price))
        if tickType == LAST and price > 0:
            self.boxes.end(reqId)

    def tickSnapshotEnd(self, reqId: int) -> None:
        self.boxes.end(reqId)


class _Straight:
    """In the place of the client's queue: a message is taken at once, in the reader's thread, without a second loop."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.put = take


def contract_of(symbol: str) -> Contract:
    """The share itself, wherever it trades; NASDAQ tells it from others of the same name."""
    contract = Contract()
    contract.symbol, contract.secType, contract.currency = symbol, "STK", CURRENCY
    contract.exchange, contract.primaryExchange = "SMART", "NASDAQ"
    return contract


def order_of(intent: OrderIntent, account: str) -> IBOrder:
    """For this day's regular session only, all of it said: presets of the gateway fill in what is left out."""
    order = IBOrder()
    order.action = intent.side.value
    order.totalQuantity = Decimal(intent.quantity)
    order.orderType = intent.order_type.value
    if intent.order_type is OrderType.LIMIT and intent.limit_price is not None:
        order.lmtPrice = float(intent.limit_price)
    order.tif = "DAY"
    order.account = account
    order.orderRef = intent.order_ref
    order.outsideRth = False
    order.transmit = True
    for refused in ("eTradeOnly", "firmQuoteOnly"):  # true by default in 9.81, and refused with 10268 and 10269
        if hasattr(order, refused):
            setattr(order, refused, False)
    return order


def _cancel_arguments() -> tuple[Any, ...]:
    """What cancelOrder wants beside the id: nothing, a time, or since 10.30 an OrderCancel."""
    wanted = list(inspect.signature(EClient.cancelOrder).parameters.values())[2:]
    if not wanted:
        return ()
    if wanted[0].annotation is str:
        return ("",)
    from ibapi.order_cancel import OrderCancel

    return (OrderCancel(),)


def open_account(config: Config, clock: Clock, timing: Timing | None = None) -> IBBroker:
    """The account of `config`, connecting in the background; returns at once."""
    used = timing or Timing()
    broker = IBBroker(config, clock, used, lambda listener: IBGateway(clock, used, listener))
    broker.start()
    return broker
