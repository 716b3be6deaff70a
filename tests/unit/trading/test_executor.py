"""From intent to outcome: on disk before the wire, never sent twice, looked for until found."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import OrderOutcomeUnknown, OrderRejected
from qqqbot.model.values import Holding, OrderIntent, OrderStatus, Side, Snapshot
from qqqbot.records.book import Book, adopted
from qqqbot.records.journal import OrderJournal
from qqqbot.strategy.planning import decide
from tests.support.builders import NOW, RULES, snapshot
from tests.support.fakes import (
    FullDisk,
    World,
    answer_lost,
    in_qqq,
    is_rejected,
    lost_on_the_way,
    never_leaves,
    works,
)
from tests.support.symbols import QQQ, TQQQ


class TestBeforeSending:
    def test_an_intent_is_on_disk_before_the_broker_gets_the_order(self, world: World) -> None:
        seen: list[dict[str, Any]] = []

        def look(intent: OrderIntent) -> None:
            last = world.rows("orders.jsonl")[-1]
            assert (last["event"], last["order_ref"]) == ("intended", intent.order_ref)
            assert (last["side"], last["symbol"]) == (intent.side, intent.symbol)
            assert last["quantity"] == intent.quantity
            seen.append(last)

        world.broker.on_submit = look
        engine = in_qqq(world)
        world.prices.target = Holding.TQQQ
        engine.step()
        assert [row["side"] for row in seen] == ["BUY", "SELL", "BUY"]

    def test_its_decision_is_on_disk_too(self, world: World) -> None:
        decisions: list[int] = []
        world.broker.on_submit = lambda _: decisions.append(len(world.rows("decisions.jsonl")))
        in_qqq(world)
        assert decisions == [1]

    def test_an_order_the_disk_cannot_record_is_not_sent(self, world: World) -> None:
        journal = OrderJournal(FullDisk(world.logs / "orders.jsonl"), world.broker.mode, world.broker.account)
        journal.load(NOW)
        world.start(world.records()._replace(journal=journal)).step()
        assert world.broker.submitted == []
        assert world.rows("decisions.jsonl")[-1]["error"] == "DiskError"

    def test_an_order_with_unrecorded_fills_is_not_done(self, world: World) -> None:
        """Fills before outcome: else a full disk, or a death in between, loses a trade for ever."""
        book = Book(FullDisk(world.logs / "trades.jsonl", room=1), world.broker.mode, world.broker.account)
        book.load(NOW)
        world.start(world.records()._replace(book=book)).step()
        assert world.events() == ["intended", "sent"]
        world.start().step()
        assert world.events() == ["intended", "sent", "outcome"]
        world.assert_book_is_the_brokers()


class TestRefused:
    def execute(self, world: World, at: Snapshot) -> None:
        world.start().executor.execute(decide(at, RULES), at)

    def test_the_kill_switch_works_until_the_last_moment(self, world: World) -> None:
        engine, at = world.start(), snapshot()
        plan = decide(at, RULES)
        (world.logs / "HALT").write_text("by hand\n")
        with pytest.raises(OrderRejected, match="not sent: HALTED: by hand"):
            engine.executor.execute(plan, at)
        assert world.broker.submitted == []
        assert world.events() == []

    def test_another_account_at_the_last_moment_is_refused(self, world: World) -> None:
        world.broker.account = "DU7654321"
        with pytest.raises(OrderRejected, match="WRONG_ACCOUNT"):
            self.execute(world, snapshot())
        assert world.broker.submitted == []

    def test_an_old_decision_is_refused(self, world: World) -> None:
        at = snapshot()
        world.pass_time(minutes=6)
        with pytest.raises(OrderRejected, match="OLD_DECISION"):
            self.execute(world, at)
        assert world.broker.submitted == []

    def test_a_sale_of_both_funds_towards_cash_may_exceed_the_limit(self, tmp_path: Path) -> None:
        world = World(tmp_path, rules=replace(RULES, max_orders_per_session=1))
        engine = in_qqq(world)
        engine.records.book.answer([adopted(TQQQ, 10, Decimal(60))], NOW)
        world.broker.positions[TQQQ] = 10
        world.prices.target = Holding.CASH
        engine.step()
        assert [intent.side for intent in world.broker.submitted] == [Side.BUY, Side.SELL, Side.SELL]

    def test_each_order_of_a_plan_counts_those_before_it(self, world: World) -> None:
        engine, at = world.start(), snapshot(orders_this_session=0)
        engine.rules = engine.executor._rules = replace(RULES, max_orders_per_session=0)
        with pytest.raises(OrderRejected, match="TOO_MANY_ORDERS"):
            engine.executor.execute(decide(at, RULES), at)


class TestUnknown:
    def test_an_order_lost_on_the_way_is_never_resent(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        engine = world.start()
        engine.step()
        for _ in range(4):
            world.pass_time(minutes=1)
            engine.step()
        assert len(world.broker.submitted) == 1
        assert world.events() == ["intended"]
        assert "outcome of qqqbot-20261124-01 is not known" in world.rows("decisions.jsonl")[-1]["sentence"]

    def test_absence_is_believed_after_five_minutes_of_complete_answers(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        engine = world.start()
        engine.step()
        engine.step()  # the first complete answer that does not know it
        world.pass_time(minutes=4, seconds=59)
        engine.step()
        assert engine.records.journal.unresolved()
        world.pass_time(seconds=1)
        engine.step()
        assert [intent.order_ref for intent in world.broker.submitted] == ["qqqbot-20261124-01", "qqqbot-20261124-02"]
        assert world.broker.positions[QQQ] == 211
        world.assert_book_is_the_brokers()

    def test_no_answer_is_not_an_absence(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        engine = world.start()
        engine.step()
        world.broker.silent = True
        for _ in range(12):
            world.pass_time(minutes=5)
            engine.step()
        assert len(world.broker.submitted) == 1
        assert engine.records.journal.unresolved()
        world.broker.silent = False
        engine.step()
        assert engine.records.journal.unresolved(), "one complete answer is not enough"

    def test_a_restart_starts_the_search_again(self, world: World) -> None:
        world.broker.behaviours = [lost_on_the_way]
        world.start().step()
        world.pass_time(minutes=30)
        engine = world.start()
        engine.step()
        assert engine.records.journal.unresolved()
        assert len(world.broker.submitted) == 1

    def test_an_order_that_turns_up_again_was_never_absent(self, world: World) -> None:
        """Absent, then working, then absent: the five minutes count from the last appearance."""
        world.broker.behaviours = [lost_on_the_way]
        engine = world.start()
        engine.step()
        engine.step()
        (order,) = world.broker.submitted
        world.pass_time(minutes=4)
        world.broker.finish(order, OrderStatus.WORKING)
        engine.step()
        del world.broker.orders[order.order_ref]
        world.pass_time(minutes=2)
        engine.step()
        assert engine.records.journal.unresolved()

    def test_an_answer_that_was_lost_is_found_and_counted_once(self, world: World) -> None:
        world.broker.behaviours = [answer_lost]
        engine = world.start()
        engine.step()
        engine.step()
        assert len(world.broker.submitted) == 1
        assert [row["quantity"] for row in world.trades()] == [211]
        assert world.events() == ["intended", "outcome"]
        world.assert_book_is_the_brokers()

    def test_an_unknown_order_is_looked_for_after_a_restart(self, world: World) -> None:
        world.broker.behaviours = [answer_lost]
        world.start().step()
        world.start().step()
        assert len(world.broker.submitted) == 1
        world.assert_book_is_the_brokers()

    def test_an_order_the_broker_never_knew_is_not_sent_again_in_the_same_wait(self, world: World) -> None:
        """The broker took the order without a word and does not know it: neither filled nor refused."""
        world.broker.behaviours = [lambda *_: None]
        engine = world.start()
        engine.step()
        assert len(world.broker.submitted) == 1
        assert engine.records.journal.unresolved()


class TestLateNews:
    def test_late_fills_are_recorded_once(self, world: World) -> None:
        """The cancel was confirmed, and still a part was filled."""
        world.broker.behaviours, world.broker.late_fills = [works], 50
        engine = world.start()
        for _ in range(3):
            engine.step()
        world.start().step()
        assert world.broker.late_fills == 0
        world.assert_book_is_the_brokers()
        # And what the late part has left unfinished is bought.
        assert [row["quantity"] for row in world.trades()] == [50, 161]

    def test_a_status_ahead_of_its_executions_is_not_believed(self, world: World) -> None:
        world.broker.behaviours = [lambda broker, intent: broker.finish(intent, OrderStatus.FILLED)]
        engine = world.start()
        engine.step()
        assert engine.records.journal.unresolved()
        world.broker.trade(world.broker.submitted[0], 211)
        engine.step()
        assert len(world.broker.submitted) == 1
        world.assert_book_is_the_brokers()

    def test_fills_during_an_outage_are_found(self, world: World) -> None:
        world.broker.behaviours = [works]
        world.broker.deaf_to_cancel = True
        world.start().step()
        world.broker.trade(world.broker.submitted[0], 211)
        world.pass_time(days=1)
        world.start().step()
        assert len(world.broker.submitted) == 1
        world.assert_book_is_the_brokers()

    def test_orders_of_strangers_are_not_counted(self, world: World) -> None:
        engine = in_qqq(world)
        stranger = replace(world.broker.submitted[0], order_ref="by-hand")
        world.broker.trade(stranger, 5)
        engine.step()
        assert engine.records.book.ledger.shares[QQQ] == 211

    @pytest.mark.parametrize("restarted", [False, True])
    def test_a_purchase_that_the_exchange_cancels_afterwards_is_told_and_made_again(
        self, world: World, restarted: bool
    ) -> None:
        engine = in_qqq(world)
        world.broker.bust(world.broker.submitted[0])
        world.pass_time(days=1 if restarted else 0, minutes=15)
        engine = world.start() if restarted else engine
        engine.step()
        assert ("corrected", "qqqbot-20261124-01: -211 of the 211 QQQ to buy") in world.notifier.told
        assert world.notifier.kinds().count("corrected") == 1
        assert world.broker.positions[QQQ] == 211
        assert (engine.portfolio().shares, engine.portfolio().cash) == (world.broker.positions, world.broker.cash)

    def test_a_sale_that_is_cancelled_after_its_money_was_spent_halts_and_is_made_again_after_resume(
        self, world: World
    ) -> None:
        engine = in_qqq(world)
        world.prices.target = Holding.TQQQ
        engine.step()
        world.broker.bust(world.broker.submitted[1])
        for _ in range(2):
            engine.step()
        assert world.notifier.kinds()[-2:] == ["corrected", "halt"]
        assert len(world.broker.submitted) == 3
        (world.logs / "HALT").unlink()
        engine.step()
        assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
        assert (engine.portfolio().shares, engine.portfolio().cash) == (world.broker.positions, world.broker.cash)

    def test_commissions_that_come_late_are_charged(self, world: World) -> None:
        world.broker.commission = None
        engine = in_qqq(world)
        order = world.broker.orders["qqqbot-20261124-01"]
        told = tuple(replace(fill, commission=Decimal("1.06")) for fill in order.fills)
        world.broker.orders[order.order_ref] = replace(order, fills=told)
        world.broker.cash -= Decimal("1.06")
        engine.step()
        engine.step()
        world.assert_book_is_the_brokers()


class TestRejected:
    def test_an_order_that_never_left_is_dead_and_the_next_check_tries_again(self, world: World) -> None:
        world.broker.behaviours = [never_leaves]
        engine = world.start()
        engine.step()
        assert world.events() == ["intended", "outcome"]
        assert world.rows("orders.jsonl")[-1]["status"] == "REJECTED"
        assert len(world.broker.submitted) == 1, "not again within the same check"
        engine.step()
        assert [i.order_ref[-2:] for i in world.broker.submitted] == ["01", "02"]
        world.assert_book_is_the_brokers()

    def test_a_refusal_by_the_broker_is_reported_to_the_owner(self, world: World) -> None:
        world.broker.behaviours = [is_rejected]
        world.start().step()
        assert ("order_refused", "BUY 211 QQQ: not enough buying power") in world.notifier.told
        assert world.rows("decisions.jsonl")[-1]["error"] == "OrderRejected"

    def test_an_order_refused_again_and_again_ends_with_the_sessions_limit(self, world: World) -> None:
        world.broker.behaviours = [is_rejected] * 100
        engine = world.start()
        for _ in range(30):
            engine.step()
        assert len(world.broker.submitted) == RULES.max_orders_per_session
        told = "12 of 12 orders of this session are used, and this rotation takes 1; the last one filled nothing: "
        assert f"{told}not enough buying power" in world.rows("decisions.jsonl")[-1]["sentence"]
        assert ("order_limit", f"{told}not enough buying power") in world.notifier.told

    def test_a_refused_sale_is_followed_by_no_buy(self, world: World) -> None:
        engine = in_qqq(world)
        world.prices.target = Holding.TQQQ
        world.broker.behaviours = [is_rejected]
        engine.step()
        assert [i.side for i in world.broker.submitted] == [Side.BUY, Side.SELL]


def test_an_unknown_outcome_says_what_happens_next(world: World) -> None:
    world.broker.behaviours = [works]
    world.broker.deaf_to_cancel = True
    at = snapshot()
    with pytest.raises(OrderOutcomeUnknown, match=r"qqqbot-20261124-01: no outcome after 8\d s; looked for at each"):
        world.start().executor.execute(decide(at, RULES), at)
