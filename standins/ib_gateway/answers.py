"""How the gateway answers each request that is not about placing or cancelling orders."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from standins.ib_gateway import callbacks, history, quotes
from standins.ib_gateway.accounts import LEDGER, POSITIONS, Account
from standins.ib_gateway.book import MANUAL, Book, new_york_date
from standins.ib_gateway.checks import READ_ONLY
from standins.ib_gateway.codec import Message, Request
from standins.ib_gateway.connection import Connection, Summary
from standins.ib_gateway.contracts import Contract, Instruments
from standins.ib_gateway.exchange import Exchange
from standins.ib_gateway.history import DailyCloses
from standins.ib_gateway.order_handling import OrderHandling
from standins.ib_gateway.orders import Execution, Order

MOST_SUMMARIES = 2
HISTORY_HAS_AN_END = 196
SUMMARY_SECONDS = 180.0  # an account summary reports changed values every three minutes
READ_ONLY_REQUESTS = (
    "placeOrder",
    "cancelOrder",
    "reqGlobalCancel",
    "reqOpenOrders",
    "reqAllOpenOrders",
    "reqAutoOpenOrders",
    "reqCompletedOrders",
)

Handler = Callable[[Connection, Request], None]


class House(Protocol):
    """What the answers need from the gateway."""

    read_only: bool
    market_data: str
    quote_delay: timedelta
    history_refused: str
    history_note: tuple[int, str] | None
    daily_closes: DailyCloses | None
    fractional_size_rules: bool
    book: Book
    order_handling: OrderHandling
    exchange: Exchange
    instruments: Instruments

    @property
    def shown(self) -> Book: ...

    def clock(self) -> datetime: ...


class Answers:
    def __init__(self, house: House) -> None:
        self._house = house
        self._handlers: dict[str, Handler] = {
            "reqIds": self._ids,
            "reqManagedAccts": self._managed_accounts,
            "reqCurrentTime": self._time,
            "reqCurrentTimeInMillis": self._time_in_millis,
            "placeOrder": self._place,
            "cancelOrder": self._cancel,
            "reqGlobalCancel": self._global_cancel,
            "reqOpenOrders": self._own_open_orders,
            "reqAllOpenOrders": self._all_open_orders,
            "reqAutoOpenOrders": self._auto_open_orders,
            "reqCompletedOrders": self._completed_orders,
            "reqExecutions": self._executions,
            "reqPositions": self._positions,
            "cancelPositions": self._cancel_positions,
            "reqPositionsMulti": self._positions_multi,
            "cancelPositionsMulti": self._cancel_positions_multi,
            "reqAccountSummary": self._summary,
            "cancelAccountSummary": self._cancel_summary,
            "reqAccountUpdates": self._account_updates,
            "reqAccountUpdatesMulti": self._account_updates_multi,
            "reqContractDetails": self._contract_details,
            "reqMktData": self._quotes,
            "cancelMktData": self._cancel_quotes,
            "reqMarketDataType": self._market_data_type,
            "reqHistoricalData": self._history,
        }

    def answer(self, to: Connection, request: Request) -> None:
        """Execute a request and send the answer; ignore a request without a handler, as the real gateway does."""
        if self._house.read_only and request.kind in READ_ONLY_REQUESTS:
            self._refuse_read_only(to, request)
            return
        handler = self._handlers.get(request.kind)
        if handler is not None:
            handler(to, request)

    def greet(self, to: Connection, download_open_orders: bool) -> None:
        """The messages that a client gets as soon as it has started."""
        if download_open_orders and not self._house.read_only:
            own = [order for order in self._house.book.live() if order.client_id == to.client_id]
            if own:
                self._say_open_orders(to, own)
        self._managed_accounts(to, Request(""))
        self._ids(to, Request(""))
        for code, text in (
            (2104, "Market data farm connection is OK:usfarm"),
            (2106, "HMDS data farm connection is OK:ushmds"),
            (2158, "Sec-def data farm connection is OK:secdefnj"),
        ):
            self._error(to, code, text)

    def _error(self, to: Connection, code: int, text: str, req_id: int = -1) -> None:
        to.say(callbacks.error(code, text, req_id, self._house.clock()))

    def _refuse_read_only(self, to: Connection, request: Request) -> None:
        req_id = request.integer("orderId", -1) if request.kind in ("placeOrder", "cancelOrder") else -1
        self._error(to, 321, READ_ONLY, req_id)

    # Ids, accounts' names, time

    def _ids(self, to: Connection, _: Request) -> None:
        to.say(Message("nextValidId", {"orderId": self._house.book.next_id(to.client_id or 0)}))

    def _managed_accounts(self, to: Connection, _: Request) -> None:
        to.say(Message("managedAccounts", {"accountsList": ",".join(self._house.book.accounts)}))

    def _time(self, to: Connection, _: Request) -> None:
        to.say(Message("currentTime", {"currentTime": int(self._house.clock().timestamp())}))

    def _time_in_millis(self, to: Connection, _: Request) -> None:
        now = int(self._house.clock().timestamp() * 1000)
        to.say(Message("currentTimeInMillis", {"currentTimeInMillis": now}))

    # Orders and executions

    def _place(self, to: Connection, request: Request) -> None:
        self._house.order_handling.place(to.client_id or 0, request)

    def _cancel(self, to: Connection, request: Request) -> None:
        self._house.order_handling.cancel(to.client_id or 0, request.integer("orderId"))

    def _global_cancel(self, to: Connection, _: Request) -> None:
        self._house.order_handling.cancel_all(to.client_id or 0)

    def _own_open_orders(self, to: Connection, _: Request) -> None:
        own = [order for order in self._house.shown.listed() if order.client_id == to.client_id]
        self._say_open_orders(to, own)

    def _all_open_orders(self, to: Connection, _: Request) -> None:
        self._say_open_orders(to, self._house.shown.listed())

    def _auto_open_orders(self, to: Connection, _: Request) -> None:
        """Orders entered by hand can be bound by client 0 only; there is no end marker."""
        if to.client_id != MANUAL:
            self._error(to, 327, "Only clientId 0 can be set to auto bind orders.")

    def _say_open_orders(self, to: Connection, orders: list[Order]) -> None:
        """Other clients' orders come with order id 0."""
        for order in orders:
            order_id = order.order_id if order.client_id == to.client_id else 0
            to.say(callbacks.open_order(order, order_id))
            to.say(callbacks.order_status(order, order_id))
        to.say(Message("openOrderEnd"))

    def _completed_orders(self, to: Connection, request: Request) -> None:
        """Send the completed orders of the current day."""
        for order in self._house.shown.completed_on(new_york_date(self._house.clock())):
            if order.order_id or not request.flag("apiOnly"):
                to.say(callbacks.completed_order(order))
        to.say(Message("completedOrdersEnd"))

    def _executions(self, to: Connection, request: Request) -> None:
        """Send the executions of the current day, from every client; each with its commission once that is known."""
        req_id, now = request.integer("reqId"), self._house.clock()
        for execution in self._house.shown.executions_on(new_york_date(now)):
            if self._house.order_handling.lists_executions and execution.listed(now) and _passes(execution, request):
                to.say(callbacks.exec_details(execution, self._house.order_handling.time_form, req_id))
                if execution.commission_reported:
                    to.say(callbacks.commission_report(execution))
        to.say(Message("execDetailsEnd", {"reqId": req_id}))

    # Accounts

    def _held(self, account: Account) -> Iterator[Message]:
        shown = account.as_shown(POSITIONS, self._house.clock())
        return (
            callbacks.position(account.account_id, holding) for holding in shown.holdings.values() if holding.quantity
        )

    def _positions(self, to: Connection, _: Request) -> None:
        to.subscriptions.positions = True
        for account in self._house.shown.accounts.values():
            for message in self._held(account):
                to.say(message)
        to.say(Message("positionEnd"))

    def _cancel_positions(self, to: Connection, _: Request) -> None:
        to.subscriptions.positions = False

    def _positions_multi(self, to: Connection, request: Request) -> None:
        req_id, wanted = request.integer("reqId"), request.text("account")
        to.subscriptions.positions_multi[req_id] = wanted
        for account in self._house.shown.accounts.values():
            if wanted in ("", account.account_id):
                for message in self._held(account):
                    to.say(Message("positionMulti", message.values | {"reqId": req_id}))
        to.say(Message("positionMultiEnd", {"reqId": req_id}))

    def _cancel_positions_multi(self, to: Connection, request: Request) -> None:
        to.subscriptions.positions_multi.pop(request.integer("reqId"), None)

    def position_changed(self, to: Connection, account_id: str, contract: Contract) -> None:
        """A closed position is reported with 0."""
        account = self._house.book.accounts[account_id]
        if account.lags.get(POSITIONS):
            return
        holding = account.holdings[contract.con_id]
        message = callbacks.position(account_id, holding)
        if to.subscriptions.positions:
            to.say(message)
        for req_id, wanted in to.subscriptions.positions_multi.items():
            if wanted in ("", account_id):
                to.say(Message("positionMulti", message.values | {"reqId": req_id}))

    def _summary(self, to: Connection, request: Request) -> None:
        req_id = request.integer("reqId")
        if req_id in to.subscriptions.summaries:
            self._error(
                to,
                322,
                "Error processing request.-'bN' : cause - Duplicate ticker ID for API account summary request",
                req_id,
            )
        elif len(to.subscriptions.summaries) >= MOST_SUMMARIES:
            self._error(
                to,
                322,
                "Error processing request.-'bN' : cause - Maximum number of account summary requests exceeded",
                req_id,
            )
        else:
            tags = tuple(tag.strip() for tag in request.text("tags").split(",") if tag.strip())
            summary = Summary(tuple(self._house.shown.accounts), tags)
            to.subscriptions.summaries[req_id] = summary
            self._say_summary(to, req_id, summary)
            to.say(Message("accountSummaryEnd", {"reqId": req_id}))

    def _say_summary(self, to: Connection, req_id: int, summary: Summary) -> None:
        """Send what has changed since the last report; the first has everything, in alphabetical order of the tags."""
        now = self._house.clock()
        summary.reported_at = now.timestamp()
        for name in summary.accounts:
            account = self._house.shown.accounts[name]
            asked = set(summary.tags)
            values = account.shown_values(self._house.exchange, now, new_york_date(now))
            values = {tag: value for tag, value in values.items() if tag in asked}
            if f"$LEDGER:{account.currency}" in asked:
                values |= account.as_shown(LEDGER, now).ledger()
            for tag in sorted(values):
                if summary.reported.get((name, tag)) != values[tag]:
                    summary.reported[name, tag] = values[tag]
                    to.say(
                        Message(
                            "accountSummary",
                            {
                                "reqId": req_id,
                                "account": name,
                                "tag": tag,
                                "value": values[tag],
                                "currency": account.currency,
                            },
                        )
                    )

    def _cancel_summary(self, to: Connection, request: Request) -> None:
        to.subscriptions.summaries.pop(request.integer("reqId"), None)

    def tick(self, to: Connection) -> None:
        """Send what subscriptions report as time passes."""
        now = self._house.clock().timestamp()
        for req_id, summary in to.subscriptions.summaries.items():
            if now - summary.reported_at >= SUMMARY_SECONDS:
                self._say_summary(to, req_id, summary)

    def _account_updates(self, to: Connection, request: Request) -> None:
        name = request.text("acctCode") or next(iter(self._house.shown.accounts))
        account = self._house.shown.accounts.get(name)
        if account is None or not request.flag("subscribe"):
            return
        now = self._house.clock()
        for key, value in account.shown_values(self._house.exchange, now, new_york_date(now)).items():
            to.say(
                Message("accountValue", {"key": key, "value": value, "currency": account.currency, "accountName": name})
            )
        for holding in account.holdings.values():
            if holding.quantity:
                to.say(quotes.portfolio_value(name, holding, self._house.exchange))
        to.say(Message("accountUpdateTime", {"timeStamp": f"{now:%H:%M}"}))
        to.say(Message("accountDownloadEnd", {"accountName": name}))

    def _account_updates_multi(self, to: Connection, request: Request) -> None:
        req_id, wanted = request.integer("reqId"), request.text("account")
        for name, account in self._house.shown.accounts.items():
            if wanted in ("", name):
                now = self._house.clock()
                values = account.shown_values(self._house.exchange, now, new_york_date(now))
                for key, value in values.items():
                    to.say(
                        Message(
                            "accountUpdateMulti",
                            {
                                "reqId": req_id,
                                "account": name,
                                "key": key,
                                "value": value,
                                "currency": account.currency,
                            },
                        )
                    )
        to.say(Message("accountUpdateMultiEnd", {"reqId": req_id}))

    # Instruments and prices

    def _contract_details(self, to: Connection, request: Request) -> None:
        req_id = request.integer("reqId")
        found = self._find(request)
        if not found:
            self._error(to, 200, "No security definition has been found for the request", req_id)
            return
        for contract in found:
            to.say(quotes.contract_details(req_id, contract, self._house.exchange))
        to.say(Message("contractDetailsEnd", {"reqId": req_id}))

    def _find(self, request: Request) -> list[Contract]:
        return self._house.instruments.find(
            request.integer("contract.conId"),
            request.text("contract.symbol"),
            request.text("contract.secType"),
            request.text("contract.currency"),
            request.text("contract.primaryExch"),
        )

    def _quotes(self, to: Connection, request: Request) -> None:
        req_id = request.integer("reqId")
        found = self._find(request)
        snapshot = request.flag("snapshot")
        refusal = quotes.refusal(self._house, to.version, to.subscriptions.market_data_type)
        if len(found) != 1:
            self._error(to, 200, "No security definition has been found for the request", req_id)
        elif req_id in to.subscriptions.quotes:
            self._error(to, 102, "Duplicate ticker ID.", req_id)
        elif refusal is not None:
            self._error(to, *refusal, req_id)
        else:
            self._start_quotes(to, req_id, found[0], snapshot)

    def _start_quotes(self, to: Connection, req_id: int, contract: Contract, snapshot: bool) -> None:
        kind, note = quotes.SHOWN[self._house.market_data]
        if note is not None:
            self._error(to, *note, req_id)
        to.say(Message("marketDataType", {"reqId": req_id, "marketDataType": kind}))
        to.say(
            Message(
                "tickReqParams",
                {"reqId": req_id, "minTick": Decimal("0.01"), "bboExchange": "9c0001", "snapshotPermissions": 3},
            )
        )
        for message in self._ticks(req_id, contract.symbol):
            to.say(message)
        if snapshot:
            to.say(Message("tickSnapshotEnd", {"reqId": req_id}))
        else:
            to.subscriptions.quotes[req_id] = contract

    def _ticks(self, req_id: int, symbol: str) -> Iterator[Message]:
        """The prices of `symbol`; delayed ones are a quarter of an hour old, if prices over time are known."""
        delayed = self._house.market_data not in ("live", "frozen")
        at = self._house.clock() - (self._house.quote_delay if delayed else timedelta(0))
        quote = self._house.exchange.quote(symbol, at)
        return quotes.ticks(req_id, quote, delayed, self._house.exchange.traded_at or at)

    def quote_changed(self, to: Connection, symbol: str) -> None:
        for req_id, contract in to.subscriptions.quotes.items():
            if contract.symbol == symbol:
                for message in self._ticks(req_id, symbol):
                    to.say(message)

    def _cancel_quotes(self, to: Connection, request: Request) -> None:
        if to.subscriptions.quotes.pop(request.integer("reqId"), None) is None:
            self._error(to, 300, f"Can't find EId with tickerId:{request.integer('reqId')}", request.integer("reqId"))

    def _history(self, to: Connection, request: Request) -> None:
        """Send daily bars; before server version 196 the client generates the end marker itself."""
        req_id, found = request.integer("reqId"), self._find(request)
        if len(found) != 1:
            self._error(to, 200, "No security definition has been found for the request", req_id)
            return
        if refusal := history.refusal(self._house.history_refused, request):
            self._error(to, *refusal, req_id)
            return
        bars = history.bars(self._house.daily_closes, found[0].symbol, self._house.clock(), request.text("duration"))
        if not bars:
            self._error(to, 162, "Historical Market Data Service error message:HMDS query returned no data", req_id)
            return
        if self._house.history_note:
            self._error(to, *self._house.history_note, req_id)
        span = {"startDateStr": f"{bars[0]['date']} 00:00:00", "endDateStr": f"{bars[-1]['date']} 23:59:59"}
        values = {"reqId": req_id, "itemCount": len(bars), "historicalDataBars": bars, **span}
        to.say(Message("historicalData", values))
        if to.version >= HISTORY_HAS_AN_END:
            to.say(Message("historicalDataEnd", {"reqId": req_id, **span}))

    def _market_data_type(self, to: Connection, request: Request) -> None:
        to.subscriptions.market_data_type = request.integer("marketDataType", 1)


def _passes(execution: Execution, request: Request) -> bool:
    """Whether `execution` passes the filter of reqExecutions; an empty field, or client 0, lets everything pass."""
    wanted = {
        "acctCode": execution.account,
        "symbol": execution.contract.symbol,
        "secType": execution.contract.sec_type,
    }
    fits = all(request.text(f"executionFilter.{name}") in ("", value) for name, value in wanted.items())
    side = request.text("executionFilter.side").upper()
    client_id = request.integer("executionFilter.clientId")
    since = request.text("executionFilter.time").replace("-", " ")
    return (
        fits
        and side in ("", {"BOT": "BUY", "SLD": "SELL"}[execution.side], execution.side)
        and client_id in (0, execution.client_id)
        and callbacks.time_text(execution.time, "zone")[:17] >= " ".join(since.split()[:2])
    )
