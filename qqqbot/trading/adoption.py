"""The owner's answers adopt, leave and undo: what each records, and when it is refused.

Adopting records a purchase or a sale at a price: the price that the owner gives, or the decision's price for an order
that was lost, or else the market's. Leaving records that shares are not the bot's. Undoing takes back the last answer.
Nothing here shows or asks anything.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import NamedTuple

from qqqbot.model.errors import PRICE_ERRORS, LedgerMismatch, OrderOutcomeUnknown
from qqqbot.model.market import Market
from qqqbot.model.new_york import NEW_YORK, new_york_text
from qqqbot.model.program import COMMAND
from qqqbot.model.values import AccountSnapshot, Order, OrderIntent, Rules, Side, Snapshot
from qqqbot.records.book import Book, adopted, left_alone
from qqqbot.records.ledger import ZERO, Answered, Booked, Ledger, pending_splits
from qqqbot.strategy import gates
from qqqbot.strategy.basis import RATIOS
from qqqbot.trading.bookkeeping import CENT, NOTICEABLE, POSITIONS_SHOWN, explains, ratio_of


@dataclass(frozen=True)
class Seen:
    """The facts that an answer is judged by. `lost` are orders whose end the broker no longer reports, oldest first.

    `usable` raises PricesUnavailable or StalePrices if no check would trade on the market's prices. `last_price` gives
    the price of a symbol that the bot itself saw last before a date. `withdrawn` is the part of total_capital that the
    owner has taken out of config.json, and that the book still has because it is invested.
    """

    account: AccountSnapshot
    market: Market | None
    lost: tuple[OrderIntent, ...] = ()
    usable: Callable[[], None] = lambda: None
    last_price: Callable[[str, date], float | None] = lambda _symbol, _before: None
    executed: tuple[tuple[OrderIntent, Order], ...] = ()
    withdrawn: Decimal = ZERO


class Priced(NamedTuple):
    """The price at which an adopted difference is recorded, and where it comes from."""

    price: Decimal
    whose: str = ""


def adopt(book: Book, account: AccountSnapshot, prices: Mapping[str, Priced], now: datetime) -> list[str]:
    """The account is right: make the book agree, at `prices`. Returns a sentence for each change.

    Raises LedgerMismatch, with nothing recorded, if the bot's cash would not have paid for it.
    """
    found = differences(book, account)
    # Missing shares count as the bot's first: those left alone are touched only when the bot's are gone.
    own = {symbol: max(difference, -book.ledger.shares[symbol]) for symbol, difference in found.items()}
    _refuse_debt(book, own, {symbol: priced.price for symbol, priced in prices.items()})
    done, changes = [], []
    for symbol in sorted(found, key=lambda s: own[s]):  # sales first: no row may owe money that a later row brings
        if own[symbol]:
            price, whose = prices[symbol]
            changes.append(adopted(symbol, own[symbol], price))
            because = f", {whose}" if whose else ""
            done.append(f"{symbol}: {own[symbol]:+,} shares recorded in the book at {price:,.2f}{because}")
        if left := found[symbol] - own[symbol]:
            changes.append(left_alone(symbol, left))
            done.append(f"{symbol}: {left:+,} shares of those left alone")
    book.answer(changes, now)
    return done


def leave(book: Book, account: AccountSnapshot, now: datetime) -> list[str]:
    """Record that the shares beyond the book's are the owner's. Returns a sentence for each change.

    Raises LedgerMismatch if the account has fewer shares than the book, because missing shares cannot be left alone; or
    if the book is short, because shares bought to close that position are the bot's.
    """
    found = differences(book, account)
    ledger = book.ledger
    if owed := [f"{-ledger.shares[s]:,} {s}" for s in found if ledger.shares[s] < 0]:
        raise LedgerMismatch(
            f"the bot has sold more than it had: {', '.join(owed)} of the account's shares close that position and are "
            f"the bot's. Nothing was recorded: answer {COMMAND} adopt. It takes over all that you bought; what you "
            "want to keep, buy after that, and leave it"
        )
    if short := [s for s, d in found.items() if ledger.foreign[s] + d < 0]:
        raise LedgerMismatch(
            f"{', '.join(short)}: the account holds fewer shares than the book says are the bot's; "
            f"use {COMMAND} adopt to take over the account's number"
        )
    book.answer([left_alone(symbol, difference) for symbol, difference in found.items()], now)
    return [f"{symbol}: {difference:+,} shares left alone" for symbol, difference in found.items()]


def undo(book: Book, now: datetime) -> list[str]:
    """Take back the last answer, even if it was an undo. Returns a sentence for each change.

    Raises LedgerMismatch if there is no answer, or if the shares that it recorded have been traded since.
    """
    answers = book.ledger.last_answer
    if not answers:
        raise LedgerMismatch("there is no answer to take back: none was given, or a split has been recorded since")
    trial = book.rehearsal()
    trial.undo(now)
    if _has_less(trial.ledger, answers):
        raise LedgerMismatch(
            f"the answer of {answers[0].timestamp} cannot be taken back: what it recorded has been traded since. "
            "Nothing was recorded. If account and book differ, answer with adopt or leave"
        )
    own = {row["symbol"]: row["quantity"] if row["side"] == Side.BUY else -row["quantity"] for row in book.undo(now)}
    foreign = {answer.symbol: -answer.foreign for answer in answers if answer.foreign}
    done = [f"{s}: {n:+,} shares of the bot's, taken back" for s, n in own.items() if n]
    return done + [f"{s}: {n:+,} of the shares left alone, taken back" for s, n in foreign.items()]


def _has_less(left: Ledger, answers: Sequence[Answered]) -> bool:
    """Whether the book lacks what taking back `answers` needs. What it lacked before them is no reason to refuse."""
    before = {answer.symbol: answer.shares_before for answer in reversed(answers)}
    fewer = [symbol for symbol, count in left.shares.items() if count < min(before.get(symbol, 0), 0)]
    return left.cash < min(answers[0].cash_before, ZERO) or bool(fewer) or min(left.foreign.values()) < 0


def refuse_late_positions(book: Book, account: AccountSnapshot) -> None:
    """Raises LedgerMismatch for a difference that may go away: the account may not show the bot's fills yet."""
    traded = book.ledger.traded_at
    if traded is None or not differences(book, account) or account.taken_at - traded >= POSITIONS_SHOWN:
        return
    again = traded + POSITIONS_SHOWN + timedelta(seconds=59)  # rounded up
    raise LedgerMismatch(
        f"the bot's trade of {new_york_text(traded)} may not show in the account's shares yet: they are up to "
        f"{POSITIONS_SHOWN // timedelta(minutes=1)} minutes late. Nothing was recorded: if they still differ, answer "
        f"again at {again.astimezone(NEW_YORK):%H:%M} ET"
    )


