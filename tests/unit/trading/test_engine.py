"""One check from beginning to end: what it decides is written down, what fails changes nothing, what lasts is told."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import CalendarEnded, PricesUnavailable, StalePrices
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import QQQ, TQQQ, Decide, Holding, Mode, Order, OrderIntent, OrderStatus, Rules, Side
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.engine import MAX_ROUNDS, Engine
from tests.support.builders import DAY, HALF_DAYS, NOW, RULES, bars, closes, new_york, session, table
from tests.support.fakes import (
    FakeBroker,
    FullDisk,
    World,
    answer_lost,
    fills,
    fills_part,
    is_rejected,
    lost_on_the_way,
    never_leaves,
    works,
)

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
PRICES = {QQQ: Decimal(450), TQQQ: Decimal(60)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def at(tmp_path: Path, hour: int, minute: int, rules: Rules = RULES) -> World:
    return World(tmp_path, rules=rules, clock=VirtualClock(new_york(DAY, hour, minute)))


def reports_an_old_fill(broker: FakeBroker, intent: OrderIntent) -> None:
    old = replace(broker.fills()[0], order_ref=intent.order_ref, quantity=intent.quantity)
    broker.orders[intent.order_ref] = Order(intent.order_ref, OrderStatus.FILLED, (old,))


def last(world: World) -> dict[str, Any]:
    return world.rows("decisions.jsonl")[-1]


class TestACheck:
    def test_a_rotation_is_finished_within_its_check(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.prices.target = Holding.TQQQ
        assert engine.step() is False
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
        assert [row["action"] for row in world.rows("decisions.jsonl")] == [
            "ROTATE",
            "HOLD",
            "ROTATE",
            "ROTATE",
            "HOLD",
        ]
        world.assert_book_is_the_brokers()

    @pytest.mark.parametrize("target", list(Holding))
    def test_once_there_it_asks_for_nothing_more(self, world: World, target: Holding) -> None:
        world.prices.target = target
        engine = world.start()
        engine.step()
        sent = len(world.broker.submitted)
        for _ in range(5):
            world.pass_time(minutes=15)
            assert engine.step() is False
        assert len(world.broker.submitted) == sent
        assert last(world)["action"] == "HOLD"

    def test_a_restart_goes_on_where_it_was(self, world: World) -> None:
        world.start().step()
        for target in (Holding.TQQQ, Holding.CASH, Holding.QQQ):
            world.prices.target = target
            world.pass_time(minutes=15)
            world.start().step()
            world.assert_book_is_the_brokers()
        assert world.broker.positions[QQQ] == world.trades()[-1]["quantity"]

    def test_starting_sends_nothing(self, world: World) -> None:
        world.start()
        assert world.broker.submitted == []
        assert world.rows("decisions.jsonl") == []

    def test_a_half_way_rotation_is_finished_at_the_next_start(self, world: World) -> None:
        """Sold, and the process died before the buy."""
        world.start().step()
        world.prices.target = Holding.TQQQ
        world.broker.behaviours = [answer_lost]
        world.start().step()
        world.start().step()
        assert [i.side for i in world.broker.submitted] == [Side.BUY, Side.SELL, Side.BUY]
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
        world.assert_book_is_the_brokers()

    def test_prices_are_asked_once_a_round(self, world: World) -> None:
        world.start().step()
        assert world.prices.calls == 2

    def test_while_the_exchange_is_closed_it_observes(self, tmp_path: Path) -> None:
        world = at(tmp_path, 9, 0)
        world.prices.changes = {"newest_row": DAY - timedelta(days=1), "bars": bars(closes(Holding.QQQ), DAY)[:-1]}
        engine = world.start()
        assert engine.step() is False
        assert world.broker.submitted == []
        assert last(world)["exchange_open"] is False


class TestTheRecord:
    def test_the_rounds_of_a_check_belong_together(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.pass_time(minutes=15)
        engine.step()
        rows = world.rows("decisions.jsonl")
        assert [row["round"] for row in rows] == [1, 2, 1]
        assert [row["check"] for row in rows] == [NOW.isoformat()] * 2 + [(NOW + timedelta(minutes=15)).isoformat()]

    def test_a_failed_check_leaves_a_line_too(self, world: World) -> None:
        world.prices.trouble = PricesUnavailable("429 Too Many Requests")
        world.start().step()
        row = last(world)
        assert (row["action"], row["error"], row["sentence"]) == (
            "FAILED",
            "PricesUnavailable",
            "429 Too Many Requests",
        )
        assert (row["mode"], row["session"]) == ("paper", None)

    def test_the_state_for_the_status_page_is_the_last_check(self, world: World) -> None:
        engine = world.start()
        engine.step()
        assert engine.state.last_check == engine.state.last_signal
        assert engine.state.agrees is True
        world.prices.trouble = StalePrices("old")
        engine.step()
        assert engine.state.last_check is not None
        assert engine.state.last_check.error == "StalePrices"
        assert engine.state.last_signal is not None
        assert engine.state.last_signal.row["target"] == "QQQ"

    def test_a_full_disk_stops_trading_and_not_the_daemon(self, world: World) -> None:
        decisions = FullDisk(world.logs / "decisions.jsonl")
        decisions.open(NOW)
        engine = world.start(replace(world.records(), decisions=decisions))
        assert engine.step() is False
        assert world.broker.submitted == []
        assert engine.state.last_check is not None
        assert engine.state.last_check.error == "DiskError"

    @pytest.mark.parametrize("name", ["trades.jsonl", "orders.jsonl", "decisions.jsonl"])
    def test_nothing_is_sent_once_a_record_was_replaced_under_the_bot(self, world: World, name: str) -> None:
        """As rsync or a restored backup does: what is written then goes into a file that nobody finds again."""
        engine = world.start()
        engine.step()
        restored = world.logs / "restored"
        restored.write_bytes((world.logs / name).read_bytes())
        restored.replace(world.logs / name)
        world.prices.target = Holding.TQQQ
        engine.step()
        assert len(world.broker.submitted) == 1
        assert engine.state.last_check is not None
        assert engine.state.last_check.error == "DiskError"
        assert "was replaced or removed while the bot was running" in engine.state.last_check.sentence
        world.start().step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}, "a restart takes up what is there"

    def test_a_full_disk_is_told_at_once_and_until_there_is_room(self, world: World) -> None:
        engine = world.start()
        full = FullDisk(world.logs / "decisions.jsonl")
        full.open(NOW)
        sound, engine.records = engine.records, replace(engine.records, decisions=full)
        engine.step()
        assert [alert.kind for alert in engine.alerts.lasting()] == ["disk"]
        engine.records, world.prices.trouble = sound, StalePrices("old")
        engine.step()
        assert [alert.kind for alert in engine.alerts.lasting()] == ["disk"], "this check has not looked at the disk"
        world.prices.trouble = None
        engine.step()
        assert engine.alerts.lasting() == ()


class TestNothingIsBelievedThatWasNotSeen:
    def test_no_answer_is_not_flat(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.silent = True
        world.prices.target = Holding.TQQQ
        for _ in range(3):
            engine.step()
        assert len(world.broker.submitted) == 1
        assert last(world)["error"] == "BrokerUnavailable"
        assert engine.records.book.ledger.shares[QQQ] == 211
        world.broker.silent = False
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}

    def test_an_account_that_does_not_answer_in_full_is_not_empty(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.account_silent = True
        world.prices.target = Holding.TQQQ
        engine.step()
        assert last(world)["error"] == "BrokerUnavailable"
        assert len(world.broker.submitted) == 1

    def test_yesterdays_bar_is_not_todays(self, world: World) -> None:
        world.prices.changes = {"newest_row": DAY - timedelta(days=1)}
        world.start().step()
        assert last(world)["error"] == "StalePrices"
        assert world.broker.submitted == []

    def test_the_end_of_the_calendar_is_told_and_nothing_traded(self, world: World) -> None:
        world.prices.trouble = CalendarEnded("the table of sessions ends on 2026-11-24")
        world.start().step()
        assert ("halt", "the table of sessions ends on 2026-11-24") in world.notifier.told
        assert world.broker.submitted == []

    def test_a_programming_error_is_not_hidden(self, world: World) -> None:
        world.prices.trouble = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            world.start().step()


class TestTelling:
    def test_three_failed_checks_in_a_row_are_told_once_and_their_end_too(self, world: World) -> None:
        engine = world.start()
        world.prices.trouble = PricesUnavailable("429")
        told = []
        for _ in range(5):
            engine.step()
            told.append(world.notifier.kinds().count("checks_failing"))
        assert told == [0, 0, 1, 1, 1]
        assert engine.state.failures_in_row == 5
        world.prices.trouble = None
        engine.step()
        assert world.notifier.kinds().count("checks_failing") == 2
        assert any(text.startswith("over: ") for kind, text in world.notifier.told if kind == "checks_failing")

    def test_a_success_between_starts_the_count_anew(self, world: World) -> None:
        engine = world.start()
        for trouble in (PricesUnavailable("x"), PricesUnavailable("x"), None, PricesUnavailable("x"), StalePrices("x")):
            world.prices.trouble = trouble
            engine.step()
        assert "checks_failing" not in world.notifier.kinds()

    def test_at_night_nobody_is_woken(self, tmp_path: Path) -> None:
        world = at(tmp_path, 20, 0)
        engine = world.start()
        world.prices.trouble = PricesUnavailable("429")
        for _ in range(10):
            engine.step()
        assert world.notifier.told == []

    def test_a_trade_is_told(self, world: World) -> None:
        world.start().step()
        assert ("trade", "BUY 211 QQQ at 450.0000, moving to QQQ") in world.notifier.told


class TestHalt:
    def test_halted_by_hand_it_observes_until_resumed(self, world: World) -> None:
        (world.logs / "HALT").write_text("on holiday\n")
        engine = world.start()
        engine.step()
        engine.step()
        assert world.broker.submitted == []
        assert (last(world)["action"], last(world)["error"]) == ("WAIT", "TradingHalted")
        assert "on holiday" in last(world)["sentence"]
        (world.logs / "HALT").unlink()
        engine.step()
        assert world.broker.positions[QQQ] == 211

    def test_an_account_that_does_not_settle_halts_by_file(self, world: World) -> None:
        """Each order ends with an execution that is in the book already: nothing moves, round after round."""
        engine = world.start()
        engine.step()
        world.prices.target, world.broker.behaviours = Holding.CASH, [reports_an_old_fill] * 50
        engine.step()
        assert len(world.broker.submitted) == 1 + MAX_ROUNDS
        assert last(world)["error"] == "DidNotSettle"
        assert (world.logs / "HALT").exists()
        engine.step()
        world.start().step()
        assert len(world.broker.submitted) == 1 + MAX_ROUNDS
        (world.logs / "HALT").unlink()
        world.broker.behaviours = []
        world.start().step()
        assert world.broker.positions[QQQ] == 0

    def test_rounds_that_fill_something_halt_nothing(self, world: World) -> None:
        world.broker.behaviours = [fills_part(30, then=OrderStatus.CANCELLED)] * (MAX_ROUNDS + 1)
        assert world.start().step() is False
        assert world.broker.positions[QQQ] == 211
        assert len(world.broker.submitted) > MAX_ROUNDS
        assert not (world.logs / "HALT").exists()
        world.assert_book_is_the_brokers()


class TestSoon:
    """What is begun and not finished is taken up again soon, not at the next tick."""

    def test_a_finished_check_is_not_followed_soon(self, world: World) -> None:
        assert world.start().step() is False

    def test_an_order_without_an_outcome_is_looked_for_soon(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        assert world.start().step() is True

    def test_a_rotation_that_broke_off_is_taken_up_soon(self, world: World) -> None:
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
    def test_a_half_done_rotation_is_taken_up_soon_until_it_is_done(self, world: World, trouble: str) -> None:
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
    def test_an_order_that_was_filled_in_part_is_taken_up_soon_until_it_is_done(
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

    def test_an_order_that_nobody_fills_waits_for_the_next_tick_and_in_the_window_for_a_minute(
        self, world: World, tmp_path: Path
    ) -> None:
        world.broker.behaviours = [works]
        assert world.start().step() is False
        (tmp_path / "window").mkdir()
        other = at(tmp_path / "window", 15, 46, BEFORE_CLOSE)
        other.broker.behaviours = [works]
        engine = other.start()
        assert engine.step() is True, "its window has no next tick"
        engine.step()
        assert other.broker.positions[QQQ] == 211

    def test_while_an_order_is_waited_for_the_process_shows_that_it_lives(self, world: World) -> None:
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

    def test_failed_prices_are_not_asked_for_soon(self, world: World) -> None:
        world.prices.trouble = PricesUnavailable("429")
        assert world.start().step() is False

    def test_a_refused_order_is_not_tried_again_soon(self, world: World) -> None:
        world.broker.behaviours = [is_rejected]
        assert world.start().step() is False

    def test_a_refusal_in_the_decision_window_is_tried_again_in_it(self, tmp_path: Path) -> None:
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
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
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [is_rejected] * 12
        pauses = []
        while world.clock.now() < new_york(DAY, 15, 59):
            engine = world.start()  # a restart forgets no refusal
            assert engine.step() is True
            pauses.append(engine.pause().total_seconds())
            world.pass_time(seconds=pauses[-1])
        assert pauses[:3] == [60, 120, 220], "a third of what is left"
        assert sum(pauses[3:]) >= 60 * 7
        assert len(pauses) >= 6

    def test_after_a_fill_the_pause_is_a_minute_again(self, tmp_path: Path) -> None:
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [is_rejected] * 3
        engine = world.start()
        assert [engine.step() for _ in range(4)] == [True] * 3 + [False]
        assert engine.pause() == timedelta(minutes=1)

    def test_after_the_close_nothing_is_soon(self, tmp_path: Path) -> None:
        world = at(tmp_path, 15, 58)
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
        (event,) = engine.alerts.lasting()
        assert event.kind == "money"
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


class TestBeforeClose:
    def test_it_trades_once_in_its_window_and_not_before(self, tmp_path: Path) -> None:
        world = at(tmp_path, 12, 0, BEFORE_CLOSE)
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

    def test_the_next_session_decides_anew(self, tmp_path: Path) -> None:
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
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
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
        engine = world.start()
        world.prices.trouble = PricesUnavailable("429")
        assert engine.step() is True
        world.prices.trouble = None
        world.pass_time(minutes=1)
        engine.step()
        assert world.broker.positions[QQQ] == 211

    def test_a_rotation_broken_off_in_the_window_goes_on_to_what_was_decided(self, tmp_path: Path) -> None:
        world = at(tmp_path, 15, 45, BEFORE_CLOSE)
        world.broker.behaviours = [answer_lost]
        engine = world.start()
        engine.step()
        world.prices.target = Holding.CASH
        world.pass_time(minutes=1)
        world.start().step()
        assert world.broker.positions[QQQ] == 211
        world.assert_book_is_the_brokers()


def test_modes_and_accounts_share_a_folder_and_nothing_else(world: World) -> None:
    world.start().step()
    other = World(world.logs)
    other.broker.mode, other.broker.account = Mode.LIVE, "U1234567"
    engine = other.start()
    engine.step()
    assert other.broker.positions[QQQ] == 211
    refs = [i.order_ref for i in (*world.broker.submitted, *other.broker.submitted)]
    assert refs == ["qqqbot-20261124-01", "qqqbot-20261124-02"]
    assert {row["mode"] for row in other.trades()} == {"paper", "live"}


def test_an_empty_calendar_trades_nothing(world: World) -> None:
    world.prices.known = SessionTable(())
    world.start().step()
    assert world.broker.submitted == []
    assert last(world)["error"] == "CalendarEnded"


def test_a_calendar_that_has_ended_trades_nothing(world: World) -> None:
    world.prices.known = table(last=DAY - timedelta(days=1))
    world.start().step()
    assert world.broker.submitted == []
    assert last(world)["error"] == "CalendarEnded"
    assert "halt" in world.notifier.kinds()
