"""The owner's two answers when the account's shares differ from the book: adopt them, or leave them alone."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from qqqbot.book import Book
from qqqbot.errors import LedgerMismatch
from qqqbot.model import SYMBOLS, AccountSnapshot


def adopt(book: Book, account: AccountSnapshot, prices: Mapping[str, Decimal], now: datetime) -> list[str]:
    """The account is right: make the book agree, at `prices`. Returns a sentence for each change."""
    done = []
    for symbol, difference in _differences(book, account).items():
        # Shares that are missing were the bot's first: what the owner keeps apart is touched only when those are gone.
        own = max(difference, -book.ledger.shares[symbol])
        if own:
            book.adopt(symbol, own, prices[symbol], now)
            done.append(f"{symbol}: {own:+,} shares recorded in the book at {prices[symbol]:,.2f}")
        if own != difference:
            book.leave(symbol, difference - own, now)
            done.append(f"{symbol}: {difference - own:+,} shares of those left alone")
    return done


def leave(book: Book, account: AccountSnapshot, now: datetime) -> list[str]:
    """Shares beyond the book's are the owner's. Returns a sentence for each change.

    Raises LedgerMismatch where the account has fewer shares than the bot's: missing shares cannot be left alone.
    """
    differences = _differences(book, account)
    if short := [s for s, d in differences.items() if book.ledger.foreign[s] + d < 0]:
        raise LedgerMismatch(
            f"{', '.join(short)}: the account holds fewer shares than the book says are the bot's; "
            "use ./bot_control.sh adopt to take the account's number"
        )
    for symbol, difference in differences.items():
        book.leave(symbol, difference, now)
    return [f"{symbol}: {difference:+,} shares left alone" for symbol, difference in differences.items()]


def _differences(book: Book, account: AccountSnapshot) -> dict[str, int]:
    ledger = book.ledger
    found = {s: account.positions.get(s, 0) - ledger.shares[s] - ledger.foreign[s] for s in SYMBOLS}
    return {symbol: difference for symbol, difference in found.items() if difference}