def refuse_short_position(account: AccountSnapshot) -> None:
    """Raises LedgerMismatch if the account is short: missing shares can be neither the bot's nor the owner's."""
    if short := {symbol: count for symbol, count in account.positions.items() if count < 0}:
        found = ", ".join(f"{count:,} {symbol}" for symbol, count in short.items())
        missing = " and ".join(f"{-count:,} {symbol}" for symbol, count in short.items())
        raise LedgerMismatch(
            f"the account is short ({found}). Nothing was recorded: close the position by hand, then adopt; buy "
            f"{missing} for that"
        )


def refuse_open_orders(unresolved: Sequence[OrderIntent], account: AccountSnapshot) -> None:
    """Raises OrderOutcomeUnknown while any of the bot's orders may still be executed."""
    if alive := {intent.order_ref for intent in unresolved} | {*account.open_order_refs}:
        raise OrderOutcomeUnknown(
            f"{', '.join(sorted(alive))} may still be executed, and its shares would then be counted twice: "
            f"{COMMAND} start, wait until status shows no open order, stop, and answer again"
        )


def refuse_leaving_an_order(executed: Sequence[tuple[OrderIntent, Order]]) -> None:
    """Raises LedgerMismatch for shares of an order that nothing but the account shows as executed."""
    if executed:
        refs = ", ".join(intent.order_ref for intent, _ in executed)
        raise LedgerMismatch(
            f"the account's shares are those of {refs}, of which the broker lists no execution: they are the bot's. "
            f"Nothing was recorded: {COMMAND} adopt books the order at its decision's price, or at the price that TWS "
            "shows for it (adopt --price 61.25)"
        )


