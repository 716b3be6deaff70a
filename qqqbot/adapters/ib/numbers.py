"""Numbers as the official client gives them. Each of its ways to say "none" looks like a number, and is none here."""

from decimal import Decimal, InvalidOperation
from typing import Any

# More than any price, amount of dollars or number of shares; with larger ones the book could not compute to the cent.
# The client's own values for "none" are larger: 1.8e308, and 2**127 - 1.
LARGEST = Decimal(10**12)
# An id that is not set: 0, or with protobuf the largest number of its type.
UNSET_IDS = (-1, 2**31 - 1, 2**63 - 1)


def number_of(value: Any) -> Decimal | None:
    """A quantity, a price or an amount."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < LARGEST else None


def whole(value: Any) -> int | None:
    amount = number_of(value)
    return None if amount is None else int(amount)


def id_of(value: int) -> int:
    """The id of an order, the client's or the broker's permanent one; 0 if it is not set."""
    return 0 if value in UNSET_IDS else value
