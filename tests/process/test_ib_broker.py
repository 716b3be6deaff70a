"""The Broker port over real sockets, with the official client, against the gateway stand-in: account and quotes."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from qqqbot.adapters.ib.broker import BELIEVED_SECONDS, LAG_SECONDS
from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from qqqbot.model.values import Mode, OrderStatus, Side
from standins.ib_gateway import QQQ_PUT, Account, callbacks
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import (
    SILENCE,
    Bench,
    LateAccount,
    MovedClock,
    bench,
    bench_timing,
    broker_at,
    eventually,
    gateway_at,
    margin_account,
    order,
)

FILLED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED


# Which account


def test_a_paper_account_is_known_by_its_id() -> None:
    with bench() as at:
        assert at.broker.identity(0) == (Mode.PAPER, ACCOUNT)
        assert (at.broker.mode, at.broker.account, at.broker.problem()) == (Mode.PAPER, ACCOUNT, None)


def test_real_money_needs_its_keys() -> None:
    clock = MovedClock()
    with gateway_at(clock, margin_account("U1234567")) as gateway:
        with broker_at(gateway, clock) as broker, pytest.raises(AccountRefused, match="allow_live is false"):
            broker.identity(30)
        with (
            broker_at(gateway, clock, allow_live=True, dry_run=True, ib_client_id=2) as broker,
            pytest.raises(AccountRefused),
        ):
            broker.identity(30)
        with broker_at(gateway, clock, allow_live=True, ib_client_id=3) as broker:
            assert broker.identity(30) == (Mode.LIVE, "U1234567")


def test_one_of_several_accounts_must_be_named_and_only_that_one_counts() -> None:
    clock = MovedClock()
    with gateway_at(clock, margin_account("DU1", 1_000), margin_account("DU2", 2_000)) as gateway:
        gateway.hold("QQQ", 5, account="DU1")
        with broker_at(gateway, clock) as broker, pytest.raises(AccountRefused, match="several accounts"):
            broker.identity(30)
        with broker_at(gateway, clock, ib_account="DU2", ib_client_id=2) as broker:
            assert broker.identity(30) == (Mode.PAPER, "DU2")
            seen = broker.snapshot()
            assert (seen.spendable, dict(seen.positions)) == (Decimal(2000), {"QQQ": 0, "TQQQ": 0})


def test_an_unknown_identity_matches_nothing() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.refuse()
        with broker_at(gateway, clock) as broker:
            assert broker.identity(0.1) is None
            with pytest.raises(BrokerUnavailable, match="no gateway answers"):
                _ = broker.account


def test_a_changed_login_is_not_traded() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway, broker_at(gateway, clock) as broker:
        assert broker.identity(30)
        gateway.go_down()
        gateway.book.accounts = {"DU999": margin_account("DU999")}
        gateway.come_up()
        eventually(lambda: "login has changed" in (broker.problem() or ""))
        with pytest.raises(BrokerUnavailable, match="was DU1234567 and is now DU999"):
            broker.snapshot()


# The account


def test_a_snapshot_is_the_accounts_money_and_whole_shares() -> None:
    with bench() as at:
        at.gateway.hold("QQQ", "10.75")
        at.gateway.hold("QQQ", 5, contract=QQQ_PUT)
        seen = at.broker.snapshot()
        assert dict(seen.positions) == {"QQQ": 10, "TQQQ": 0}
        assert (seen.account, seen.mode, seen.open_order_refs) == (ACCOUNT, Mode.PAPER, ())
        assert (seen.net_liquidation, seen.spendable, seen.unsettled) == (
            Decimal("104837.50"),
            Decimal(100_000),
            Decimal(0),
        )


def test_a_client_may_have_two_subscriptions_and_ten_snapshots_at_once() -> None:
    with bench() as at:
        for _ in range(10):
            at.broker.snapshot()
        assert at.gateway.recording.connections == 1


@pytest.mark.parametrize("request_kind", ["reqAccountSummary", "reqPositions", "reqAllOpenOrders"])
def test_no_answer_is_not_flat(request_kind: str) -> None:
    with bench() as at:
        at.gateway.hold("QQQ", 10)
        at.gateway.next_fault(request_kind, "swallow")
        with at.timing.hasty(**SILENCE), pytest.raises(BrokerUnavailable):
            at.broker.snapshot()
        at.sound()
        assert at.broker.snapshot().positions["QQQ"] == 10


def test_a_late_end_of_one_question_does_not_end_the_next() -> None:
    """The first question's connection is given up with the question."""
    with bench() as at:
        at.gateway.hold("QQQ", 10)
        at.gateway.next_fault("reqPositions", "swallow")
        with at.timing.hasty(**SILENCE), pytest.raises(BrokerUnavailable):
            at.broker.snapshot()
        eventually(lambda: at.gateway.recording.connections == 2)


