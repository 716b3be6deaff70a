"""The requests of a connection check, sent over one gateway connection, each with its own deadline.

Rule 1: it places no order. The only message about an order that it can send is a what-if, which the broker answers with
        an estimate and forgets.
Rule 2: a request that gets no answer ends neither the connection nor the other requests.
"""

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from qqqbot.adapters.ib.doctor.result import ContractDetails, Day, Reply, WhatIf
from qqqbot.adapters.ib.error_codes import Meaning, code_of_order, explain_order, washed
from qqqbot.adapters.ib.line import READING, Line
from qqqbot.adapters.ib.numbers import number_of
from qqqbot.adapters.ib.order_tracker import Event, Execution, Notice, Status
from qqqbot.adapters.ib.prices import PriceRequests
from qqqbot.adapters.ib.requests import WHAT_IF, PendingRequest, PendingRequests
from qqqbot.adapters.ib.transport import Transport
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.values import Holding, OrderIntent, OrderType, Side

# Enough for a computer that has just refused another port.
OPEN_PORT_SECONDS = 0.5


class GatewayClient(Protocol):
    """What a probe uses of the client's connection (`IBGateway`). Callbacks answer the requests."""

    account: str
    managed: tuple[str, ...]
    line: Line
    requests: PendingRequests
    prices: PriceRequests

    @property
    def conn(self) -> Transport | None: ...
    def serverVersion(self) -> int | None: ...
    def twsConnectionTime(self) -> bytes | str | None: ...
    def open(self, host: str, port: int, client_id: int) -> None: ...
    def shut(self, why: str) -> None: ...
    def ended(self) -> str: ...
    def ask_time(self) -> PendingRequest: ...
    def ask_open_orders(self) -> PendingRequest: ...
    def ask_executions(self) -> PendingRequest: ...
    def ask_completed(self) -> PendingRequest: ...
    def ask_summary(self) -> PendingRequest: ...
    def ask_positions(self) -> PendingRequest: ...
    def ask_contract(self, symbol: str) -> PendingRequest: ...
    def ask_what_if(self, order_id: int, intent: OrderIntent) -> PendingRequest: ...
    def take_order_id(self, above: int) -> int: ...


class Probe:
    """`make` makes a new, unconnected gateway object that hands what it hears about orders to its listener."""

    def __init__(self, make: Callable[[Callable[[Event], None]], GatewayClient]) -> None:
        self.gateway = make(self._hear)
        self._warnings: list[str] = []
        self._what_if_id = 0
        self._executed: set[str] = set()
        self._filled: set[str] = set()

    def connect(self, host: str, port: int, client_id: int) -> str:
        """Empty, or why there is no connection."""
        try:
            self.gateway.open(host, port, client_id)
        except BrokerUnavailable:
            return _without_retry(self.gateway.ended())
        return ""

    @property
    def unreachable(self) -> OSError | None:
        """Why the port could not be connected to, if that was the reason."""
        transport = self.gateway.conn
        return transport.unreachable if transport else None

    def open_ports(self, host: str, ports: Iterable[int]) -> tuple[int, ...]:
        """Those of `ports` that accept a connection on a computer that refused one; nothing is sent to them."""
        found = []
        if isinstance(self.unreachable, ConnectionRefusedError):
            for port in ports:
                with suppress(OSError), socket.create_connection((host, port), OPEN_PORT_SECONDS):
                    found.append(port)
        return tuple(found)

    @property
    def connected_at(self) -> str:
        """When the connection was made, in the gateway's own format and time zone."""
        text = self.gateway.twsConnectionTime() or ""
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)

    def interrupted(self) -> str:
        """What the gateway said about its own connection to the broker; empty if it said nothing."""
        said = self.gateway.line.interrupted()
        return "" if said == READING else said

    def day(self, seconds: float) -> Day:
        """Executions and completed orders, requested together, within `seconds` in all."""
        until = time.monotonic() + seconds
        asked = self.gateway.ask_executions(), self.gateway.ask_completed()
        executions, completed = (self.read(request, until - time.monotonic()) for request in asked)
        return Day(executions, completed, frozenset(self._executed), frozenset(self._filled))

    def account_data(self, symbols: tuple[str, ...], seconds: float) -> tuple[Reply, Reply, dict[str, Reply]]:
        """Account summary, positions and contract details, requested together, within `seconds` in all."""
        until = time.monotonic() + seconds
        summary, positions = self.gateway.ask_summary(), self.gateway.ask_positions()
        contracts = {symbol: self.gateway.ask_contract(symbol) for symbol in symbols}

        def read(request: PendingRequest) -> Reply:
            return self.read(request, until - time.monotonic())

        replies = read(summary), read(positions)
        return *replies, {symbol: _details(read(request)) for symbol, request in contracts.items()}

    def what_if(self, symbol: str, quantity: int, now: datetime, seconds: float) -> Reply:
        """The broker's answer to a purchase at the market price, if it were placed. Nothing is placed."""
        self._what_if_id = self.gateway.take_order_id(0)
        reply = self.read(self.gateway.ask_what_if(self._what_if_id, _purchase(symbol, quantity, now)), seconds)
        return Reply(tuple(_estimate(state, self._warnings) for state in reply.rows), reply.trouble)

    def read(self, request: PendingRequest, seconds: float) -> Reply:
        try:
            return Reply(tuple(self.gateway.requests.answer(request, max(0.0, seconds))))
        except BrokerUnavailable:
            return Reply(trouble=_without_retry(request.trouble))

    def _hear(self, event: Event) -> None:
        """Keep only what concerns the what-if order and this day's fills."""
        if isinstance(event, Execution):
            self._executed.add(event.order_ref)
        elif isinstance(event, Status) and event.status == "Filled" and event.filled:
            self._filled.add(event.order_ref)
        if not isinstance(event, Notice) or event.order_id != self._what_if_id:
            return
        if code_of_order(event.number, event.text).meaning is Meaning.NOTICE:
            self._warnings.append(f"{event.number}: {event.text}")
        else:
            self.gateway.requests.end(WHAT_IF, explain_order(event.number, event.text))


def _details(reply: Reply) -> Reply:
    """The client's objects as our own."""
    found = (
        ContractDetails(
            sec_type=details.contract.secType,
            min_tick=number_of(details.minTick),
            order_types=tuple(details.orderTypes.split(",")),
            hours=details.liquidHours,
            zone=details.timeZoneId,
        )
        for details in reply.rows
    )
    return Reply(tuple(found), reply.trouble)


def _estimate(state: Any, warnings: list[str]) -> WhatIf:
    """The estimate in an OrderState; since 10.37 its commission field has a new name."""
    commission = getattr(state, "commissionAndFees", None) or getattr(state, "commission", None)
    said = (*warnings, *filter(None, [washed(state.warningText or "")]))
    return WhatIf(number_of(state.initMarginChange), number_of(commission), said)


def _without_retry(trouble: str) -> str:
    """Unlike the bot, a check does not reconnect."""
    return trouble.removesuffix("; reconnecting")


def _purchase(symbol: str, quantity: int, now: datetime) -> OrderIntent:
    """An order as the bot would send it; the numbers behind the decision are placeholders."""
    return OrderIntent(
        order_ref=WHAT_IF,
        session=now.date(),
        decided_at=now,
        side=Side.BUY,
        symbol=symbol,
        quantity=quantity,
        order_type=OrderType.MARKET,
        limit_price=None,
        decision_price=Decimal(0),
        target=Holding(symbol),
        reason="",
        signal_price=0.0,
        fund_price=0.0,
        short_ma=0.0,
        long_ma=0.0,
    )
