"""Prices of the broker as its callbacks come: whole and with their own time, or not at all."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from qqqbot.adapters.ib.prices import PriceRequests
from qqqbot.adapters.ib.requests import PendingRequest, PendingRequests
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW

TRADED_AT = 1_795_000_000
Answer = Callable[[PriceRequests, PendingRequests, int], None]


class Client:
    """The official client, whose answers come at once: `answer` gets the number of each request."""

    def __init__(self, answer: Answer) -> None:
        self.requests = PendingRequests(VirtualClock(NOW))
        self.prices = PriceRequests(self, self.requests, lambda symbol: symbol)
        self._answer = answer
        self._number = 0
        self.asked: list[tuple[Any, ...]] = []
        self.cancelled: list[int] = []

    def ask(self, question: str, send: Callable[[int], None]) -> PendingRequest:
        self._number += 1
        number = self._number
        return self.requests.ask(number, question, lambda: send(number))

    def send_in_passing(self, send: Callable[[], None]) -> None:
        send()

    def reqMarketDataType(self, kind: int) -> None:
        self.asked.append(("type", kind))

    def reqMktData(self, number: int, contract: str, *rest: Any) -> None:
        self.asked.append(("price", contract, *rest))
        self._answer(self.prices, self.requests, number)

    def reqHistoricalData(self, number: int, contract: str, *rest: Any) -> None:
        self.asked.append(("history", contract, *rest))
        self._answer(self.prices, self.requests, number)

    def cancelMktData(self, number: int) -> None:
        self.cancelled.append(number)

    def cancelHistoricalData(self, number: int) -> None:
        self.cancelled.append(number)


def bar(day: str, close: float) -> Any:
    return SimpleNamespace(date=day, close=close)


@pytest.mark.parametrize(("last", "at"), [(4, 45), (68, 88)], ids=["live", "delayed"])
def test_a_last_trade_is_a_price_and_its_own_time(last: int, at: int) -> None:
    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.data_type(number, 1 if last == 4 else 3)
        prices.tick(number, 1, 449.9)
        prices.tick_text(number, at, str(TRADED_AT))
        prices.tick(number, last, 450.0)

    client = Client(answer)
    assert client.prices.last_trades(["QQQ"], 0.05) == {"QQQ": (450.0, datetime.fromtimestamp(TRADED_AT, UTC))}
    assert client.asked == [("type", 3), ("price", "QQQ", "", False, False, [])]
    assert client.cancelled == [1]


@pytest.mark.parametrize("text", ["", "now", "-5", "1795000000.5", "9" * 12, "²"])
def test_a_price_without_a_time_is_none(text: str) -> None:
    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.tick(number, 4, 450.0)
        prices.tick_text(number, 45, text)

    client = Client(answer)
    with pytest.raises(BrokerUnavailable, match="QQQ's price"):
        client.prices.last_trades(["QQQ", "TQQQ"], 0.01)
    assert client.cancelled == [1, 2]


def test_a_delayed_price_never_gets_the_time_of_a_live_trade() -> None:
    """Live prices may give way to delayed ones while they are awaited."""

    def mixed(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.tick_text(number, 45, str(TRADED_AT))
        prices.tick(number, 68, 449.0)

    with pytest.raises(BrokerUnavailable):
        Client(mixed).prices.last_trades(["QQQ"], 0.01)

    def both(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        mixed(prices, requests, number)
        prices.tick_text(number, 88, str(TRADED_AT - 900))
        prices.tick(number, 4, 450.0)

    found = Client(both).prices.last_trades(["QQQ"], 0.05)
    assert found == {"QQQ": (450.0, datetime.fromtimestamp(TRADED_AT, UTC))}


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, 1.8e308])
def test_a_price_of_minus_one_is_none(price: float) -> None:
    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.tick(number, 4, price)
        prices.tick_text(number, 45, str(TRADED_AT))

    with pytest.raises(BrokerUnavailable):
        Client(answer).prices.last_trades(["QQQ"], 0.01)


def test_that_prices_are_delayed_ends_a_quote_and_no_last_trade() -> None:
    kinds = []

    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        kinds.append(prices.expects(number, 10167, ""))
        assert not prices.expects(number, 354, "")
        prices.data_type(number, 3)
        prices.tick(number, 68, 450.0)
        prices.tick_text(number, 88, str(TRADED_AT))

    client = Client(answer)
    assert client.prices.last_trades(["QQQ"], 0.05)
    found, trouble = client.prices.quotes(["QQQ"], 0.05)
    assert found == {}
    assert trouble.startswith("10167: only delayed prices")
    assert kinds == [True, False]


def test_daily_closes_are_those_of_a_complete_answer() -> None:
    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        for day, close in (("20261120", 450.0), ("20261123  23:59:59", 451.0), ("nonsense", 1.0), ("20261399", 1.0)):
            prices.bar(number, bar(day, close))
        prices.bar(number, bar("20261124", -1.0))
        requests.end(number)

    client = Client(answer)
    closes = {date(2026, 11, 20): 450.0, date(2026, 11, 23): 451.0}
    assert client.prices.daily_closes(["QQQ", "TQQQ"], 0.05) == {"QQQ": closes, "TQQQ": closes}
    assert client.asked[0] == ("history", "QQQ", "", "1 Y", "1 day", "ADJUSTED_LAST", 1, 1, False, [])
    assert client.cancelled == []


def test_half_an_answer_is_none_and_is_cancelled() -> None:
    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.bar(number, bar("20261120", 450.0))

    client = Client(answer)
    with pytest.raises(BrokerUnavailable, match="QQQ's daily closes"):
        client.prices.daily_closes(["QQQ", "TQQQ"], 0.01)
    assert client.cancelled == [1, 2]


def test_a_complete_answer_without_a_close_is_none() -> None:
    """Bars that cannot be read: the broker itself says 162 if it has none."""

    def answer(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        prices.bar(number, bar("1795112345", 450.0))
        requests.end(number)

    with pytest.raises(BrokerUnavailable, match="no daily close of QQQ and TQQQ"):
        Client(answer).prices.daily_closes(["QQQ", "TQQQ"], 0.05)


def test_one_that_is_refused_leaves_no_other_waiting() -> None:
    def refuse_the_first(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        if number == 1:
            requests.end(number, "162: no permission")

    client = Client(refuse_the_first)
    with pytest.raises(BrokerUnavailable):
        client.prices.daily_closes(["QQQ", "TQQQ"], 0.05)
    with pytest.raises(BrokerUnavailable):
        client.prices.last_trades(["QQQ", "TQQQ"], 0.05)
    assert not any(client.requests.end(number, "late") for number in range(1, 5))
    assert client.cancelled == [2, 3, 4]


def test_a_refusal_is_told_in_its_words() -> None:
    def refuse(prices: PriceRequests, requests: PendingRequests, number: int) -> None:
        requests.end(number, "162: no permission")

    client = Client(refuse)
    with pytest.raises(BrokerUnavailable, match="162: no permission"):
        client.prices.daily_closes(["QQQ"], 0.05)


@pytest.mark.parametrize(
    ("error", "expected"), [(2188, True), (2199, True), (2200, False), (162, False), (10090, False)]
)
def test_a_warning_is_no_end_of_a_request(error: int, expected: bool) -> None:
    """10090 is none of a last trade's."""
    assert Client(lambda *_: None).prices.expects(1, error, "") is expected


def test_what_comes_after_the_end_is_nobodys() -> None:
    client = Client(lambda *_: None)
    with pytest.raises(BrokerUnavailable):
        client.prices.last_trades(["QQQ"], 0.01)
    client.prices.tick(1, 4, 450.0)
    client.prices.tick_text(1, 45, str(TRADED_AT))
    client.prices.data_type(1, 3)
