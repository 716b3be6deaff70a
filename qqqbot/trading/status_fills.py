"""A fill without executions: the order ended, filled or in part, and the broker lists no execution.

TWS 10.31 answers the request for executions at once with nothing, unless a setting of its API says UTC
(ib-api-reloaded/ib_async#54, #82). Two witnesses are enough to book the fill: the status, with its quantity and average
price, and the account's shares, which have changed by exactly that quantity. If the status gives no price either, the
account's shares and the owner's word are. Executions that come later replace the fill.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from qqqbot.model.executions import status_exec_id
from qqqbot.model.values import AccountSnapshot, Fill, Order, OrderIntent, OrderStatus, Portfolio, Side, StatusFill

MESSAGE = "booked as the order's status reports it: the broker lists no execution, and the account's shares agree"

BY_SHARES = "booked at the owner's answer: the broker lists no execution, and the account's shares show one"


def filled_by_status(
    intent: OrderIntent, order: Order, portfolio: Portfolio, booked: int, positions: Mapping[str, int], now: datetime
) -> Order | None:
    """`order` with the missing fill; None if the witnesses disagree. `booked` shares of it are in the book already."""
    told = order.told
    missing = told.quantity - order.filled if told else 0
    if told is None or told.quantity > intent.quantity or missing <= 0:
        return None
    moved = (told.quantity - booked) * (1 if intent.side is Side.BUY else -1)
    symbol = intent.symbol
    if positions.get(symbol, 0) != portfolio.shares.get(symbol, 0) + portfolio.foreign.get(symbol, 0) + moved:
        return None
    known = sum((fill.price * fill.quantity for fill in order.fills), Decimal(0))
    price = (told.price * told.quantity - known) / missing
    fill = Fill(status_exec_id(intent.order_ref), intent.order_ref, symbol, intent.side, missing, price, None, now)
    status = OrderStatus.FILLED if told.quantity == intent.quantity else OrderStatus.CANCELLED
    return replace(order, status=status, fills=(*order.fills, fill), message=MESSAGE)


def filled_by_shares(
    intent: OrderIntent, order: Order, price: Decimal, portfolio: Portfolio, booked: int, account: AccountSnapshot
) -> Order | None:
    """`order` as filled at `price`, if the account has the shares of all of it and does not list it as open."""
    if intent.order_ref in account.open_order_refs:
        return None
    whole = replace(order, told=StatusFill(intent.quantity, price))
    filled = filled_by_status(intent, whole, portfolio, booked, account.positions, intent.decided_at)
    return replace(filled, message=BY_SHARES) if filled else None