def differences(book: Book, account: AccountSnapshot) -> dict[str, int]:
    """The account's shares less the book's and less the shares left alone, for each symbol to be answered.

    Those are the symbols that differ, and those of which the book is short: if nothing differs there, the bot has sold
    shares that were left alone.
    """
    ledger = book.ledger
    known = dict.fromkeys((*account.positions, *ledger.held))
    found = {s: account.positions.get(s, 0) - ledger.shares[s] - ledger.foreign[s] for s in known}
    return {symbol: difference for symbol, difference in found.items() if difference or ledger.shares[symbol] < 0}


def price_of_lost(
    lost: Sequence[OrderIntent], booked: Mapping[str, Booked], symbol: str, difference: int
) -> Priced | None:
    """The decision price of a lost order that would explain the difference; None if there is no such order."""
    if not difference:
        return None
    side = Side.BUY if difference > 0 else Side.SELL
    for intent in reversed(lost):
        known = booked.get(intent.order_ref)
        rest = intent.quantity - (known.shares if known else 0)
        if (intent.symbol, intent.side) == (symbol, side) and abs(difference) <= rest:
            return Priced(intent.decision_price, f"the price that the lost order {intent.order_ref} was decided at")
    return None


def refuse_unusable_prices(snapshot: Snapshot, rules: Rules) -> None:
    """Raises PricesUnavailable or StalePrices if no check would trade on these prices: the book takes none either."""
    for gate in gates.check(gates.PRICE_GATES, snapshot, rules):
        if not gate.passed:
            raise PRICE_ERRORS[gate.code](
                f"{gate.sentence}. adopt records the difference at the market's price, so nothing was recorded: "
                f"answer again when the prices are usable ({COMMAND} why shows the last check), or give the "
                "price of the trade: adopt --price 61.25"
            )


def refuse_split(book: Book, seen: Seen) -> None:
    """Raises LedgerMismatch if a difference looks like a split that the price source does not report yet.

    It does if the ratio of a split explains the shares, and explains the price's move since the session before better
    than no split does. The price before is the source's and also the price that the bot saw itself, because only one of
    them may be adjusted. A split recorded as a purchase, or left alone, would cost the bot half of its equity and never
    be recognised.
    """
    market = seen.market
    for symbol in differences(book, seen.account):
        before = book.ledger.shares[symbol] + book.ledger.foreign[symbol]
        found = seen.account.positions.get(symbol, 0)
        ratios = [ratio for ratio in RATIOS if found and explains(before, ratio, found)]
        if not ratios:
            continue
        now = market.quote(symbol).price if market else math.nan
        earlier = (market.previous_close(symbol), seen.last_price(symbol, market.newest_row)) if market else ()
        known = [price for price in earlier if price and price > 0] if now > 0 else []
        if not known:
            raise LedgerMismatch(
                f"{symbol}: the account holds {found:,} shares, which would be {_text(ratios[0], before)}, and without "
                "a usable price a split cannot be distinguished from shares of yours. Nothing was recorded: answer "
                f"again when {COMMAND} why shows prices"
            )
        if looks := [(r, p) for r in ratios for p in known if _nearer(now / p, float(r))]:
            ratio, price = looks[0]
            raise LedgerMismatch(
                f"{symbol}: the account holds {found:,} shares, {_text(ratio, before)}, and a share costs {now:,.2f} "
                f"instead of {price:,.2f} in the session before: this looks like a split that the price source does "
                "not report yet. Nothing was recorded. Wait until it does, within a day or two: the next check then "
                "records it automatically"
            )


def refuse_beside_split(book: Book, seen: Seen) -> None:
    """Raises LedgerMismatch if the price source reports a split that does not explain the account's shares.

    Somebody has traded them as well. No answer can separate the trade from the split: it would record one as the other.
    """
    market, account = seen.market, seen.account
    for split in pending_splits(book.ledger, market.splits) if market else ():
        symbol, before = split.symbol, seen.last_price(split.symbol, split.date)
        now = market.quote(symbol).price if market else math.nan
        if symbol in differences(book, account) and before and now > 0 and _nearer(now / before, split.ratio):
            fits = math.floor((book.ledger.shares[symbol] + book.ledger.foreign[symbol]) * ratio_of(split.ratio))
            raise LedgerMismatch(
                f"{symbol}: the price source reports a split of {split.date}, {split.ratio:g}:1, after which the "
                f"account would hold {fits:,} shares; it holds {account.positions.get(symbol, 0):,}. Nothing was "
                "recorded. Wait until the account shows the split; what was traded as well must be traded back by "
                "hand. It is then recorded automatically"
            )