@pytest.mark.parametrize("fault", ["swallow", "no_end"])
def test_completed_orders_are_optional(fault: str) -> None:
    """erdewit/ib_insync#355 and #224: they are never answered, and all else works."""
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.next_fault("reqCompletedOrders", fault, times=1000)
        timing = bench_timing()
        with broker_at(gateway, clock, timing) as broker:
            at = Bench(gateway, broker, clock)
            with timing.hasty(answer=1):
                at.sound()
            intent = order()
            broker.submit(intent)
            assert at.done(intent).status is OrderStatus.FILLED
            assert broker.snapshot().positions["QQQ"] == 100
            assert gateway.recording.connections == 1
            assert len(gateway.recording.requests("reqCompletedOrders")) == 1


@pytest.mark.parametrize(
    ("request_kind", "named"),
    [
        ("reqExecutions", "executions"),
        ("reqAccountSummary", "the account summary"),
        ("reqPositions", "positions"),
        ("reqAllOpenOrders", "open orders"),
    ],
)
def test_an_answer_that_never_ends_keeps_the_bot_only_from_what_needs_it(request_kind: str, named: str) -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.next_fault(request_kind, "no_end", times=1000)
        timing = bench_timing()
        with broker_at(gateway, clock, timing) as broker:
            needs_it = broker.recent_orders if request_kind == "reqExecutions" else broker.snapshot
            told = rf"did not answer for {named}: .*, since 12:0\d New York"
            with timing.hasty(answer=1):
                eventually(lambda: broker.identity(0) is not None, found=broker.problem)
                for _ in range(3):
                    with pytest.raises(BrokerUnavailable, match=told):
                        needs_it()
            assert named in (broker.problem() or "")
            assert gateway.recording.connections == 2
            if request_kind == "reqExecutions":
                assert broker.snapshot().positions["QQQ"] == 0
            else:
                assert broker.recent_orders() == ()
            gateway.faults.waiting.clear()
            clock.move(300)
            with timing.hasty(answer=1):  # the first answer after the fault may still be without its end
                eventually(lambda: answered(needs_it), found=broker.problem)
            assert broker.problem() is None


def answered(question: Callable[[], object]) -> bool:
    try:
        question()
    except BrokerUnavailable:
        return False
    return True


def test_a_cash_account_waits_for_settlement() -> None:
    with bench(Account(ACCOUNT, cash=Decimal(1000))) as at:
        at.gateway.hold("QQQ", 100)
        sale = order(side=Side.SELL)
        at.broker.submit(sale)
        assert at.done(sale).status is FILLED
        seen = at.broker.snapshot()
        assert seen.spendable == pytest.approx(Decimal(999), abs=2)
        assert seen.unsettled == pytest.approx(Decimal(44_999), abs=2)


