"""A connection's requests for prices: quotes to compare with Yahoo's, last trades to replace them, and daily closes.

Quotes are compared with Yahoo's, so only live quotes count. A last trade is used without Yahoo, so it may be delayed
but must have its own time: without the broker's time of the trade it does not count, however new it looks. Daily closes
are adjusted for dividends and splits (ADJUSTED_LAST), as Yahoo's are.
"""

import contextlib
import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from operator import itemgetter
from typing import Any

from qqqbot.adapters.ib.error_codes import WARNINGS, explain
from qqqbot.adapters.ib.numbers import number_of
from qqqbot.adapters.ib.requests import TOO_LATE, PendingRequest, PendingRequests
from qqqbot.model.errors import BrokerUnavailable

LIVE_DATA, DELAYED_DATA = 1, 3
SHOWN_DELAYED = 10167
# After these codes about missing subscriptions, the subscribed or delayed prices still come (wboayue/rust-ibapi#768,
# #804).
PRICES_FOLLOW = (10089, 10090, 10091, SHOWN_DELAYED)
LAST = 4
TRADES = ((LAST, 45), (68, 88))
"""(price tick, time tick) of a live trade, and of a delayed trade; the two pairs are never mixed"""
SECONDS_DIGITS = 11
# A daily bar's day, such as 20261123. More digits are seconds since 1970.
DAY = re.compile(r"\d{8}(?!\d)")
HISTORY = "1 Y"
"""more than the averages need, and enough sessions in common with the kept window"""


class PriceRequests:
    """The requests about prices of one connection. `client` is the official client, whose callbacks come in here."""

    def __init__(self, client: Any, requests: PendingRequests, contract_of: Callable[[str], Any]) -> None:
        self._client = client
        self._requests = requests
        self._contract_of = contract_of
        self._trades: dict[Hashable, dict[int, float]] = {}
        """number of a request for a last trade -> its prices and times as they arrive"""
        self._said = ""
        """why the awaited last trade may not come"""

    def quotes(self, symbols: Iterable[str], seconds: float) -> tuple[dict[str, dict[int, float]], str]:
        """Live ticks (tick type -> price) by symbol that came within `seconds`, and the broker's message."""
        until = time.monotonic() + seconds
        self._client.send_in_passing(lambda: self._client.reqMarketDataType(LIVE_DATA))
        requests = {symbol: self._ask_price(symbol, snapshot=True) for symbol in symbols}
        found, trouble = {}, ""
        for symbol, request in requests.items():
            try:
                self._requests.answer(request, max(0.0, until - time.monotonic()))
            except BrokerUnavailable:
                trouble = trouble or request.trouble
                self._client.send_in_passing(partial(self._client.cancelMktData, request.key))
            if request.trouble in ("", TOO_LATE):
                found[symbol] = dict(request.rows)
        return found, trouble

    def last_trades(self, symbols: Iterable[str], seconds: float) -> dict[str, tuple[float, datetime]]:
        """Price and time of the last trades, live or delayed, that came within `seconds`. Raises BrokerUnavailable."""
        until, self._said = time.monotonic() + seconds, ""
        self._client.send_in_passing(lambda: self._client.reqMarketDataType(DELAYED_DATA))
        requests = {symbol: self._ask_price(symbol, snapshot=False) for symbol in symbols}
        try:
            for request in requests.values():
                self._requests.answer(request, max(0.0, until - time.monotonic()))
            return {symbol: _trade(self._trades[request.key]) for symbol, request in requests.items()}
        except BrokerUnavailable as none:
            raise BrokerUnavailable(f"{none}; {self._said}" if self._said else str(none)) from none
        finally:
            for request in requests.values():
                self._trades.pop(request.key, None)
                self._requests.end(request.key, TOO_LATE)
                self._client.send_in_passing(partial(self._client.cancelMktData, request.key))

    def daily_closes(self, symbols: Iterable[str], seconds: float) -> dict[str, dict[date, float]]:
        """Closes of the last year's regular sessions, today's unfinished one among them. Raises BrokerUnavailable."""
        requests = {symbol: self._ask_history(symbol) for symbol in symbols}
        try:
            found = {symbol: dict(self._requests.answer(request, seconds)) for symbol, request in requests.items()}
            if empty := [symbol for symbol, closes in found.items() if not closes]:
                raise BrokerUnavailable(f"the gateway's answer has no daily close of {' and '.join(empty)}")
            return found
        finally:
            for request in requests.values():
                if self._requests.end(request.key, TOO_LATE) or request.trouble == TOO_LATE:
                    self._client.send_in_passing(partial(self._client.cancelHistoricalData, request.key))

    def expects(self, number: int, error: int, text: str) -> bool:
        """Whether the request goes on despite this error: it only warns, or a last trade may be delayed."""
        follows = error in PRICES_FOLLOW and number in self._trades
        self._said = explain(error, text) if follows else self._said
        return follows or error in WARNINGS

    # Callbacks of the client

    def tick(self, number: int, kind: int, price: float) -> None:
        """Take a price; -1 means that there is none."""
        if number in self._trades:
            self._heard(number, kind, price)
        elif number_of(price) is not None:
            self._requests.put(number, (kind, price))
            if kind == LAST and price > 0:
                self._requests.end(number)

    def tick_text(self, number: int, kind: int, text: str) -> None:
        if text.isdecimal() and len(text) <= SECONDS_DIGITS:
            self._heard(number, kind, float(text))

    def data_type(self, number: int, kind: int) -> None:
        if kind != LIVE_DATA and number not in self._trades:
            self._requests.end(number, explain(SHOWN_DELAYED, ""))

    def bar(self, number: int, bar: Any) -> None:
        """Take a daily bar; a bar without a readable day and price is ignored."""
        day, close = DAY.match(str(bar.date)), number_of(bar.close)
        with contextlib.suppress(ValueError):
            if day and close is not None and close > 0:
                self._requests.put(number, (date.fromisoformat(day[0]), float(close)))

    def _heard(self, number: int, kind: int, value: float) -> None:
        known, amount = self._trades.get(number), number_of(value)
        if known is not None and amount is not None and amount > 0:
            known[kind] = value
            if _whole(known):
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


def _whole(ticks: Mapping[int, float]) -> list[tuple[float, float]]:
    """Price and time of each trade that has both."""
    return [(ticks[price], ticks[moment]) for price, moment in TRADES if price in ticks and moment in ticks]


def _trade(ticks: Mapping[int, float]) -> tuple[float, datetime]:
    price, seconds = max(_whole(ticks), key=itemgetter(1))
    return price, datetime.fromtimestamp(seconds, UTC)
