"""When the next look is due: soon after what is unfinished, at the grid, or once in the decision window."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Decide, Holding, Order, OrderIntent, OrderStatus, Side
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.config import Config
from qqqbot.trading.engine import Engine
from qqqbot.trading.loop import poll, timetable
from tests.support.builders import DAY, HALF_DAYS, NOW, RULES, new_york, session
from tests.support.fakes import (
    Behaviour,
    FakeBroker,
    World,
    answer_lost,
    fills,
    fills_part,
    is_rejected,
    lost_on_the_way,
    never_leaves,
    works,
    world_at,
)
from tests.support.symbols import QQQ, TQQQ

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
PRICES = {QQQ: Decimal(450), TQQQ: Decimal(60)}


def last(world: World) -> dict[str, Any]:
    return world.rows("decisions.jsonl")[-1]


class TestSoon:
    """An unfinished rotation is resumed soon, not at the next check."""

    def test_a_finished_check_is_not_followed_up_soon(self, world: World) -> None:
        assert world.start().step() is False

    def test_an_order_without_an_outcome_is_looked_for_soon(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        assert world.start().step() is True

    def test_an_interrupted_rotation_is_resumed_soon(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.prices.target = Holding.TQQQ

        def prices_fail_after(broker: Any, intent: Any) -> None:
            broker.trade(intent, intent.quantity)
            world.prices.trouble = PricesUnavailable("429")

        world.broker.behaviours = [prices_fail_after]
        assert engine.step() is True
        world.prices.trouble = None
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    @pytest.mark.parametrize("trouble", ["no prices", "a stale price"])
    def test_a_half_done_rotation_is_resumed_soon_until_it_is_done(self, world: World, trouble: str) -> None:
        engine = world.start()
        engine.step()
        world.prices.target = Holding.TQQQ

        def prices_fail_after(broker: Any, intent: Any) -> None:
            broker.trade(intent, intent.quantity)
            if trouble == "no prices":
                world.prices.trouble = PricesUnavailable("429")
            else:
                world.prices.changes = {"newest_row": DAY - timedelta(days=1)}

        world.broker.behaviours = [prices_fail_after]
        assert [engine.step(), engine.step(), world.start().step(), world.start().step()] == [True] * 4
        assert world.broker.positions == {QQQ: 0, TQQQ: 0}
        world.prices.trouble, world.prices.changes = None, {}
        assert world.start().step() is False
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
        world.prices.trouble = PricesUnavailable("429")
        assert world.start().step() is False, "nothing is half done any more"

    @pytest.mark.parametrize(("held", "target", "part", "whole"), [(211, "CASH", 161, 0), (0, "QQQ", 50, 211)])
    def test_a_partly_filled_order_is_resumed_soon_until_it_is_done(
        self, world: World, held: int, target: str, part: int, whole: int
    ) -> None:
        engine = world.start()
        if held:
            engine.step()
        world.prices.target = Holding(target)

        def prices_fail_after_a_part(broker: Any, intent: Any) -> None:
            fills_part(50, OrderStatus.CANCELLED)(broker, intent)
            world.prices.trouble = PricesUnavailable("429")

        world.broker.behaviours = [prices_fail_after_a_part]
        assert [engine.step(), engine.step(), world.start().step()] == [True] * 3
        assert world.broker.positions[QQQ] == part
        world.prices.trouble = None
        engine.step()
        assert world.broker.positions[QQQ] == whole

    def test_an_order_that_never_left_between_sale_and_purchase_is_tried_again_soon(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.prices.target = Holding.TQQQ
        world.broker.behaviours = [fills, never_leaves]
        assert engine.step() is True
        assert engine.step() is False
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    def test_an_unfilled_order_is_tried_again_soon(self, world: World) -> None:
        world.broker.behaviours = [works]
        engine = world.start()
        assert engine.step() is True
        engine.step()
        assert world.broker.positions[QQQ] == 211

    def test_the_process_shows_that_it_lives_while_it_waits_for_an_order(self, world: World) -> None:
        world.broker.behaviours = [works]
        engine, beats = world.start(), list[datetime]()
        engine.executor.pulse = lambda: beats.append(world.clock.now())
        began = world.clock.now()
        engine.step()
        assert world.clock.now() - began >= world.timeout
        gaps = [after - before for before, after in itertools.pairwise([began, *beats, world.clock.now()])]
        assert max(gaps) < timedelta(seconds=5)

    def test_a_half_done_rotation_does_not_hurry_a_bot_that_is_halted(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.prices.target = Holding.TQQQ

        def halted_after(broker: Any, intent: Any) -> None:
            broker.trade(intent, intent.quantity)
            engine.records.switch.halt("by hand")

        world.broker.behaviours = [halted_after]
        engine.step()
        assert engine.step() is False

    def test_failed_prices_are_not_asked_for_again_soon(self, world: World) -> None:
        world.prices.trouble = PricesUnavailable("429")
        assert world.start().step() is False

    def test_a_refused_order_is_tried_again_soon_until_the_rule_no_longer_wants_it(self, world: World) -> None:
        world.broker.behaviours = [is_rejected]
        engine = world.start()
        assert engine.step() is True
        world.prices.target = Holding.CASH
        assert engine.step() is False

    def test_an_id_that_was_used_before_is_followed_by_a_higher_one_at_once(self, world: World) -> None:
        def duplicate(broker: FakeBroker, intent: OrderIntent) -> None:
            broker.orders[intent.order_ref] = Order(intent.order_ref, OrderStatus.REJECTED, (), "103: used", again=True)

        world.broker.behaviours = [duplicate]
        assert world.start().step() is False
        assert world.broker.positions[QQQ] == 211
        assert "order_refused" not in world.notifier.kinds()

    def test_a_refusal_in_the_decision_window_is_tried_again_in_it(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [is_rejected]
        engine = world.start()
        assert (engine.step(), engine.pause()) == (True, timedelta(minutes=1))
        world.pass_time(minutes=1)
        assert engine.step() is False
        assert world.broker.positions[QQQ] == 211

    def test_a_refused_buy_after_the_sale_is_tried_again_soon(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.prices.target, world.broker.behaviours = Holding.TQQQ, [fills, is_rejected]
        assert (engine.step(), engine.pause()) == (True, timedelta(minutes=1))

    def test_the_pause_doubles_after_each_refusal_and_leaves_two_tries(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [is_rejected] * 12
        pauses = []
        while world.clock.now() < new_york(DAY, 15, 59):
            engine = world.start()  # a restart forgets no refusal
            assert engine.step() is True
            pauses.append((engine.pause() or timedelta(0)).total_seconds())
            world.pass_time(seconds=pauses[-1])
        assert pauses[:3] == [60, 120, 220], "a third of what is left"
        assert sum(pauses[3:]) >= 60 * 7
        assert len(pauses) >= 6

    def test_after_a_fill_the_pause_is_a_minute_again(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [is_rejected] * 3
        engine = world.start()
        assert [engine.step() for _ in range(4)] == [True] * 3 + [False]
        assert engine.pause() is None
        world.prices.trouble = PricesUnavailable("429")
        journal = engine.records.journal
        journal.decided(DAY, Holding.TQQQ, world.clock.now())
        assert (engine.step(), engine.pause()) == (True, timedelta(minutes=1))

    def test_after_the_close_nothing_is_due_soon(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 58)
        world.broker.behaviours = [works]
        world.broker.deaf_to_cancel = True
        world.timeout = timedelta(minutes=5)
        assert world.start().step() is False
        assert world.clock.now() > session().close


class TestMoneyThatLags:
    def rotated(self, world: World, shown: Decimal) -> Engine:
        """Sold, while the account goes on showing `shown` of cash."""
        engine = world.start()
        engine.step()
        world.prices.target, world.broker.cash_shown = Holding.TQQQ, shown
        assert engine.step() is True
        return engine

    def test_the_buy_waits_for_the_money_and_is_made_whole(self, world: World) -> None:
        engine = self.rotated(world, Decimal(5_000))
        for _ in range(3):
            assert (last(world)["action"], last(world)["error"]) == ("WAIT", "MoneyLate")
            assert engine.state.last_check is not None
            assert not engine.state.last_check.good
            world.pass_time(minutes=1)
            assert engine.step() is True
        assert [i.side for i in world.broker.submitted] == [Side.BUY, Side.SELL]
        world.broker.cash_shown = None
        assert engine.step() is False
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    def test_it_waits_after_a_restart_between_the_legs_too(self, world: World) -> None:
        self.rotated(world, Decimal(5_000))
        assert world.start().step() is True
        assert world.broker.positions == {QQQ: 0, TQQQ: 0}
        world.broker.cash_shown = None
        world.start().step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    def test_it_lasts_as_long_as_the_money_is_not_there_and_is_over_afterwards(self, world: World) -> None:
        engine = self.rotated(world, Decimal(5_000))
        (event,) = [alert for alert in engine.alerts.lasting() if alert.kind == "money"]
        assert "the book pays 94,998.10 for it, and the account can pay 5,000.00" in event.text
        world.broker.cash_shown = None
        engine.step()
        assert not engine.alerts.lasting()

    def test_a_small_buy_that_was_filled_whole_is_completed(self, world: World) -> None:
        """As a version that trusted the account's cash left it behind."""
        engine = self.rotated(world, Decimal(5_000))
        book, journal = engine.records.book, engine.records.journal
        sale = world.broker.submitted[-1]
        small = replace(sale, order_ref=journal.next_ref(sale.session), side=Side.BUY, symbol=TQQQ, quantity=83)
        small = replace(small, decision_price=Decimal(60), target=Holding.TQQQ)
        journal.intended(small)
        world.broker.trade(small, 83)
        order = world.broker.orders[small.order_ref]
        book.absorb(small, order, NOW)
        journal.outcome(small, order, NOW)
        world.broker.cash_shown = None
        world.start().step()
        assert world.broker.positions[TQQQ] == pytest.approx(1583, abs=1)
        sent = len(world.broker.submitted)
        world.start().step()
        assert len(world.broker.submitted) == sent


