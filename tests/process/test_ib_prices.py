"""The broker's prices over real sockets, with the official client: what decides while Yahoo is away."""

import math
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from qqqbot.adapters.ib.error_codes import washed
from qqqbot.model.errors import BrokerUnavailable
from standins.ib_gateway.exchange import Quote, around
from standins.ib_gateway.history import REFUSALS
from tests.support.builders import DAY, NOW, table
from tests.support.ib_bench import Bench, bench
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

CLOSES = [(day, 440.0 + n / 8) for n, day in enumerate(table().before(DAY, 300))]
NEXT = timedelta(seconds=5)


def history(symbol: str, now: datetime) -> list[tuple[date, float]]:
    """Today's unfinished bar is the last."""
    return [*CLOSES, (DAY, 477.5)] if symbol == QQQ else [(day, close / 8) for day, close in CLOSES]


@pytest.fixture
def at() -> Iterator[Bench]:
    with bench() as made:
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


@pytest.mark.parametrize("why", sorted(REFUSALS))
def test_a_refused_history_is_told(at: Bench, why: str) -> None:
    number, text = REFUSALS[why]
    told = f"{number}: .*{re.escape(washed(text))}"
    at.gateway.history_refused = why
    with pytest.raises(BrokerUnavailable, match=told):
        at.broker.daily_closes()
    at.sound()
    at.gateway.history_refused = ""
    assert at.broker.daily_closes()


@pytest.mark.parametrize("code", [2188, 2106, 2174, 2199])
def test_a_warning_before_the_bars_is_no_refusal(at: Bench, code: int) -> None:
    """An account without a subscription is told 2188 and gets the bars (wboayue/rust-ibapi#764)."""
    at.gateway.history_note = code, "Up-to-the-second historical data requires additional subscription for the API."
    assert at.broker.daily_closes()[QQQ][CLOSES[-1][0]] == CLOSES[-1][1]


def test_a_history_that_is_not_answered_is_no_history(at: Bench) -> None:
    at.gateway.next_fault("reqHistoricalData", "swallow", times=2)
    with at.timing.hasty(answer=0.4), pytest.raises(BrokerUnavailable, match="daily closes"):
        at.broker.daily_closes()
    assert at.broker.daily_closes()


@pytest.mark.parametrize("fault", ["late", "twice", "no_end", "too_few_fields", "bad_number", "lose_answer"])
def test_an_answer_that_is_late_double_or_damaged_is_whole_or_none(at: Bench, fault: str) -> None:
    whole = at.broker.daily_closes()
    at.gateway.next_fault("reqHistoricalData", fault, seconds=0.6, times=2)
    with at.timing.hasty(answer=0.4), suppress(BrokerUnavailable):
        assert at.broker.daily_closes() == whole
    threading.Event().wait(0.4)
    at.sound()
    assert at.broker.daily_closes() == whole
    assert at.broker.snapshot().spendable == 100_000


def test_one_symbols_history_is_none(at: Bench) -> None:
    at.gateway.next_fault("reqHistoricalData", "swallow")
    with at.timing.hasty(answer=0.4), pytest.raises(BrokerUnavailable, match="QQQ's daily closes"):
        at.broker.daily_closes()


@pytest.mark.parametrize(
    ("day", "close", "known"),
    [
        ("20261123", math.nan, False),
        ("20261123", math.inf, False),
        ("20261123", -1.0, False),
        ("20261123", 0.0, False),
        ("20261123", 451.0, True),
        ("20261123 16:00:00 US/Eastern", 451.0, True),
        ("20261123-21:00:00", 451.0, True),
        ("1795467600", 451.0, False),
        ("1795112345", 451.0, False),
        ("20261323", 451.0, False),
        ("2026-W48", 451.0, False),
        ("finished", 451.0, False),
        ("", 451.0, False),
    ],
)
def test_a_bar_without_a_day_or_a_price_is_no_close(at: Bench, day: str, close: float, known: bool) -> None:
    earlier = [*CLOSES[-5:-1]]
    at.gateway.use_history(lambda *_: [*earlier, (day, close)])
    expected = {**dict(earlier), **({date(2026, 11, 23): close} if known else {})}
    assert at.broker.daily_closes() == dict.fromkeys(SYMBOLS, expected)


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


@pytest.mark.parametrize("kind", ["frozen", "delayed_frozen", "partly", "additional"])
def test_whatever_the_kind_of_its_prices_a_trade_has_its_own_time(at: Bench, kind: str) -> None:
    """10089 and 10090 announce that fewer prices come than were asked for, and no end (wboayue/rust-ibapi#768)."""
    at.gateway.market_data = kind
    at.gateway.exchange.traded_at = NOW - timedelta(hours=2)
    assert {(q.price, q.time) for q in at.broker.last_prices().values()} == {
        (450.0, NOW - timedelta(hours=2)),
        (60.0, NOW - timedelta(hours=2)),
    }
    assert at.broker.quotes() == {}, "what is frozen or delayed is no second opinion"


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "-1", "0"])
@pytest.mark.parametrize("kind", ["live", "delayed"])
def test_what_is_no_number_is_no_price(at: Bench, kind: str, price: str) -> None:
    at.gateway.market_data = kind
    odd = Decimal(price)
    at.gateway.exchange.source = lambda symbol, _now: Quote(odd, odd, odd, odd) if symbol == TQQQ else None
    with at.timing.hasty(answer=1, quotes=0.3):
        with pytest.raises(BrokerUnavailable, match="TQQQ's price"):
            at.broker.last_prices()
        assert TQQQ not in at.broker.quotes()
    assert at.gateway.recording.connections == 1


@pytest.mark.parametrize("fault", ["swallow", "no_end", "lose_answer", "late", "too_few_fields", "bad_number"])
def test_half_an_answer_is_no_answer_and_the_next_is_not_mistaken_for_it(at: Bench, fault: str) -> None:
    at.gateway.market_data = "delayed"
    at.gateway.next_fault("reqMktData", fault, seconds=0.6)
    with at.timing.hasty(answer=0.4), suppress(BrokerUnavailable):
        assert at.broker.last_prices().keys() == set(SYMBOLS)
    at.gateway.exchange.source = lambda symbol, _now: around(Decimal(460 if symbol == QQQ else 61))
    threading.Event().wait(0.4)
    at.sound()
    assert {symbol: quote.price for symbol, quote in at.broker.last_prices().items()} == {QQQ: 460.0, TQQQ: 61.0}


def test_why_no_price_came_is_told(at: Bench) -> None:
    at.gateway.market_data = "partly"
    at.gateway.set_quote("QQQ", bid="449", ask="450")
    told = r"QQQ's price: no complete answer came in time; 10090: "
    with at.timing.hasty(answer=1), pytest.raises(BrokerUnavailable, match=told):
        at.broker.last_prices()


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
    with at.timing.hasty(answer=0.4), pytest.raises(BrokerUnavailable, match="QQQ's price"):
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
