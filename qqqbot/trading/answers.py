"""One answer of the owner, from the command line to the screen that shows the book before and after it.

The answer is made on a copy of the book first. If that raises, it is refused and nothing is recorded; with `dry_run`
nothing is recorded in any case.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from qqqbot.display.terminal import Line, Screen, Table
from qqqbot.model.errors import LedgerMismatch
from qqqbot.model.instruments import Holding
from qqqbot.model.market import Market
from qqqbot.model.program import COMMAND
from qqqbot.model.values import Portfolio
from qqqbot.records.book import Book
from qqqbot.records.ledger import ZERO
from qqqbot.trading import adoption
from qqqbot.trading.adoption import Priced, Seen

NO_DIFFERENCE = "the account agrees with the book: nothing to record"


class Kind(StrEnum):
    ADOPT = "adopt"
    LEAVE = "leave"
    UNDO = "undo"


@dataclass(frozen=True)
class Answer:
    """`prices` maps each adopted symbol to its trade's price; "" stands for the only symbol that differs."""

    kind: Kind
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    dry_run: bool = False


class Settled(NamedTuple):
    """What the answer recorded, or would record, and the book before and after it."""

    answer: Answer
    seen: Seen
    done: list[str]
    before: Portfolio
    after: Portfolio


def price_of(text: str) -> tuple[str, Decimal]:
    """Symbol and price from '61.25' (the symbol is then "") or 'TQQQ=61.25'. Raises ValueError."""
    symbol, _, number = text.rpartition("=")
    try:
        price = Decimal(number)
    except ArithmeticError:
        raise ValueError(text) from None
    if not (price.is_finite() and price > 0) or symbol not in ("", *Holding):
        raise ValueError(text)
    return symbol, price


def settle(book: Book, answer: Answer, seen: Seen, now: datetime) -> Settled:
    """Record the answer, unless it is a dry run. Raises BotError, with nothing recorded; OSError."""
    before, trial = book.ledger.portfolio(), book.rehearsal()
    done = _make(trial, answer, seen, now)
    after = trial.ledger.portfolio()
    if answer.kind is not Kind.UNDO and not answer.prices:
        adoption.refuse_beside_split(book, seen)
    moved = after.shares != before.shares
    if moved and answer.kind is Kind.ADOPT:
        adoption.refuse_money_that_is_not_there(trial, seen, after.equity(_prices(seen.market, after)))
    if not answer.dry_run:
        _make(book, answer, seen, now)
    return Settled(answer, seen, done, before, after)


def _make(book: Book, answer: Answer, seen: Seen, now: datetime) -> list[str]:
    if answer.kind is Kind.UNDO:
        return adoption.undo(book, now)
    if answer.kind is Kind.ADOPT and seen.executed:
        return _take_executed(book, answer, seen, now)
    adoption.refuse_late_positions(book, seen.account)
    adoption.refuse_short_position(seen.account)
    adoption.refuse_split(book, seen)
    if answer.kind is Kind.LEAVE:
        adoption.refuse_leaving_an_order(seen.executed)
        adoption.refuse_leaving_a_purchase(book, seen.account, seen.lost)
        return adoption.leave(book, seen.account, now)
    return adoption.adopt(book, seen.account, _adopted_at(book, answer, seen), now)


def _take_executed(book: Book, answer: Answer, seen: Seen, now: datetime) -> list[str]:
    """Book the orders that the account's shares show as executed; then adopt what else differs, at the other prices."""
    done = []
    for intent, order in seen.executed:
        book.absorb(intent, order, now)
        price = order.fills[-1].price
        whose = "it was decided at" if price == intent.decision_price else "you gave"
        what = f"{intent.side.lower()} {intent.quantity:,} {intent.symbol}"
        done.append(f"{intent.order_ref}: {what}, booked at {price:,.2f}, the price that {whose}")
    used = {"", *(intent.symbol for intent, _ in seen.executed)}
    rest = replace(answer, prices={symbol: price for symbol, price in answer.prices.items() if symbol not in used})
    return done + _make(book, rest, replace(seen, executed=()), now)


