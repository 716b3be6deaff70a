"""The owner's two answers when the account's shares differ from the book: adopt them, or leave them alone.

Adopting records a purchase or a sale at the market's price. It is refused if there cannot have been one (the bot could
not have paid for it, or the change looks like a split) and if no check would trade at that price.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from qqqbot.model.errors import PRICE_ERRORS, LedgerMismatch
from qqqbot.model.values import SYMBOLS, AccountSnapshot, Market, Rules, Snapshot
from qqqbot.records.book import Book
from qqqbot.strategy import gates

# QQQ and TQQQ have been split 2:1 and 3:1 so far. Larger splits are rare; a purchase by hand is then more likely.
LARGEST_SPLIT = 5
# How far a price may have moved since the shares were bought, apart from the split itself.
SPLIT_TOLERANCE = 0.35


def adopt(book: Book, account: AccountSnapshot, prices: Mapping[str, Decimal], now: datetime) -> list[str]:
    """The account is right: make the book agree, at `prices`. Returns a sentence for each change.

    Raises LedgerMismatch, with nothing recorded, if the bot's cash would not have paid for it.
    """
    found = differences(book, account)
    # Shares that are missing were the bot's first: what the owner keeps apart is touched only when those are gone.
    own = {symbol: max(difference, -book.ledger.shares[symbol]) for symbol, difference in found.items()}
    _refuse_debt(book, own, prices)
    done = []
    for symbol, difference in found.items():
        if own[symbol]:
            book.adopt(symbol, own[symbol], prices[symbol], now)
            done.append(f"{symbol}: {own[symbol]:+,} shares recorded in the book at {prices[symbol]:,.2f}")
        if own[symbol] != difference:
            book.leave(symbol, difference - own[symbol], now)
            done.append(f"{symbol}: {difference - own[symbol]:+,} shares of those left alone")
    return done


def leave(book: Book, account: AccountSnapshot, now: datetime) -> list[str]:
    """Shares beyond the book's are the owner's. Returns a sentence for each change.

    Raises LedgerMismatch if the account has fewer shares than the bot's: missing shares cannot be left alone.
    """
    found = differences(book, account)
    if short := [s for s, d in found.items() if book.ledger.foreign[s] + d < 0]:
        raise LedgerMismatch(
            f"{', '.join(short)}: the account holds fewer shares than the book says are the bot's; "
            "use ./bot_control.sh adopt to take the account's number"
        )
    for symbol, difference in found.items():
        book.leave(symbol, difference, now)
    return [f"{symbol}: {difference:+,} shares left alone" for symbol, difference in found.items()]


def differences(book: Book, account: AccountSnapshot) -> dict[str, int]:
    """The account's shares less those of the book and those left alone, for each symbol that differs."""
    ledger = book.ledger
    found = {s: account.positions.get(s, 0) - ledger.shares[s] - ledger.foreign[s] for s in SYMBOLS}
    return {symbol: difference for symbol, difference in found.items() if difference}


def refuse_unusable_prices(snapshot: Snapshot, rules: Rules) -> None:
    """Raises PricesUnavailable or StalePrices if no check would trade on these prices: the book takes no worse ones."""
    for gate in gates.check(gates.PRICE_GATES, snapshot, rules):
        if not gate.passed:
            raise PRICE_ERRORS[gate.code](
                f"{gate.sentence}. adopt records the difference at the market's price, so nothing was recorded: "
                "answer again when the prices are usable (./bot_control.sh why shows the last check)"
            )


def refuse_split(book: Book, account: AccountSnapshot, market: Market) -> None:
    """Raises LedgerMismatch if a difference looks like a split that the price source does not report yet.

    Recorded as a purchase it would cost the bot half of its equity, and the true split would never be recognised.
    """
    for symbol in differences(book, account):
        ratio, cost = _ratio(book, account, symbol), float(book.ledger.cost[symbol])
        price = market.quote(symbol).price
        if ratio and cost and abs(price * ratio / cost - 1) <= SPLIT_TOLERANCE:
            raise LedgerMismatch(
                f"{symbol}: the account holds {account.positions[symbol]:,} shares, exactly {ratio} times the book's, "
                f"and a share costs {price:,.2f} instead of {cost:,.2f}: this looks like a split that the price source "
                "does not report yet. Nothing was recorded. Wait until it does, within a day or two: the next check "
                "then records it automatically. If it is not a split, buy or sell one share by hand, and answer again"
            )


def _refuse_debt(book: Book, own: Mapping[str, int], prices: Mapping[str, Decimal]) -> None:
    """Cash below zero is money that the bot never had; sales that are adopted at the same time pay first."""
    cost = sum((prices[symbol] * quantity for symbol, quantity in own.items()), Decimal(0))
    after = book.ledger.cash - cost
    if cost <= 0 or after >= 0:
        return
    bought = ", ".join(f"{q:+,} {s} at {prices[s]:,.2f}" for s, q in own.items() if q > 0)
    raise LedgerMismatch(
        f"the account holds more than the book ({bought}), but the bot has {book.ledger.cash:,.2f} of cash and would "
        f"owe {-after:,.2f}: it cannot have bought them at this price. Nothing was recorded. If the shares are "
        "yours: ./bot_control.sh leave. If there was a split: wait until the price source reports it; it is then "
        "recorded automatically. If the shares are the bot's, bought with your money or by an order that was lost: "
        "raise total_capital in config.json by what is owed, then adopt"
    )


def _ratio(book: Book, account: AccountSnapshot, symbol: str) -> Fraction | None:
    """How many shares there are now for each of the book's, if that is the ratio of a split."""
    before = book.ledger.shares[symbol] + book.ledger.foreign[symbol]
    after = account.positions.get(symbol, 0)
    if min(before, after) <= 0:
        return None
    ratio = Fraction(after, before)
    larger, smaller = max(ratio.as_integer_ratio()), min(ratio.as_integer_ratio())
    return ratio if smaller == 1 and 2 <= larger <= LARGEST_SPLIT else None