class TestLessThanTheBook:
    """A capital set too high, or money that was taken out."""

    def test_it_buys_once_with_what_is_there_and_asks_for_no_more(self, world: World) -> None:
        world.broker.cash = Decimal(30_000)
        engine = world.start()
        for _ in range(30):
            engine.step()
            world.pass_time(minutes=1)
        assert [order.quantity for order in world.broker.submitted] == [63]
        assert world.clock.now() - world.broker.submitted[0].decided_at < timedelta(minutes=21)
        world.broker.cash += 500
        world.start().step()
        assert (last(world)["action"], len(world.broker.submitted)) == ("HOLD", 1)

    def test_one_wrong_figure_buys_nothing(self, world: World) -> None:
        world.broker.cash_shown = Decimal(30_000)
        engine = world.start()
        engine.step()
        world.broker.cash_shown = None
        world.pass_time(minutes=1)
        engine.step()
        assert [order.quantity for order in world.broker.submitted] == [211]

    @pytest.mark.parametrize("restarted", [False, True])
    def test_a_tenfold_figure_buys_nothing_with_the_owners_other_money(self, world: World, restarted: bool) -> None:
        world.broker.cash, world.broker.elsewhere = Decimal(20_000), Decimal(400_000)
        engine = world.start()
        for minute in range(30):
            if minute == 5 and restarted:
                engine = world.start()
            world.broker.cash_shown = Decimal(200_000) if minute % 3 == 2 and minute > 4 else None
            engine.step()
            world.pass_time(minutes=1)
        assert world.broker.cash >= 0
        assert [order.quantity for order in world.broker.submitted] == [44]

    def test_an_old_look_vouches_for_no_figure(self, world: World) -> None:
        """Between two checks the owner took the money out, and the account's cash is misread as ten times itself."""
        world.broker.elsewhere = Decimal(400_000)
        world.rules = replace(RULES, decide=Decide.BEFORE_CLOSE)
        engine = world.start()
        engine.step()
        world.clock.advance(new_york(DAY, 15, 50) - world.clock.now())
        world.broker.cash, world.broker.cash_shown = Decimal(20_000), Decimal(200_000)
        engine.step()
        assert world.broker.submitted == []
        assert engine.state.last_check is not None
        assert engine.state.last_check.error is Reason.MONEY_LATE

    def test_a_check_that_no_other_follows_takes_its_second_look_at_once(self, world: World) -> None:
        """A scheduler's `once` would buy nothing for ever beside the owner's other holdings."""
        world.broker.elsewhere = Decimal(400_000)
        world.start().step_alone()
        assert [order.quantity for order in world.broker.submitted] == [211]

    def test_a_difference_is_named_by_a_check_that_no_other_follows(self, world: World) -> None:
        world.broker.positions[QQQ] = 7
        engine = world.start()
        engine.step_alone()
        assert engine.state.last_check is not None
        assert engine.state.last_check.error is Reason.LEDGER_MISMATCH

    def test_a_larger_position_size_leaves_what_is_held_alone(self, world: World) -> None:
        world.rules = replace(RULES, position_size=Decimal("0.5"))
        world.start().step()
        assert world.broker.positions[QQQ] == 111
        world.rules = RULES
        for _ in range(3):
            assert world.start().step() is False
        assert world.broker.positions[QQQ] == 111


