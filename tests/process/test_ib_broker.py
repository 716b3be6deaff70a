"""The Broker port over real sockets, with the official client, against the gateway stand-in: orders and accounts."""

import threading
import time
from decimal import Decimal

import pytest

from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from qqqbot.model.values import Mode, OrderStatus, OrderType, Side
from standins.ib_gateway import QQQ_PUT, Account
from tests.support.builders import ACCOUNT, NOW
from tests.support.ib_desk import (
    HASTY,
    Desk,
    MovedClock,
    broker_at,
    desk,
    eventually,
    gateway_at,
    margin_account,
    order,
)

FILLED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED


# Whose account


def test_a_paper_account_is_known_by_its_id() -> None:
    with desk() as at:
        assert at.broker.identity(0) == (Mode.PAPER, ACCOUNT)
        assert (at.broker.mode, at.broker.account, at.broker.problem()) == (Mode.PAPER, ACCOUNT, None)


def test_real_money_needs_its_keys() -> None:
    clock = MovedClock()
    with gateway_at(clock, margin_account("U1234567")) as gateway:
        with broker_at(gateway, clock) as broker, pytest.raises(AccountRefused, match="allow_live is false"):
            broker.identity(5)
        with (
            broker_at(gateway, clock, allow_live=True, dry_run=True, ib_client_id=2) as broker,
            pytest.raises(AccountRefused),
        ):
            broker.identity(5)
        with broker_at(gateway, clock, allow_live=True, ib_client_id=3) as broker:
            assert broker.identity(5) == (Mode.LIVE, "U1234567")


def test_several_accounts_want_one_named_and_only_that_one_counts() -> None:
    clock = MovedClock()
    with gateway_at(clock, margin_account("DU1", 1_000), margin_account("DU2", 2_000)) as gateway:
        gateway.hold("QQQ", 5, account="DU1")
        with broker_at(gateway, clock) as broker, pytest.raises(AccountRefused, match="several accounts"):
            broker.identity(5)
        with broker_at(gateway, clock, ib_account="DU2", ib_client_id=2) as broker:
            assert broker.identity(5) == (Mode.PAPER, "DU2")
            seen = broker.snapshot()
            assert (seen.spendable, dict(seen.positions)) == (2000, {"QQQ": 0, "TQQQ": 0})


def test_an_unknown_identity_is_no_identity() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.refuse()
        with broker_at(gateway, clock) as broker:
            assert broker.identity(0.1) is None
            with pytest.raises(BrokerUnavailable, match="no gateway answers"):
                _ = broker.account


def test_a_login_that_changes_is_not_traded() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway, broker_at(gateway, clock) as broker:
        assert broker.identity(5)
        gateway.go_down()
        gateway.book.accounts = {"DU999": margin_account("DU999")}
        gateway.come_up()
        eventually(lambda: "login has changed" in (broker.problem() or ""))
        with pytest.raises(BrokerUnavailable, match="was DU1234567, now DU999"):
            broker.snapshot()


# The account


def test_a_snapshot_is_the_accounts_money_and_whole_shares() -> None:
    with desk() as at:
        at.gateway.hold("QQQ", "10.75")
        at.gateway.hold("QQQ", 5, contract=QQQ_PUT)
        seen = at.broker.snapshot()
        assert dict(seen.positions) == {"QQQ": 10, "TQQQ": 0}
        assert (seen.account, seen.mode, seen.open_order_refs) == (ACCOUNT, Mode.PAPER, ())
        assert (seen.net_liquidation, seen.spendable, seen.unsettled) == (Decimal("104837.50"), 100_000, 0)


def test_a_client_may_have_two_subscriptions_and_ten_snapshots_are_no_trouble() -> None:
    with desk() as at:
        for _ in range(10):
            at.broker.snapshot()
        assert at.gateway.recording.connections == 1


@pytest.mark.parametrize("request_kind", ["reqAccountSummary", "reqPositions", "reqAllOpenOrders"])
def test_no_answer_is_not_flat(request_kind: str) -> None:
    with desk(timing=HASTY) as at:
        at.gateway.hold("QQQ", 10)
        at.gateway.next_fault(request_kind, "swallow")
        with pytest.raises(BrokerUnavailable):
            at.broker.snapshot()
        at.sound()
        assert at.broker.snapshot().positions["QQQ"] == 10


