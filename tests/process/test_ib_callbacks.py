"""The callbacks of the official client, as a gateway may make them: incomplete, foreign, or without numbers."""

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

import ib_broker
from ib_broker import FIRST_REQUEST_ID
from qqqbot.adapters.ib.account import shares
from qqqbot.adapters.ib.line import READING
from qqqbot.adapters.ib.order_tracker import CommissionReport, IncompleteExecution, Notice, OrderTracker, Sent
from qqqbot.model.errors import BrokerUnavailable
from tests.support.ib_bench import QUICK, MovedClock


def client() -> ib_broker.IBGateway:
    return ib_broker.IBGateway(MovedClock(), QUICK, lambda _: None)


def test_a_connection_lost_during_the_first_reading_is_not_trusted() -> None:
    link = client()
    before = link.line.interruptions()
    link.error(-1, 1100, "lost")
    link.error(-1, 1102, "restored")
    link.line.trust(before)
    assert link.line.interrupted() == READING
    link.line.trust(link.line.interruptions())
    assert link.line.interrupted() == ""


def test_a_lost_connection_is_not_trusted_however_much_was_read() -> None:
    link = client()
    link.error(-1, 1700000000000, 2110, "broken", "")
    link.line.trust(link.line.interruptions())
    assert link.line.interrupted().startswith("2110: ")


def test_errors_in_every_format_are_understood() -> None:
    told: list[Any] = []
    link = ib_broker.IBGateway(MovedClock(), QUICK, told.append)
    for shape in ((5, 201, "no"), (5, 201, "no", "{}"), (5, 0, 201, "no"), (5, 1700000000000, 201, "no", "{}")):
        link.error(*shape)
    assert told == [Notice(5, 201, "no")] * 4


STOCK = SimpleNamespace(symbol="QQQ", secType="STK", currency="USD")
EXECUTION = {"execId": "a.1", "permId": 5, "clientId": 1, "orderId": 7, "orderRef": "qqqbot-20261124-01"} | {
    "side": "BOT",
    "shares": 10,
    "price": 450.0,
    "time": "20261124-17:00:00",
    "acctNumber": "DU1",
}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"shares": 2**127 - 1}, {"shares": "9" * 32}, {"shares": -1}, {"price": math.nan}, {"price": 1.8e308}),
        *({"side": ""}, {"side": "?"}, {"execId": ""}, {"price": 0.0}),
    ],
)
def test_an_execution_that_lacks_a_fact_is_never_read_as_another_one(wrong: dict[str, Any]) -> None:
    told: list[Any] = []
    link = ib_broker.IBGateway(MovedClock(), QUICK, told.append)
    link.account, link.clientId = "DU1", 1
    link.execDetails(-1, STOCK, SimpleNamespace(**EXECUTION | wrong))
    link.execDetails(-1, STOCK, SimpleNamespace(**EXECUTION | {"shares": 0}))  # busted
    assert isinstance(told[0], IncompleteExecution)
    assert (told[0].order_ref, told[0].perm_id, told[0].order_id) == ("qqqbot-20261124-01", 5, 7)
    assert [(execution.shares, execution.price) for execution in told[1:]] == [(0, Decimal(450))]


def test_an_execution_of_another_program_is_ignored_whatever_it_lacks() -> None:
    told: list[Any] = []
    link = ib_broker.IBGateway(MovedClock(), QUICK, told.append)
    link.account, link.clientId = "DU1", 1
    link.execDetails(-1, STOCK, SimpleNamespace(**EXECUTION | {"orderRef": "other", "price": math.nan}))
    assert told == []


def test_a_commission_that_is_not_there_is_not_one_of_zero() -> None:
    """The client of 10.50 makes 0 of an amount that the gateway's protobuf leaves out."""
    told: list[Any] = []
    link = ib_broker.IBGateway(MovedClock(), QUICK, told.append)
    report = SimpleNamespace(execId="a.1", commissionAndFees=0.0, currency="USD")
    for there in (False, True):
        link.commissionAndFeesReportProtoBuf(SimpleNamespace(HasField=lambda _, there=there: there))
        link.commissionAndFeesReport(report)
        assert told == [CommissionReport("a.1", Decimal(0))] * there