class TestBeforeClose:
    def test_it_trades_once_in_its_window_and_not_before(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 12, 0, BEFORE_CLOSE)
        engine = world.start()
        engine.step()
        assert world.broker.submitted == []
        world.pass_time(hours=3, minutes=45)
        engine.step()
        assert world.broker.positions[QQQ] == 211
        world.prices.target = Holding.TQQQ
        world.pass_time(minutes=5)
        engine.step()
        world.start().step()
        assert len(world.broker.submitted) == 1, "decided once for the session, over a restart too"

    def test_the_next_session_decides_again(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.start().step()
        world.prices.target = Holding.TQQQ
        world.pass_time(days=1)
        world.start().step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    def test_a_half_day_decides_before_one(self, tmp_path: Path) -> None:
        world = World(tmp_path, rules=BEFORE_CLOSE, clock=VirtualClock(new_york(HALF_DAYS[3], 12, 45)))
        world.start().step()
        assert world.broker.positions[QQQ] == 211

    def test_a_failed_check_in_the_window_is_repeated_soon_and_still_decides(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        engine = world.start()
        world.prices.trouble = PricesUnavailable("429")
        assert engine.step() is True
        world.prices.trouble = None
        world.pass_time(minutes=1)
        engine.step()
        assert world.broker.positions[QQQ] == 211

    @pytest.mark.parametrize("minutes", [2, 3, 4, 7, 15])
    @pytest.mark.parametrize("seconds", [1, 20])
    @pytest.mark.parametrize(
        "behaviours", [[is_rejected], [works], [fills, is_rejected], [fills, works]], ids=lambda b: b[-1].__name__
    )
    def test_however_short_the_window_a_first_order_that_fails_is_tried_again_and_both_legs_are_made(
        self, tmp_path: Path, minutes: int, seconds: int, behaviours: list[Behaviour]
    ) -> None:
        window = Config(decide="before_close", decide_minutes_before_close=minutes).rules.decide_seconds_before_close
        world = World(
            tmp_path,
            rules=replace(BEFORE_CLOSE, decide_seconds_before_close=window),
            clock=VirtualClock(session().close - timedelta(hours=24, minutes=2), stop_at=session().close),
        )
        world.start().step()
        assert world.broker.positions[QQQ] == 211
        world.clock.advance(timedelta(hours=22))
        world.prices.target, world.broker.behaviours = Holding.TQQQ, list(behaviours)
        world.prices.takes = timedelta(seconds=seconds)
        times = timetable(world.rules, timedelta(minutes=15))
        poll(world.start(), world.clock, times, lambda _: None, timedelta(hours=1))
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
        world.assert_book_is_the_brokers()

    def test_a_rotation_interrupted_in_the_window_continues_to_the_decided_target(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [answer_lost]
        engine = world.start()
        engine.step()
        world.prices.target = Holding.CASH
        world.pass_time(minutes=1)
        world.start().step()
        assert world.broker.positions[QQQ] == 211
        world.assert_book_is_the_brokers()