def test_a_late_end_of_one_question_does_not_end_the_next() -> None:
    """The first question's connection is given up with the question."""
    with desk(timing=HASTY) as at:
        at.gateway.hold("QQQ", 10)
        at.gateway.next_fault("reqPositions", "swallow")
        with pytest.raises(BrokerUnavailable):
            at.broker.snapshot()
        eventually(lambda: at.gateway.recording.connections == 2)


def test_a_cash_account_waits_for_settlement() -> None:
    with desk(Account(ACCOUNT, cash=Decimal(1000))) as at:
        at.gateway.hold("QQQ", 100)
        sale = order(side=Side.SELL)
        at.broker.submit(sale)
        assert at.done(sale).status is FILLED
        seen = at.broker.snapshot()
        assert seen.spendable == pytest.approx(Decimal(999), abs=2)
        assert seen.unsettled == pytest.approx(Decimal(44_999), abs=2)


@pytest.mark.parametrize("late", ["shares", "cash"])
def test_shares_and_cash_that_lag_behind_a_fill_are_waited_for(late: str) -> None:
    with desk() as at:
        at.broker.snapshot()
        intent = order(quantity=10)
        at.broker.submit(intent)
        at.done(intent)
        account = at.gateway.account()
        shares, cash = account.holdings.copy(), account.cash
        if late == "shares":
            account.holdings.clear()
        else:
            account.cash = Decimal(100_000)
        threading.Timer(0.2, lambda: (account.holdings.update(shares), setattr(account, "cash", cash))).start()
        seen = at.broker.snapshot()
        assert (seen.positions["QQQ"], seen.spendable) == (10, cash)


def test_shares_that_never_follow_a_fill_are_told_as_they_are() -> None:
    with desk() as at:
        at.broker.snapshot()
        intent = order(quantity=10)
        at.broker.submit(intent)
        at.done(intent)
        at.gateway.account().holdings.clear()
        assert at.broker.snapshot().positions["QQQ"] == 0
        began = at.clock.monotonic()
        assert at.broker.snapshot().positions["QQQ"] == 0
        assert at.clock.monotonic() - began < 1


def test_orders_of_others_are_seen_by_nobody() -> None:
    with desk() as at:
        at.gateway.foreign_order("QQQ", 10, limit=1)
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="somebody-1")
        at.gateway.manual_trade("TQQQ", 7)
        seen = at.broker.snapshot()
        assert seen.open_order_refs == ()
        assert seen.positions["TQQQ"] == 7
        assert at.broker.recent_orders() == ()


def test_an_order_of_ours_is_open_whatever_client_sent_it() -> None:
    with desk() as at:
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="qqqbot-20261124-09")
        assert at.broker.snapshot().open_order_refs == ("qqqbot-20261124-09",)


def test_the_same_reference_in_another_account_is_another_order() -> None:
    """Two bots on two accounts of one login name their orders alike."""
    clock = MovedClock()
    with gateway_at(clock, margin_account("DU1"), margin_account("DU2")) as gateway:
        gateway.foreign_order("QQQ", 100, account="DU2", order_ref="qqqbot-20261124-01")
        gateway.foreign_order("QQQ", 100, account="DU2", order_ref="qqqbot-20261124-02", limit=1)
        with broker_at(gateway, clock, ib_account="DU1") as broker:
            at = Desk(gateway, broker, clock)
            at.sound()
            assert broker.snapshot().open_order_refs == ()
            assert broker.recent_orders() == ()
            assert at.looked_for(order(), 60) is None
            assert at.looked_for(order(number=2), 60) is None


def test_a_read_only_gateway_is_told_and_what_to_do() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.read_only = True
        with broker_at(gateway, clock) as broker:
            assert broker.identity(0.3) is None
            eventually(lambda: "untick 'Read-Only API'" in (broker.problem() or ""))
            gateway.read_only = False
            assert broker.identity(5) == (Mode.PAPER, ACCOUNT)


# Quotes


