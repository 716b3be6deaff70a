"""Orders while the wire, the gateway or its line fails: each is found again, and none is sent twice."""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from qqqbot.adapters.ib.line import SILENCE_SECONDS
from qqqbot.model.errors import BrokerUnavailable, OrderOutcomeUnknown, OrderRejected
from qqqbot.model.values import OrderStatus
from tests.support.builders import NOW
from tests.support.ib_bench import (
    SILENCE,
    Bench,
    MovedClock,
    bench,
    broker_at,
    eventually,
    gateway_at,
    margin_account,
    order,
)

FILLED, CANCELLED = OrderStatus.FILLED, OrderStatus.CANCELLED


def test_without_a_connection_an_order_certainly_never_left() -> None:
    with bench() as at:
        at.gateway.go_down()
        eventually(lambda: at.broker.problem() is not None)
        with pytest.raises(OrderRejected, match="was not sent"):
            at.broker.submit(order())
        at.gateway.come_up()
        at.sound()
        assert at.gateway.orders == []


def test_an_order_is_sent_once() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        with pytest.raises(OrderOutcomeUnknown, match="sent before"):
            at.broker.submit(intent)
        at.done(intent)
        assert len(at.gateway.orders) == 1


@pytest.mark.parametrize("fault", ["drop_after", "half_open_after", "restart_after", "then_drop", "lose_answer"])
def test_an_order_with_a_lost_answer_is_found(fault: str) -> None:
    with bench() as at, at.timing.hasty(**SILENCE):
        at.gateway.next_fault("placeOrder", fault)
        intent = order()
        with suppress(OrderOutcomeUnknown):  # if the disconnect is noticed while it is sent
            at.broker.submit(intent)
        done = at.done_in_the_end(intent)
        assert (done.status, done.filled) == (FILLED, 100)
        assert len(at.gateway.orders) == 1


@pytest.mark.parametrize("fault", ["drop_before", "half_open", "restart_before", "swallow"])
def test_an_order_that_the_gateway_never_took_is_absent_in_the_end(fault: str) -> None:
    with bench() as at, at.timing.hasty(**SILENCE):
        at.gateway.next_fault("placeOrder", fault)
        intent = order()
        with suppress(OrderOutcomeUnknown):  # if the disconnect is noticed while it is sent
            at.broker.submit(intent)
        eventually(lambda: _absent(at, intent), 60)
        assert at.gateway.orders == []


@pytest.mark.parametrize("fills", [0, 1, 2])
def test_fills_during_an_outage_are_read_after_it(fills: int) -> None:
    with bench() as at:
        at.gateway.next_order(slices=(40, 60), delay=0.05, slice_delay=0.05, drop_after_fill=fills or None)
        intent = order()
        at.broker.submit(intent)
        if not fills:
            at.gateway.wait_for(lambda: at.gateway.orders)
            at.gateway.drop_clients()
        done = at.done_in_the_end(intent)
        assert (done.status, [fill.quantity for fill in done.fills]) == (FILLED, [40, 60])


def test_a_new_process_finds_the_order_of_the_old_one() -> None:
    clock = MovedClock()
    intent, cancelled = order(), order(number=2)
    with gateway_at(clock) as gateway:
        with broker_at(gateway, clock) as broker:
            assert broker.identity(30)
            broker.submit(intent)
            gateway.wait_for(lambda: gateway.ledger)
            gateway.next_order(fills=False)
            broker.submit(cancelled)
            gateway.wait_for(lambda: gateway.open_orders)
        with broker_at(gateway, clock) as broker:
            at = Bench(gateway, broker, clock)
            at.sound()
            assert at.done(intent).status is FILLED
            assert at.status(cancelled, 3) is OrderStatus.WORKING
            broker.cancel(cancelled)
            assert at.done(cancelled).status is CANCELLED


def test_yesterdays_order_is_unknown_the_next_day() -> None:
    with bench() as at:
        intent = replace(order(number=5), session=NOW.date())
        at.clock.move(24 * 3600)
        assert not at.absent(intent).taken


def test_while_the_gateway_has_lost_its_line_nothing_is_reported_and_nothing_sent() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        at.gateway.lose_line()
        eventually(lambda: at.broker.problem() is not None)
        for call in (at.broker.snapshot, at.broker.recent_orders, lambda: at.broker.find(intent)):
            with pytest.raises(BrokerUnavailable, match="1100: the gateway has lost its connection"):
                call()
        with pytest.raises(OrderRejected, match="1100"):
            at.broker.submit(order(number=2))
        assert at.broker.quotes() == {}


@pytest.mark.parametrize(("lost", "kept"), [(1100, True), (1100, False), (2110, True)])
def test_events_during_an_outage_are_read_before_anything_is_served(lost: int, kept: bool) -> None:
    with bench() as at:
        at.gateway.next_order(fills=False)
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 2)
        at.gateway.lose_line(lost)
        eventually(lambda: at.broker.problem() is not None)
        filled = at.gateway.open_orders[0]
        with at.gateway.moment():
            at.gateway.order_handling.fill(filled, Decimal(100), Decimal(449))
        at.gateway.restore_line(data_kept=kept)
        at.sound()
        found = at.broker.find(intent)
        assert (found.filled, found.fills[0].price) == (100, Decimal(449))
        assert at.gateway.recording.connections == 1


def test_a_new_connection_to_a_gateway_that_lost_its_line_sends_nothing_into_the_outage() -> None:
    """The gateway's answers are those of the moment when the line broke, and it does not repeat its report."""
    with bench() as at:
        at.gateway.lose_line()
        eventually(lambda: at.broker.problem() is not None)
        at.gateway.drop_clients()
        eventually(lambda: "believed if silent until" in (at.broker.problem() or ""))
        with pytest.raises(OrderRejected, match="1100"):
            at.broker.submit(order())
        at.gateway.restore_line()
        at.sound()
        at.broker.submit(order(number=2))
        assert at.done(order(number=2)).status is FILLED


def test_a_gateway_that_never_reports_its_line_restored_delays_trading_and_does_not_stop_it() -> None:
    with bench() as at:
        at.gateway.lose_line()
        eventually(lambda: at.broker.problem() is not None)
        at.gateway.restart()
        eventually(lambda: "believed if silent until" in (at.broker.problem() or ""))
        at.clock.move(SILENCE_SECONDS)
        at.sound()
        at.broker.submit(order())
        assert at.done(order()).status is FILLED


def _absent(at: Bench, intent: Any) -> bool:
    try:
        found = at.broker.find(intent)
    except BrokerUnavailable:
        return False
    at.clock.move(0.25)
    return found.status is OrderStatus.ABSENT


def test_a_gateway_that_comes_back_with_another_account_is_refused_until_it_has_the_right_one() -> None:
    with bench() as at:
        assert at.broker.refused() is None
        right = dict(at.gateway.book.accounts)
        at.gateway.go_down()
        at.gateway.book.accounts = {"U7654321": margin_account("U7654321")}
        at.gateway.come_up()
        eventually(lambda: "is a live account" in (at.broker.refused() or ""))
        assert at.broker.problem() == at.broker.refused()
        with pytest.raises(BrokerUnavailable, match="is a live account"):
            at.broker.snapshot()
        at.gateway.go_down()
        at.gateway.book.accounts = right
        at.gateway.come_up()
        at.sound()
        assert at.broker.refused() is None
