"""A fill without executions is booked where the status and the account's shares agree, and only there."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.values import Order, OrderIntent, OrderStatus, Side, StatusFill
from qqqbot.trading.status_fills import filled_by_shares, filled_by_status
from tests.support.builders import NOW, fill, intent, portfolio, snapshot
from tests.support.fakes import FakeBroker, World
from tests.support.symbols import QQQ

BUY = intent(quantity=100)
SELL = intent(Side.SELL, quantity=100)
TOLD = StatusFill(100, Decimal("450.25"))


def told(status: StatusFill | None = TOLD, known: int = 0) -> Order:
    fills = (fill(BUY, quantity=known, price=Decimal(450)),) if known else ()
    return Order(BUY.order_ref, OrderStatus.UNKNOWN, fills, told=status)


def test_a_purchase_that_two_witnesses_tell_of_is_filled_at_the_average_price() -> None:
    order = filled_by_status(BUY, told(), portfolio(), 0, {QQQ: 100}, NOW)
    assert order is not None
    (only,) = order.fills
    assert (order.status, only.quantity, only.price) == (OrderStatus.FILLED, 100, Decimal("450.25"))
    assert (only.exec_id, only.commission) == (f"{BUY.order_ref}.status.01", None)
    assert "the broker lists no execution" in order.message


def test_a_sale_takes_the_shares_away() -> None:
    order = filled_by_status(SELL, told(), portfolio(qqq=150), 0, {QQQ: 50}, NOW)
    assert order is not None
    assert order.fills[0].side is Side.SELL


@pytest.mark.parametrize("booked", [0, 40])
def test_known_executions_keep_their_price_and_the_rest_makes_the_average(booked: int) -> None:
    """Whether or not the known ones are in the book already."""
    order = filled_by_status(BUY, told(known=40), portfolio(qqq=booked), booked, {QQQ: 100}, NOW)
    assert order is not None
    assert order.filled == 100
    assert sum(f.price * f.quantity for f in order.fills) == Decimal("450.25") * 100


@pytest.mark.parametrize("shares", [0, 99, 101, 200])
def test_shares_that_have_not_moved_by_exactly_that_are_no_witness(shares: int) -> None:
    assert filled_by_status(BUY, told(), portfolio(), 0, {QQQ: shares}, NOW) is None


def test_shares_left_to_the_owner_count_as_theirs() -> None:
    book = portfolio(foreign={QQQ: 7, "TQQQ": 0})
    assert filled_by_status(BUY, told(), book, 0, {QQQ: 107}, NOW) is not None
    assert filled_by_status(BUY, told(), book, 0, {QQQ: 100}, NOW) is None


@pytest.mark.parametrize("status", [None, StatusFill(99, Decimal(450)), StatusFill(101, Decimal(450))])
def test_a_status_that_does_not_tell_of_the_whole_order_is_no_witness(status: StatusFill | None) -> None:
    assert filled_by_status(BUY, told(status), portfolio(), 0, {QQQ: 100}, NOW) is None


def test_a_part_of_a_cancelled_order_ends_as_a_part() -> None:
    order = filled_by_status(BUY, told(StatusFill(60, Decimal(450))), portfolio(), 0, {QQQ: 60}, NOW)
    assert order is not None
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, 60)


def test_an_order_whose_executions_are_all_known_needs_no_status() -> None:
    assert filled_by_status(BUY, told(known=100), portfolio(), 0, {QQQ: 100}, NOW) is None


def test_an_order_that_is_listed_as_open_is_not_filled_whatever_the_shares_say() -> None:
    account = replace(snapshot().account, positions={QQQ: 100}, open_order_refs=())
    price = Decimal("450.10")
    filled = filled_by_shares(BUY, told(None), price, portfolio(), 0, account)
    assert filled is not None
    assert (filled.status, filled.fills[0].price, filled.fills[0].time) == (OrderStatus.FILLED, price, BUY.decided_at)
    listed = replace(account, open_order_refs=(BUY.order_ref,))
    assert filled_by_shares(BUY, told(None), price, portfolio(), 0, listed) is None


def tells_by_status(broker: FakeBroker, order: OrderIntent) -> None:
    """Executed; no execution is listed."""
    broker.positions[order.symbol] += order.quantity
    broker.cash -= order.quantity * order.decision_price
    told = StatusFill(order.quantity, order.decision_price)
    broker.orders[order.order_ref] = Order(order.order_ref, OrderStatus.FILLED, told=told)


def test_a_check_books_it_once_status_and_shares_have_agreed_for_a_minute(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.broker.behaviours = [tells_by_status]
    engine = world.start()
    engine.step()
    (row,) = world.trades()
    assert (row["quantity"], row["price"], row["exec_ids"]) == (211, 450, ["qqqbot-20261124-01.status.01"])
    assert world.notifier.kinds() == ["trade", "no_executions"]
    assert world.clock.now() - NOW >= timedelta(seconds=60)
    assert world.broker.cancelled == []
    assert world.rows("decisions.jsonl")[-1]["action"] == "HOLD"
    world.broker.positions[QQQ] = 0
    world.broker.trade(world.broker.submitted[0], 211)  # its execution comes after all
    engine.step()
    engine.step()
    assert engine.records.book.ledger.shares[QQQ] == 211
    assert len(world.broker.submitted) == 1


def test_a_check_does_not_believe_a_status_that_the_shares_contradict(tmp_path: Path) -> None:
    def lies(broker: FakeBroker, order: OrderIntent) -> None:
        tells_by_status(broker, order)
        broker.positions[QQQ] = 0

    world = World(tmp_path)
    world.broker.behaviours = [lies]
    engine = world.start()
    for _ in range(5):
        engine.step()
        world.pass_time(minutes=1)
    assert (world.trades(), world.broker.cancelled) == ([], [])
    assert engine.records.journal.unresolved()
