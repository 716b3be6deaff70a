"""The real Engine on a gateway stand-in that is late, silent and contradictory, as real ones are."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.reasons import Reason
from qqqbot.model.values import Holding
from standins.ib_gateway import Account
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import QUICK, Bench, LateAccount, broker_at
from tests.support.ib_trader import Trader, trading

# Orders that are waited for through many looks.
BRISK = replace(QUICK, news=0.002)


def minutes(trader: Trader, count: int, target: Holding | None = None) -> None:
    """A check each minute, as the loop makes them while something is not finished."""
    for _ in range(count):
        trader.check(target)
        trader.at.clock.move(60)
        trader.at.sound()


@pytest.mark.parametrize("seed", range(3))
def test_a_rotation_waits_for_each_value_that_lags_and_then_buys_all(tmp_path: Path, seed: int) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.clock.move(300)
        trader.at.gateway.lag(seed=seed)
        minutes(trader, 6, Holding.TQQQ)
        assert trader.at.gateway.position("TQQQ") == 1583
        assert len(trader.at.gateway.orders) == 3
        trader.assert_true_to_the_gateway()


@pytest.mark.parametrize("restarted", [False, True])
def test_the_money_of_the_first_of_several_executions_is_not_taken_for_all_of_it(
    tmp_path: Path, restarted: bool
) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway, clock = trader.at.gateway, trader.at.clock
        trader.check(Holding.QQQ)
        clock.move(300)
        gateway.lag(first_only=True, TotalCashValue=150, AvailableFunds=150, NetLiquidation=150, CashBalance=150)
        gateway.next_order(slices=(60, 70))
        trader.check(Holding.TQQQ)
        assert gateway.position("QQQ") == 0
        assert trader.last_check().error == "MoneyLate"
        if not restarted:
            minutes(trader, 4)
            assert gateway.position("TQQQ") == 1583
            return
        trader.close()
        with broker_at(gateway, clock, ib_client_id=2) as broker:
            again = Trader(Bench(gateway, broker, clock), tmp_path)
            minutes(again, 4, Holding.TQQQ)
            assert gateway.position("TQQQ") == 1583
            again.assert_true_to_the_gateway()
            again.close()


@pytest.mark.parametrize("positions", [0.0, 20.0])
def test_a_status_ahead_of_its_executions_by_minutes_is_booked_once(tmp_path: Path, positions: float) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.at.gateway.lag(positions=positions)
        trader.at.gateway.next_order(executions="late", executions_delay=150)
        minutes(trader, 2, Holding.QQQ)
        book = trader.records.book
        assert book.ledger.shares["QQQ"] == 211
        assert [event.kind for event in trader.notifier.recent] == ["trade", "no_executions"]
        trader.at.clock.move(120)
        trader.at.gateway.look()
        minutes(trader, 4)
        trader.assert_true_to_the_gateway()
        assert book.ledger.shares["QQQ"] == 211
        assert len(trader.at.gateway.orders) == 1


def test_a_fill_whose_executions_never_come_is_in_the_book_and_the_rotation_goes_on(tmp_path: Path) -> None:
    """As with TWS 10.31 in another form than UTC: executions end at once and empty (ib_async#82)."""
    with trading(tmp_path, timing=BRISK) as trader:
        gateway = trader.at.gateway
        trader.check(Holding.QQQ)
        gateway.behave(executions="never")
        gateway.order_handling.lists_executions = False
        minutes(trader, 4, Holding.TQQQ)
        assert (gateway.position("QQQ"), gateway.position("TQQQ")) == (Decimal(0), Decimal(1583))
        assert trader.records.book.ledger.shares == {"QQQ": 0, "TQQQ": 1583}
        assert not trader.records.journal.unresolved()
        assert len(gateway.orders) == 3
        assert not gateway.recording.requests("cancelOrder")


def test_executions_that_were_lost_with_the_connection_are_not_needed_where_the_status_told_of_them(
    tmp_path: Path,
) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway = trader.at.gateway
        gateway.next_order(executions="never")
        gateway.order_handling.lists_executions = False
        trader.check(Holding.QQQ)
        gateway.drop_clients()
        trader.at.reconnected()
        minutes(trader, 3)
        assert trader.records.book.ledger.shares["QQQ"] == 211
        assert len(gateway.orders) == 1


def test_the_part_of_a_cancelled_order_whose_executions_never_come_is_in_the_book(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.at.gateway.next_order(slices=(50,), keeps_rest_open=True, executions="never")
        minutes(trader, 5, Holding.QQQ)
        assert trader.at.gateway.position("QQQ") == 211
        assert trader.records.book.ledger.shares["QQQ"] == 211
        assert trader.settled(Holding.QQQ)


def test_slow_partial_fills_halt_nothing(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.at.gateway.behave(slices=(30, 30, 30, 30, 30, 30), slice_every=15)
        minutes(trader, 20, Holding.QQQ)
        assert trader.at.gateway.position("QQQ") == 211
        assert trader.records.switch.reason() is None
        trader.assert_true_to_the_gateway()


def test_refusals_that_end_after_some_tries_leave_the_account_where_the_rule_wants_it(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.at.gateway.next_order(times=3, reject=(201, "Order rejected - reason:<br>System busy."))
        for _ in range(4):
            trader.check(Holding.QQQ)
            assert "<br>" not in trader.last_check().sentence
            trader.at.clock.move(900)
        assert trader.settled(Holding.QQQ)
        trader.assert_true_to_the_gateway()


def test_fractions_of_a_reinvested_dividend_are_left_alone(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.gateway.reinvest("QQQ", "0.6", 450)
        trader.at.clock.move(900)
        trader.check()
        assert trader.last_check().error is None
        trader.check(Holding.CASH)
        assert (str(trader.at.gateway.position("QQQ")), trader.settled(Holding.CASH)) == ("0.6", True)


@pytest.mark.parametrize("amount", [250, -40])
def test_dividends_and_fees_in_cash_stop_nothing(tmp_path: Path, amount: int) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.gateway.move_cash(amount)
        trader.at.clock.move(900)
        minutes(trader, 3, Holding.TQQQ)
        assert trader.settled(Holding.TQQQ)
        assert trader.at.gateway.account().cash >= 0


def test_money_that_was_moved_out_is_waited_for_and_reported(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.clock.move(900)
        trader.at.gateway.move_cash(-60_000)
        minutes(trader, 6, Holding.TQQQ)
        assert trader.at.gateway.position("TQQQ") == 0
        assert trader.last_check().error == "MoneyLate"
        assert "money" in [event.kind for event in trader.engine.alerts.lasting()]
        trader.at.gateway.move_cash(60_000)
        trader.check()
        assert trader.settled(Holding.TQQQ)


def test_an_order_that_survived_the_night_is_cancelled_before_anything_else(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway, clock = trader.at.gateway, trader.at.clock
        gateway.order_handling.maintains_orders = True
        gateway.next_order(fills=False, on_cancel="ignored")
        trader.check(Holding.QQQ)
        gateway.set_open(False)
        clock.move(22 * 3600)
        gateway.orders[0].behaviour = gateway.exchange.behaviour
        gateway.halt("QQQ")
        gateway.set_open(True)
        trader.at.sound()
        minutes(trader, 2)
        assert [order.status for order in gateway.orders] == ["Cancelled"] * len(gateway.orders)
        gateway.resume("QQQ")
        minutes(trader, 3)
        assert gateway.position("QQQ") == 211
        trader.assert_true_to_the_gateway()


SIZE_LIMIT = (
    383,
    "The following order size exceeds the Size Limit of 100. Restriction is specified in Precautionary Settings.",
)


def test_what_a_precaution_keeps_though_it_is_not_to_be_found_is_never_followed_by_another_order(
    tmp_path: Path,
) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway = trader.at.gateway
        gateway.behave(precaution=SIZE_LIMIT, on_cancel="unknown")
        minutes(trader, 12, Holding.QQQ)
        assert len(gateway.orders) == 1
        reason = trader.records.switch.reason() or ""
        assert reason.startswith("the gateway took 1 order and answered none (383: ")
        assert reason.endswith("look at its windows, then resume")
        gateway.behave()
        gateway.confirm_dialogs()
        minutes(trader, 2)
        assert gateway.position("QQQ") == 211
        trader.assert_true_to_the_gateway()


def test_a_twin_under_one_reference_halts_within_one_check(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.gateway.twin(trader.at.gateway.orders[0].order_ref)
        trader.at.clock.move(900)
        trader.check()
        assert trader.last_check().error == "OrderOverrun"
        assert "422 QQQ were executed, and 211 were ordered" in (trader.records.switch.reason() or "")
        assert "halt" in [event.kind for event in trader.notifier.recent]
        minutes(trader, 3, Holding.CASH)
        assert len(trader.at.gateway.orders) == 2


def test_a_twin_of_a_sale_leaves_a_short_account_that_is_told_and_closed_by_hand(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway = trader.at.gateway
        trader.check(Holding.QQQ)
        trader.at.clock.move(900)
        trader.check(Holding.CASH)
        gateway.twin(gateway.orders[1].order_ref)
        trader.at.clock.move(60)
        trader.check()
        assert gateway.position("QQQ") == -211
        assert trader.last_check().error == "OrderOverrun"
        assert "422 QQQ were executed, and 211 were ordered" in (trader.records.switch.reason() or "")
        minutes(trader, 3, Holding.TQQQ)
        assert {"halt", "mismatch"} <= {event.kind for event in trader.engine.alerts.lasting()}
        (trader.records.decisions.path.parent / "HALT").unlink()
        minutes(trader, 3, Holding.TQQQ)
        assert trader.last_check().error == "UnexpectedPosition"
        assert len(gateway.orders) == 3


def test_a_twin_that_is_still_open_halts_and_is_cancelled(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        gateway = trader.at.gateway
        gateway.twin(gateway.orders[0].order_ref, limit=300)
        trader.at.clock.move(900)
        trader.check()
        assert "has two orders under this reference" in (trader.records.switch.reason() or "")
        minutes(trader, 2)
        assert not gateway.open_orders
        assert gateway.position("QQQ") == 211


def test_a_copy_of_the_order_that_sells_by_hand_what_it_bought_is_the_owners_trade(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        gateway, book = trader.at.gateway, trader.records.book
        gateway.foreign_order("QQQ", -211, order_ref=gateway.orders[0].order_ref)
        trader.at.clock.move(900)
        minutes(trader, 3)
        assert "has two orders under this reference" in (trader.records.switch.reason() or "")
        assert {"halt", "mismatch"} <= {event.kind for event in trader.engine.alerts.lasting()}
        assert gateway.position("QQQ") == 0
        assert book.ledger.shares["QQQ"] == 211
        assert len(gateway.orders) == 2


def test_a_commission_in_another_currency_is_no_amount_in_dollars(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.next_order(commission_currency="EUR")
        trader.check(Holding.QQQ)
        (row,) = [row for row in trader.records.book._file.rows() if row.get("kind", "trade") == "trade"]
        assert (row["quantity"], row["commission"]) == (211, None)


def test_zeros_just_after_a_sale_are_late_and_not_a_poor_account(tmp_path: Path) -> None:
    poor = LateAccount(ACCOUNT, cash=Decimal(100_000), leverage=Decimal(4))
    with trading(tmp_path, poor, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        trader.at.clock.move(60)
        poor.told, poor.late = dict.fromkeys(poor.told, "0.00"), tuple(poor.told)
        minutes(trader, 2, Holding.TQQQ)
        last = trader.last_check()
        assert (last.error, "are reported as zero" in last.sentence or "newest fills" in last.sentence) == (
            "MoneyLate",
            True,
        )
        assert not trader.engine.state.missing
        poor.late = ()
        minutes(trader, 2, Holding.TQQQ)
        assert trader.at.gateway.position("TQQQ") == 1583


def test_zeros_that_last_are_believed(tmp_path: Path) -> None:
    with trading(tmp_path, Account(ACCOUNT, cash=Decimal(0), leverage=Decimal(4)), timing=BRISK) as trader:
        assert "are reported as zero" in trader.at.broker.snapshot().behind
        trader.at.clock.move(700)
        assert trader.at.broker.snapshot().behind == ""
        assert trader.at.broker.snapshot().behind == ""


def test_the_account_shows_what_it_will_pay_of_a_dividend(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.account(ACCOUNT).dividends = Decimal("103.39")
        assert trader.at.broker.snapshot().dividends_due == Decimal("103.39")


def test_an_account_with_euros_alone_is_no_account_with_dollars(tmp_path: Path) -> None:
    """It may have no row of dollars at all, from the first answer on; TotalCashValue is 100,000."""
    euros = WithoutLedger(ACCOUNT, cash=Decimal(0), foreign_cash=Decimal(100_000), leverage=Decimal(4), left_out=True)
    with trading(tmp_path, euros, timing=BRISK) as trader:
        minutes(trader, 4, Holding.QQQ)
        assert "the dollars of the account are not reported" in trader.last_check().sentence
        minutes(trader, 14)
        assert (trader.at.gateway.orders, trader.last_check().error) == ([], Reason.MONEY_LATE)
        assert trader.engine.state.missing == 100_000
        euros.cash, euros.foreign_cash, euros.left_out = Decimal(100_000), Decimal(0), False
        minutes(trader, 2)
        assert trader.at.gateway.position("QQQ") == 211


def test_a_sale_needs_no_dollars(tmp_path: Path) -> None:
    account = WithoutLedger(ACCOUNT, cash=Decimal(100_000), leverage=Decimal(4))
    with trading(tmp_path, account, timing=BRISK) as trader:
        trader.check(Holding.QQQ)
        account.left_out = True
        minutes(trader, 5, Holding.CASH)
        assert trader.at.gateway.position("QQQ") == 0


@dataclass
class WithoutLedger(Account):
    """One whose cash by currency is left out of some answers."""

    left_out: bool = False

    def ledger(self) -> dict[str, str]:
        return {} if self.left_out else super().ledger()


def test_an_answer_without_its_dollars_is_not_one_without_other_currencies(tmp_path: Path) -> None:
    euros = WithoutLedger(ACCOUNT, cash=Decimal(20_000), foreign_cash=Decimal(80_000), leverage=Decimal(4))
    with trading(tmp_path, euros, timing=BRISK) as trader:
        trader.check(Holding.CASH)
        euros.left_out = True
        minutes(trader, 15, Holding.QQQ)
        euros.left_out = False
        assert (trader.at.gateway.orders, trader.last_check().error) == ([], Reason.MONEY_LATE)
        minutes(trader, 15)
        assert 0 <= euros.cash < 1_000
