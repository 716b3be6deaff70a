"""The simulated account fills like a broker and remembers nothing that is not in the book."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.model.market import Market, Split
from qqqbot.model.values import Holding, Mode, Order, OrderIntent, OrderStatus, OrderType, Side
from qqqbot.records.book import Book
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.sizing import commission
from tests.support.builders import DAY, NOW, fill, intent, market
from tests.support.symbols import QQQ, TQQQ

DAY_LONG = timedelta(days=1)


def opened(folder: Path) -> Book:
    book = Book(AppendOnlyFile(folder / "trades.jsonl"), Mode.DRY_RUN, ACCOUNT)
    book.load(NOW)
    return book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = opened(tmp_path)
    book.set_capital(Decimal(100_000), NOW)
    return book


def broker_of(book: Book, answer: Market | None = None, slippage_bps: str = "1") -> PaperBroker:
    return PaperBroker(book, VirtualClock(NOW), lambda: answer, Decimal(slippage_bps))


def submitted(broker: PaperBroker, order: OrderIntent) -> Order:
    broker.submit(order)
    found = broker.find(order)
    assert found is not None
    return found


def test_an_order_is_filled_at_once_with_slippage_and_commission(book: Book) -> None:
    order = submitted(broker_of(book), intent())
    (part,) = order.fills
    assert order.status is OrderStatus.FILLED
    assert (part.quantity, part.price) == (211, Decimal("450.0450"))
    assert part.commission == commission(211, part.price) == Decimal("1.06")
    assert part.time == NOW


def test_slippage_is_against_us_on_both_sides(book: Book) -> None:
    sell = submitted(broker_of(book), intent(Side.SELL))
    assert sell.fills[0].price == Decimal("449.9550")
    assert submitted(broker_of(book, slippage_bps="0"), intent()).fills[0].price == 450


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "450.02"), (Side.SELL, "449.98")])
def test_a_limit_holds(book: Book, side: Side, limit: str) -> None:
    order = intent(side, order_type=OrderType.LIMIT, limit_price=Decimal(limit))
    assert submitted(broker_of(book, slippage_bps="100"), order).fills[0].price == Decimal(limit)


def test_the_account_is_the_book(book: Book) -> None:
    broker = broker_of(book, market(price=460.0))
    order = intent()
    book.absorb(order, submitted(broker, order), NOW)
    account = broker.snapshot()
    assert (account.account, account.mode) == (ACCOUNT, Mode.DRY_RUN)
    assert account.positions == {QQQ: 211, TQQQ: 0}
    assert account.spendable == book.ledger.cash == 100_000 - 211 * Decimal("450.045") - Decimal("1.06")
    assert account.net_liquidation == account.spendable + 211 * 460
    assert account.open_order_refs == ()


def test_a_fill_missing_from_the_book_has_not_happened(book: Book) -> None:
    broker = broker_of(book)
    submitted(broker, intent())
    assert broker.snapshot().positions == {QQQ: 0, TQQQ: 0}
    assert broker.recent_orders() == ()
    # A new process: the fill is gone, and a complete answer says so at once.
    assert broker_of(book).find(intent()).status is OrderStatus.ABSENT
    assert PaperBroker.absence_is_final_after == timedelta(0)


def test_after_a_restart_orders_recorded_in_the_book_are_found_there(book: Book, tmp_path: Path) -> None:
    order = intent()
    filled = submitted(broker_of(book), order)
    book.absorb(order, filled, NOW)
    again = opened(tmp_path)
    found = broker_of(again).find(order)
    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert found.filled == 211
    assert again.absorb(order, found, NOW) == []


def test_before_the_first_prices_shares_are_worth_what_they_cost(book: Book) -> None:
    order = intent()
    book.absorb(order, Order(order.order_ref, OrderStatus.FILLED, (fill(order),)), NOW)
    assert broker_of(book).snapshot().net_liquidation == pytest.approx(Decimal(100_000))


def test_a_split_changes_the_account_before_the_book_as_at_a_real_broker(book: Book) -> None:
    order = intent(symbol=TQQQ, quantity=100)
    book.absorb(order, Order(order.order_ref, OrderStatus.FILLED, (fill(order),)), NOW)
    split = Split(TQQQ, DAY + timedelta(days=1), 2.0)
    broker = broker_of(book, replace(market(Holding.TQQQ, now=NOW + DAY_LONG, tqqq_price=30.0), splits=(split,)))
    assert broker.snapshot().positions == {QQQ: 0, TQQQ: 200}
    book.record_split(split, 200, 0, Decimal(0), NOW)
    assert broker.snapshot().positions == {QQQ: 0, TQQQ: 200}


@pytest.mark.parametrize(
    ("last", "now", "shares"),
    [
        (60.0, 30.3, 200),
        (60.0, 59.0, 100),
        (60.0, 48.0, 100),
        (120.0, 60.0, 200),
        (None, 30.0, 200),
        (None, 60.0, 100),
        (60.0, float("nan"), 100),
    ],
    ids=["moved", "not moved", "fell by a fifth", "not against the cost", "the cost", "nor that", "no price"],
)
def test_a_split_is_believed_only_if_the_price_shows_it(
    book: Book, last: float | None, now: float, shares: int
) -> None:
    order = intent(symbol=TQQQ, quantity=100)
    book.absorb(order, Order(order.order_ref, OrderStatus.FILLED, (fill(order),)), NOW)
    answer = replace(
        market(Holding.TQQQ, now=NOW + DAY_LONG, tqqq_price=now), splits=(Split(TQQQ, DAY + timedelta(days=1), 2.0),)
    )
    asked: list[tuple[str, date]] = []

    def last_price(symbol: str, before: date) -> float | None:
        asked.append((symbol, before))
        return last

    broker = PaperBroker(book, VirtualClock(NOW), lambda: answer, Decimal(1), last_price)
    assert broker.snapshot().positions[TQQQ] == shares
    assert set(asked) == {(TQQQ, DAY + timedelta(days=1))}


def test_a_split_is_not_believed_from_a_price_of_the_day_before_it(book: Book) -> None:
    order = intent(symbol=TQQQ, quantity=100)
    book.absorb(order, Order(order.order_ref, OrderStatus.FILLED, (fill(order),)), NOW)
    answer = replace(market(Holding.TQQQ, tqqq_price=30.0), splits=(Split(TQQQ, DAY + timedelta(days=1), 2.0),))
    assert broker_of(book, answer).snapshot().positions[TQQQ] == 100


def test_a_cancel_comes_too_late(book: Book) -> None:
    broker = broker_of(book)
    order = intent()
    submitted(broker, order)
    broker.cancel(order)
    found = broker.find(order)
    assert found is not None
    assert found.status is OrderStatus.FILLED


def test_it_may_trade_at_any_hour_and_quotes_nothing(book: Book) -> None:
    broker = broker_of(book)
    assert broker.needs_open_exchange is False
    assert broker.quotes() == {}
