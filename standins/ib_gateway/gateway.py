"""The Python interface of the gateway stand-in. See README.md in this folder."""

import copy
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from standins.ib_gateway import callbacks
from standins.ib_gateway.accounts import Account, Holding
from standins.ib_gateway.book import MANUAL, Book, new_york_date
from standins.ib_gateway.clocks import system_clock
from standins.ib_gateway.codec import Message
from standins.ib_gateway.contracts import Contract
from standins.ib_gateway.exchange import Quote, QuoteSource
from standins.ib_gateway.faults import Fault, filler
from standins.ib_gateway.history import DailyCloses
from standins.ib_gateway.orders import Behaviour, Execution, Order
from standins.ib_gateway.server import Server

Money = Decimal | int | str


class IBGateway(Server):
    """A gateway on a loopback port. Every method may be called from any thread while clients are connected."""

    def __init__(
        self,
        clock: Callable[[], datetime] = system_clock,
        cap: int = 200,
        accounts: Iterable[Account] = (),
        port: int = 0,
        book: Book | None = None,
    ) -> None:
        """`cap`: the newest server version it speaks; a client with a lower maximum gets its own."""
        given = list(accounts) or [Account("DU1234567")]
        super().__init__(clock, book or Book({account.account_id: account for account in given}), cap, port)
        self.set_price("QQQ", 450)
        self.set_price("TQQQ", 60)

    # The market

    def set_price(self, symbol: str, price: Money, spread: Money = "0.02") -> None:
        """Set bid and ask around a last price."""
        last, half = Decimal(price), Decimal(spread) / 2
        self.set_quote(symbol, last - half, last + half, last, last)

    def set_quote(
        self,
        symbol: str,
        bid: Money | None = None,
        ask: Money | None = None,
        last: Money | None = None,
        close: Money | None = None,
    ) -> None:
        """Set exactly these prices; None is "no such price"."""
        with self.moment():
            self.exchange.set_quote(symbol, *(None if p is None else Decimal(p) for p in (bid, ask, last, close)))
            self.quote_changed(symbol)
            self.order_handling.tick()

    def quote(self, symbol: str) -> Quote:
        with self.lock:
            return self.exchange.quote(symbol)

    def use_quotes(self, source: QuoteSource | None) -> None:
        """Ask `source(symbol, now)` for prices. If it returns None, the prices that were set apply."""
        with self.moment():
            self.exchange.source = source

    def use_history(self, source: DailyCloses | None) -> None:
        """Answer requests for daily bars with `source(symbol, now)`: (date, adjusted close) of all sessions so far."""
        with self.moment():
            self.daily_closes = source

    def set_open(self, is_open: bool | Callable[[datetime], bool]) -> None:
        """Set whether the exchange is open: a bool, or a function of the clock's time."""
        with self.moment():
            self.exchange.open = is_open
            self.order_handling.tick()

    def use_sessions(self, sessions: Iterable[tuple[datetime, datetime]]) -> None:
        """Open the exchange from each opening (included) to its close (excluded); otherwise it is closed."""
        with self.moment():
            self.exchange.set_sessions([(opening, close) for opening, close in sessions])
            self.order_handling.tick()

    def use_prices(self, symbol: str, prices: Iterable[tuple[datetime, Money]]) -> None:
        """Set the symbol's price over time: each applies from its moment until the next one's."""
        with self.moment():
            self.exchange.set_path(symbol, [(moment, Decimal(price)) for moment, price in prices])

    def halt(self, symbol: str) -> None:
        with self.moment():
            self.exchange.halted.add(symbol)

    def resume(self, symbol: str) -> None:
        with self.moment():
            self.exchange.halted.discard(symbol)
            self.order_handling.tick()

    def look(self) -> None:
        """Notice at once that the clock has moved, rather than within a few hundredths of a second."""
        with self.moment():
            self.tick()

    def behave(self, **changes: Any) -> None:
        """Set how every order is treated from now on; the names are fields of Behaviour."""
        with self.moment():
            self.exchange.behaviour = Behaviour(**changes)

    def next_order(self, times: int = 1, **changes: Any) -> None:
        """Set how only the next `times` orders are treated; several calls queue up."""
        with self.moment():
            self.exchange.next_behaviours.extend(Behaviour(**changes) for _ in range(times))

    # Accounts and what happens without the client

    def account(self, account_id: str = "") -> Account:
        return self.book.accounts[account_id or next(iter(self.book.accounts))]

    def hold(
        self, symbol: str, quantity: Money, cost: Money = 1, account: str = "", contract: Contract | None = None
    ) -> None:
        """Add a position, as if it had always been there."""
        with self.moment():
            held = contract or self._stock(symbol)
            self.account(account).holdings[held.con_id] = Holding(held, Decimal(quantity), Decimal(cost))

    def position(self, symbol: str, account: str = "") -> Decimal:
        with self.lock:
            return self.account(account).quantity(self._stock(symbol))

    def manual_trade(self, symbol: str, quantity: int, price: Money | None = None, account: str = "") -> Execution:
        """Trade signed shares by hand in TWS: client 0, order id 0, no reference."""
        with self.moment():
            order = self._outside_order(MANUAL, 0, symbol, quantity, account, "")
            order.at_exchange = True
            self.book.orders.append(order)
            quote = self.exchange.quote(symbol)
            at = price if price is not None else (quote.ask if quantity > 0 else quote.bid) or Decimal(1)
            return self.order_handling.fill(order, abs(Decimal(quantity)), Decimal(at))

    def foreign_order(
        self,
        symbol: str,
        quantity: int,
        client_id: int = 97,
        limit: Money | None = None,
        account: str = "",
        order_ref: str = "",
        **behaviour: Any,
    ) -> Order:
        """Order signed shares as another client of the account."""
        with self.moment():
            order_id = self.book.next_id(client_id)
            self.book.use_id(client_id, order_id)
            order = self._outside_order(client_id, order_id, symbol, quantity, account, order_ref)
            order.behaviour = Behaviour(**behaviour)
            if limit is not None:
                order.order_type, order.limit = "LMT", Decimal(limit)
            self.order_handling.enter(order)
            return order

    def _outside_order(
        self, client_id: int, order_id: int, symbol: str, quantity: int, account: str, order_ref: str
    ) -> Order:
        return Order(
            self.book.new_perm_id(),
            client_id,
            order_id,
            self.account(account).account_id,
            self._stock(symbol),
            "BUY" if quantity > 0 else "SELL",
            abs(Decimal(quantity)),
            "MKT",
            None,
            "DAY",
            order_ref,
            False,
            self.clock(),
        )

    def _stock(self, symbol: str) -> Contract:
        contract = self.instruments.stock(symbol)
        if contract is None:
            raise KeyError(f"the gateway knows no stock {symbol}; add it with gateway.instruments.add")
        return contract

    def twin(self, order_ref: str, limit: Money | None = None) -> Order:
        """Submit an order a second time, with another permId under the same reference (nautilus_trader#4564)."""
        with self.lock:
            first = next(order for order in self.book.orders if order.order_ref == order_ref)
            signed = int(first.quantity) if first.action == "BUY" else -int(first.quantity)
        return self.foreign_order(first.contract.symbol, signed, first.client_id, limit, first.account, order_ref)

    def move_cash(self, amount: Money, account: str = "") -> None:
        """Move money without a trade: a deposit, a dividend, a fee, interest, a withdrawal."""
        with self.moment():
            held = self.account(account)
            held.keep(self.clock())
            held.cash += Decimal(amount)

    def reinvest(self, symbol: str, shares: Money, price: Money, account: str = "") -> None:
        """Turn a dividend into a fraction of a share; no order and no execution shows it."""
        with self.moment():
            held, contract = self.account(account), self._stock(symbol)
            held.keep(self.clock())
            held.trade(contract, Decimal(shares), Decimal(price), Decimal(0), new_york_date(self.clock()))
            held.cash += Decimal(shares) * Decimal(price)  # the dividend paid for it
            self.position_changed(held.account_id, contract)

    def lag(self, account: str = "", seed: int | None = None, first_only: bool = False, **seconds: float) -> None:
        """Let values of the account, or "positions", lag by so many seconds of the gateway's clock.

        With a `seed`, each lags by its own time of up to three minutes, drawn before each change."""
        with self.moment():
            held = self.account(account)
            held.lags, held.shows_first_only = dict(seconds), first_only
            held.lottery = None if seed is None else Random(seed)

    def correct(self, exec_id: str, price: Money) -> Execution:
        """Let the exchange correct the price of an execution."""
        with self.moment():
            execution = next(e for e in self.book.executions if e.exec_id == exec_id)
            return self.order_handling.correct(execution, Decimal(price))

    def confirm_dialogs(self) -> None:
        """Click through the dialogs that hold orders, as a person would."""
        with self.moment():
            self.order_handling.confirm_dialogs()

    def dismiss_dialogs(self) -> None:
        with self.moment():
            self.order_handling.dismiss_dialogs()

    # What happened

    @property
    def ledger(self) -> list[Execution]:
        """Every execution as it stands after corrections, oldest first."""
        with self.lock:
            return self.book.effective()

    @property
    def executions(self) -> list[Execution]:
        """Every execution, including superseded ones."""
        with self.lock:
            return list(self.book.executions)

    @property
    def orders(self) -> list[Order]:
        """Every order that the gateway ever accepted."""
        with self.lock:
            return list(self.book.orders)

    @property
    def open_orders(self) -> list[Order]:
        with self.lock:
            return [order for order in self.book.orders if order.live]

    @property
    def client_ids(self) -> list[int]:
        with self.lock:
            return [c.client_id for c in self.sessions() if c.client_id is not None]

    # The line between the gateway and IB

    def lose_line(self, code: int = 1100) -> None:
        """Send 1100 (or 2110): trading goes on at the exchange, but the gateway sees and reports nothing of it."""
        text = {
            1100: "Connectivity between IBKR and Trader Workstation has been lost.",
            2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
        }[code]
        with self.moment():
            if self.order_handling.connected:
                self.stale = copy.deepcopy(self.book)
            self.order_handling.connected = False
            self._tell_everybody(callbacks.error(code, text, now=self.clock()))

    def restore_line(self, data_kept: bool = True) -> None:
        """Send 1102 or 1101. Callbacks missed meanwhile are not repeated; orders kept meanwhile are submitted."""
        code, text = (1102, "maintained") if data_kept else (1101, "lost")
        with self.moment():
            if not data_kept:
                for connection in self.sessions():
                    connection.subscriptions.quotes.clear()
            self._tell_everybody(
                callbacks.error(
                    code,
                    f"Connectivity between IBKR and Trader Workstation has been restored - data {text}.",
                    now=self.clock(),
                )
            )
            self.order_handling.line_restored()

    def notify(self, code: int, text: str, req_id: int = -1, client_id: int | None = None) -> None:
        """Send an error or notice to one client, or to all."""
        with self.moment():
            self._tell_everybody(callbacks.error(code, text, req_id, self.clock()), client_id)

    def _tell_everybody(self, message: Message, client_id: int | None = None) -> None:
        for connection in self.sessions(client_id):
            connection.say(message)

    # The wire

    def next_fault(self, request: str, do: str, **options: Any) -> None:
        """Fail at the next such request, once or `times` times; see Fault."""
        with self.moment():
            self.faults.waiting.append(Fault(request, do, **options))

    def refuse(self, on: bool = True) -> None:
        """Close the port to new connections, or open it again; existing ones stay."""
        with self.moment():
            self.faults.refuse = on
            if on:
                self._unlisten()
            else:
                self._listen()

    def mute(self, on: bool = True) -> None:
        """Accept connections and never answer them."""
        with self.moment():
            self.faults.mute = on

    def go_silent(self, client_id: int | None = None, holds_id: bool = False) -> None:
        """Half-open: the sockets stay open, but nothing is ever read or written again."""
        with self.moment():
            for connection in self.sessions(client_id):
                self.swallow(connection, holds_id)

    def drop_clients(self, client_id: int | None = None, reset: bool = False) -> None:
        with self.moment():
            for connection in self.sessions(client_id):
                self.close_connection(connection, reset)

    def go_down(self, roll_back_ids: int = 0) -> None:
        """Begin the nightly restart: close every socket and the port; order ids may roll back."""
        with self.moment():
            self._unlisten()
            self.restart_now(roll_back_ids)

    def come_up(self) -> None:
        with self.moment():
            self.order_handling.connected = True
            self._listen()

    def restart(self, roll_back_ids: int = 0) -> None:
        self.go_down(roll_back_ids)
        self.come_up()

    def send(self, message: Message, client_id: int | None = None) -> None:
        """Send any message, at any time."""
        with self.moment():
            self._tell_everybody(message, client_id)

    def send_bytes(self, data: bytes, client_id: int | None = None) -> None:
        """Send any bytes: garbage, half a frame, a frame with a wrong length."""
        with self.moment():
            for connection in self.sessions(client_id):
                connection.say_bytes(data)

    def send_padding(self, size: int = 4096, frames: int = 1, client_id: int | None = None) -> None:
        """Send harmless frames of exactly `size` bytes in all, in one send; then be silent for over a second."""
        with self.moment():
            for connection in self.sessions(client_id):
                share = size // frames
                pieces = [filler(share, connection.version) for _ in range(frames - 1)]
                pieces.append(filler(size - share * (frames - 1), connection.version))
                connection.commit()
                connection.say_bytes(b"".join(pieces))
                connection.commit()
                connection.hush()
