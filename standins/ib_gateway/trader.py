"""A small client on whichever `ibapi` is installed, from 9.81 to 10.51: it records everything and decides nothing.

As a script, `trader.py PORT CLIENT_ID`, it reads an account, trades, is filled in parts, cancels, reads it all
back, and prints what it received as JSON: the same script for every version of the client package.
"""

import inspect
import json
import sys
import threading
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

try:
    from ibapi.order_cancel import OrderCancel
except ImportError:  # before 10.30
    OrderCancel = None

LOCALHOST = "127.0.0.1"
COMMISSION = "commissionAndFeesReport" if hasattr(EWrapper, "commissionAndFeesReport") else "commissionReport"


class Trader(EWrapper, EClient):  # type: ignore[misc]
    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self._news = threading.Condition()
        self.thread: threading.Thread | None = None

    def hear(self, name: str, values: tuple[Any, ...]) -> None:
        with self._news:
            self.heard.append((name, values))
            self._news.notify_all()

    def start(self, port: int, client_id: int = 1) -> "Trader":
        self.connect(LOCALHOST, port, client_id)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def stop(self) -> None:
        self.disconnect()
        if self.thread:
            self.thread.join(3)

    def __enter__(self) -> "Trader":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def all(self, name: str) -> list[tuple[Any, ...]]:
        return [values for heard, values in list(self.heard) if heard == name]

    def names(self) -> list[str]:
        return [name for name, _ in list(self.heard)]

    def wait(self, name: str, count: int = 1, timeout: float = 30.0) -> list[tuple[Any, ...]]:
        with self._news:
            if not self._news.wait_for(lambda: len(self.all(name)) >= count, timeout):
                raise TimeoutError(f"{name} did not arrive {count} times; received {self.names()}")
        return self.all(name)

    def errors(self) -> list[tuple[int, int, str]]:
        """(request or order id, code, text), whatever the version."""
        return [(v[0], v[2], v[3]) if isinstance(v[2], int) else (v[0], v[1], v[2]) for v in self.all("error")]

    def wait_error(self, code: int, timeout: float = 30.0) -> tuple[int, int, str]:
        with self._news:
            if not self._news.wait_for(lambda: any(e[1] == code for e in self.errors()), timeout):
                raise TimeoutError(f"error {code} did not come; errors {self.errors()}")
        return next(error for error in self.errors() if error[1] == code)

    def commissions(self) -> list[Any]:
        return [values[0] for values in self.all(COMMISSION)]

    def buy(self, order_id: int, quantity: int, symbol: str = "QQQ", exchange: str = "SMART", **changes: Any) -> None:
        self.placeOrder(order_id, stock(symbol, exchange), market_order("BUY", quantity, **changes))

    def sell(self, order_id: int, quantity: int, symbol: str = "QQQ", **changes: Any) -> None:
        self.placeOrder(order_id, stock(symbol), market_order("SELL", quantity, **changes))

    def cancel(self, order_id: int) -> None:
        """Cancel an order; cancelOrder has had three signatures."""
        extra: tuple[Any, ...] = ()
        if len(inspect.signature(EClient.cancelOrder).parameters) > 2:
            extra = (OrderCancel(),) if OrderCancel else ("",)
        self.cancelOrder(order_id, *extra)

    def cancel_all(self) -> None:
        takes = len(inspect.signature(EClient.reqGlobalCancel).parameters)
        self.reqGlobalCancel(*([OrderCancel()] if takes > 1 else []))


def _record(name: str) -> Any:
    def callback(self: Trader, *values: Any, **named: Any) -> None:
        self.hear(name, (*values, *named.values()))

    return callback


for _name, _ in inspect.getmembers(EWrapper, inspect.isfunction):
    if not _name.startswith(("_", "logAnswer")) and not _name.endswith("ProtoBuf"):
        setattr(Trader, _name, _record(_name))


def stock(symbol: str = "QQQ", exchange: str = "SMART") -> Any:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", exchange, "USD"
    return contract