def test_live_quotes_come_or_are_none() -> None:
    with desk() as at:
        at.gateway.fractional_size_rules = False
        quotes = at.broker.quotes()
        assert {symbol: quote.price for symbol, quote in quotes.items()} == {"QQQ": 450.0, "TQQQ": 60.0}


@pytest.mark.parametrize("kind", ["delayed", "none", "competing"])
def test_quotes_that_are_not_live_are_none_and_not_asked_again_soon(kind: str) -> None:
    with desk() as at:
        at.gateway.fractional_size_rules = False
        at.gateway.market_data = kind
        assert at.broker.quotes() == {}
        asked = len(at.gateway.recording.requests("reqMktData"))
        assert at.broker.quotes() == {}
        assert len(at.gateway.recording.requests("reqMktData")) == asked
        assert at.broker.quotes_problem()
        at.gateway.market_data = "live"
        at.clock.move(3600)
        assert len(at.broker.quotes()) == 2
        assert at.broker.quotes_problem() is None


def test_a_price_of_minus_one_is_no_price() -> None:
    with desk(timing=HASTY) as at:
        at.gateway.fractional_size_rules = False
        at.gateway.set_quote("QQQ")
        assert set(at.broker.quotes()) == {"TQQQ"}


def test_without_a_last_trade_the_middle_of_bid_and_ask_counts() -> None:
    with desk(timing=HASTY) as at:
        at.gateway.fractional_size_rules = False
        at.gateway.set_quote("QQQ", bid=449, ask=451)
        assert at.broker.quotes()["QQQ"].price == 450.0


def test_quotes_that_do_not_come_are_not_waited_for_long() -> None:
    with desk(timing=HASTY) as at:
        at.gateway.next_fault("reqMktData", "swallow", times=2)
        began = time.monotonic()
        assert at.broker.quotes() == {}
        assert time.monotonic() - began < 2
        assert at.broker.quotes_problem() == "no complete answer came in time"
        assert at.broker.problem() is None


def test_quotes_without_a_connection_are_none() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.refuse()
        with broker_at(gateway, clock) as broker:
            assert broker.quotes() == {}


# Orders that are filled


def test_a_market_order_says_everything_and_is_filled() -> None:
    with desk() as at:
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, done.filled) == (FILLED, 100)
        assert [(f.symbol, f.side, f.price, f.commission) for f in done.fills] == [
            ("QQQ", Side.BUY, Decimal("450.01"), Decimal(1))
        ]
        assert abs((done.fills[0].time - NOW).total_seconds()) < 60
        placed = at.gateway.recording.requests("placeOrder")[0].request
        assert placed.text("order.orderRef") == intent.order_ref
        assert placed.text("order.tif") == "DAY"
        assert placed.text("order.account") == ACCOUNT
        assert placed.text("order.totalQuantity") == "100"
        assert placed.text("contract.exchange") == "SMART"
        assert placed.text("contract.primaryExch") == "NASDAQ"
        assert not placed.flag("order.outsideRth")


def test_a_limit_order_carries_its_collar() -> None:
    with desk() as at:
        intent = order(order_type=OrderType.LIMIT, limit_price=Decimal("450.90"))
        at.broker.submit(intent)
        assert at.done(intent).status is FILLED
        placed = at.gateway.recording.requests("placeOrder")[0].request
        assert placed.decimal("order.lmtPrice") == Decimal("450.90")


@pytest.mark.parametrize("sequence", ["usual", "status_first", "no_status", "commission_first"])
@pytest.mark.parametrize("disturbed", ["plain", "doubled", "shuffled"])
def test_however_the_callbacks_come_the_order_is_the_same(sequence: str, disturbed: str) -> None:
    with desk() as at:
        at.gateway.faults.doubled = disturbed == "doubled"
        at.gateway.faults.shuffled = 11 if disturbed == "shuffled" else None
        at.gateway.behave(sequence=sequence, slices=(40, 60))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, [fill.quantity for fill in done.fills]) == (FILLED, [40, 60])
        assert sum(fill.commission or 0 for fill in done.fills) == 1


def test_a_part_is_not_the_whole() -> None:
    with desk() as at:
        at.gateway.next_order(slices=(40,), keeps_rest_open=True)
        intent = order()
        at.broker.submit(intent)
        found = at.looked_for(intent, 8)
        assert found is not None
        assert (found.status, found.filled) == (OrderStatus.WORKING, 40)
        at.broker.cancel(intent)
        done = at.done(intent)
        assert (done.status, done.filled) == (CANCELLED, 40)


