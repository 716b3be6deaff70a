"""One connection to a gateway for looking only: the questions of a connection check, each with a deadline of its own.

Rule 1: it places no order. The one message about an order that it can send is a what-if, which the broker answers with
        an estimate and forgets.
Rule 2: a question that stays without an answer ends neither the connection nor the other questions.
"""
# ruff: noqa: ARG002  (the parameters of callbacks are the client's)

import time
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import ibapi
from ibapi.client import MAX_CLIENT_VER

from ib_broker import READING, IBGateway, contract_of, order_of
from qqqbot.adapters.ib.account import SUMMARY_TAGS
from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.doctor.result import Answer, Contract, OpenOrder, WhatIf
from qqqbot.adapters.ib.error_codes import Meaning, code, explain
from qqqbot.adapters.ib.order_tracker import Event, Notice, number_of
from qqqbot.adapters.ib.requests import Mailbox
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.ports import Clock
from qqqbot.model.values import Holding, OrderIntent, OrderType, Side

WHAT_IF = "what-if"


def client_release() -> tuple[str, int]:
    """('ibapi 9.81.1-1', the newest server version that it speaks)."""
    return f"ibapi {ibapi.get_version_string()}", MAX_CLIENT_VER


class Probe(IBGateway):
    """`seconds` bound the connect, greeting included."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(clock, Timing(connect=seconds), self._hear)
        self._warnings: list[str] = []
        self._what_if_id = 0

    # Questions

    def greet(self, host: str, port: int, client_id: int) -> str:
        """Connect; empty, or why there is no connection."""
        try:
            self.open(host, port, client_id)
        except BrokerUnavailable:
            return _here(self.ended())
        return ""

    @property
    def unreachable(self) -> OSError | None:
        """Why the port could not be connected to, where that was it."""
        return self.conn.unreachable if self.conn else None

    @property
    def server_version(self) -> int | None:
        """Known once the gateway has greeted."""
        return self.serverVersion() or None

    @property
    def greeting(self) -> str:
        """The gateway's own time and zone at the connect, as it writes them."""
        told = self.twsConnectionTime() or ""
        return told.decode(errors="replace") if isinstance(told, bytes) else str(told)

    def line(self) -> str:
        """What the gateway said of its own connection to the broker; empty where it said nothing."""
        said = self.interrupted()
        return "" if said == READING else said

    def time(self, seconds: float) -> Answer:
        return self._read(self.boxes.ask("time", "the time", self.reqCurrentTime), seconds)

    def open_orders(self, seconds: float) -> Answer:
        """Of every client. Alone: a read-only gateway's refusal does not say what it refuses."""
        return self._read(self._ask_open_orders(), seconds)

    def look(self, symbols: tuple[str, ...], seconds: float) -> tuple[Answer, Answer, dict[str, Answer]]:
        """Account summary, positions and contract details, asked for at once, within `seconds` together."""
        until = time.monotonic() + seconds
        tags = ",".join(SUMMARY_TAGS)
        summary = self.ask("the account summary", lambda n: self.reqAccountSummary(n, "All", tags))
        positions = self.boxes.ask("positions", "positions", self.reqPositions)
        details = {symbol: self._ask_contract(symbol) for symbol in symbols}

        def read(box: Mailbox) -> Answer:
            return self._read(box, until - time.monotonic())

        return read(summary), read(positions), {symbol: read(box) for symbol, box in details.items()}

    def _ask_contract(self, symbol: str) -> Mailbox:
        return self.ask(f"the contract of {symbol}", lambda n: self.reqContractDetails(n, contract_of(symbol)))

    def what_if(self, symbol: str, now: datetime, seconds: float) -> Answer:
        """What the broker would say to an order for one share at the market. Nothing is placed."""
        order = order_of(_one_share(symbol, now), self.account)
        order.whatIf = True
        number = self._what_if_id = self.take_order_id(0)
        send = partial(self.placeOrder, number, contract_of(symbol), order)
        return self._read(self.boxes.ask(WHAT_IF, "a what-if order", send), seconds)

    def _read(self, box: Mailbox, seconds: float) -> Answer:
        try:
            return Answer(tuple(self.boxes.answer(box, max(0.0, seconds))))
        except BrokerUnavailable:
            return Answer(trouble=_here(box.trouble))

    # Callbacks

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        told = contractDetails
        found = Contract(
            sec_type=told.contract.secType,
            con_id=told.contract.conId,
            min_tick=number_of(told.minTick),
            order_types=tuple(told.orderTypes.split(",")),
            hours=told.liquidHours,
            zone=told.timeZoneId,
        )
        self.boxes.put(reqId, found)

    def contractDetailsEnd(self, reqId: int) -> None:
        self.boxes.end(reqId)

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        if order.whatIf:
            commission = getattr(orderState, "commissionAndFees", None) or getattr(orderState, "commission", None)
            warnings = [*self._warnings, *filter(None, [" ".join(orderState.warningText.split())])]
            told = WhatIf(number_of(orderState.initMarginChange), number_of(commission), tuple(warnings))
            self.boxes.put(WHAT_IF, told)
            self.boxes.end(WHAT_IF)
        elif order.account == self.account:
            self.boxes.put("open", OpenOrder(contract.symbol, order.orderRef))

    def _hear(self, event: Event) -> None:
        """Of all that is told of orders only what is said about the what-if matters here."""
        if not isinstance(event, Notice) or event.order_id != self._what_if_id:
            return
        if code(event.number).meaning is Meaning.NOTICE:
            self._warnings.append(f"{event.number}: {event.text}")
        else:
            self.boxes.fail(WHAT_IF, explain(event.number, event.text))


def _here(trouble: str) -> str:
    """Unlike the bot, this connection is not made anew."""
    return trouble.removesuffix("; connecting anew")


def _one_share(symbol: str, now: datetime) -> OrderIntent:
    """An order as the bot would send it; the numbers of its decision play no part."""
    return OrderIntent(
        order_ref=WHAT_IF,
        session=now.date(),
        decided_at=now,
        side=Side.BUY,
        symbol=symbol,
        quantity=1,
        order_type=OrderType.MARKET,
        limit_price=None,
        decision_price=Decimal(0),
        target=Holding(symbol),
        reason="",
        qqq_price=0.0,
        tqqq_price=0.0,
        short_ma=0.0,
        long_ma=0.0,
    )
