"""The life of an order: accepted or refused, held, filled in slices, cancelled, corrected; and the notices about it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from standins.ib_gateway import callbacks, checks
from standins.ib_gateway.accounts import commission_for
from standins.ib_gateway.book import Book, new_york_date
from standins.ib_gateway.checks import Refusal, Ticket
from standins.ib_gateway.codec import Message, Request
from standins.ib_gateway.contracts import Contract, Instruments
from standins.ib_gateway.exchange import Exchange
from standins.ib_gateway.orders import Behaviour, Execution, Order

Later = Callable[[float, Callable[[], None]], None]
NEVER = datetime.max.replace(tzinfo=UTC)


class Outlet(Protocol):
    """Where messages for clients go."""

    def tell(self, client_id: int, messages: Iterable[Message]) -> None: ...
    def position_changed(self, account: str, contract: Contract) -> None: ...
    def drop(self, client_id: int) -> None: ...


class OrderHandling:
    def __init__(
        self,
        book: Book,
        exchange: Exchange,
        instruments: Instruments,
        clock: Callable[[], datetime],
        outlet: Outlet,
        later: Later,
    ) -> None:
        self.book = book
        self.exchange = exchange
        self.instruments = instruments
        self.clock = clock
        self._outlet = outlet
        self._later = later
        self.connected = True
        """the gateway's own line to IB"""
        self.keeps_orders_while_down = True
        """whether orders sent while the line is down are submitted when it is back; otherwise they vanish"""
        self.estimates_nothing = False
        """a what-if is answered without numbers, as if the account may not trade the instrument (pysystemtrade#1525)"""
        self.maintains_orders = False
        """"maintain and resubmit orders": what is open at the close is open again in the next session"""
        self.lists_executions = True
        """False: executions end at once and empty, as those of TWS 10.31 in another form than UTC (ib_async#82)"""
        self.preset_notice = False
        """send 10349 for an order that came without a time in force"""
        self.time_form = "zone"
        self._while_down: list[Order] = []
        self._late: list[tuple[Order, Execution]] = []
        """executions that the client has not been told about"""

    # Placing

    def place(self, client_id: int, request: Request) -> None:
        order_id = request.integer("orderId")
        try:
            ticket = checks.read_ticket(request, self.instruments, self.book.accounts)
            if ticket.what_if:
                self._what_if(client_id, order_id, ticket)
                return
            old = self.book.find(client_id, order_id)
            if old and old.live and old.order_ref == ticket.order_ref and order_id < self.book.next_id(client_id):
                self._modify(old, ticket)
                return
            if order_id < self.book.next_id(client_id):
                raise Refusal(103, "Duplicate order id")
            self.book.use_id(client_id, order_id)
            behaviour = self.exchange.take_behaviour()
            if not behaviour.silent and not behaviour.reject and not behaviour.precaution:
                self._check_funds(ticket)
        except Refusal as refusal:
            self._outlet.tell(client_id, [callbacks.error(refusal.code, refusal.text, order_id, self.clock())])
            return
        self.enter(self._new_order(client_id, order_id, ticket, behaviour))

    def _check_funds(self, ticket: Ticket) -> None:
        account = self.book.accounts[ticket.account]
        price = ticket.limit or self._expected_price(ticket.contract, ticket.action)
        power = account.buying_power(self.exchange, new_york_date(self.clock()))
        checks.check_funds(ticket, account, price, power)

    def _expected_price(self, contract: Contract, action: str) -> Decimal:
        quote = self.exchange.quote(contract.symbol)
        price = quote.ask if action == "BUY" else quote.bid
        return price or quote.last or quote.close or Decimal(0)

    def _new_order(self, client_id: int, order_id: int, ticket: Ticket, behaviour: Behaviour) -> Order:
        return Order(
            self.book.new_perm_id(),
            client_id,
            order_id,
            ticket.account,
            ticket.contract,
            ticket.action,
            ticket.quantity if behaviour.reduced_to is None else Decimal(behaviour.reduced_to),
            ticket.order_type,
            ticket.limit,
            ticket.tif or "DAY",
            ticket.order_ref,
            ticket.outside_rth,
            self.clock(),
            behaviour=self._with_preset(behaviour, ticket),
            transmitted=ticket.transmit,
        )

    def _with_preset(self, behaviour: Behaviour, ticket: Ticket) -> Behaviour:
        if ticket.tif or not self.preset_notice:
            return behaviour
        notice = (10349, "Order TIF was set to DAY based on order preset.")
        return replace(behaviour, notices=(*behaviour.notices, notice))

    def _what_if(self, client_id: int, order_id: int, ticket: Ticket) -> None:
        if self.estimates_nothing:
            empty = callbacks.open_order(self._new_order(client_id, order_id, ticket, Behaviour()))
            empty.values["order.whatIf"] = True
            self._outlet.tell(client_id, [empty])
            return
        account = self.book.accounts[ticket.account]
        price = ticket.limit or self._expected_price(ticket.contract, ticket.action)
        values = account.values(self.exchange, new_york_date(self.clock()))
        order = self._new_order(client_id, order_id, ticket, Behaviour())
        change = ticket.quantity * price / account.leverage * (1 if ticket.action == "BUY" else -1)
        message = callbacks.what_if(
            order,
            commission_for(ticket.quantity, price),
            Decimal(values["InitMarginReq"]),
            change,
            Decimal(values["EquityWithLoanValue"]),
        )
        self._outlet.tell(client_id, [message])

    def _modify(self, order: Order, ticket: Ticket) -> None:
        """Modify an order: the same id and reference come again while it is live."""
        order.quantity, order.order_type, order.limit = ticket.quantity, ticket.order_type, ticket.limit
        newly_sent, order.transmitted = not order.transmitted and ticket.transmit, ticket.transmit
        if newly_sent:
            self.enter(order, known=True)
            return
        self._tell(order, callbacks.acknowledgement(order))
        self.advance(order)

    def enter(self, order: Order, known: bool = False) -> None:
        """Accept an order, whoever sent it."""
        if not self.connected:
            if self.keeps_orders_while_down:
                self._while_down.append(order)
            return
        if order.behaviour.reject:
            self._reject(order, order.behaviour.reject)
            return
        if not known:
            self.book.orders.append(order)
        order.visible = not order.behaviour.silent and not order.behaviour.precaution
        if order.visible and order.transmitted:
            self._accept(order)
        elif order.behaviour.precaution:
            self._tell(order, [callbacks.error(*order.behaviour.precaution, order.order_id, self.clock())])

    def _reject(self, order: Order, reject: tuple[int, str]) -> None:
        code, text = reject
        messages = []
        if order.behaviour.reject_status:
            order.status, order.reject_reason = order.behaviour.reject_status, text
            order.completed, order.completed_status = self.clock(), "Rejected"
            self.book.orders.append(order)
            messages = callbacks.acknowledgement(order)
        self._tell(order, [callbacks.error(code, text, order.order_id, self.clock()), *messages])

    def _accept(self, order: Order) -> None:
        is_open = self.exchange.is_open()
        order.at_exchange = order.active_session = is_open
        starts_working = bool(order.behaviour.slices) or self.exchange.price_for(order) is None
        order.status = "Submitted" if is_open and starts_working else "PreSubmitted"
        messages = [
            callbacks.order_status(replace(order, status=status, perm_id=0))  # permId comes with acceptance
            for status in order.behaviour.first_statuses
        ]
        messages += callbacks.acknowledgement(order)
        messages += [callbacks.error(code, text, order.order_id, self.clock()) for code, text in self._notices(order)]
        if not is_open:
            messages += callbacks.acknowledgement(order)
        self._tell(order, messages)
        if order.behaviour.refused_late:
            self._refuse_late(order, order.behaviour.refused_late)
        if order.behaviour.cancelled_by_system is not None:
            self._cancel_by_system(order, order.behaviour.cancelled_by_system)
        self.advance(order)

    def _refuse_late(self, order: Order, refusal: tuple[int, str]) -> None:
        order.status = "Inactive"
        self._tell(order, [callbacks.error(*refusal, order.order_id, self.clock()), *callbacks.acknowledgement(order)])

    def _notices(self, order: Order) -> Iterable[tuple[int, str]]:
        yield from order.behaviour.notices
        if order.outside_rth and order.order_type == "MKT":
            yield (
                2109,
                (
                    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order "
                    "type and destination. PlaceOrder is now being processed."
                ),
            )
        if not order.at_exchange:
            yield (
                399,
                (
                    f"Order Message:\n{order.action} {order.quantity:f} {order.contract.symbol} NASDAQ.NMS\n"
                    "Warning: Your order will not be placed at the exchange until "
                    f"{self.exchange.next_open_text()}."
                ),
            )

    # Working

    def tick(self) -> None:
        """Re-examine every live order: the price, the session or the halt may have changed."""
        is_open = self.exchange.is_open()
        self._tell_late_executions()
        for order in self.book.live():
            if is_open and not order.at_exchange:
                order.at_exchange = order.active_session = True
                order.status = "Submitted"
                self._tell(order, callbacks.acknowledgement(order))
            if not is_open and order.active_session and order.tif == "DAY":
                if self.maintains_orders:
                    order.at_exchange = order.active_session = False
                else:
                    self._finish_cancel(order, "", with_202=True)
            elif is_open:
                self.advance(order)

    def advance(self, order: Order) -> None:
        behaviour = order.behaviour
        stopped = behaviour.keeps_rest_open and order.slices_done >= len(behaviour.slices)
        if order.scheduled or not order.live or not order.at_exchange or not behaviour.fills or stopped:
            return
        early = order.filled_at and self.clock() < order.filled_at + timedelta(seconds=behaviour.slice_every)
        if early or self.exchange.price_for(order) is None:
            return
        delay = behaviour.slice_delay if order.slices_done else behaviour.delay
        if delay <= 0:
            self._fill_next(order)
            return
        order.scheduled = True
        self._later(delay, lambda: self._scheduled_fill(order))

    def _scheduled_fill(self, order: Order) -> None:
        order.scheduled = False
        if order.live and self.exchange.price_for(order) is not None:
            self._fill_next(order)

    def _fill_next(self, order: Order) -> None:
        price = self.exchange.price_for(order)
        if price is None:
            return
        slices = order.behaviour.slices
        wanted = Decimal(slices[order.slices_done]) if order.slices_done < len(slices) else order.remaining
        self.fill(order, min(wanted, order.remaining), price)
        self.advance(order)

    def fill(self, order: Order, shares: Decimal, price: Decimal) -> Execution:
        execution = self._execute(order, shares, price)
        self._tell(order, callbacks.fill(order, execution, self.time_form))
        self._late = [*self._late, (order, execution)] if execution.listed_from else self._late
        self._report_commission(order, execution)
        if self.connected:
            self._outlet.position_changed(order.account, order.contract)
        if order.behaviour.correction is not None:
            self.correct(execution, order.behaviour.correction)
        if order.behaviour.drop_after_fill == order.slices_done:
            self._outlet.drop(order.client_id)
        return execution

    def _execute(self, order: Order, shares: Decimal, price: Decimal) -> Execution:
        total = order.filled + shares
        order.average = (order.average * order.filled + price * shares) / total
        paid = order.commission or Decimal(0)
        order.commission = commission_for(total, order.average)
        order.filled, order.last_price = total, price
        order.slices_done += 1
        order.status = "Filled" if order.remaining <= 0 else "Submitted"
        if not order.live:
            order.completed, order.completed_status = self.clock(), f"Filled Size: {total:f}"
        signed = shares if order.action == "BUY" else -shares
        fee = order.commission - paid
        account = self.book.accounts[order.account]
        account.keep(self.clock())
        order.filled_at = self.clock()
        realized = account.trade(order.contract, signed, price, fee, new_york_date(self.clock()))
        execution = Execution(
            self.book.new_exec_id(),
            order.perm_id,
            order.client_id,
            order.order_id,
            order.order_ref,
            order.account,
            order.contract,
            "BOT" if order.action == "BUY" else "SLD",
            shares,
            price,
            total,
            order.average,
            self.clock(),
            fee,
            realized,
            commission_reported=order.behaviour.commission == "usual",
            commission_currency=order.behaviour.commission_currency,
            listed_from=self._listed_from(order.behaviour),
        )
        self.book.executions.append(execution)
        return execution

    def _listed_from(self, behaviour: Behaviour) -> datetime | None:
        later = {"late": self.clock() + timedelta(seconds=behaviour.executions_delay), "never": NEVER}
        return later.get(behaviour.executions)

    def _tell_late_executions(self) -> None:
        due = [(order, execution) for order, execution in self._late if execution.listed(self.clock())]
        self._late = [pair for pair in self._late if pair not in due]
        for order, execution in due:
            self._tell(
                order, [callbacks.exec_details(execution, self.time_form), callbacks.commission_report(execution)]
            )

    def _report_commission(self, order: Order, execution: Execution) -> None:
        def report() -> None:
            execution.commission_reported = True
            self._tell(order, [callbacks.commission_report(execution)])

        if order.behaviour.commission == "late":
            self._later(order.behaviour.commission_delay, report)

    def correct(self, execution: Execution, price: Decimal) -> Execution:
        """Correct a trade's price as the exchange does: by a second execution with another id after the last dot."""
        number = int(execution.exec_id.rpartition(".")[2]) + 1
        corrected = replace(
            execution,
            exec_id=f"{execution.root}.{number:02d}",
            price=price,
            average=price,
            superseded_by=None,
            commission_reported=True,
        )
        execution.superseded_by = corrected.exec_id
        self.book.executions.append(corrected)
        self._rebook(execution, corrected)
        form = self.time_form
        self._outlet.tell(
            execution.client_id, [callbacks.exec_details(corrected, form), callbacks.commission_report(corrected)]
        )
        return corrected

    def _rebook(self, old: Execution, new: Execution) -> None:
        account = self.book.accounts[old.account]
        account.keep(self.clock())
        signed = old.shares if old.side == "BOT" else -old.shares
        account.cash += signed * (old.price - new.price)
        holding = account.holdings[old.contract.con_id]
        if old.realized is None and holding.quantity:
            holding.average_cost += signed * (new.price - old.price) / holding.quantity
        elif old.realized is not None:
            new.realized = old.realized - signed * (new.price - old.price)
        order = self.book.by_perm_id(old.perm_id)
        if order is not None and order.filled:
            order.average += old.shares * (new.price - old.price) / order.filled
            new.average = order.average

    # Cancelling

    def cancel(self, client_id: int, order_id: int) -> None:
        order = self.book.find(client_id, order_id)
        now = self.clock()
        if order is not None and order.live and order.behaviour.on_cancel == "ignored":
            return
        if order is not None and order.behaviour.precaution and order.live and order.behaviour.on_cancel != "unknown":
            self._cancel_live(order)
        elif order is None or not order.visible:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._outlet.tell(client_id, [callbacks.error(10147, text, order_id, now)])
        elif not order.live:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
            self._outlet.tell(client_id, [callbacks.error(10148, text, order_id, now)])
        else:
            self._cancel_live(order)

    def cancel_all(self, client_id: int) -> None:
        """Cancel every live order, also manual ones and other clients'; send 161 for each that has already ended."""
        for order in self.book.completed_on(new_york_date(self.clock())):
            if order.client_id == client_id:
                text = f"Cancel attempted when order is not in a cancellable state.  Order permId ={order.perm_id}"
                self._outlet.tell(client_id, [callbacks.error(161, text, order.order_id, self.clock())])
        for order in self.book.live():
            self._cancel_live(order)

    def _cancel_live(self, order: Order) -> None:
        how = order.behaviour.on_cancel
        if how == "ignored":
            return
        self._tell(order, [callbacks.pending_cancel(order)])
        if how == "pending":
            order.status = "PendingCancel"
            return
        price = self.exchange.price_for(order)
        if how == "fills" and price is not None:
            self.fill(order, order.remaining, price)
            return
        self._finish_cancel(order, "", with_202=how != "silent")

    def _cancel_by_system(self, order: Order, text: str) -> None:
        pending = callbacks.pending_cancel(order)
        self._tell(order, [pending, pending])
        self._finish_cancel(order, text, with_202=True)

    def _finish_cancel(self, order: Order, text: str, with_202: bool) -> None:
        order.status, order.completed = "Cancelled", self.clock()
        order.completed_status = "Cancelled by System" if text else "Cancelled by Trader"
        self._tell(order, callbacks.cancelled(order, text, self.clock(), with_202))

    # The gateway's dialogs and its line to IB

    def confirm_dialogs(self) -> None:
        for order in self._behind_dialogs():
            order.visible = True
            self._accept(order)

    def dismiss_dialogs(self) -> None:
        for order in self._behind_dialogs():
            self.book.orders.remove(order)

    def _behind_dialogs(self) -> list[Order]:
        return [order for order in self.book.orders if order.live and not order.visible]

    def forget_untransmitted(self) -> None:
        """Forget orders that were never transmitted or that a dialog still holds, as a restart does."""
        self.book.orders = [o for o in self.book.orders if not o.live or (o.visible and o.transmitted)]
        self._while_down.clear()

    def line_restored(self) -> None:
        self.connected = True
        waiting, self._while_down = self._while_down, []
        for order in waiting:
            self.enter(order)

    def _tell(self, order: Order, messages: Iterable[Message]) -> None:
        if self.connected and order.order_id:
            self._outlet.tell(order.client_id, messages)
