"""Accounts, positions and prices at the gateway stand-in, as an unmodified ibapi client reads them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from standins.ib_gateway import QQQ, QQQ_PUT, Account, IBGateway
from standins.ib_gateway.listening import NOON, Clock, connected, settle
from standins.ib_gateway.trader import Trader, stock


def test_positions_have_no_exchange_and_follow_trades_until_cancelled(gateway: IBGateway, trader: Trader) -> None:
    gateway.hold("QQQ", -3, cost=2100, contract=QQQ_PUT)
    trader.reqPositions()
    trader.wait("positionEnd")
    trader.buy(1, 10)
    trader.wait("position", 2)
    trader.sell(2, 10)
    trader.wait("position", 3)
    rows = [(values[1].secType, values[1].exchange, values[2]) for values in trader.all("position")]
    assert rows == [("OPT", "", -3.0), ("STK", "", 10.0), ("STK", "", 0.0)]
    trader.cancelPositions()
    trader.buy(3, 10)
    settle(trader)
    assert len(trader.all("position")) == 3
    assert gateway.account().quantity(QQQ) == 10


def test_a_third_account_summary_is_refused(trader: Trader) -> None:
    for req_id in (1, 2, 3):
        trader.reqAccountSummary(req_id, "All", "NetLiquidation,TotalCashValue")
    assert trader.wait_error(322)[0] == 3
    trader.cancelAccountSummary(1)
    trader.reqAccountSummary(4, "All", "NetLiquidation")
    assert [values[0] for values in trader.wait("accountSummaryEnd", 3)] == [1, 2, 4]


def test_an_account_summary_reports_changes_every_three_minutes(
    gateway: IBGateway, trader: Trader, clock: Clock
) -> None:
    trader.reqAccountSummary(1, "All", "TotalCashValue,BuyingPower,AccruedCash")
    trader.wait("accountSummaryEnd")
    assert [values[2] for values in trader.all("accountSummary")] == ["AccruedCash", "BuyingPower", "TotalCashValue"]
    trader.buy(1, 10)
    settle(trader)
    assert len(trader.all("accountSummary")) == 3
    clock.now += timedelta(minutes=3)
    gateway.look()
    assert [values[2] for values in trader.wait("accountSummary", 5)[3:]] == ["BuyingPower", "TotalCashValue"]


def test_several_accounts_are_managed_and_kept_apart() -> None:
    accounts = [Account("U111", cash=Decimal(50_000)), Account("DUP222", cash=Decimal(70_000))]
    with IBGateway(clock=lambda: NOON, accounts=accounts) as gateway, connected(gateway) as trader:
        assert trader.all("managedAccounts") == [("U111,DUP222",)]
        trader.buy(1, 10)
        assert trader.wait_error(435)[0] == 1
        trader.buy(2, 10, account="DUP222")
        trader.wait("execDetails")
        assert [gateway.position("QQQ", name) for name in ("U111", "DUP222")] == [0, 10]


def test_a_cash_account_can_refuse_to_spend_what_has_not_settled(clock: Clock) -> None:
    account = Account("DU1", cash=Decimal(1_000), refuses_unsettled=True)
    with IBGateway(clock=clock, accounts=[account]) as gateway, connected(gateway) as trader:
        gateway.hold("TQQQ", 100, cost=50)
        trader.sell(1, 100, symbol="TQQQ")
        trader.wait("commissionReport")
        trader.buy(2, 10)
        assert trader.wait_error(201)[0] == 2
        values = account.values(gateway.exchange, NOON.date())
        assert (values["TotalCashValue"], values["SettledCash"]) == ("6998.00", "1000.00")
        clock.now += timedelta(days=1)
        trader.buy(3, 10)
        trader.wait("execDetails", 2)


def test_the_buying_power_of_a_margin_account_is_leveraged() -> None:
    account = Account("DU1", cash=Decimal(100_000), leverage=Decimal(4))
    with IBGateway(clock=lambda: NOON, accounts=[account]) as gateway, connected(gateway) as trader:
        trader.reqAccountSummary(1, "All", "NetLiquidation,AvailableFunds,BuyingPower,TotalCashValue")
        trader.wait("accountSummaryEnd")
        told = {values[2]: values[3] for values in trader.all("accountSummary")}
        assert told == {
            "NetLiquidation": "100000.00",
            "AvailableFunds": "100000.00",
            "BuyingPower": "400000.00",
            "TotalCashValue": "100000.00",
        }
        trader.buy(1, 300)
        trader.wait("execDetails")
        assert gateway.account().cash < 0


def quote_ticks(trader: Trader) -> list[tuple[int, float]]:
    return [(values[1], values[2]) for values in trader.all("tickPrice")]


def test_live_quotes_come_as_a_snapshot_or_a_stream(gateway: IBGateway, trader: Trader) -> None:
    gateway.fractional_size_rules = False
    trader.reqMktData(1, stock(), "", True, False, [])
    trader.wait("tickSnapshotEnd")
    assert quote_ticks(trader) == [(1, 449.99), (2, 450.01), (4, 450.0), (9, 450.0)]
    trader.reqMktData(2, stock(), "", False, False, [])
    trader.wait("tickPrice", 8)
    gateway.set_quote("QQQ", bid=None, ask="451", last="450.5")
    assert [(values[0], values[2]) for values in trader.wait("tickPrice", 12)[8:]] == [
        (2, -1.0),
        (2, 451.0),
        (2, 450.5),
        (2, -1.0),
    ]
    trader.cancelMktData(2)
    trader.cancelMktData(2)
    assert trader.wait_error(300)[0] == 2


@pytest.mark.parametrize(
    ("kind", "wanted", "code"),
    [("delayed", 1, 354), ("none", 3, 10168), ("none", 1, 354), ("competing", 1, 10197), ("live", 1, 10285)],
)
def test_quotes_are_refused_for_each_reason(
    gateway: IBGateway, trader: Trader, kind: str, wanted: int, code: int
) -> None:
    gateway.fractional_size_rules = code == 10285
    gateway.market_data = kind
    trader.reqMarketDataType(wanted)
    trader.reqMktData(1, stock(), "", True, False, [])
    assert trader.wait_error(code)[0] == 1
    settle(trader)
    assert quote_ticks(trader) == []


def test_delayed_quotes_have_ticks_of_their_own(gateway: IBGateway, trader: Trader) -> None:
    gateway.fractional_size_rules = False
    gateway.market_data = "delayed"
    trader.reqMarketDataType(3)
    trader.reqMktData(1, stock(), "", True, False, [])
    trader.wait("tickSnapshotEnd")
    assert trader.wait_error(10167)[0] == 1
    assert trader.all("marketDataType") == [(1, 3)]
    assert [tick for tick, _ in quote_ticks(trader)] == [66, 67, 68, 75]
