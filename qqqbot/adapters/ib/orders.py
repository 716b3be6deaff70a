"""The contract and the order in the official client's classes, and the arguments of its cancelOrder.

The versions of the client differ: this checks what the installed client has, not its version.
"""

import inspect
from decimal import Decimal
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order

from qqqbot.adapters.ib.account import CURRENCY
from qqqbot.model.instruments import Holding
from qqqbot.model.values import OrderIntent, OrderType


def contract_of(symbol: str) -> Contract:
    """The share, wherever it trades. The exchange of its listing distinguishes it from others of the same name."""
    contract = Contract()
    contract.symbol, contract.secType, contract.currency = symbol, "STK", CURRENCY
    contract.exchange, contract.primaryExchange = "SMART", Holding(symbol).exchange
    return contract


def order_of(intent: OrderIntent, account: str) -> Order:
    """An order for today's regular session only, with every field set: the gateway's presets would fill in the rest."""
    order = Order()
    order.action = intent.side.value
    order.totalQuantity = Decimal(intent.quantity)
    order.orderType = intent.order_type.value
    if intent.order_type is OrderType.LIMIT and intent.limit_price is not None:
        order.lmtPrice = float(intent.limit_price)
    order.tif = "DAY"
    order.account = account
    order.orderRef = intent.order_ref
    order.outsideRth = False
    order.transmit = True
    for refused in ("eTradeOnly", "firmQuoteOnly"):  # true by default in 9.81, and refused with 10268 and 10269
        if hasattr(order, refused):
            setattr(order, refused, False)
    return order


def cancel_arguments() -> tuple[Any, ...]:
    """The arguments of cancelOrder besides the id: none, a time, or since 10.30 an OrderCancel."""
    wanted = list(inspect.signature(EClient.cancelOrder).parameters.values())[2:]
    if not wanted:
        return ()
    if wanted[0].annotation is str:
        return ("",)
    from ibapi.order_cancel import OrderCancel

    return (OrderCancel(),)
