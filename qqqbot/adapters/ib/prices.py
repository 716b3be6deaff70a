"""What a connection asks about prices: quotes beside Yahoo's, the last trades in their place, and daily closes.

Quotes are compared with Yahoo's, so they are live or not there. A last trade decides alone, so it may be delayed but
has its own time: without the broker's time of the trade it is none, however new it looks. Daily closes are adjusted for
dividends and splits (ADJUSTED_LAST), as Yahoo's are.
"""

import contextlib
import time
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from qqqbot.adapters.ib.error_codes import explain
from qqqbot.adapters.ib.requests import TOO_LATE, PendingRequest, PendingRequests
from qqqbot.model.errors import BrokerUnavailable

LIVE_DATA, DELAYED_DATA = 1, 3
SHOWN_DELAYED = 10167
LAST, DELAYED_LAST = 4, 68
LAST_TIME, DELAYED_LAST_TIME = 45, 88
SECONDS_DIGITS = 11
HISTORY = "1 Y"
"""more than the averages need, and enough that is shared with the kept window"""


class PriceRequests:
    """The requests about prices of one connection. `client` is the official client, whose callbacks come in here."""

    def __init__(self, client: Any, requests: PendingRequests, contract_of: Callable[[str], Any]) -> None:
        self._client = client
        self._requests = requests
        self._contract_of = contract_of
        self._trades: dict[Hashable, dict[str, float]] = {}
        """number of a request for a last trade -> its price and its time, as they come"""

    def quotes(self, symbols: Iterable[str], seconds: float) -> tuple[dict[str, dict[int, float]], str]:
        """Live ticks (tick type -> price) by symbol that came within `seconds`; and what the broker said."""
        until = time.monotonic() + seconds
        self._in_passing(lambda: self._client.reqMarketDataType(LIVE_DATA))
        requests = {symbol: self._ask_price(symbol, snapshot=True) for symbol in symbols}
        found, trouble = {}, ""
        for symbol, request in requests.items():
            try:
                self._requests.answer(request, max(0.0, until - time.monotonic()))
            except BrokerUnavailable:
                trouble = trouble or request.trouble
                self._in_passing(partial(self._client.cancelMktData, request.key))
            if request.trouble in ("", TOO_LATE):
                found[symbol] = dict(request.rows)
        return found, trouble

    def last_trades(self, symbols: Iterable[str], seconds: float) -> dict[str, tuple[float, datetime]]:
        """Price and time of the last trades, live or delayed, that came within `seconds`. Raises BrokerUnavailable."""
        until = time.monotonic() + seconds
        self._in_passing(lambda: self._client.reqMarketDataType(DELAYED_DATA))
        requests = {symbol: self._ask_price(symbol, snapshot=False) for symbol in symbols}
        try:
            for request in requests.values():
                self._requests.answer(request, max(0.0, until - time.monotonic()))
            trades = {symbol: self._trades[request.key] for symbol, request in requests.items()}
        finally:
            for request in requests.values():
                self._trades.pop(request.key, None)
                self._in_passing(partial(self._client.cancelMktData, request.key))
        return {s: (found["price"], datetime.fromtimestamp(found["time"], UTC)) for s, found in trades.items()}

    def daily_closes(self, symbols: Iterable[str], seconds: float) -> dict[str, dict[date, float]]:
        """Closes of the last year's regular sessions, today's unfinished one among them. Raises BrokerUnavailable."""
        requests = {symbol: self._ask_history(symbol) for symbol in symbols}
        try:
            return {symbol: dict(self._requests.answer(request, seconds)) for symbol, request in requests.items()}
        finally:
            for request in requests.values():
                if not request.arrived.is_set() or request.trouble == TOO_LATE:
                    self._in_passing(partial(self._client.cancelHistoricalData, request.key))

    def expects(self, number: int, error: int) -> bool:
        """Whether this error is no end of the request: a last trade may be delayed."""
        return error == SHOWN_DELAYED and number in self._trades

    # What the client's callbacks are about

    def tick(self, number: int, kind: int, price: float) -> None:
        if number not in self._trades:
            self._requests.put(number, (kind, price))
            if kind == LAST and price > 0:
                self._requests.end(number)
        elif kind in (LAST, DELAYED_LAST) and price > 0:
            self._heard(number, "price", price)

    def tick_text(self, number: int, kind: int, text: str) -> None:
        seconds = text.isdecimal() and len(text) <= SECONDS_DIGITS
        if seconds and number in self._trades and kind in (LAST_TIME, DELAYED_LAST_TIME):
            self._heard(number, "time", float(text))

    def data_type(self, number: int, kind: int) -> None:
        if kind != LIVE_DATA and number not in self._trades:
            self._requests.fail(number, explain(SHOWN_DELAYED, ""))

    def bar(self, number: int, bar: Any) -> None:
        """Its date is 20261123, for a daily bar. What cannot be read is no close."""
        text, close = str(bar.date)[:8], float(bar.close)
        with contextlib.suppress(ValueError):
            if close > 0:
                self._requests.put(number, (date.fromisoformat(text), close))

    def _heard(self, number: int, what: str, value: float) -> None:
        trade = self._trades.get(number, {})
        trade[what] = value
        if len(trade) == 2:
            self._requests.end(number)

    def _ask_price(self, symbol: str, snapshot: bool) -> PendingRequest:
        contract = self._contract_of(symbol)

        def send(number: int) -> None:
            if not snapshot:
                self._trades[number] = {}
            self._client.reqMktData(number, contract, "", snapshot, False, [])

        request: PendingRequest = self._client.ask(f"{symbol}'s price", send)
        return request

    def _ask_history(self, symbol: str) -> PendingRequest:
        contract = self._contract_of(symbol)

        def send(number: int) -> None:
            self._client.reqHistoricalData(number, contract, "", HISTORY, "1 day", "ADJUSTED_LAST", 1, 1, False, [])

        request: PendingRequest = self._client.ask(f"{symbol}'s daily closes", send)
        return request

    def _in_passing(self, send: Callable[[], None]) -> None:
        self._client.send_in_passing(send)
