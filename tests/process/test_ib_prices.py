"""The broker's prices over real sockets, with the official client: what decides while Yahoo is away."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.values import QQQ, SYMBOLS, TQQQ
from standins.ib_gateway.exchange import Quote
from tests.support.builders import DAY, NOW, table
from tests.support.ib_bench import HASTY, Bench, bench

CLOSES = [(day, 440.0 + n / 8) for n, day in enumerate(table().before(DAY, 300))]
NEXT = timedelta(seconds=5)


def history(symbol: str, now: datetime) -> list[tuple[date, float]]:
    """Today's unfinished bar is the last."""
    return [*CLOSES, (DAY, 477.5)] if symbol == QQQ else [(day, close / 8) for day, close in CLOSES]


@pytest.fixture
def at() -> Iterator[Bench]:
    with bench(timing=HASTY) as made:
        made.gateway.fractional_size_rules = False
        made.gateway.use_history(history)
        yield made


def test_daily_closes_of_a_year(at: Bench) -> None:
    found = at.broker.daily_closes()
    assert found.keys() == set(SYMBOLS)
    year = {day: close for day, close in history(QQQ, NOW) if day >= DAY - timedelta(days=366)}
    assert found[QQQ] == year
    assert found[TQQQ] == {day: close / 8 for day, close in year.items() if day != DAY}
    (asked, _) = at.gateway.recording.requests("reqHistoricalData")
    assert (asked.request.text("whatToShow"), asked.request.text("duration")) == ("ADJUSTED_LAST", "1 Y")


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("no_permission", "162: .*No market data permissions"),
        ("pacing", "162: .*pacing violation"),
        ("competing", "162: .*different IP address"),
        ("not_subscribed", "10089: "),
        ("partly", "10090: "),
    ],
)
def test_a_refused_history_is_told(at: Bench, why: str, told: str) -> None:
    at.gateway.history_refused = why
    with pytest.raises(BrokerUnavailable, match=told):
        at.broker.daily_closes()
    at.sound()
    at.gateway.history_refused = ""
    assert at.broker.daily_closes()


def test_a_history_that_is_not_answered_is_no_history(at: Bench) -> None:
    at.gateway.next_fault("reqHistoricalData", "swallow", times=2)
    with pytest.raises(BrokerUnavailable, match="daily closes"):
        at.broker.daily_closes()
    assert at.broker.daily_closes()


def test_without_any_bars_there_is_no_history(at: Bench) -> None:
    at.gateway.use_history(None)
    with pytest.raises(BrokerUnavailable, match=r"162: .*no data"):
        at.broker.daily_closes()


def test_live_last_trades_have_their_time(at: Bench) -> None:
    found = at.broker.last_prices()
    assert {symbol: quote.price for symbol, quote in found.items()} == {QQQ: 450.0, TQQQ: 60.0}
    assert all(abs(quote.time - at.clock.now()) < NEXT for quote in found.values())


def test_delayed_last_trades_are_those_of_a_quarter_of_an_hour_ago(at: Bench) -> None:
    at.gateway.market_data = "delayed"
    at.gateway.use_prices(QQQ, [(NOW - timedelta(hours=1), "448"), (NOW - timedelta(minutes=5), "449")])
    found = at.broker.last_prices()
    assert found[QQQ].price == 448.0
    assert all(abs(quote.time + timedelta(minutes=15) - at.clock.now()) < NEXT for quote in found.values())


def test_a_trade_of_yesterday_is_no_trade_of_now(at: Bench) -> None:
    """On a day without trades a gateway goes on showing the last one."""
    yesterday = NOW - timedelta(days=1)
    at.gateway.exchange.traded_at = yesterday
    assert {quote.time for quote in at.broker.last_prices().values()} == {yesterday}


@pytest.mark.parametrize(("data", "told"), [("none", "10168: "), ("competing", "10197: ")])
def test_without_prices_it_says_why(at: Bench, data: str, told: str) -> None:
    at.gateway.market_data = data
    with pytest.raises(BrokerUnavailable, match=told):
        at.broker.last_prices()


def test_without_a_last_trade_there_is_no_price(at: Bench) -> None:
    at.gateway.set_quote("QQQ", bid="449", ask="450")
    with pytest.raises(BrokerUnavailable, match="QQQ's price"):
        at.broker.last_prices()


def test_quotes_stay_live_after_last_trades(at: Bench) -> None:
    at.gateway.market_data = "delayed"
    assert at.broker.last_prices()
    assert at.broker.quotes() == {}


def test_sizes_with_decimals_end_no_connection(at: Bench) -> None:
    """9.81 reads them as whole numbers (Lean.Brokerages.InteractiveBrokers#214); it then has no quotes, and goes on."""
    price = Decimal(450)
    at.gateway.exchange.source = lambda _symbol, _now: Quote(price, price, price, price, Decimal("12.5"))
    at.broker.quotes()
    assert at.broker.snapshot().spendable == 100_000
    assert at.gateway.recording.connections == 1