def test_an_order_that_was_made_smaller_at_the_broker_is_done_with_what_was_filled() -> None:
    with desk() as at:
        at.gateway.next_order(reduced_to=60, slices=(40,), notices=((481, "size reduced"),))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent, looks=40)
        assert (done.status, [fill.quantity for fill in done.fills]) == (CANCELLED, [40, 20])
        assert done.message == "the order was made smaller at the broker: 60 of 100"


def test_what_is_known_of_yesterdays_order_is_not_believed_to_be_all_of_it() -> None:
    """The answer of the next day has none of its executions: the rest may have been filled."""
    with desk() as at:
        at.gateway.next_order(slices=(40,), keeps_rest_open=True)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 4) is OrderStatus.WORKING
        at.gateway.go_down()
        at.gateway.set_open(False)
        at.gateway.look()
        assert not at.gateway.open_orders
        at.clock.move(22 * 3600)
        at.gateway.come_up()
        at.reconnected()
        with pytest.raises(AssertionError, match="no outcome"):
            at.done(intent, looks=100)
        found = at.broker.find(intent)
        assert found is not None
        assert (found.status, found.filled) == (OrderStatus.UNKNOWN, 40)


def test_a_late_commission_is_waited_for() -> None:
    with desk() as at:
        at.gateway.next_order(commission="late", commission_delay=0.1)
        intent = order()
        at.broker.submit(intent)
        found = at.broker.find(intent)
        assert found is not None
        assert not found.status.done
        eventually(lambda: (now := at.broker.find(intent)) is not None and now.status.done)
        done = at.broker.find(intent)
        assert done is not None
        assert done.fills[0].commission == 1


def test_a_commission_that_never_comes_is_not_waited_for_for_ever() -> None:
    with desk() as at:
        at.gateway.next_order(commission="never")
        intent = order()
        at.broker.submit(intent)
        began = at.clock.monotonic()
        done = at.done(intent)
        assert at.clock.monotonic() - began < 10
        assert (done.status, done.fills[0].commission) == (FILLED, None)


def test_a_commission_that_comes_after_the_end_is_in_recent_orders() -> None:
    with desk() as at:
        at.gateway.next_order(commission="never")
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        for execution in at.gateway.book.executions:
            execution.commission_reported = True
        at.clock.move(5)
        eventually(lambda: at.broker.recent_orders()[0].fills[0].commission == 1)


def test_a_corrected_execution_is_the_corrected_one() -> None:
    with desk() as at:
        intent = order()
        at.broker.submit(intent)
        first = at.done(intent).fills[0].exec_id
        at.gateway.correct(first, "449.50")
        eventually(lambda: at.broker.recent_orders()[0].fills[0].price == Decimal("449.50"))
        assert at.broker.recent_orders()[0].filled == 100


# Orders that are not


@pytest.mark.parametrize("code", [201, 203, 321, 320, 383, 460, 463, 10243, 10268])
def test_a_refusal_ends_an_order_that_never_lived(code: int) -> None:
    with desk() as at:
        at.gateway.next_order(reject=(code, "because"))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert done.status is REJECTED
        assert done.message.startswith(f"{code}: ")
        assert "because" in done.message


@pytest.mark.parametrize("status", ["Inactive", "Cancelled"])
def test_a_refusal_that_statuses_tell_as_well_is_one(status: str) -> None:
    with desk() as at:
        at.gateway.next_order(reject=(201, "no funds"), reject_status=status)
        intent = order()
        at.broker.submit(intent)
        assert at.done(intent).status is REJECTED
        assert at.broker.snapshot().open_order_refs == ()


@pytest.mark.parametrize("code", [399, 404, 2109, 2137, 10311, 10329, 10349, 2102, 161])
def test_a_notice_ends_nothing(code: int) -> None:
    with desk() as at:
        at.gateway.next_order(notices=((code, "by the way"),), fills=False)
        intent = order()
        at.broker.submit(intent)
        found = at.looked_for(intent, 12)
        assert found is not None
        assert not found.status.done
        assert len(at.gateway.open_orders) == 1


