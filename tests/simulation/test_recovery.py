"""What a process leaves unfinished is taken up by the next one, and finished."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.values import Holding, OrderIntent, OrderStatus
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.adoption import Priced, adopt
from qqqbot.trading.engine import Engine
from tests.support.builders import NOW, PRICE
from tests.support.fakes import FakeBroker, World, answer_lost, fills_part, is_rejected, lost_on_the_way, works
from tests.support.symbols import QQQ, TQQQ


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_order_left_open_by_a_dead_process_is_cancelled_once_its_time_is_over(world: World) -> None:
    world.broker.behaviours = [works]
    world.clock.stop_at = NOW + timedelta(seconds=5)
    world.start().step()
    world.clock.stop_at = None
    engine = world.start()
    engine.step()
    assert world.broker.cancelled == [], "it is given sixty seconds"
    world.pass_time(seconds=60)
    engine.step()
    assert world.broker.cancelled == [world.broker.submitted[0].order_ref]
    world.pass_time(seconds=60)
    engine.step()
    assert world.broker.positions[QQQ] == 211
    world.assert_book_is_the_brokers()


def test_an_order_that_the_broker_does_not_know_is_not_cancelled(world: World) -> None:
    world.broker.behaviours = [lost_on_the_way]
    world.start().step()
    world.pass_time(minutes=2)
    world.start().step()
    assert world.broker.cancelled == []


def test_a_clock_set_forward_does_not_make_an_absence_final(world: World) -> None:
    class SetForward(VirtualClock):
        ahead = timedelta(0)

        def now(self) -> datetime:
            return super().now() + self.ahead

    clock = SetForward(NOW)
    world.clock = world.prices.clock = world.broker.clock = clock
    world.broker.behaviours = [lost_on_the_way]
    engine = world.start()
    engine.step()
    engine.step()
    clock.ahead = timedelta(hours=1)
    engine.step()
    assert engine.records.journal.unresolved()
    assert len(world.broker.submitted) == 1


def test_a_rotation_whose_rest_was_refused_is_finished_by_the_next_check(world: World) -> None:
    world.broker.behaviours = [fills_part(100, OrderStatus.CANCELLED), is_rejected]
    engine = world.start()
    engine.step()
    assert world.broker.positions[QQQ] == 100
    world.pass_time(minutes=15)
    engine.step()
    assert world.broker.positions[QQQ] == 211
    world.assert_book_is_the_brokers()


def test_a_sale_that_stopped_half_way_is_bought_back_when_the_rule_comes_back(world: World) -> None:
    engine = world.start()
    engine.step()
    world.prices.target = Holding.CASH
    world.broker.behaviours = [fills_part(150, OrderStatus.CANCELLED), is_rejected]
    engine.step()
    assert world.broker.positions[QQQ] == 61
    world.prices.target = Holding.QQQ
    engine.step()
    assert world.broker.positions[QQQ] == 211
    world.assert_book_is_the_brokers()


def test_executions_that_make_an_order_whole_after_its_end_leave_nothing_to_buy(world: World) -> None:
    world.broker.behaviours = [fills_part(100, OrderStatus.CANCELLED), is_rejected]
    engine = world.start()
    engine.step()
    world.broker.trade(world.broker.submitted[0], 111)
    world.prices.price = PRICE * 0.9  # so cheap that the same budget would buy one more
    engine.step()
    assert world.broker.positions[QQQ] == 211
    assert len(world.broker.submitted) == 2


def test_a_status_ahead_of_its_executions_is_not_believed(world: World) -> None:
    def says_filled(broker: FakeBroker, order: OrderIntent) -> None:
        broker.finish(order, OrderStatus.FILLED)

    world.broker.behaviours = [says_filled]
    engine = world.start()
    engine.step()
    engine.step()
    assert len(world.broker.submitted) == 1
    assert engine.records.journal.unresolved()
    world.broker.trade(world.broker.submitted[0], 211)
    engine.step()
    assert engine.records.journal.unresolved() == ()
    world.assert_book_is_the_brokers()


def test_an_execution_reported_twice_in_one_answer_counts_once_in_the_journal_too(world: World) -> None:
    def twice(broker: FakeBroker, order: OrderIntent) -> None:
        broker.trade(order, 110)
        told = broker.orders[order.order_ref]
        broker.orders[order.order_ref] = replace(told, fills=told.fills * 2, status=OrderStatus.CANCELLED)

    world.broker.behaviours = [twice]
    engine = world.start()
    engine.step()
    assert [row["filled"] for row in world.rows("orders.jsonl") if row["event"] == "outcome"] == [110, 101]
    assert world.broker.positions[QQQ] == 211


# What was sent yesterday. The broker lists the present day's executions alone.

LOST = (
    "sent on 2026-11-24; the broker no longer reports how it ended: "
    "if it was executed, the account differs from the book: answer with adopt"
)


def outcomes(world: World) -> list[dict[str, Any]]:
    return [row for row in world.rows("orders.jsonl") if row["event"] == "outcome"]


def next_day(world: World) -> Engine:
    world.pass_time(days=1)
    return world.start()


def looked_for_five_minutes(world: World, engine: Engine) -> None:
    """Two complete answers, so far apart that an absence is final."""
    engine.step()
    assert engine.records.journal.unresolved(), "one answer is not enough"
    world.pass_time(minutes=5)
    engine.step()


def test_a_fill_not_read_on_its_day_is_reported_as_lost_and_not_as_refused(world: World) -> None:
    world.broker.behaviours = [answer_lost]
    world.start().step()
    world.broker.orders.clear()
    engine = next_day(world)
    looked_for_five_minutes(world, engine)
    assert [(row["status"], row["filled"], row["message"]) for row in outcomes(world)] == [("CANCELLED", 0, LOST)]
    assert [told for told in world.notifier.told if told[0].startswith("order")] == [
        ("order_lost", f"BUY 211 QQQ, {LOST}")
    ]
    engine.step()
    assert [row["error"] for row in world.rows("decisions.jsonl")[-2:]] == ["DifferenceSeen", "LedgerMismatch"]
    assert len(world.broker.submitted) == 1


def test_shares_of_a_lost_order_are_adopted_and_not_bought_again(world: World) -> None:
    world.broker.behaviours = [answer_lost]
    world.start().step()
    world.broker.orders.clear()
    engine = next_day(world)
    looked_for_five_minutes(world, engine)
    prices = {QQQ: Priced(Decimal(450)), TQQQ: Priced(Decimal(60))}
    adopt(engine.records.book, world.broker.snapshot(), prices, world.clock.now())
    engine.step()
    assert world.rows("decisions.jsonl")[-1]["action"] == "HOLD"
    assert (len(world.broker.submitted), world.broker.positions[QQQ]) == (1, 211)


def test_yesterdays_order_that_never_reached_the_broker_is_planned_again(world: World) -> None:
    world.broker.behaviours = [lost_on_the_way]
    world.start().step()
    looked_for_five_minutes(world, next_day(world))
    assert [intent.order_ref for intent in world.broker.submitted] == ["qqqbot-20261124-01", "qqqbot-20261125-01"]
    assert world.broker.positions[QQQ] == 211
    world.assert_book_is_the_brokers()


def test_an_order_unknown_to_the_broker_counts_as_refused_until_the_last_minute_of_its_day(
    world: World,
) -> None:
    world.broker.behaviours = [lost_on_the_way]
    world.start().step()
    world.pass_time(hours=11, minutes=54)
    engine = world.start()
    looked_for_five_minutes(world, engine)
    assert [row["status"] for row in outcomes(world)] == ["REJECTED"]
    assert "order_refused" in world.notifier.kinds()
    assert "order_lost" not in world.notifier.kinds()


@pytest.mark.parametrize("status", [OrderStatus.UNKNOWN, OrderStatus.FILLED])
def test_yesterdays_order_that_is_not_listed_as_open_is_not_cancelled(world: World, status: OrderStatus) -> None:
    """It ended with its session."""
    world.broker.behaviours = [works]
    world.clock.stop_at = NOW + timedelta(seconds=5)
    world.start().step()
    world.clock.stop_at = None
    world.broker.finish(world.broker.submitted[0], status)
    engine = next_day(world)
    engine.step()
    assert world.broker.cancelled == []
    assert world.rows("decisions.jsonl")[-1]["action"] == "WAIT"
    assert engine.records.journal.unresolved()


@pytest.mark.parametrize("answered", [True, False])
def test_an_order_of_yesterday_that_rests_is_cancelled_and_until_then_told(world: World, answered: bool) -> None:
    """A gateway that maintains and resubmits orders keeps it overnight, and it fills on yesterday's decision."""
    world.broker.behaviours = [works]
    world.clock.stop_at = NOW + timedelta(seconds=5)
    world.start().step()
    world.clock.stop_at, world.broker.deaf_to_cancel = None, not answered
    engine = next_day(world)
    engine.step()
    (order,) = world.broker.submitted[:1]
    assert world.broker.cancelled == [order.order_ref]
    assert world.rows("decisions.jsonl")[-1]["error"] == "OrderOpen"
    assert "order_open" in world.notifier.kinds()
    world.pass_time(minutes=1)
    engine.step()
    if answered:
        assert world.rows("decisions.jsonl")[-1]["action"] == "HOLD"
        assert world.broker.positions[QQQ] == 211
        assert not engine.alerts.lasting()
    else:
        assert len(world.broker.submitted) == 1
        assert [event.kind for event in engine.alerts.lasting()] == ["order_open"]


