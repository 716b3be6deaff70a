"""What must never be, looked for after the fact: the checks before an order cannot see what a broker makes of it.

Account and book may be wrong together, and then nothing that compares them notices. It has happened: an order that a
gateway sent twice under one reference (nautechsystems/nautilus_trader#4564), and windows that released orders believed
to be gone. A position below zero is a gate of every check (`gates.book_agrees`).
"""

from collections.abc import Iterable, Iterator, Set
from decimal import Decimal

from qqqbot.model.values import OrderIntent, Side
from qqqbot.records.ledger import Ledger

# What commissions and corrected prices may take from a book that is invested to the last dollar, as a part of capital.
OWED_BY_CHANCE = Decimal("0.001")


def overruns(ledger: Ledger, intents: Iterable[OrderIntent], twins: Set[str]) -> Iterator[tuple[str, str, str]]:
    """For each: the order, which of its kind it is, and the sentence. `twins` are orders that the broker has twice."""
    bought = ""
    for intent in intents:
        ref, booked = intent.order_ref, ledger.orders.get(intent.order_ref)
        done = booked.shares if booked else 0
        if done > intent.quantity:
            found = f"{ref}: {done:,} {intent.symbol} were executed, and {intent.quantity:,} were ordered"
            yield ref, f"executed {done}", found
        if ref in twins:
            yield ref, "twins", f"{ref}: the broker has two orders under this reference"
        if done and intent.side is Side.BUY:
            bought = ref
    # A holding worth more than the bot's money is the same: its equity is this cash and the holding.
    if ledger.cash < -OWED_BY_CHANCE * ledger.total_capital:
        found = f"the book owes {-ledger.cash:,.2f}: more was bought than the bot's money pays for"
        yield bought, "owes", found