@pytest.mark.parametrize("late", ["shares", "cash"])
def test_shares_and_cash_that_lag_behind_a_fill_are_waited_for(late: str) -> None:
    with bench() as at:
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

        before = len(at.gateway.recording.requests("reqPositions"))

        def catch_up() -> None:
            eventually(lambda: len(at.gateway.recording.requests("reqPositions")) > before + 2)
            account.holdings.update(shares)
            account.cash = cash

        threading.Thread(target=catch_up).start()
        seen = at.broker.snapshot()
        assert (seen.positions["QQQ"], seen.spendable) == (10, cash)


@pytest.mark.parametrize("late", ["TotalCashValue", "AvailableFunds", "positions"])
def test_what_does_not_show_our_fills_in_time_is_named_until_it_does(late: str) -> None:
    account = LateAccount(ACCOUNT, leverage=Decimal(4))
    with bench(account) as at:
        at.gateway.hold("QQQ", 100)
        at.broker.snapshot()
        account.late = () if late == "positions" else (late,)
        if late == "TotalCashValue":  # it shows the first of several executions
            account.told[late] = str(account.cash + 20_000)
        sale = order(side=Side.SELL)
        at.broker.submit(sale)
        at.done(sale)
        if late == "positions":
            at.gateway.hold("QQQ", 100)
        assert at.broker.snapshot().behind == f"{late} of the account do not show our newest fills yet"
        began = at.clock.monotonic()
        assert late in at.broker.snapshot().behind
        assert at.clock.monotonic() - began < LAG_SECONDS
        account.late = ()
        if late == "positions":
            at.gateway.hold("QQQ", 0)
        assert at.broker.snapshot().behind == ""


@pytest.mark.parametrize("price", ["450.03", "449.00"])
def test_a_corrected_execution_is_no_second_fill_that_the_account_should_show(price: str) -> None:
    with bench() as at:
        intent = order(quantity=10)
        at.broker.submit(intent)
        first = at.done(intent).fills[0].exec_id
        assert at.broker.snapshot().behind == ""
        at.gateway.correct(first, price)
        eventually(lambda: at.broker.recent_orders()[0].fills[0].price == Decimal(price))
        assert at.broker.snapshot().behind == ""


def test_a_cancelled_execution_is_no_late_account() -> None:
    """The cash has half a cent: rounded up before and down after, it moves by a cent less than the trade's money."""
    with bench() as at:
        intent = order(quantity=11)
        account = at.gateway.account()
        at.broker.submit(intent)
        at.done(intent)
        account.cash = Decimal("95049.035")
        assert at.broker.snapshot().behind == ""
        (execution,) = at.gateway.executions
        assert execution.shares * execution.price == Decimal("4950.11")
        with at.gateway.moment():
            account.cash += execution.shares * execution.price
            account.holdings.clear()
        busted = replace(execution, exec_id=f"{execution.root}.02", shares=Decimal(0), cumulative=Decimal(0))
        at.gateway.send(callbacks.exec_details(busted))
        eventually(lambda: at.broker.recent_orders()[0].filled == 0)
        seen = at.broker.snapshot()
        assert (seen.positions["QQQ"], seen.behind) == (0, "")


def test_values_that_something_else_has_moved_as_well_are_believed_in_the_end() -> None:
    account = LateAccount(ACCOUNT)
    with bench(account) as at:
        at.broker.snapshot()
        intent = order(quantity=10)
        at.broker.submit(intent)
        at.done(intent)
        account.late, account.told["TotalCashValue"] = ("TotalCashValue",), "150000.00"  # a deposit meanwhile
        assert at.broker.snapshot().behind
        at.clock.move(BELIEVED_SECONDS + 1)
        assert at.broker.snapshot().behind == ""


def test_shares_that_never_follow_a_fill_are_reported_as_they_are() -> None:
    with bench() as at:
        at.broker.snapshot()
        intent = order(quantity=10)
        at.broker.submit(intent)
        at.done(intent)
        at.gateway.account().holdings.clear()
        assert at.broker.snapshot().positions["QQQ"] == 0
        began = at.clock.monotonic()
        assert at.broker.snapshot().positions["QQQ"] == 0
        assert at.clock.monotonic() - began < LAG_SECONDS


