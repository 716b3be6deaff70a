"""The real Engine on a gateway stand-in: rotations through whatever a broker does to an order.

After each, the book equals the gateway's ledger of the bot's orders, and the account holds what the rule wants.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.values import Holding
from standins.ib_gateway import Account, IBGateway
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import SILENCE, Bench, LateAccount, MovedClock, broker_at, eventually, gateway_at
from tests.support.ib_trader import S_AND_P, Trader, trading


@pytest.mark.parametrize("limit", [False, True])
def test_a_rotation_is_finished_within_its_check(tmp_path: Path, limit: bool) -> None:
    with trading(tmp_path, limit=limit) as trader:
        trader.check(Holding.QQQ)
        assert trader.at.gateway.position("QQQ") == 211
        trader.check(Holding.TQQQ)
        assert trader.settled(Holding.TQQQ)
        trader.check(Holding.CASH)
        assert trader.settled(Holding.CASH)
        trader.assert_true_to_the_gateway()
        sides = [(order.action, order.contract.symbol) for order in trader.at.gateway.orders]
        assert sides == [("BUY", "QQQ"), ("SELL", "QQQ"), ("BUY", "TQQQ"), ("SELL", "TQQQ")]


def test_a_rule_on_another_index_rotates_and_sells_what_an_earlier_rule_left(tmp_path: Path) -> None:
    with trading(tmp_path) as before:
        before.at.gateway.fractional_size_rules = False
        before.check(Holding.TQQQ)
        assert before.settled(Holding.TQQQ)
        at = before.at
        for symbol, price in (("SPY", 450), ("UPRO", 60)):
            at.gateway.set_price(symbol, price)
        trader = Trader(at, tmp_path, rule=S_AND_P)
        assert trader.prices.symbols == ("SPY", "UPRO", "TQQQ", "QQQ")
        trader.check(Holding.UPRO)
        assert trader.settled(Holding.UPRO), trader.last_check()
        assert {*at.broker.quotes()} == {"SPY", "UPRO", "TQQQ", "QQQ"}
        trader.check(Holding.SPY)
        trader.check(Holding.CASH)
        assert trader.settled(Holding.CASH), trader.last_check()
        trader.assert_true_to_the_gateway()
        sides = [(order.action, order.contract.symbol) for order in at.gateway.orders]
        assert sides[1:] == [
            *(("SELL", "TQQQ"), ("BUY", "UPRO"), ("SELL", "UPRO"), ("BUY", "SPY"), ("SELL", "SPY")),
        ]
        trader.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("late", [("TotalCashValue", "AvailableFunds", "NetLiquidation"), ("AvailableFunds",)])
def test_a_buy_waits_for_the_money_of_the_sale_and_is_never_smaller(
    tmp_path: Path, late: tuple[str, ...], restarted: bool
) -> None:
    account = LateAccount(ACCOUNT, leverage=Decimal(4))
    with trading(tmp_path, account) as trader:
        trader.check(Holding.QQQ)
        account.late = late
        trader.check(Holding.TQQQ)
        assert trader.last_check().error == "MoneyLate"
        assert [(order.action, order.contract.symbol) for order in trader.at.gateway.orders[1:]] == [("SELL", "QQQ")]
        if not restarted:
            account.late = ()
            trader.check()
            assert trader.settled(Holding.TQQQ)
            assert trader.at.gateway.position("TQQQ") == 1583
            trader.assert_true_to_the_gateway()
            return
        trader.close()
        with broker_at(trader.at.gateway, trader.at.clock, ib_client_id=2) as broker:
            again = Trader(Bench(trader.at.gateway, broker, trader.at.clock), tmp_path)
            again.check(Holding.TQQQ)
            assert again.last_check().error == "MoneyLate"
            account.late = ()
            again.check()
            assert again.at.gateway.position("TQQQ") == 1583
            again.assert_true_to_the_gateway()
            again.close()


def test_a_settled_account_needs_nothing_more(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        for _ in range(3):
            trader.check(Holding.QQQ)
            trader.at.clock.move(900)
        assert len(trader.at.gateway.orders) == 1


@pytest.mark.parametrize("leverage", [1, 4])
def test_cash_in_other_currencies_is_never_borrowed_against(tmp_path: Path, leverage: int) -> None:
    """40,000 USD and euros worth 60,000 USD: TotalCashValue and AvailableFunds are 100,000."""
    account = Account(
        cash=Decimal(40_000), foreign_cash=Decimal(60_000), leverage=Decimal(leverage), account_id=ACCOUNT
    )
    with trading(tmp_path, account) as trader:
        for _ in range(3):
            trader.check(Holding.QQQ)
            trader.at.clock.move(900)
        assert trader.at.gateway.account().cash >= 0


def test_partial_fills_are_completed(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.behave(slices=(50, 60))
        trader.check(Holding.QQQ)
        trader.check(Holding.TQQQ)
        assert trader.settled(Holding.TQQQ)
        trader.assert_true_to_the_gateway()


def test_a_partly_filled_order_is_cancelled_and_the_rest_bought(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(slices=(100,), keeps_rest_open=True)
        trader.settle(Holding.QQQ)
        assert [order.status for order in trader.at.gateway.orders] == ["Cancelled", "Filled"]
        assert trader.at.gateway.position("QQQ") == 211
        trader.assert_true_to_the_gateway()


def test_an_unfilled_order_is_cancelled_and_tried_again_by_the_next_check(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(fills=False)
        trader.check(Holding.QQQ)
        assert "not filled within 20 s and cancelled" in trader.last_check().sentence
        assert len(trader.at.gateway.recording.requests("placeOrder")) == 1
        trader.check(Holding.QQQ)
        assert trader.settled(Holding.QQQ)
        trader.assert_true_to_the_gateway()


def test_an_order_reduced_at_the_broker_is_followed_by_one_for_the_rest(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(reduced_to=100, notices=((481, "size reduced"),))
        trader.check(Holding.QQQ)
        assert trader.settled(Holding.QQQ)
        assert [order.filled for order in trader.at.gateway.orders] == [100, 111]
        trader.check(Holding.CASH)
        assert trader.settled(Holding.CASH)
        trader.assert_true_to_the_gateway()


@pytest.mark.parametrize("status", ["", "Inactive", "Cancelled"])
def test_a_refused_order_is_not_tried_again_in_the_same_check(tmp_path: Path, status: str) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(reject=(201, "no funds"), reject_status=status)
        trader.check(Holding.QQQ)
        assert len(trader.at.gateway.recording.requests("placeOrder")) == 1
        assert "no funds" in trader.last_check().sentence
        trader.check(Holding.QQQ)
        assert trader.settled(Holding.QQQ)
        trader.assert_true_to_the_gateway()


@pytest.mark.parametrize("fault", ["drop_after", "restart_after", "half_open_after", "lose_answer", "then_drop"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_answer_causes_no_second_order(tmp_path: Path, fault: str, nth: int) -> None:
    """At the first buy, at the sell and at the second buy of a rotation."""
    with trading(tmp_path) as trader, trader.at.timing.hasty(**SILENCE):
        for number, target in enumerate((Holding.QQQ, Holding.TQQQ), start=1):
            if number == min(nth, 2):
                for _ in range(nth - 2):
                    trader.at.gateway.next_fault("placeOrder", "split")
                trader.at.gateway.next_fault("placeOrder", fault)
            trader.settle(target)
        assert [order.action for order in trader.at.gateway.orders] == ["BUY", "SELL", "BUY"]
        trader.assert_true_to_the_gateway()


@pytest.mark.parametrize("fault", ["drop_before", "restart_before"])
def test_an_order_that_was_never_taken_is_sent_again_only_after_it_is_known_to_be_absent(
    tmp_path: Path, fault: str
) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_fault("placeOrder", fault)
        trader.check(Holding.QQQ)
        assert len(trader.at.gateway.recording.requests("placeOrder")) == 1
        began = trader.at.clock.monotonic()
        trader.settle(Holding.QQQ, checks=20)
        assert trader.at.clock.monotonic() - began >= 300
        assert len(trader.at.gateway.orders) == 1
        trader.assert_true_to_the_gateway()


def test_a_connection_lost_in_a_rotation_leaves_one_order_and_its_outcome(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        gateway = trader.at.gateway
        gateway.next_order(fills=False)
        trader.check(Holding.QQQ)
        gateway.lose_line()
        eventually(lambda: trader.at.broker.problem() is not None)
        trader.check(Holding.QQQ)
        assert trader.last_check().error == "BrokerUnavailable"
        gateway.restore_line(data_kept=False)
        trader.settle(Holding.QQQ)
        trader.assert_true_to_the_gateway()


def test_shares_bought_by_hand_stop_the_trading(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.check(Holding.QQQ)
        trader.at.gateway.manual_trade("QQQ", 5)
        for error in ("DifferenceSeen", "LedgerMismatch"):
            trader.check(Holding.TQQQ)
            assert trader.last_check().error == error
        assert len(trader.at.gateway.recording.requests("placeOrder")) == 1


def test_other_instruments_and_accounts_are_not_counted(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.foreign_order("QQQ", 10, limit=1)
        trader.check(Holding.QQQ)
        assert trader.settled(Holding.QQQ)
        assert len(trader.at.gateway.open_orders) == 1


def test_a_late_commission_reaches_the_book(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(commission="never")
        trader.check(Holding.QQQ)
        (order,) = trader.records.book.ledger.orders.values()
        assert order.commission == 0
        for execution in trader.at.gateway.book.executions:
            execution.commission_reported = True
        trader.at.clock.move(120)
        trader.check(Holding.QQQ)
        (order,) = trader.records.book.ledger.orders.values()
        assert order.commission > 0
        trader.assert_true_to_the_gateway()


def test_a_corrected_execution_reaches_the_book(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.check(Holding.QQQ)
        trader.at.gateway.correct(trader.at.gateway.ledger[0].exec_id, "449.50")
        trader.at.clock.move(120)
        trader.check(Holding.QQQ)
        trader.assert_true_to_the_gateway()


def test_a_cash_account_buys_when_the_sale_has_settled(tmp_path: Path) -> None:
    with trading(tmp_path, Account("DU1234567", cash=Decimal(100_000))) as trader:
        trader.check(Holding.QQQ)
        trader.check(Holding.TQQQ)
        assert trader.last_check().error == "MoneyUnsettled"
        assert trader.engine.pause() is None, "a minute settles nothing"
        assert trader.at.gateway.position("TQQQ") == 0
        trader.at.clock.move(24 * 3600)
        trader.check(Holding.TQQQ)
        assert trader.settled(Holding.TQQQ)
        trader.assert_true_to_the_gateway()


def dies_after_its_order(gateway: IBGateway, clock: MovedClock, folder: Path) -> None:
    """A process that sends an order and is gone before it is filled."""
    with broker_at(gateway, clock) as broker:
        trader = Trader(Bench(gateway, broker, clock), folder)
        gateway.next_order(fills=False)
        clock.stop = True
        trader.check(Holding.QQQ)
        clock.stop = False
        assert trader.records.journal.unresolved()
        trader.close()
    gateway.wait_for(lambda: gateway.open_orders)
    with gateway.moment():
        gateway.order_handling.fill(gateway.open_orders[0], Decimal(211), Decimal(450))


def test_a_new_process_continues_where_the_old_one_died(tmp_path: Path) -> None:
    """Between the order and its outcome: the intent is on disk, the fill is at the broker."""
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        dies_after_its_order(gateway, clock, tmp_path)
        with broker_at(gateway, clock) as broker:
            new = Trader(Bench(gateway, broker, clock), tmp_path)
            new.settle(Holding.QQQ)
            assert len(gateway.orders) == 1
            new.assert_true_to_the_gateway()
            new.close()


def test_a_fill_nobody_read_on_its_day_is_reported_as_lost_and_not_as_refused(tmp_path: Path) -> None:
    """The machine dies after the order and is started the next morning, when the gateway lists that day alone."""
    clock = MovedClock()
    with gateway_at(clock) as gateway:
        dies_after_its_order(gateway, clock, tmp_path)
        clock.move(22 * 3600)
        gateway.restart()
        with broker_at(gateway, clock) as broker:
            at = Bench(gateway, broker, clock)
            at.sound()
            new = Trader(at, tmp_path)
            for _ in range(8):
                open_still = bool(new.records.journal.unresolved())
                new.check(Holding.QQQ)
                assert new.last_check().action == "WAIT"
                assert open_still or new.last_check().error == "LedgerMismatch"
                clock.move(60)
                at.sound()
            assert not new.records.journal.unresolved()
            told = [event.kind for event in new.notifier.recent]
            assert ("order_lost" in told, "order_refused" in told, "broker" in told) == (True, False, False)
            assert len(gateway.orders) == 1
            new.close()