@pytest.mark.parametrize("status", [OrderStatus.UNKNOWN, OrderStatus.FILLED])
def test_yesterdays_order_with_an_unknown_rest_keeps_the_known_fills(world: World, status: OrderStatus) -> None:
    """Its missing executions will not come any more, and an order without an end would stop the trading for ever."""
    world.broker.behaviours, world.broker.deaf_to_cancel = [fills_part(100)], True
    world.start().step()
    world.broker.finish(world.broker.submitted[0], status)
    engine = next_day(world)
    looked_for_five_minutes(world, engine)
    assert [(row["status"], row["filled"], row["message"]) for row in outcomes(world)[:1]] == [("CANCELLED", 100, LOST)]
    assert ("order_lost", f"BUY 211 QQQ, {LOST}") in world.notifier.told
    assert engine.records.journal.unresolved() == ()
    world.assert_book_is_the_brokers()


def test_yesterdays_order_that_is_still_listed_is_waited_for(world: World) -> None:
    world.broker.behaviours, world.broker.deaf_to_cancel = [works], True
    world.start().step()
    engine = next_day(world)
    for _ in range(4):
        world.pass_time(minutes=5)
        engine.step()
    assert engine.records.journal.unresolved()
    assert len(world.broker.submitted) == 1


def test_yesterdays_order_that_ended_is_believed_and_not_lost(world: World) -> None:
    world.broker.behaviours, world.broker.deaf_to_cancel = [fills_part(100)], True
    world.start().step()
    world.broker.finish(world.broker.submitted[0], OrderStatus.CANCELLED, "end of the session")
    next_day(world).step()
    assert [(row["status"], row["message"]) for row in outcomes(world)][:1] == [("CANCELLED", "end of the session")]
    assert "order_lost" not in world.notifier.kinds()
    assert world.broker.positions[QQQ] == 211


def test_a_broker_that_forgets_nothing_is_believed_about_any_day(world: World) -> None:
    """Like the simulated account, which trades at any hour and has the book as its memory."""
    world.broker.needs_open_exchange, world.broker.absence_is_final_after = False, timedelta(0)
    world.broker.behaviours = [lost_on_the_way]
    world.start().step()
    next_day(world).step()
    assert [row["status"] for row in outcomes(world)] == ["REJECTED", "FILLED"]
    assert "order_lost" not in world.notifier.kinds()
