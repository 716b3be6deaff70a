"""What must never be is found in the book, whichever way it came about."""

from decimal import Decimal

import pytest

from qqqbot.model.values import Side
from qqqbot.records.ledger import Ledger
from qqqbot.trading.audit import overruns
from tests.support.builders import NOW, intent
from tests.support.symbols import QQQ

REF = "qqqbot-20261124-01"


def book(*trades: tuple[str, int, str]) -> Ledger:
    """A book of 100,000 after trades in QQQ at 450: side, shares and order_ref."""
    ledger = Ledger()
    stamp = {"timestamp": NOW.isoformat()}
    ledger.apply({"kind": "capital", "amount": 100_000, **stamp})
    for number, (side, shares, ref) in enumerate(trades):
        row = {"side": side, "symbol": QQQ, "quantity": shares, "amount": shares * 450, "commission": 1}
        ledger.apply({**row, **stamp, "order_ref": ref, "exec_ids": [f"{number}.01"], "position": "QQQ"})
    return ledger


@pytest.mark.parametrize("shares", [0, 1, 211])
def test_as_much_as_was_ordered_or_less_is_in_order(shares: int) -> None:
    trades = [("BUY", shares, REF)] if shares else []
    assert not list(overruns(book(*trades), [intent(quantity=211, order_ref=REF)], set()))


def test_each_share_beyond_the_order_is_too_much() -> None:
    (found,) = overruns(book(("BUY", 211, REF), ("BUY", 1, REF)), [intent(quantity=211, order_ref=REF)], set())
    assert found == (REF, "executed 212", f"{REF}: 212 QQQ were executed, and 211 were ordered")


def test_a_sale_of_more_than_was_ordered_is_too_much() -> None:
    ledger = book(("BUY", 211, "other"), ("SELL", 200, REF))
    assert [what for _, what, _ in overruns(ledger, [intent(Side.SELL, quantity=150, order_ref=REF)], set())] == [
        "executed 200"
    ]


def test_a_book_that_owes_names_the_purchase() -> None:
    first, second = intent(quantity=211, order_ref=REF), intent(quantity=211, order_ref="second")
    ledger = book(("BUY", 211, REF), ("BUY", 211, "second"))
    assert list(overruns(ledger, [first, second], set())) == [
        ("second", "owes", "the book owes 89,902.00: more was bought than the bot's money pays for")
    ]


@pytest.mark.parametrize(("cash", "owes"), [("-100", False), ("-100.01", True), ("0", False), ("5000", False)])
def test_a_commission_or_a_corrected_price_is_no_debt(cash: str, owes: bool) -> None:
    ledger = book()
    ledger.cash = Decimal(cash)
    assert bool(list(overruns(ledger, [], set()))) is owes


def test_two_orders_under_one_reference_are_one_too_many() -> None:
    (found,) = overruns(book(), [intent(order_ref=REF)], {REF})
    assert found[1:] == ("twins", f"{REF}: the broker has two orders under this reference")
