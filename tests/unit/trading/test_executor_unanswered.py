"""What the broker took without a word, and what must never be: no second order, a halt, and an alarm in the check."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from qqqbot.model.values import Holding, Order, OrderIntent, OrderStatus
from qqqbot.records.book import adopted
from qqqbot.trading.engine import Engine
from tests.support.builders import NOW
from tests.support.fakes import FakeBroker, World, fills, swallowed, works
from tests.support.symbols import QQQ, TQQQ

ONE = "the gateway took 1 order and answered none: look at its windows, then resume"


def halted(world: World) -> str:
    halt = world.logs / "HALT"
    return halt.read_text().strip() if halt.exists() else ""


def hours(world: World, engine: Engine, minutes: int = 60) -> None:
    """A check a minute."""
    for _ in range(minutes):
        engine.step()
        world.pass_time(minutes=1)


class TestUnanswered:
    @pytest.mark.parametrize("restarted", [False, True])
    def test_what_was_taken_without_a_word_is_never_sent_again(self, world: World, restarted: bool) -> None:
        world.broker.behaviours = [swallowed]
        engine = world.start()
        engine.step()
        engine.step()
        if restarted:
            world.broker.swallowed, engine = [], world.start()  # a new connection has not carried it
        hours(world, engine)
        assert len(world.broker.submitted) == 1
        assert halted(world) == ONE
        errors = [row["error"] for row in world.rows("decisions.jsonl") if row["error"]]
        assert errors[errors.index("OrderUnanswered") + 1 :] == ["TradingHalted"] * (
            len(errors) - errors.index("OrderUnanswered") - 1
        )
        assert [told for told in world.notifier.told if told[0] == "halt"] == [("halt", ONE)]
        assert not engine.records.journal.unresolved()

    def test_what_a_precaution_may_keep_is_not_tried_again(self, world: World) -> None:
        def kept(broker: FakeBroker, order: OrderIntent) -> None:
            broker.orders[order.order_ref] = Order(
                order.order_ref, OrderStatus.REJECTED, (), "383: too large", taken=True
            )

        world.broker.behaviours = [kept]
        engine = world.start()
        hours(world, engine, 20)
        assert len(world.broker.submitted) == 1
        assert halted(world) == ONE.replace(":", " (383: too large):")
        assert not engine.records.journal.unresolved()

    def test_it_halts_five_minutes_after_the_first_complete_answer_without_it(self, world: World) -> None:
        world.broker.behaviours = [swallowed]
        engine = world.start()
        engine.step()
        world.clock.advance(NOW + timedelta(minutes=4, seconds=59) - world.clock.now())
        engine.step()
        assert not halted(world)
        world.pass_time(seconds=1)
        engine.step()
        assert halted(world) == ONE

    def test_a_cancel_is_asked_for_first(self, world: World) -> None:
        world.broker.behaviours = [swallowed]
        world.start().step()
        assert world.broker.cancelled == ["qqqbot-20261124-01"]

    @pytest.mark.parametrize("target", [Holding.CASH, Holding.TQQQ])
    def test_however_late_it_is_released_the_account_is_neither_short_nor_overdrawn(
        self, world: World, target: Holding
    ) -> None:
        engine = world.start()
        engine.step()
        world.prices.target, world.broker.behaviours = target, [swallowed]
        hours(world, engine)
        for intent in world.broker.submitted[1:]:
            world.broker.trade(intent, intent.quantity)
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 0}
        world.assert_book_is_the_brokers()
        (world.logs / "HALT").unlink()
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583 if target is Holding.TQQQ else 0}

    def test_after_resume_it_is_tried_once_more_and_both_are_counted(self, world: World) -> None:
        world.broker.behaviours = [swallowed, swallowed]
        engine = world.start()
        hours(world, engine, 15)
        (world.logs / "HALT").unlink()
        hours(world, engine, 15)
        assert len(world.broker.submitted) == 2
        assert halted(world) == ONE.replace("1 order", "2 orders")

    def test_an_answer_in_between_begins_the_count_anew(self, world: World) -> None:
        world.broker.behaviours = [swallowed, fills, swallowed]
        engine = world.start()
        hours(world, engine, 15)
        (world.logs / "HALT").unlink()
        hours(world, engine, 2)
        world.prices.target = Holding.CASH
        hours(world, engine, 15)
        assert halted(world) == ONE

    def test_one_that_is_released_in_time_halts_nothing(self, world: World) -> None:
        world.broker.behaviours = [swallowed]
        engine = world.start()
        hours(world, engine, 3)
        world.broker.trade(world.broker.submitted[0], 211)
        hours(world, engine, 15)
        assert (halted(world), len(world.broker.submitted)) == ("", 1)
        world.assert_book_is_the_brokers()

    def test_over_night_it_is_not_taken_for_lost_or_sent_again(self, world: World) -> None:
        world.broker.behaviours = [swallowed]
        engine = world.start()
        engine.step()
        engine.step()
        world.pass_time(days=1)
        world.broker.swallowed = []
        hours(world, world.start(), 10)
        assert len(world.broker.submitted) == 1
        assert halted(world) == ONE


def fills_twice(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.trade(intent, intent.quantity)
    broker.trade(intent, intent.quantity)


def has_a_twin(broker: FakeBroker, intent: OrderIntent) -> None:
    broker.trade(intent, intent.quantity)
    broker.orders[intent.order_ref] = replace(broker.orders[intent.order_ref], twins=True)


def lives_twice(broker: FakeBroker, intent: OrderIntent) -> None:
    works(broker, intent)
    broker.orders[intent.order_ref] = replace(broker.orders[intent.order_ref], twins=True)


class TestOverrun:
    def test_more_executed_than_ordered_halts_within_the_check_and_once(self, world: World) -> None:
        world.broker.behaviours = [fills_twice]
        engine = world.start()
        engine.step()
        found = (
            "qqqbot-20261124-01: 422 QQQ were executed, and 211 were ordered; "
            "the book owes 89,902.00: more was bought than the bot's money pays for"
        )
        assert (halted(world), world.rows("decisions.jsonl")[-1]["error"]) == (found, "OrderOverrun")
        assert ("halt", found) in world.notifier.told
        (world.logs / "HALT").unlink()
        engine.step()
        world.start().step()
        assert halted(world) == "", "a person has looked at it, and at all of it"
        world.prices.target = Holding.CASH
        engine.step()
        assert world.broker.positions[QQQ] == 0

    def test_late_executions_beyond_the_order_halt_too(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.trade(world.broker.submitted[0], 5)
        engine.step()
        assert "216 QQQ were executed, and 211 were ordered" in halted(world)

    def test_two_orders_under_one_reference_halt(self, world: World) -> None:
        world.broker.behaviours = [has_a_twin]
        world.start().step()
        assert halted(world) == "qqqbot-20261124-01: the broker has two orders under this reference"
        assert world.rows("decisions.jsonl")[-1]["error"] == "OrderOverrun"

    def test_two_orders_under_one_reference_halt_while_neither_has_ended(self, world: World) -> None:
        world.broker.behaviours, world.broker.deaf_to_cancel = [lives_twice], True
        engine = world.start()
        engine.step()
        engine.step()
        assert halted(world) == "qqqbot-20261124-01: the broker has two orders under this reference"
        assert engine.records.journal.unresolved()

    def test_a_book_that_owes_halts(self, world: World) -> None:
        engine = world.start()
        engine.step()
        engine.records.book.answer([adopted(QQQ, 20, Decimal(450))], world.clock.now())
        engine.step()
        assert halted(world) == "the book owes 3,951.00: more was bought than the bot's money pays for"

    def test_a_halt_of_the_owner_does_not_hide_it(self, world: World) -> None:
        engine = world.start()
        engine.step()
        (world.logs / "HALT").write_text("on holiday\n")
        engine.step()
        world.broker.trade(world.broker.submitted[0], 211)
        engine.step()
        assert halted(world) == "on holiday"
        assert "422 QQQ were executed" in world.notifier.told[-1][1]

    def test_a_process_that_dies_between_halt_and_record_halts_again(self, world: World) -> None:
        world.broker.behaviours = [fills_twice]
        engine = world.start()
        engine.records.journal.overrun = lambda *_: (_ for _ in ()).throw(OSError(28, "no space"))  # type: ignore[method-assign]
        engine.step()
        assert halted(world)
        world.start().step()
        overruns = [row["what"] for row in world.rows("orders.jsonl") if row["event"] == "overrun"]
        assert overruns == ["executed 422", "owes"]

    @pytest.mark.parametrize("cash", [Decimal(-99), Decimal(0)])
    def test_what_a_commission_or_a_correction_takes_halts_nothing(self, world: World, cash: Decimal) -> None:
        engine = world.start()
        engine.step()
        engine.records.book.ledger.cash = cash
        engine.executor.audit()
        assert halted(world) == ""