def test_a_code_that_nobody_knows_is_looked_into() -> None:
    with desk() as at:
        at.gateway.next_order(notices=((98765, "something new"),), fills=False)
        intent = order()
        at.broker.submit(intent)
        asked = len(at.gateway.recording.requests("reqAllOpenOrders"))
        found = at.looked_for(intent, 12)
        assert found is not None
        assert not found.status.done
        assert len(at.gateway.recording.requests("reqAllOpenOrders")) > asked


@pytest.mark.parametrize("how", ["usual", "silent"])
def test_a_cancelled_order_is_cancelled(how: str) -> None:
    with desk() as at:
        at.gateway.next_order(fills=False, on_cancel=how)
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 2)
        at.broker.cancel(intent)
        assert at.done(intent).status is CANCELLED


def test_a_fill_may_come_while_an_order_is_cancelled() -> None:
    with desk() as at:
        at.gateway.next_order(delay=30.0, on_cancel="fills")
        intent = order()
        at.broker.submit(intent)
        at.broker.cancel(intent)
        assert at.done(intent).status is FILLED


@pytest.mark.parametrize("how", ["ignored", "pending"])
def test_a_cancel_that_is_not_answered_is_not_a_cancellation(how: str) -> None:
    with desk() as at:
        at.gateway.next_order(fills=False, on_cancel=how)
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 2)
        at.broker.cancel(intent)
        assert at.status(intent, 20) is OrderStatus.WORKING


def test_a_cancel_of_a_filled_order_changes_nothing() -> None:
    with desk() as at:
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        at.broker.cancel(intent)
        at.gateway.wait_for(lambda: at.gateway.recording.messages("error"))
        assert at.done(intent).status is FILLED


def test_the_exchange_may_cancel_by_itself() -> None:
    with desk() as at:
        at.gateway.next_order(cancelled_by_system="price band", fills=False)
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, "price band" in done.message) == (CANCELLED, True)


def test_an_order_that_is_held_until_the_open_works_on() -> None:
    with desk() as at:
        at.gateway.set_open(False)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 12) is OrderStatus.WORKING
        at.gateway.set_open(True)
        assert at.done(intent).status is FILLED


def test_an_order_that_a_dialog_holds_is_unknown_and_then_absent() -> None:
    with desk() as at:
        at.gateway.next_order(silent=True)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 1) is OrderStatus.SUBMITTED
        assert at.status(intent, 12) in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
        assert at.looked_for(intent, 60) is None
        at.gateway.confirm_dialogs()
        assert at.done(intent).status is FILLED


def test_an_order_that_was_never_sent_is_absent_only_after_complete_answers() -> None:
    with desk() as at:
        first = at.broker.find(order())
        assert first is not None
        assert first.status is OrderStatus.UNKNOWN
        assert at.looked_for(order(), 60) is None
        assert at.broker.find(order()) is None


def test_a_reconnect_starts_the_search_for_a_missing_order_anew() -> None:
    """The gateway may have kept the order while it was off-line, and send it now."""
    with desk() as at:
        assert at.looked_for(order(), 60) is None
        at.gateway.drop_clients()
        at.reconnected()
        assert at.status(order(), 2) is OrderStatus.UNKNOWN


def test_an_order_id_that_was_used_before_refuses_and_the_next_is_far_above() -> None:
    with desk() as at:
        at.gateway.book.next_ids[1] = 50
        intent, again = order(), order(number=2)
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, done.message[:4]) == (REJECTED, "103:")
        at.broker.submit(again)
        assert at.done(again).status is FILLED


def test_ids_that_roll_back_in_the_night_are_not_used_twice() -> None:
    with desk() as at:
        for number in (1, 2, 3):
            intent = order(number=number)
            at.broker.submit(intent)
            at.done(intent)
        at.gateway.restart(roll_back_ids=3)
        at.reconnected()
        fourth = order(number=4)
        at.broker.submit(fourth)
        assert at.done(fourth).status is FILLED
        ids = [r.request.integer("orderId") for r in at.gateway.recording.requests("placeOrder")]
        assert len(set(ids)) == 4
