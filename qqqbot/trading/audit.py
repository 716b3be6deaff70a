"""Looks after the fact for what must never happen: the checks before an order cannot see what the broker makes of it.

If account and book are wrong in the same way, comparing them shows nothing. It has happened: a gateway sent one order
twice under one reference (nautechsystems/nautilus_trader#4564), and its windows released orders that were believed to
be gone. A gate of every check (`gates.book_agrees`) looks for positions below zero.
"""

from collections.abc import Iterable, Iterator, Set
from decimal import Decimal

from qqqbot.model.values import OrderIntent, Side
from qqqbot.records.ledger import Ledger

# How far commissions and corrected prices may push a fully invested book below zero, as a part of its capital.
OWED_BY_CHANCE = Decimal("0.001")


def overruns(ledger: Ledger, intents: Iterable[OrderIntent], twins: Set[str]) -> Iterator[tuple[str, str, str]]:
    """For each finding: the order, the kind of finding and its sentence. The broker has each order of `twins` twice."""
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
    # This also covers a holding worth more than the bot's money, because equity is cash plus holding.
    if ledger.cash < -OWED_BY_CHANCE * ledger.total_capital:
        found = f"the book owes {-ledger.cash:,.2f}: more was bought than the bot's money pays for"
        yield bought, "owes", found
