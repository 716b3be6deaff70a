"""The life of orders at the gateway stand-in, as an unmodified ibapi client sees it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ibapi.execution import ExecutionFilter

from standins.ib_gateway import IBGateway, Quote
from standins.ib_gateway.listening import NOON, UNSET, Clock, connected, order_talk, settle
from standins.ib_gateway.trader import Trader, stock

FILLED = [
    "openOrder PreSubmitted",
    "orderStatus PreSubmitted 0",
    "execDetails 100",
    "openOrder Filled",
    "orderStatus Filled 100",
    "openOrder Filled with commission",
    "orderStatus Filled 100",
    "commissionReport",
]


def test_a_market_order_gets_the_callbacks_of_a_real_gateway(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, orderRef="ref")
    assert settle(trader) == FILLED
    (execution,) = gateway.ledger
    assert (execution.order_ref, execution.shares, execution.price) == ("ref", Decimal(100), Decimal("450.01"))


def test_partial_fills_are_reported_one_after_another(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(slices=(40,), slice_delay=0.01)
    trader.buy(1, 100)
    trader.wait("commissionReport", 2)
    assert order_talk(trader) == [
        "openOrder Submitted",
        "orderStatus Submitted 0",
        "execDetails 40",
        "openOrder Submitted",
        "orderStatus Submitted 40",
        "openOrder Submitted with commission",
        "orderStatus Submitted 40",
        "commissionReport",
        "execDetails 60",
        "openOrder Filled",
        "orderStatus Filled 100",
        "openOrder Filled with commission",
        "orderStatus Filled 100",
        "commissionReport",
    ]
    assert [values[2].cumQty for values in trader.all("execDetails")] == [40.0, 100.0]


SEQUENCES = [
    ("status_first", ["openOrder Filled", "orderStatus Filled 100", "execDetails 100", "commissionReport"]),
    ("no_status", ["execDetails 100", "commissionReport"]),
    ("commission_first", ["commissionReport", "execDetails 100", "openOrder Filled", "orderStatus Filled 100"]),
]


@pytest.mark.parametrize(("sequence", "expected"), SEQUENCES)
def test_callbacks_arrive_in_the_other_orders_that_were_observed(
    gateway: IBGateway, trader: Trader, sequence: str, expected: list[str]
) -> None:
    gateway.next_order(sequence=sequence)
    trader.buy(1, 100)
    assert settle(trader)[2:] == expected


def test_callbacks_can_be_doubled_and_shuffled(gateway: IBGateway, trader: Trader) -> None:
    gateway.faults.doubled, gateway.faults.shuffled = True, 7
    trader.buy(1, 100)
    heard = settle(trader)
    assert sorted(heard) == sorted(FILLED * 2)
    assert heard != [line for line in FILLED for _ in range(2)]


def test_an_opening_trade_has_no_realized_result_and_a_closing_one_has(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100)
    gateway.wait_for(lambda: gateway.ledger)
    gateway.set_price("QQQ", 460)
    trader.sell(2, 100)
    trader.wait("commissionReport", 2)
    opening, closing = trader.commissions()
    assert opening.realizedPNL == UNSET
    assert closing.realizedPNL == pytest.approx((459.99 - 450.02) * 100 - 1.0)
    assert gateway.position("QQQ") == 0


def test_a_commission_can_come_late_or_never(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(commission="late", commission_delay=0.3)
    gateway.next_order(commission="never")
    trader.buy(1, 10)
    assert "commissionReport" not in settle(trader)
    trader.wait("commissionReport")
    trader.buy(2, 10)
    settle(trader)
    trader.reqExecutions(5, ExecutionFilter())
    trader.wait("execDetailsEnd")
    assert {report.execId for report in trader.commissions()} == {gateway.ledger[0].exec_id}


def test_the_fixed_plan_charges_an_order_once_for_its_minimum(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(slices=(100, 300))
    trader.buy(1, 1000, lmtPrice=500)
    settle(trader)
    assert gateway.ledger == []  # 450,000 is more than the account has
    gateway.account().cash = Decimal(1_000_000)
    gateway.next_order(slices=(100, 300))
    trader.buy(2, 1000, lmtPrice=500)
    settle(trader)
    assert [execution.commission for execution in gateway.ledger] == [Decimal(1), Decimal("1.000"), Decimal("3.000")]


def test_a_correction_is_a_second_execution_with_an_id_that_differs_after_the_last_dot(
    gateway: IBGateway, trader: Trader
) -> None:
    gateway.next_order(correction=Decimal("449.50"))
    trader.buy(1, 100)
    settle(trader)
    first, second = (values[2] for values in trader.all("execDetails"))
    assert first.execId.rpartition(".")[0] == second.execId.rpartition(".")[0]
    assert (first.execId[-2:], second.execId[-2:], second.price) == ("01", "02", 449.5)
    assert [execution.price for execution in gateway.ledger] == [Decimal("449.50")]
    assert gateway.account().cash == Decimal(100_000) - Decimal("44950.00") - 1


@pytest.mark.parametrize(
    ("code", "text"), [(399, "Order Message"), (10349, "set to DAY"), (404, "shares located"), (2137, "cross side")]
)
def test_a_notice_does_not_end_an_order(gateway: IBGateway, trader: Trader, code: int, text: str) -> None:
    gateway.next_order(notices=((code, text),))
    trader.buy(1, 100)
    heard = settle(trader)
    assert f"error {code}" in heard
    assert heard[-1] == "commissionReport"
    assert len(gateway.ledger) == 1


def test_an_order_without_time_in_force_gets_a_notice_of_its_preset(gateway: IBGateway, trader: Trader) -> None:
    gateway.order_handling.preset_notice = True
    trader.buy(1, 100, tif="")
    assert trader.wait_error(10349)[0] == 1
    trader.wait("execDetails")


def test_an_order_outside_the_session_waits_for_the_open(gateway: IBGateway, trader: Trader) -> None:
    gateway.set_open(False)
    trader.buy(1, 100, outsideRth=True)
    assert settle(trader) == [
        "openOrder PreSubmitted",
        "orderStatus PreSubmitted 0",
        "error 2109",
        "error 399",
        "openOrder PreSubmitted",
        "orderStatus PreSubmitted 0",
    ]
    assert "2026-04-07 09:30:00 US/Eastern" in trader.wait_error(399)[2]
    gateway.set_open(True)
    trader.wait("execDetails")
    assert gateway.open_orders == []


def test_the_session_may_follow_the_clock(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.use_sessions([(NOON + timedelta(hours=2), NOON + timedelta(hours=4))])
    trader.buy(1, 100)
    trader.buy(2, 10, lmtPrice=400)
    settle(trader)
    clock.now += timedelta(hours=2)
    trader.wait("execDetails")
    clock.now += timedelta(hours=2)
    gateway.look()
    assert trader.wait_error(202)[0] == 2  # a DAY order ends with its session


def test_prices_may_follow_the_clock_or_a_function(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    gateway.use_prices("QQQ", [(NOON - timedelta(hours=1), 400), (NOON + timedelta(minutes=5), 410)])
    trader.buy(1, 1)
    settle(trader)
    clock.now += timedelta(minutes=5)
    trader.buy(2, 1)
    settle(trader)
    gateway.use_quotes(lambda symbol, now: Quote(ask=Decimal(now.minute)) if symbol == "QQQ" else None)
    trader.buy(3, 1)
    settle(trader)
    assert [execution.price for execution in gateway.ledger] == [Decimal("400.01"), Decimal("410.01"), Decimal(5)]


def test_contract_details_report_the_sessions_of_the_table(gateway: IBGateway, trader: Trader) -> None:
    half_day = NOON.replace(hour=17)
    gateway.use_sessions([(NOON.replace(hour=13, minute=30), half_day)])
    trader.reqContractDetails(1, stock())
    details = trader.wait("contractDetails")[0][1]
    assert details.liquidHours.startswith("20260406:0930-20260406:1300;20260407:CLOSED")
    assert details.tradingHours.startswith("20260406:0400-20260406:1700")


def test_early_statuses_can_come_before_the_acknowledgement(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(first_statuses=("ApiPending", "PendingSubmit"))
    trader.buy(1, 100)
    assert settle(trader) == ["orderStatus ApiPending 0", "orderStatus PendingSubmit 0", *FILLED]
    assert [values[5] > 0 for values in trader.all("orderStatus")] == [False, False, True, True, True]


def test_a_limit_order_rests_until_its_price_is_reached(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=445)
    assert settle(trader) == ["openOrder Submitted", "orderStatus Submitted 0"]
    gateway.set_price("QQQ", "444.90")
    trader.wait("execDetails")
    assert gateway.ledger[0].price == Decimal("444.91")


def test_a_halted_symbol_trades_when_it_resumes(gateway: IBGateway, trader: Trader) -> None:
    gateway.halt("QQQ")
    trader.buy(1, 100)
    assert settle(trader) == ["openOrder Submitted", "orderStatus Submitted 0"]
    gateway.resume("QQQ")
    trader.wait("execDetails")


def test_an_order_may_stay_open_after_a_partial_fill(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(slices=(40,), keeps_rest_open=True)
    gateway.next_order(fills=False)
    trader.buy(1, 100)
    trader.buy(2, 100)
    settle(trader)
    assert [(order.order_id, order.filled) for order in gateway.open_orders] == [(1, Decimal(40)), (2, Decimal(0))]


def test_a_cancel_is_pending_then_done_with_202(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=400)
    trader.cancel(1)
    assert settle(trader)[2:] == ["orderStatus PendingCancel 0", "orderStatus Cancelled 0", "error 202"]


CANCELS = [
    ("fills", ["orderStatus PendingCancel 0", *FILLED[2:]]),
    ("pending", ["orderStatus PendingCancel 0"]),
    ("silent", ["orderStatus PendingCancel 0", "orderStatus Cancelled 0"]),
    ("ignored", []),
]


@pytest.mark.parametrize(("how", "expected"), CANCELS)
def test_a_cancel_can_end_differently(gateway: IBGateway, trader: Trader, how: str, expected: list[str]) -> None:
    gateway.next_order(on_cancel=how, delay=60)
    trader.buy(1, 100)
    trader.cancel(1)
    assert settle(trader)[2:] == expected


def test_only_the_client_that_placed_an_order_can_cancel_it(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=400)
    settle(trader)
    with connected(gateway, 2) as other:
        other.cancel(1)
        assert other.wait_error(10147)[0] == 1
    assert len(gateway.open_orders) == 1


def test_a_filled_order_cannot_be_cancelled(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100)
    trader.cancel(1)
    assert "state: Filled" in trader.wait_error(10148)[2]


def test_a_global_cancel_ends_all_orders_and_sends_161_for_ended_ones(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100)
    trader.buy(2, 10, lmtPrice=400)
    gateway.foreign_order("QQQ", 5, limit=300)
    settle(trader)
    trader.cancel_all()
    assert trader.wait_error(161)[0] == 1
    assert trader.wait_error(202)[0] == 2
    assert gateway.open_orders == []


def test_the_exchange_can_cancel_an_order_itself(gateway: IBGateway, trader: Trader) -> None:
    gateway.next_order(cancelled_by_system="The order price is outside of the allowed band", fills=False)
    trader.buy(1, 100)
    assert settle(trader)[2:] == ["orderStatus PendingCancel 0"] * 2 + ["orderStatus Cancelled 0", "error 202"]


@pytest.mark.parametrize(
    ("status", "talk"),
    [
        ("", ["error 201"]),
        ("Inactive", ["error 201", "openOrder Inactive", "orderStatus Inactive 0"]),
        ("Cancelled", ["error 201", "openOrder Cancelled", "orderStatus Cancelled 0"]),
    ],
)
def test_a_rejection_comes_with_and_without_the_orders_state(
    gateway: IBGateway, trader: Trader, status: str, talk: list[str]
) -> None:
    gateway.next_order(reject=(201, "Order rejected - reason:no"), reject_status=status)
    trader.buy(1, 100)
    assert settle(trader) == talk
    assert gateway.open_orders == []
    assert gateway.ledger == []


REFUSALS: list[tuple[int, dict[str, Any]]] = [
    (10268, {"eTradeOnly": True}),
    (10269, {"firmQuoteOnly": True}),
    (321, {"orderType": "FEELINGS"}),
    (434, {"totalQuantity": 0}),
    (10243, {"totalQuantity": 1.5}),
    (321, {"account": "DU0"}),
    (110, {"lmtPrice": 400.001}),
    (201, {"totalQuantity": 100_000}),
]


@pytest.mark.parametrize(("code", "changes"), REFUSALS)
def test_a_wrong_order_is_refused_with_the_code_of_the_gateway(
    gateway: IBGateway, trader: Trader, code: int, changes: dict[str, Any]
) -> None:
    trader.buy(1, 100, **changes)
    assert trader.wait_error(code)[0] == 1
    assert settle(trader) == [f"error {code}"]
    assert gateway.orders == []


def test_a_cash_account_cannot_go_short(gateway: IBGateway, trader: Trader) -> None:
    gateway.hold("QQQ", 99, cost=400)
    trader.sell(1, 100)
    assert trader.wait_error(201)[0] == 1
    assert gateway.position("QQQ") == 99


@pytest.mark.parametrize(("code", "symbol", "exchange"), [(200, "QQQQ", "SMART"), (321, "QQQ", "")])
def test_a_contract_that_is_unknown_or_has_no_exchange_is_refused(
    trader: Trader, code: int, symbol: str, exchange: str
) -> None:
    trader.buy(1, 1, symbol=symbol, exchange=exchange)
    assert trader.wait_error(code)[0] == 1


def test_an_order_id_cannot_be_used_twice_or_be_lower_than_the_last(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(5, 1, orderRef="a")
    trader.buy(5, 1, orderRef="b")
    trader.buy(4, 1, orderRef="c")
    settle(trader)
    assert [error[:2] for error in trader.errors() if error[1] == 103] == [(5, 103), (4, 103)]
    assert [execution.order_ref for execution in gateway.ledger] == ["a"]


def test_the_same_id_and_reference_again_modify_a_live_order(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, lmtPrice=400, orderRef="a")
    trader.buy(1, 100, lmtPrice=451, orderRef="a")
    trader.wait("execDetails")
    assert len(gateway.orders) == 1


def test_a_what_if_order_is_answered_once_and_is_not_an_order(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, whatIf=True)
    assert settle(trader) == ["openOrder PreSubmitted with commission"]
    state = trader.all("openOrder")[0][3]
    assert (state.commission, float(state.initMarginChange)) == (1.0, 45001.0)
    assert gateway.orders == []
    trader.reqIds(1)
    assert trader.wait("nextValidId", 2)[-1] == (1,)


def test_an_untransmitted_order_is_not_reported_and_is_lost_in_a_restart(gateway: IBGateway, trader: Trader) -> None:
    trader.buy(1, 100, transmit=False)
    assert settle(trader) == []
    gateway.restart()
    assert gateway.orders == []


def test_a_dialog_holds_an_order_silently_until_it_is_confirmed_or_dismissed(
    gateway: IBGateway, trader: Trader
) -> None:
    gateway.next_order(silent=True)
    gateway.next_order(silent=True)
    trader.buy(1, 100)
    trader.reqOpenOrders()
    trader.wait("openOrderEnd")
    assert settle(trader) == []
    gateway.confirm_dialogs()
    trader.wait("execDetails")
    trader.buy(2, 100)
    settle(trader)
    gateway.dismiss_dialogs()
    assert len(gateway.ledger) == len(gateway.orders) == 1


def test_orders_of_other_clients_have_order_id_0(gateway: IBGateway, trader: Trader) -> None:
    gateway.foreign_order("QQQ", 5, client_id=97, limit=300, order_ref="theirs")
    trader.reqOpenOrders()
    trader.wait("openOrderEnd")
    assert trader.all("openOrder") == []
    trader.reqAllOpenOrders()
    trader.wait("openOrderEnd", 2)
    order_id, _, order, _ = trader.all("openOrder")[0]
    assert (order_id, order.orderRef, order.clientId) == (0, "theirs", 97)


def test_open_orders_are_downloaded_by_a_client_that_comes_back(gateway: IBGateway) -> None:
    with connected(gateway) as trader:
        trader.buy(1, 100, lmtPrice=400, orderRef="mine")
        trader.wait("orderStatus")
    gateway.wait_for(lambda: not gateway.client_ids)
    with connected(gateway) as trader:
        assert trader.names().index("openOrderEnd") < trader.names().index("nextValidId")
        assert trader.all("openOrder")[0][2].orderRef == "mine"
        assert trader.all("nextValidId") == [(2,)]


def test_executions_are_filtered_and_are_of_today_only(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    trader.buy(1, 10)
    settle(trader)
    gateway.manual_trade("TQQQ", 5)

    def asked(**wanted: Any) -> list[str]:
        filtered = ExecutionFilter()
        for name, value in wanted.items():
            setattr(filtered, name, value)
        before, ends = len(trader.all("execDetails")), len(trader.all("execDetailsEnd"))
        trader.reqExecutions(9, filtered)
        trader.wait("execDetailsEnd", ends + 1)
        return [values[1].symbol for values in trader.all("execDetails")[before:]]

    assert asked() == ["QQQ", "TQQQ"]
    assert asked(symbol="TQQQ") == ["TQQQ"]
    assert asked(clientId=1) == ["QQQ"]
    assert asked(side="SELL") == []
    assert asked(acctCode="DU1234567", secType="STK") == ["QQQ", "TQQQ"]
    assert asked(time="20260406 11:00:00") == ["QQQ", "TQQQ"]
    assert asked(time="20260406 13:00:00") == []
    clock.now += timedelta(days=1)
    assert asked() == []


@pytest.mark.parametrize(
    ("form", "text"),
    [("zone", "20260406 12:00:00 US/Eastern"), ("utc", "20260406-16:00:00"), ("old", "20260406  12:00:00")],
)
def test_the_time_of_an_execution_may_have_three_formats(
    gateway: IBGateway, trader: Trader, form: str, text: str
) -> None:
    gateway.order_handling.time_form = form
    trader.buy(1, 1)
    trader.wait("execDetails")
    assert trader.all("execDetails")[0][2].time == text


def test_completed_orders_are_of_today_and_carry_no_order_id(gateway: IBGateway, trader: Trader, clock: Clock) -> None:
    trader.buy(1, 10, orderRef="ref")
    settle(trader)
    gateway.manual_trade("QQQ", 5)
    trader.reqCompletedOrders(True)
    trader.wait("completedOrdersEnd")
    ((_, order, state),) = trader.all("completedOrder")
    assert (order.orderId, order.orderRef, order.totalQuantity, order.filledQuantity) == (0, "ref", 0.0, 10.0)
    assert (state.status, state.completedStatus) == ("Filled", "Filled Size: 10")
    clock.now += timedelta(days=1)
    trader.reqCompletedOrders(False)
    trader.wait("completedOrdersEnd", 2)
    assert len(trader.all("completedOrder")) == 1
