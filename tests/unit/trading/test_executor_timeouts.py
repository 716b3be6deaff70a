"""An order that is not done in time is cancelled, and one that does not end is a trouble that lasts."""

from datetime import timedelta

import pytest

from qqqbot.model.values import Holding, Order, OrderIntent, OrderStatus, Side
from tests.support.builders import DAY, NOW, new_york
from tests.support.fakes import (
    FakeBroker,
    World,
    fills_part,
    in_qqq,
    is_rejected,
    works,
)
from tests.support.symbols import QQQ, TQQQ


class TestTimeouts:
    def test_an_unfinished_order_is_cancelled_once_and_its_outcome_awaited(self, world: World) -> None:
        world.broker.behaviours = [works]
        engine = world.start()
        engine.step()
        (first,) = world.broker.submitted
        assert world.broker.cancelled == [first.order_ref]
        assert world.broker.orders[first.order_ref].status is OrderStatus.CANCELLED
        assert world.clock.now() >= NOW + timedelta(seconds=60)
        assert world.clock.now() <= NOW + timedelta(seconds=62)
        world.assert_book_is_the_brokers()

    @pytest.mark.parametrize("leg", [Side.SELL, Side.BUY])
    @pytest.mark.parametrize("stopped", [False, True])
    def test_what_was_filled_of_an_open_order_is_booked_before_a_night_in_which_the_broker_forgets_it(
        self, world: World, leg: Side, stopped: bool
    ) -> None:
        if leg is Side.SELL:
            in_qqq(world)
            world.prices.target = Holding.CASH
        world.broker.behaviours = [fills_part(100)]
        world.clock.advance(new_york(DAY, 15, 58, 50) - world.clock.now())
        world.clock.stop_at = new_york(DAY, 15, 58, 55) if stopped else None
        world.broker.deaf_to_cancel = True
        engine = world.start()
        engine.step()
        assert world.rows("decisions.jsonl")[-1]["error"] == "OrderOutcomeUnknown"
        world.assert_book_is_the_brokers()
        world.clock.stop_at = None
        world.clock.advance(new_york(DAY + timedelta(days=1), 9, 36) - world.clock.now())
        world.broker.orders.clear()
        engine = world.start() if stopped else engine
        for _ in range(4):
            engine.step()
            world.pass_time(minutes=2)
        assert world.broker.positions[QQQ] == (211 if leg is Side.BUY else 0)
        ledger = world.records().book.ledger
        assert (ledger.shares, ledger.cash) == (world.broker.positions, world.broker.cash)

    def test_an_unfilled_order_ends_the_check_and_the_next_one_plans_again(self, world: World) -> None:
        world.broker.behaviours = [works]
        engine = world.start()
        engine.step()
        assert (len(world.broker.submitted), world.broker.positions[QQQ]) == (1, 0)
        row = world.rows("decisions.jsonl")[-1]
        assert (row["error"], row["sentence"]) == (
            "OrderRejected",
            "qqqbot-20261124-01: not filled within 60 s and cancelled; the next check plans again",
        )
        assert [row["status"] for row in world.rows("orders.jsonl") if row["event"] == "outcome"] == ["CANCELLED"]
        engine.step()
        assert world.broker.positions[QQQ] == 211
        world.assert_book_is_the_brokers()

    def test_a_trading_pause_causes_no_halt_and_trading_goes_on_after_it(self, world: World) -> None:
        """A circuit breaker lasts a quarter of an hour or longer; meanwhile the bot wants to leave TQQQ."""
        world.prices.target = Holding.TQQQ
        engine = world.start()
        engine.step()
        world.prices.target = Holding.CASH
        world.broker.behaviours = [works] * 3
        for _ in range(3):
            world.pass_time(minutes=15)
            engine.step()
        assert world.broker.positions[TQQQ] == 1583
        assert engine.records.switch.reason() is None
        world.pass_time(minutes=15)
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 0}
        assert [intent.side for intent in world.broker.submitted] == [Side.BUY, *[Side.SELL] * 4]
        world.assert_book_is_the_brokers()

    def test_an_unfilled_order_cancelled_by_somebody_else_ends_the_check_with_the_reason(self, world: World) -> None:
        def outside_the_price_band(broker: FakeBroker, intent: OrderIntent) -> None:
            broker.finish(intent, OrderStatus.CANCELLED, "outside the price band")

        world.broker.behaviours = [outside_the_price_band]
        engine = world.start()
        engine.step()
        assert len(world.broker.submitted) == 1
        assert world.broker.cancelled == []
        assert world.rows("decisions.jsonl")[-1]["sentence"] == (
            "qqqbot-20261124-01: cancelled without a fill (outside the price band); the next check plans again"
        )
        told = ("order_refused", "BUY 211 QQQ: cancelled without a fill (outside the price band)")
        assert told in world.notifier.told
        engine.step()
        assert world.broker.positions[QQQ] == 211

    def test_a_sale_that_nobody_fills_is_followed_by_no_buy(self, world: World) -> None:
        engine = in_qqq(world)
        world.prices.target = Holding.TQQQ
        world.broker.behaviours = [works]
        engine.step()
        assert [intent.side for intent in world.broker.submitted] == [Side.BUY, Side.SELL]

    def test_a_partial_fill_is_recorded_and_the_rest_is_planned_from_the_new_state(self, world: World) -> None:
        world.broker.behaviours = [fills_part(100)]
        in_qqq(world)
        assert [intent.quantity for intent in world.broker.submitted] == [211, 111]
        assert [row["quantity"] for row in world.trades()] == [100, 111]
        assert world.broker.cancelled == ["qqqbot-20261124-01"]
        world.assert_book_is_the_brokers()

    def test_a_partial_sale_is_completed_before_anything_is_bought(self, world: World) -> None:
        engine = in_qqq(world)
        world.prices.target = Holding.TQQQ
        world.broker.behaviours = [fills_part(200)]
        engine.step()
        assert [(i.side, i.symbol, i.quantity) for i in world.broker.submitted[1:3]] == [
            (Side.SELL, QQQ, 211),
            (Side.SELL, QQQ, 11),
        ]
        assert world.broker.positions[QQQ] == 0
        assert world.broker.positions[TQQQ] > 1500
        world.assert_book_is_the_brokers()

    def test_a_cancel_without_effect_leaves_the_order_unknown_and_nothing_else_is_sent(self, world: World) -> None:
        world.broker.behaviours = [works]
        world.broker.deaf_to_cancel = True
        engine = world.start()
        engine.step()
        assert timedelta(seconds=80) <= world.clock.now() - NOW < timedelta(seconds=82)
        (order,) = world.broker.submitted
        for _ in range(3):
            world.pass_time(minutes=15)
            engine.step()
        assert len(world.broker.submitted) == 1
        assert world.events() == ["intended", "sent"]
        world.broker.trade(order, 211)
        engine.step()
        world.assert_book_is_the_brokers()
        assert engine.records.journal.unresolved() == ()

    def test_an_order_that_does_not_end_is_a_trouble_after_its_time_and_five_minutes(self, world: World) -> None:
        world.broker.behaviours, world.broker.deaf_to_cancel = [works], True
        engine = world.start()
        engine.step()
        world.clock.advance(NOW + world.timeout + timedelta(minutes=4, seconds=59) - world.clock.now())
        assert engine.step() is True
        assert engine.state.last_check is not None
        assert engine.state.last_check.good
        world.pass_time(seconds=1)
        engine.step()
        check = engine.state.last_check
        assert (check.action, check.error, check.good) == ("WAIT", "OrderOpen", False)
        (event,) = engine.alerts.lasting()
        assert (event.kind, event.text) == (
            "order_open",
            "qqqbot-20261124-01 should have ended long ago: look at the gateway's windows, or cancel it in TWS",
        )
        world.broker.finish(world.broker.submitted[0], OrderStatus.CANCELLED)
        engine.step()
        assert not engine.alerts.lasting()

    def test_what_keeps_it_from_being_cancelled_is_told(self, world: World) -> None:
        why = "no cancel possible under ib_client_id 2"
        world.broker.behaviours, world.broker.cannot_cancel = [works], why
        engine = world.start()
        engine.step()
        world.pass_time(minutes=7)
        engine.step()
        (event,) = engine.alerts.lasting()
        assert event.text.startswith(f"qqqbot-20261124-01 ({why}) should have ended long ago")
        world.broker.cannot_cancel, world.broker.deaf_to_cancel = "", True
        engine.step()
        assert engine.state.last_check is not None
        assert engine.state.last_check.sentence.startswith("qqqbot-20261124-01 should have ended long ago")

    def test_the_brokers_words_about_it_are_told(self, world: World) -> None:
        """Its cancel is sent and not answered."""
        said = "354: a precaution of the gateway stops orders without market data"
        world.broker.behaviours = [lambda broker, sent: broker.finish(sent, OrderStatus.WORKING, said)]
        world.broker.deaf_to_cancel = True
        engine = world.start()
        engine.step()
        world.pass_time(minutes=7)
        engine.step()
        assert world.broker.cancelled
        (event,) = engine.alerts.lasting()
        assert event.text.startswith(f"qqqbot-20261124-01 ({said}) should have ended long ago")
        world.broker.cannot_cancel = "the gateway does not list it"  # its own words say more
        engine.step()
        assert world.broker.cannot_cancel not in world.rows("decisions.jsonl")[-1]["sentence"]
        assert said in world.rows("decisions.jsonl")[-1]["sentence"]

    def test_an_order_that_is_listed_again_after_its_end_is_cancelled_and_told(self, world: World) -> None:
        """It was not known for five minutes, and was only held up."""
        world.broker.behaviours = [is_rejected]
        engine = world.start()
        engine.step()
        (order,) = world.broker.submitted
        world.broker.finish(order, OrderStatus.WORKING)
        world.broker.deaf_to_cancel = True
        world.pass_time(minutes=6)
        engine.step()
        assert world.broker.cancelled == [order.order_ref]
        assert [event.kind for event in engine.alerts.lasting()] == ["order_open"]
        assert len(world.broker.submitted) == 1

    def test_an_order_that_another_folder_of_the_bot_sent_is_told_once_it_lasts_and_left_alone(
        self, world: World
    ) -> None:
        stranger = "qqqbot-20261124-other-07"
        world.broker.orders[stranger] = Order(stranger, OrderStatus.WORKING)
        engine = world.start()
        engine.step()
        assert not engine.alerts.lasting()
        world.pass_time(minutes=6)
        engine.step()
        assert [event.kind for event in engine.alerts.lasting()] == ["order_open"]
        assert (world.broker.cancelled, world.broker.submitted) == ([], [])

    def test_silence_while_waiting_is_not_an_outcome(self, world: World) -> None:
        calls: list[str] = []

        def goes_silent(broker: FakeBroker, intent: OrderIntent) -> None:
            broker.trade(intent, intent.quantity)
            broker.silent = True
            calls.append(intent.order_ref)

        world.broker.behaviours = [goes_silent]
        engine = world.start()
        engine.step()
        assert world.events() == ["intended", "sent"]
        world.broker.silent = False
        engine.step()
        assert calls == ["qqqbot-20261124-01"]
        world.assert_book_is_the_brokers()

    def test_a_stop_during_the_wait_leaves_the_order_to_the_next_start(self, world: World) -> None:
        world.broker.behaviours = [works]
        world.clock.stop_at = NOW + timedelta(seconds=10)
        engine = world.start()
        engine.step()
        assert world.clock.now() == NOW + timedelta(seconds=10)
        assert world.broker.cancelled == []
        assert world.events() == ["intended", "sent"]
        world.clock.stop_at = None
        world.broker.trade(world.broker.submitted[0], 211)
        world.start().step()
        assert len(world.broker.submitted) == 1
        world.assert_book_is_the_brokers()
