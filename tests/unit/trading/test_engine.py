"""One check from start to end: its decision is recorded, a failure changes nothing, lasting problems are reported."""

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import PRICE_ERRORS, CalendarEnded, PricesUnavailable, StalePrices
from qqqbot.model.market import Quote
from qqqbot.model.reasons import ADVICE_OF_CODE, Reason
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Holding, Mode, OrderStatus, Side
from qqqbot.trading.engine import MAX_ROUNDS
from tests.support.builders import DAY, LEVELS, NOW, PRICE, RULES, bars, closes, table
from tests.support.fakes import (
    FullDisk,
    World,
    answer_lost,
    fills_part,
    reports_an_old_fill,
    world_at,
)
from tests.support.symbols import QQQ, TQQQ

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
PRICES = {QQQ: Decimal(450), TQQQ: Decimal(60)}


def last(world: World) -> dict[str, Any]:
    return world.rows("decisions.jsonl")[-1]


class TestCheck:
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

    @pytest.mark.parametrize("target", LEVELS)
    def test_once_the_target_is_reached_nothing_more_is_ordered(self, world: World, target: Holding) -> None:
        world.prices.target = target
        engine = world.start()
        engine.step()
        sent = len(world.broker.submitted)
        for _ in range(5):
            world.pass_time(minutes=15)
            assert engine.step() is False
        assert len(world.broker.submitted) == sent
        assert last(world)["action"] == "HOLD"

    def test_a_restart_continues_where_it_stopped(self, world: World) -> None:
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

    def test_a_half_done_rotation_is_finished_at_the_next_start(self, world: World) -> None:
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
        world = world_at(tmp_path, 9, 0)
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
        engine = world.start(world.records()._replace(decisions=decisions))
        assert engine.step() is False
        assert world.broker.submitted == []
        assert engine.state.last_check is not None
        assert engine.state.last_check.error == "DiskError"

    @pytest.mark.parametrize("name", ["trades.jsonl", "orders.jsonl", "decisions.jsonl"])
    def test_nothing_is_sent_after_a_record_was_replaced_under_the_bot(self, world: World, name: str) -> None:
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
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}, "a restart continues from the current positions"

    def test_a_full_disk_is_reported_at_once_and_until_there_is_room(self, world: World) -> None:
        engine = world.start()
        full = FullDisk(world.logs / "decisions.jsonl")
        full.open(NOW)
        sound, engine.records = engine.records, engine.records._replace(decisions=full)
        engine.step()
        assert [alert.kind for alert in engine.alerts.lasting()] == ["disk"]
        engine.records, world.prices.trouble = sound, StalePrices("old")
        engine.step()
        assert [alert.kind for alert in engine.alerts.lasting()] == ["disk"], "this check has not looked at the disk"
        world.prices.trouble = None
        engine.step()
        assert engine.alerts.lasting() == ()


class TestUnconfirmedState:
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

    def test_an_account_that_answers_incompletely_is_not_empty(self, world: World) -> None:
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

    def test_the_end_of_the_calendar_is_reported_and_nothing_is_traded(self, world: World) -> None:
        world.prices.trouble = CalendarEnded("the table of sessions ends on 2026-11-24")
        world.start().step()
        assert ("halt", "the table of sessions ends on 2026-11-24") in world.notifier.told
        assert world.broker.submitted == []

    def test_a_programming_error_is_not_hidden(self, world: World) -> None:
        world.prices.trouble = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            world.start().step()


class TestReporting:
    def test_three_failed_checks_in_a_row_are_reported_once_and_so_is_their_end(self, world: World) -> None:
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

    def test_what_needs_the_owner_is_reported_with_its_cure(self, world: World) -> None:
        engine = world.start()
        behind = Quote(QQQ, PRICE, world.clock.now() + timedelta(hours=1))
        world.prices.changes = {"signal_quote": behind}
        for _ in range(3):
            engine.step()
        ((_, text),) = [event for event in world.notifier.told if event[0] == "checks_failing"]
        assert text.endswith(f"this machine's clock is behind. {ADVICE_OF_CODE[Reason.CLOCK_WRONG]}")

    @pytest.mark.parametrize("price", [math.nan, 900.0, 4.5, -450.0, math.inf, 405.0])
    def test_a_price_that_was_refused_is_in_no_figure(self, world: World, price: float) -> None:
        engine = world.start()
        engine.step()
        sound, flips = engine.equity(), engine.state.flips
        world.prices.price = price
        world.prices.changes = {"fund_quote": Quote(TQQQ, 200.0, world.clock.now())}
        engine.step()
        assert engine.state.last_check is not None
        assert engine.state.last_check.error in PRICE_ERRORS
        assert (engine.equity(), engine.state.flips) == (sound, flips)
        assert engine.state.last_check.row["equity"] is None

    def test_before_the_first_sound_price_no_value_is_known(self, world: World) -> None:
        world.start().step()
        world.prices.price = math.nan
        engine = world.start()
        engine.step()
        assert engine.portfolio().holding is not Holding.CASH
        assert engine.equity() is None

    def test_a_success_in_between_restarts_the_count(self, world: World) -> None:
        engine = world.start()
        for trouble in (PricesUnavailable("x"), PricesUnavailable("x"), None, PricesUnavailable("x"), StalePrices("x")):
            world.prices.trouble = trouble
            engine.step()
        assert "checks_failing" not in world.notifier.kinds()

    def test_nobody_is_woken_at_night(self, tmp_path: Path) -> None:
        world = world_at(tmp_path, 20, 0)
        engine = world.start()
        world.prices.trouble = PricesUnavailable("429")
        for _ in range(10):
            engine.step()
        assert world.notifier.told == []

    def test_a_trade_is_reported(self, world: World) -> None:
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

    def test_an_account_that_does_not_settle_writes_the_halt_file(self, world: World) -> None:
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