def test_orders_of_other_clients_are_not_reported() -> None:
    with bench() as at:
        at.gateway.foreign_order("QQQ", 10, limit=1)
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="somebody-1")
        at.gateway.manual_trade("TQQQ", 7)
        seen = at.broker.snapshot()
        assert seen.open_order_refs == ()
        assert seen.positions["TQQQ"] == 7
        assert at.broker.recent_orders() == ()


def test_an_order_of_ours_is_open_whatever_client_sent_it() -> None:
    with bench() as at:
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="qqqbot-20261124-09")
        assert at.broker.snapshot().open_order_refs == ("qqqbot-20261124-09",)


def test_the_same_reference_in_another_account_is_another_order() -> None:
    """Two bots on two accounts of one login name their orders alike."""
    clock = MovedClock()
    with gateway_at(clock, margin_account("DU1"), margin_account("DU2")) as gateway:
        gateway.foreign_order("QQQ", 100, account="DU2", order_ref="qqqbot-20261124-01")
        gateway.foreign_order("QQQ", 100, account="DU2", order_ref="qqqbot-20261124-02", limit=1)
        with broker_at(gateway, clock, ib_account="DU1") as broker:
            at = Bench(gateway, broker, clock)
            at.sound()
            assert broker.snapshot().open_order_refs == ()
            assert broker.recent_orders() == ()
            assert at.absent(order())
            assert at.absent(order(number=2))


def test_a_read_only_gateway_is_reported_with_what_to_do() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.read_only = True
        with broker_at(gateway, clock) as broker:
            assert broker.identity(0.3) is None
            eventually(lambda: "untick 'Read-Only API'" in (broker.problem() or ""))
            gateway.read_only = False
            assert broker.identity(30) == (Mode.PAPER, ACCOUNT)


# Quotes


def test_live_quotes_come_or_are_none() -> None:
    with bench() as at:
        at.gateway.fractional_size_rules = False
        quotes = at.broker.quotes()
        assert {symbol: quote.price for symbol, quote in quotes.items()} == {"QQQ": 450.0, "TQQQ": 60.0}


@pytest.mark.parametrize("kind", ["delayed", "none", "competing"])
def test_quotes_that_are_not_live_are_unusable_and_not_requested_again_soon(kind: str) -> None:
    with bench() as at:
        at.gateway.fractional_size_rules = False
        at.gateway.market_data = kind
        assert at.broker.quotes() == {}
        asked = len(at.gateway.recording.requests("reqMktData"))
        assert at.broker.quotes() == {}
        assert len(at.gateway.recording.requests("reqMktData")) == asked
        at.gateway.market_data = "live"
        at.clock.move(3600)
        assert len(at.broker.quotes()) == 2


def test_minus_one_is_not_a_price() -> None:
    with bench() as at:
        at.gateway.fractional_size_rules = False
        at.gateway.set_quote("QQQ")
        assert set(at.broker.quotes()) == {"TQQQ"}


def test_without_a_last_trade_the_middle_of_bid_and_ask_counts() -> None:
    with bench() as at:
        at.gateway.fractional_size_rules = False
        at.gateway.set_quote("QQQ", bid=449, ask=451)
        assert at.broker.quotes()["QQQ"].price == 450.0


def test_missing_quotes_are_not_waited_for_long() -> None:
    with bench() as at:
        at.gateway.next_fault("reqMktData", "swallow", times=2)
        began = time.monotonic()
        assert at.broker.quotes() == {}
        assert time.monotonic() - began < 5, "as long as for any other answer"
        assert at.broker.problem() is None


def test_quotes_without_a_connection_are_none() -> None:
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        gateway.refuse()
        with broker_at(gateway, clock) as broker:
            assert broker.quotes() == {}