def test_a_position_without_its_number_is_never_none_at_all() -> None:
    link = client()
    for option, share in ((math.nan, 100), (1, math.nan)):
        request = link.requests.ask("positions", "positions", lambda: None)
        link.position("DU1", SimpleNamespace(symbol="QQQ", secType="OPT", currency="USD"), option, 0.0)
        link.position("DU1", SimpleNamespace(symbol="MSFT", secType="STK", currency="USD"), math.nan, 0.0)
        link.position("DU1", STOCK, share, 0.0)
        link.positionEnd()
        rows = link.requests.answer(request, 1)
        if share == 100:
            assert shares(rows, "DU1", ("QQQ",)) == {"QQQ": 100}
        else:
            with pytest.raises(BrokerUnavailable, match="number of QQQ is not a number"):
                shares(rows, "DU1", ("QQQ",))


@pytest.mark.parametrize("unset", [0, -1, 2**31 - 1, 2**63 - 1])
def test_a_status_before_the_broker_has_numbered_the_order_is_about_no_other_order(unset: int) -> None:
    """With protobuf an id that is not set comes as the largest number of its type."""
    tracker, refs = OrderTracker(), ("qqqbot-20261124-01", "qqqbot-20261124-02")
    link = ib_broker.IBGateway(MovedClock(), QUICK, tracker.take)
    link.account, link.clientId = "DU1", 1
    for number, ref in enumerate(refs, 7):
        tracker.take(Sent(ref, number))
        for status, filled, perm_id in (("PendingSubmit", 0, unset), ("Filled", 10, 1000 + number)):
            link.orderStatus(number, status, filled, 0, 450.0, perm_id, 0, 0.0, 1, "", 0.0)
        first = tracker.judge(refs[0], 10, frozenset())
        assert first.order is not None
        assert not first.order.twins
    link.orderStatus(8, "Cancelled", 0, 0, 0.0, unset, 0, 0.0, 1, "", 0.0)
    second = tracker.judge(refs[1], 10, frozenset()).order
    assert second is not None
    assert tracker.judge(refs[0], 10, frozenset()).order == first.order
    assert tracker.highest_order_id() == 8


def test_order_numbers_that_the_api_cannot_count_are_reported_with_the_cure() -> None:
    link = client()
    link.nextValidId(2**31 - 5)
    assert link.ended().endswith("in the gateway, Configure, API, Settings, 'Reset API order ID sequence'")


def test_a_refusal_under_number_0_is_about_no_order() -> None:
    link = client()
    request = link.requests.ask("open", "open orders", lambda: None)
    link.error(0, 321, "The API interface is currently in Read-Only mode.")
    with pytest.raises(BrokerUnavailable, match="Read-Only"):
        link.requests.answer(request, 1)


def test_callbacks_of_another_account_or_instrument_are_ignored() -> None:
    told: list[Any] = []
    link = ib_broker.IBGateway(MovedClock(), QUICK, told.append)
    link.account, link.clientId = "DU1", 1
    stock, execution = STOCK, EXECUTION
    bought = {"account": "DU1", "whatIf": False, "permId": 5, "clientId": 1, "orderRef": "qqqbot-20261124-01"}
    state = SimpleNamespace(status="Submitted", warningText="", completedStatus="")
    for account in ("DU2", "DU1"):
        order_there = SimpleNamespace(**bought | {"account": account, "filledQuantity": 0})
        link.openOrder(7, stock, order_there, state)
        link.completedOrder(stock, order_there, state)
        link.execDetails(-1, stock, SimpleNamespace(**execution | {"acctNumber": account}))
        assert len(told) == (3 if account == "DU1" else 0)
    for other in ({"secType": "OPT"}, {"currency": "MXN"}):
        link.execDetails(-1, SimpleNamespace(**vars(stock) | other), SimpleNamespace(**execution))
    link.openOrder(7, stock, SimpleNamespace(**bought | {"whatIf": True}), state)
    assert len(told) == 3


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_frozen_and_delayed_prices_are_not_live_prices(kind: int) -> None:
    link = client()
    request = link.ask("a price", lambda _: None)
    link.marketDataType(FIRST_REQUEST_ID, kind)
    link.tickPrice(FIRST_REQUEST_ID, 4, 450.0, None)
    with pytest.raises(BrokerUnavailable, match="only delayed prices"):
        link.requests.answer(request, 1)


def test_our_names_hide_none_of_the_clients() -> None:
    """A method of ours with the name of one of the client's would be called in its place."""
    own = {name for name in vars(ib_broker.IBGateway) if not name.startswith("__")}
    from ibapi.client import EClient
    from ibapi.wrapper import EWrapper

    callbacks = {name for name in vars(EWrapper) if not name.startswith("_")}
    assert not (own - callbacks) & set(vars(EClient))
    assert {"openOrder", "orderStatus", "execDetails", "error"} <= own & callbacks