def _nearer(move: float, ratio: float) -> bool:
    """Whether the price's move is nearer to the split's ratio than to none: 0.53 is nearer to 1/2 than to 1."""
    return max(move * ratio, 1 / (move * ratio)) < max(move, 1 / move)


def _text(ratio: Fraction, before: int) -> str:
    return f"those of a split {ratio.numerator}:{ratio.denominator} of the book's {before:,}"


def refuse_money_that_is_not_there(book: Book, seen: Seen, equity: Decimal) -> None:
    """Raises LedgerMismatch if `book`, as it would be after the answer, has more cash than the account.

    The next purchase would invest that cash, and the missing part would come out of the owner's other money.
    """
    account, total_capital = seen.account, book.ledger.total_capital - seen.withdrawn
    there, cash = account.spendable + account.unsettled, book.ledger.cash - seen.withdrawn
    if account.behind or cash > there + equity * NOTICEABLE:
        late = f" (its values are late: {account.behind})" if account.behind else ""
        raise LedgerMismatch(
            f"the book would have {cash:,.2f} of cash, and the account has {there:,.2f}{late}: the price is not that "
            "of the trade, or money was taken out. Nothing was recorded. After a trade of the last minutes wait three "
            "minutes and answer again; give the trade's real price (adopt --price 61.25); or, if money was taken out, "
            f"lower total_capital in config.json by that, to {total_capital + there - cash:.2f}, and answer again"
        )


def refuse_leaving_a_purchase(book: Book, account: AccountSnapshot, lost: Sequence[OrderIntent]) -> None:
    """Raises LedgerMismatch for shares that a lost order explains, if the money for them is missing in the account.

    If they were left alone, they would be the owner's, and the book would keep cash that was spent on them.
    """
    there, ledger = account.spendable + account.unsettled, book.ledger
    for symbol, difference in differences(book, account).items():
        if ledger.cash <= there + ledger.total_capital * NOTICEABLE or difference <= 0:
            continue
        if price_of_lost(lost, ledger.orders, symbol, difference):
            raise LedgerMismatch(
                f"{symbol}: an order that was lost explains the {difference:,} shares, and the account has "
                f"{there:,.2f} of the book's {ledger.cash:,.2f}: they were bought with the bot's money. "
                f"Nothing was recorded. {COMMAND} adopt takes them over; if you bought them, lower "
                "total_capital in config.json first"
            )


def _refuse_debt(book: Book, own: Mapping[str, int], prices: Mapping[str, Decimal]) -> None:
    """Raises LedgerMismatch if the bot would owe money for the purchases after the sales that are adopted with them."""
    cost = sum((prices[symbol] * quantity for symbol, quantity in own.items() if quantity), ZERO)
    ledger = book.ledger
    owed = (cost - ledger.cash).quantize(CENT, ROUND_CEILING)
    if cost <= 0 or owed <= 0:
        return
    bought = ", ".join(f"{q:+,} {s} at {prices[s]:,.2f}" for s, q in own.items() if q > 0)
    at = " ".join(f"--price {s}={prices[s].normalize():f}" for s, q in own.items() if q)
    then = f"set total_capital in config.json to {ledger.total_capital + owed:.2f}, and answer {COMMAND} adopt {at}"
    missing = f"the bot has {ledger.cash:,.2f} of cash and would owe {owed:,.2f}"
    if any(ledger.shares[symbol] < 0 for symbol in own):
        raise LedgerMismatch(
            f"the bot has sold more than it had and spent the proceeds: for the shares that close that position "
            f"({bought}) {missing}. Nothing was recorded. Give the price that you paid, if it was another (adopt "
            f"--price 61.25); or {then}: the rest is then your deposit. You may lower total_capital again: the bot "
            "returns the money once it is in cash"
        )
    raise LedgerMismatch(
        f"the account holds more than the book ({bought}), but {missing}: it cannot have bought them at this price. "
        f"Nothing was recorded. If the shares are yours: {COMMAND} leave. If there was a split: wait until the price "
        "source reports it; it is then recorded automatically. If the shares are the bot's, bought with your money or "
        f"by an order that was lost: give their real price (adopt --price 61.25), or {then}"
    )
