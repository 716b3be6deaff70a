"""What a process leaves behind is taken up by the next one, and brought to an end."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import NOW, PRICE
from fakes import FakeBroker, World, fills_part, is_rejected, lost_on_the_way, works

from qqqbot.clock import VirtualClock
from qqqbot.model import QQQ, Holding, OrderIntent, OrderStatus


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_order_that_a_dead_process_left_open_is_cancelled_once_its_time_is_over(world: World) -> None:
    world.broker.behaviours = [works]
    world.clock.stop_at = NOW + timedelta(seconds=5)
    world.start().step()
    world.clock.stop_at = None
    engine = world.start()
    engine.step()
    assert world.broker.cancelled == [], "sixty seconds are its own"
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


def test_a_clock_that_is_set_forward_does_not_make_an_absence_final(world: World) -> None:
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


def test_a_status_that_is_ahead_of_its_executions_is_not_believed(world: World) -> None:
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


def test_an_execution_told_twice_in_one_answer_counts_once_in_the_journal_too(world: World) -> None:
    def twice(broker: FakeBroker, order: OrderIntent) -> None:
        broker.trade(order, 110)
        told = broker.orders[order.order_ref]
        broker.orders[order.order_ref] = replace(told, fills=told.fills * 2, status=OrderStatus.CANCELLED)

    world.broker.behaviours = [twice]
    engine = world.start()
    engine.step()
    assert [row["filled"] for row in world.rows("orders.jsonl") if row["event"] == "outcome"] == [110, 101]
    assert world.broker.positions[QQQ] == 211