def market_order(action: str, quantity: int, **changes: Any) -> Any:
    order = Order()
    order.action, order.totalQuantity, order.orderType, order.tif = action, quantity, "MKT", "DAY"
    if hasattr(order, "eTradeOnly"):  # 9.81 sends these as true, and the gateway refuses that
        order.eTradeOnly = order.firmQuoteOnly = False
    if "lmtPrice" in changes:
        order.orderType = "LMT"
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def session(port: int, client_id: int) -> dict[str, Any]:
    """Place two orders and ask a question of every kind."""
    with Trader().start(port, client_id) as trader:
        first = int(trader.wait("nextValidId")[0][0])
        trader.wait("managedAccounts")
        trader.buy(first, 100, orderRef="ref-1")
        trader.wait("execDetails", 2)
        trader.wait(COMMISSION, 2)
        trader.buy(first + 1, 10, lmtPrice=400.25, orderRef="ref-2")
        trader.reqOpenOrders()
        trader.wait("openOrderEnd")
        trader.cancel(first + 1)
        trader.wait_error(202)
        _ask_everything(trader, first)
        return _report(trader)


def _ask_everything(trader: Trader, first: int) -> None:
    trader.reqAllOpenOrders()
    trader.reqPositions()
    trader.reqAccountSummary(101, "All", "NetLiquidation,TotalCashValue,SettledCash,AvailableFunds,BuyingPower")
    trader.reqExecutions(102, ExecutionFilter())
    trader.reqCompletedOrders(False)
    trader.reqContractDetails(103, stock())
    trader.reqMarketDataType(3)
    trader.reqMktData(104, stock("TQQQ"), "", True, False, [])
    trader.buy(first + 2, 5, whatIf=True, orderRef="ref-3")
    trader.reqPositionsMulti(105, "", "")
    trader.reqAccountUpdates(True, "")
    trader.cancel_all()
    trader.reqIds(1)
    trader.reqCurrentTime()
    ends = (
        "positionEnd",
        "accountSummaryEnd",
        "execDetailsEnd",
        "completedOrdersEnd",
        "contractDetailsEnd",
        "positionMultiEnd",
        "accountDownloadEnd",
        "currentTime",
    )
    for name in ends:
        trader.wait(name)
    trader.wait("openOrderEnd", 2)
    trader.wait("nextValidId", 2)


def _report(trader: Trader) -> dict[str, Any]:
    return {
        "version": trader.serverVersion(),
        "names": trader.names(),
        "errors": trader.errors(),
        "executions": [
            [e.execId, e.side, float(e.shares), e.price, e.orderRef, e.permId, e.time, e.clientId]
            for *_, e in trader.all("execDetails")
        ],
        "statuses": [[v[0], v[1], float(v[2]), float(v[3])] for v in trader.all("orderStatus")],
        "open": [
            [
                v[0],
                v[1].symbol,
                v[2].orderRef,
                v[2].orderType,
                float(v[2].totalQuantity),
                v[2].permId,
                v[2].account,
                v[3].status,
            ]
            for v in trader.all("openOrder")
        ],
        "positions": [
            [v[0], v[1].symbol, v[1].secType, v[1].exchange, float(v[2]), v[3]] for v in trader.all("position")
        ],
        "summary": {v[2]: v[3] for v in trader.all("accountSummary")},
        "completed": [
            [v[0].symbol, v[1].orderRef, float(v[1].filledQuantity), v[2].status, v[2].completedStatus]
            for v in trader.all("completedOrder")
        ],
        "details": [
            [d.contract.conId, d.contract.primaryExchange, d.timeZoneId, d.liquidHours, d.minTick]
            for _, d in trader.all("contractDetails")
        ],
        "prices": [[v[1], v[2]] for v in trader.all("tickPrice")],
        "time": trader.all("currentTime")[0][0],
        "commissions": [[c.execId, float(paid(c)), float(c.realizedPNL)] for c in trader.commissions()],
    }


def paid(report: Any) -> Any:
    return report.commissionAndFees if hasattr(report, "commissionAndFees") else report.commission


if __name__ == "__main__":
    print(json.dumps(session(int(sys.argv[1]), int(sys.argv[2]))))