def _adopted_at(book: Book, answer: Answer, seen: Seen) -> dict[str, Priced]:
    """The price of each symbol that differs. Raises LedgerMismatch, PricesUnavailable, StalePrices."""
    found, given = adoption.differences(book, seen.account), dict(answer.prices)
    if "" in given and len(found) == 1:
        given[next(iter(found))] = given.pop("")
    if not found:  # the answer was given before
        return {}
    if strange := given.keys() - found.keys():
        which = ", ".join(sorted(strange)) or "the price"
        example = f"as in --price {next(iter(found))}=61.25"
        raise LedgerMismatch(f"{which}: say which symbol the price is for, {example}; what differs: {', '.join(found)}")
    priced = {}
    for symbol, difference in found.items():
        lost = adoption.price_of_lost(seen.lost, book.ledger.orders, symbol, difference)
        if symbol in given:
            priced[symbol] = Priced(given[symbol], "the price that you gave")
        elif lost is not None:
            priced[symbol] = lost
        else:
            seen.usable()
            assert seen.market is not None
            priced[symbol] = Priced(Decimal(str(round(seen.market.quote(symbol).price, 4))))
    return priced


def _prices(market: Market | None, book: Portfolio) -> dict[str, Decimal]:
    """Each share's market price or, where there is none, its average cost."""
    found = {s: Decimal(str(p)) for s, p in market.prices.items() if math.isfinite(p)} if market else {}
    return {**book.cost, **found}


def screen(settled: Settled) -> Screen:
    """The book before and after the answer, beside the account, and a sentence for each change."""
    answer, done = settled.answer, settled.done
    if not done:
        return (Line(NO_DIFFERENCE),)
    before, after, account = settled.before, settled.after, settled.seen.account
    prices = _prices(settled.seen.market, after)
    symbols = {**account.positions, **_all(before), **_all(after)}
    rows = [_shares_row(s, s, before.shares, after.shares, "") for s in symbols]
    rows += [_shares_row(f"{s}, yours", s, before.foreign, after.foreign, "") for s in symbols]
    rows = [row for row in rows if row[1:4] != ("0", "", "0")]
    held = {s: f"{account.positions.get(s, 0):,}" for s in symbols}
    rows += [_shares_row(f"{s} in all", s, _all(before), _all(after), held[s]) for s in symbols]
    there = account.spendable + account.unsettled
    rows.append(_money_row("USD cash", before.cash, after.cash, f"{there:,.2f}"))
    rows.append(_money_row("value", before.equity(prices), after.equity(prices), ""))
    what = "what it would record (dry run, nothing was recorded)" if answer.dry_run else "recorded"
    table = Table(("", "book", "change", "then", "account"), tuple(rows), frozenset(range(1, 5)))
    sentences = [Line(f"  {sentence}") for sentence in done]
    return (table, Line(""), Line(f"{answer.kind}, {what}:"), *sentences, *_what_next(settled))


def _what_next(settled: Settled) -> list[Line]:
    if settled.answer.dry_run:
        return []
    there = settled.seen.account.positions
    agrees = _all(settled.after) == Counter(there)
    differs = "Account and book differ now: nothing is traded until you answer with adopt or leave."
    taken_back = f"To take this back: {COMMAND} undo"
    return [*([] if agrees else [Line(differs)]), Line(taken_back)]


def _all(book: Portfolio) -> Counter[str]:
    return Counter(book.shares) + Counter(book.foreign)


def _shares_row(
    label: str, symbol: str, before: Mapping[str, int], after: Mapping[str, int], account: str
) -> tuple[str, ...]:
    own, then = before.get(symbol, 0), after.get(symbol, 0)
    return (label, f"{own:,}", f"{then - own:+,}" if then != own else "", f"{then:,}", account)


def _money_row(label: str, before: Decimal, after: Decimal, account: str) -> tuple[str, ...]:
    change = after - before
    return (label, f"{before:,.2f}", f"{change:+,.2f}" if change != ZERO else "", f"{after:,.2f}", account)
