"""The gateway stand-in as late, silent and contradictory as the world: what a client then sees."""

from datetime import timedelta
from decimal import Decimal

import pytest
from ibapi.execution import ExecutionFilter

from standins.ib_gateway import QQQ, IBGateway
from standins.ib_gateway.accounts import SHOWN
from standins.ib_gateway.listening import Clock, settle
from standins.ib_gateway.trader import Trader


def summary(trader: Trader) -> dict[str, Decimal]:
    trader.reqAccountSummary(1, "All", "TotalCashValue,NetLiquidation,AvailableFunds,$LEDGER:USD")
    trader.wait("accountSummaryEnd")
    trader.cancelAccountSummary(1)
    shown = {values[2]: Decimal(values[3]) for values in trader.all("accountSummary") if values[2] != "RealCurrency"}
    settle(trader)
    trader.heard.clear()
    return shown


def positions(trader: Trader) -> list[float]:
    trader.reqPositions()
    trader.wait("positionEnd")
    trader.cancelPositions()
    shown = [float(values[2]) for values in trader.all("position")]
    settle(trader)
    trader.heard.clear()
    return shown


def executions(trader: Trader) -> list[float]:
    trader.heard.clear()
    trader.reqExecutions(1, ExecutionFilter())
    trader.wait("execDetailsEnd")
    return [float(values[2].shares) for values in trader.all("execDetails")]


def test_each_value_of_an_account_lags_by_a_time_of_its_own(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.lag(TotalCashValue=120, positions=5)
    trader.buy(1, 100)
    trader.wait("execDetails")
    assert positions(trader) == []
    paid = 100 * Decimal("450.01") + 1
    shown = summary(trader)
    assert (shown["TotalCashValue"], shown["AvailableFunds"], shown["CashBalance"]) == (
        Decimal(100_000),
        100_000 - paid,
        100_000 - paid,
    )
    clock.now += timedelta(seconds=5)
    assert positions(trader) == [100.0]
    assert summary(trader)["TotalCashValue"] == 100_000
    clock.now += timedelta(seconds=115)
    assert summary(trader)["TotalCashValue"] == 100_000 - paid


def test_a_summary_may_show_the_first_of_several_executions(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.lag(TotalCashValue=120, first_only=True)
    gateway.next_order(slices=(10, 40, 50))
    trader.buy(1, 100)
    trader.wait("execDetails", 3)
    assert 95_000 < summary(trader)["TotalCashValue"] < 96_000
    clock.now += timedelta(seconds=120)
    assert summary(trader)["TotalCashValue"] < 56_000


def test_lags_are_drawn_before_each_change_up_to_three_minutes(gateway: IBGateway, trader: Trader) -> None:
    gateway.lag(seed=7)
    trader.buy(1, 10)
    trader.wait("execDetails")
    first = gateway.account().lags
    assert set(first) == set(SHOWN)
    assert all(0 <= seconds <= 180 for seconds in first.values())
    trader.buy(2, 10)
    trader.wait("execDetails", 2)
    assert gateway.account().lags != first


@pytest.mark.parametrize("told", ["late", "never"])
def test_a_status_may_be_ahead_of_its_executions(gateway: IBGateway, trader: Trader, clock: Clock, told: str) -> None:
    gateway.next_order(executions=told, executions_delay=150)
    trader.buy(1, 100)
    trader.wait("orderStatus", 2)
    assert trader.all("orderStatus")[-1][1] == "Filled"
    assert executions(trader) == []
    clock.now += timedelta(seconds=150)
    gateway.look()
    settle(trader)
    assert executions(trader) == ([100.0] if told == "late" else [])
    assert positions(trader) == [100.0]


def test_executions_may_end_at_once_and_empty(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100)
    trader.wait("execDetails")
    gateway.order_handling.lists_executions = False
    assert executions(trader) == []


def test_partial_fills_may_take_minutes(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.next_order(slices=(30, 30), slice_every=60)
    trader.buy(1, 100)
    trader.wait("execDetails")
    for filled in (60, 100):
        settle(trader)
        assert gateway.position("QQQ") == filled - (30 if filled == 60 else 40)
        clock.now += timedelta(seconds=60)
        gateway.look()
        assert gateway.position("QQQ") == filled


def test_an_order_may_survive_the_night(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.order_handling.maintains_orders = True
    trader.buy(1, 100, lmtPrice=400)
    trader.wait("orderStatus")
    gateway.set_open(False)
    assert [order.status for order in gateway.open_orders] == ["Submitted"]
    clock.now += timedelta(hours=18)
    gateway.set_price("QQQ", 390)
    assert gateway.position("QQQ") == 0
    gateway.set_open(True)
    assert gateway.position("QQQ") == 100


def test_refusals_end_after_so_many_tries(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(times=2, reject=(201, "Order rejected - reason:<br>busy"))
    for order_id in (1, 2, 3):
        trader.buy(order_id, 10)
    trader.wait("execDetails")
    assert [number for number, code, _ in trader.errors() if code == 201] == [1, 2]


def test_a_cancel_is_not_answered_for_what_a_window_holds_either(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(silent=True, on_cancel="ignored")
    trader.buy(1, 10)
    trader.cancel(1)
    settle(trader)
    assert not [code for _, code, _ in trader.errors() if code in (202, 10147)]
    gateway.confirm_dialogs()
    assert gateway.position("QQQ") == 10


def test_money_comes_and_goes_and_a_dividend_becomes_a_fraction(gateway: IBGateway, trader: Trader) -> None:
    gateway.move_cash("-250.50")
    gateway.hold("QQQ", 100, cost=450)
    gateway.reinvest("QQQ", "0.6", 450)
    assert positions(trader) == [100.6]
    assert summary(trader)["TotalCashValue"] == Decimal("99749.50")
    assert gateway.ledger == []


def test_a_twin_has_the_reference_and_another_perm_id(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 10, orderRef="ref-1")
    trader.wait("execDetails")
    gateway.twin("ref-1")
    assert len({e.perm_id for e in gateway.ledger}) == 2
    assert {e.order_ref for e in gateway.ledger} == {"ref-1"}
    assert gateway.account().quantity(QQQ) == 20
