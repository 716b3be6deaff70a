"""The messages about orders, executions and accounts, in the sequences that a real gateway sends.

The sequences follow live captures of IBKR paper gateways (versions 200 and 203): duplicates are the rule.
"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from standins.ib_gateway.accounts import Holding
from standins.ib_gateway.codec import Message
from standins.ib_gateway.exchange import NEW_YORK
from standins.ib_gateway.orders import Execution, Order

SUBMITTER = "papertrader01"


def error(code: int, text: str, req_id: int = -1, now: datetime | None = None) -> Message:
    stamp = int(now.timestamp() * 1000) if now else 0
    return Message("error", {"id": req_id, "errorCode": code, "errorMsg": text, "errorTime": stamp})


def order_status(order: Order, order_id: int | None = None) -> Message:
    return Message(
        "orderStatus",
        {
            "orderId": order.order_id if order_id is None else order_id,
            "status": order.status,
            "filled": order.filled,
            "remaining": order.remaining,
            "avgFillPrice": order.average,
            "permId": order.perm_id,
            "parentId": 0,
            "lastFillPrice": order.last_price,
            "clientId": order.client_id,
            "whyHeld": order.why_held,
            "mktCapPrice": 0,
        },
    )


def _order_values(order: Order) -> dict[str, object]:
    return {
        "order.action": order.action,
        "order.totalQuantity": order.quantity,
        "order.orderType": order.order_type,
        "order.lmtPrice": order.limit if order.limit is not None else Decimal("0.0"),
        "order.tif": order.tif,
        "order.auxPrice": Decimal("0.0"),
        "order.parentId": 0,
        "order.account": order.account,
        "order.orderRef": order.order_ref,
        "order.permId": order.perm_id,
        "order.outsideRth": order.outside_rth,
        "order.submitter": SUBMITTER,
        "order.exemptCode": -1,
        "order.deltaNeutralOrderType": "None",
        "order.adjustedOrderType": "None",
        "order.clearingIntent": "IB",
        "orderState.status": order.status,
    }


def open_order(
    order: Order,
    order_id: int | None = None,
    commission: Decimal | None = None,
    margins: dict[str, object] | None = None,
) -> Message:
    own_id = order.order_id if order_id is None else order_id
    allocation = f"{order.perm_id}.0/{order.account}/{order.quantity:f}"
    state = {
        "orderState.commissionAndFees": commission,
        "orderState.commissionAndFeesCurrency": "USD" if commission is not None else None,
        "orderState.rejectReason": order.reject_reason or None,
    }
    return Message(
        "openOrder",
        {
            "orderId": own_id,
            **order.contract.values("SMART"),
            **_order_values(order),
            "order.orderId": own_id,
            "order.clientId": order.client_id,
            "sharesAllocation": allocation,
            **state,
            **(margins or {}),
        },
    )


def completed_order(order: Order) -> Message:
    """A filled order is reported with totalQuantity 0, its shares in filledQuantity, and no order id."""
    done = f"{order.completed.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} America/New_York" if order.completed else ""
    quantity = Decimal(0) if order.status == "Filled" else order.quantity
    return Message(
        "completedOrder",
        {
            **order.contract.values("SMART"),
            **_order_values(order),
            "order.totalQuantity": quantity,
            "order.filledQuantity": order.filled,
            "orderState.completedTime": done,
            "orderState.completedStatus": order.completed_status,
        },
    )


def time_text(moment: datetime, form: str) -> str:
    """`moment` in one of the observed forms: with the zone's name, in UTC (a setting of the gateway), or the old."""
    if form == "utc":
        return f"{moment.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    local = moment.astimezone(NEW_YORK)
    return f"{local:%Y%m%d  %H:%M:%S}" if form == "old" else f"{local:%Y%m%d %H:%M:%S} US/Eastern"


def exec_details(execution: Execution, form: str = "zone", req_id: int = -1) -> Message:
    return Message(
        "execDetails",
        {
            "reqId": req_id,
            **execution.contract.values(execution.venue),
            "execution.orderId": execution.order_id,
            "execution.execId": execution.exec_id,
            "execution.time": time_text(execution.time, form),
            "execution.acctNumber": execution.account,
            "execution.exchange": execution.venue,
            "execution.side": execution.side,
            "execution.shares": execution.shares,
            "execution.price": execution.price,
            "execution.permId": execution.perm_id,
            "execution.clientId": execution.client_id,
            "execution.cumQty": execution.cumulative,
            "execution.avgPrice": execution.average,
            "execution.orderRef": execution.order_ref,
            "execution.lastLiquidity": 2,
            "execution.submitter": SUBMITTER,
        },
    )


def commission_report(execution: Execution) -> Message:
    """An opening trade has no realized result: as text that is 1.7976931348623157E308, in protobuf a missing field."""
    return Message(
        "commissionReport",
        {
            "execId": execution.exec_id,
            "commissionAndFees": execution.commission,
            "currency": execution.commission_currency,
            "realizedPNL": execution.realized,
        },
    )


def acknowledgement(order: Order) -> list[Message]:
    return [open_order(order), order_status(order)]


def fill(order: Order, execution: Execution, form: str) -> list[Message]:
    """The messages of one fill; `order` is in its state after the fill."""
    details, paid = exec_details(execution, form), commission_report(execution)
    pair = [open_order(order), order_status(order)]
    again = [open_order(order, commission=order.commission), order_status(order)]
    report = [paid] if order.behaviour.commission == "usual" else []
    if execution.listed_from is not None:
        return pair
    if order.behaviour.sequence == "status_first":
        return [*pair, details, *report]
    if order.behaviour.sequence == "no_status":
        return [details, *report]
    if order.behaviour.sequence == "commission_first":
        return [*report, details, *pair]
    return [details, *pair, *again, *report]


def cancelled(order: Order, text: str, now: datetime, with_202: bool = True) -> list[Message]:
    messages = [order_status(order)]
    if with_202:
        messages.append(error(202, f"Order Canceled - reason:{text}", order.order_id, now))
    return messages


def pending_cancel(order: Order) -> Message:
    return order_status(replace(order, status="PendingCancel"))


def position(account: str, holding: Holding) -> Message:
    """The position message. Its contract has no exchange: an order that uses it unchanged is refused."""
    return Message(
        "position",
        {
            "account": account,
            **holding.contract.values(""),
            "position": holding.quantity,
            "avgCost": holding.average_cost,
        },
    )


def what_if(order: Order, commission: Decimal, before: Decimal, change: Decimal, equity: Decimal) -> Message:
    """The one openOrder that answers a what-if order; no orderStatus follows."""
    margins: dict[str, object] = {"order.whatIf": True}
    for kind in ("initMargin", "maintMargin"):
        margins |= {
            f"orderState.{kind}Before": before,
            f"orderState.{kind}Change": change,
            f"orderState.{kind}After": before + change,
        }
    margins |= {
        "orderState.equityWithLoanBefore": equity,
        "orderState.equityWithLoanChange": -commission,
        "orderState.equityWithLoanAfter": equity - commission,
    }
    return open_order(order, commission=commission, margins=margins)
