"""The reasons why a gateway refuses an order before it reaches the exchange, with IBKR's own codes and texts."""

from dataclasses import dataclass
from decimal import Decimal

from standins.ib_gateway.accounts import Account, commission_for
from standins.ib_gateway.codec import Request
from standins.ib_gateway.contracts import Contract, Instruments

READ_ONLY = "Error validating request.-'b1' : cause - The API interface is currently in Read-Only mode."
ORDER_TYPES = ("MKT", "LMT")


class Refusal(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Ticket:
    """A placeOrder request, parsed."""

    contract: Contract
    account: str
    action: str
    quantity: Decimal
    order_type: str
    limit: Decimal | None
    tif: str
    order_ref: str
    outside_rth: bool
    transmit: bool
    what_if: bool


def read_ticket(request: Request, instruments: Instruments, accounts: dict[str, Account]) -> Ticket:
    """Parse an order. Raises Refusal. In protobuf an absent flag is false, `transmit` included."""
    _refuse_old_defaults(request)
    contract = _contract(request, instruments)
    order_type = request.text("order.orderType")
    if order_type not in ORDER_TYPES:
        raise Refusal(321, "Error validating request.-'bF' : cause - Invalid order type was entered")
    action = request.text("order.action")
    if action not in ("BUY", "SELL"):
        raise Refusal(321, "Error validating request.-'bF' : cause - Invalid order action was entered")
    limit = request.decimal("order.lmtPrice") if order_type == "LMT" else None
    if order_type == "LMT":
        _check_limit(limit)
    return Ticket(
        contract,
        _account(request, accounts),
        action,
        _quantity(request),
        order_type,
        limit,
        request.text("order.tif"),
        request.text("order.orderRef"),
        request.flag("order.outsideRth"),
        request.flag("order.transmit"),
        request.flag("order.whatIf"),
    )


def _refuse_old_defaults(request: Request) -> None:
    """Clients up to 9.81 send eTradeOnly and firmQuoteOnly as true by default."""
    if request.flag("eTradeOnly"):
        raise Refusal(10268, "The 'EtradeOnly' order attribute is not supported.")
    if request.flag("firmQuoteOnly"):
        raise Refusal(10269, "The 'firmQuoteOnly' order attribute is not supported.")
    if request.decimal("nbboPriceCap") not in (None, 0):
        raise Refusal(10270, "The 'nbboPriceCap' order attribute is not supported.")


def _contract(request: Request, instruments: Instruments) -> Contract:
    found = instruments.find(
        request.integer("contract.conId"),
        request.text("contract.symbol"),
        request.text("contract.secType"),
        request.text("contract.currency"),
        request.text("contract.primaryExch"),
    )
    if not request.text("contract.exchange"):
        raise Refusal(321, "Error validating request.-'bF' : cause - Missing order exchange")
    if len(found) != 1:
        raise Refusal(200, "No security definition has been found for the request")
    return found[0]


def _account(request: Request, accounts: dict[str, Account]) -> str:
    name = request.text("order.account")
    if not name and len(accounts) > 1:
        raise Refusal(435, "You must specify an account.")
    if name and name not in accounts:
        raise Refusal(321, f"Error validating request.-'bF' : cause - Invalid account code '{name}'.")
    return name or next(iter(accounts))


def _quantity(request: Request) -> Decimal:
    quantity = request.decimal("order.totalQuantity")
    if quantity is None or quantity == 0:
        raise Refusal(434, "The order size cannot be zero.")
    if quantity < 0:
        raise Refusal(321, "Error validating request.-'bF' : cause - Order size must be positive")
    if quantity != quantity.to_integral_value():
        raise Refusal(10243, "Fractional-sized order cannot be placed via API. Please use desktop version.")
    return quantity


def _check_limit(limit: Decimal | None) -> None:
    if limit is None or limit <= 0:
        raise Refusal(321, "Error validating request.-'bF' : cause - A limit price is required")
    if limit != limit.quantize(Decimal("0.01")):
        raise Refusal(110, "The price does not conform to the minimum price variation for this contract.")


def check_funds(ticket: Ticket, account: Account, price: Decimal, buying_power: Decimal) -> None:
    """Raises Refusal 201 if the account cannot pay for a buy, or a cash account would go short."""
    held = account.quantity(ticket.contract)
    if ticket.action == "SELL":
        if not account.is_margin and held < ticket.quantity:
            raise Refusal(
                201,
                "Order rejected - reason:The account does not have enough shares; "
                "short sales are not allowed in a cash account.",
            )
        return
    cost = ticket.quantity * price + commission_for(ticket.quantity, price)
    if cost > buying_power:
        raise Refusal(
            201,
            "Order rejected - reason:We are unable to accept your order. Your available funds are "
            f"insufficient to cover the cost of the order, {cost:.2f} {account.currency}.",
        )
