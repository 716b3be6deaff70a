"""What the official client is given: the contract and the order, complete, whatever client is installed."""

from decimal import Decimal

from qqqbot.adapters.ib.orders import cancel_arguments, contract_of, order_of
from qqqbot.model.values import OrderType
from tests.support.builders import ACCOUNT, intent


def test_the_contract_is_the_us_share_itself() -> None:
    contract = contract_of("TQQQ")
    assert (contract.symbol, contract.secType, contract.currency) == ("TQQQ", "STK", "USD")
    assert (contract.exchange, contract.primaryExchange) == ("SMART", "NASDAQ")


def test_a_market_order_is_for_this_days_regular_session_in_this_account() -> None:
    wanted = intent(quantity=7)
    order = order_of(wanted, ACCOUNT)
    assert (order.action, order.totalQuantity, order.orderType) == (wanted.side.value, 7, "MKT")
    assert (order.tif, order.outsideRth, order.transmit) == ("DAY", False, True)
    assert (order.account, order.orderRef) == (ACCOUNT, wanted.order_ref)


def test_a_limit_order_carries_its_price() -> None:
    order = order_of(intent(order_type=OrderType.LIMIT, limit_price=Decimal("450.45")), ACCOUNT)
    assert (order.orderType, order.lmtPrice) == ("LMT", 450.45)


def test_attributes_the_broker_refuses_are_off() -> None:
    order = order_of(intent(), ACCOUNT)
    assert not getattr(order, "eTradeOnly", False)
    assert not getattr(order, "firmQuoteOnly", False)


def test_a_cancel_gets_only_the_arguments_the_client_accepts() -> None:
    assert len(cancel_arguments()) <= 1
