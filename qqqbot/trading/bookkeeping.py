"""What changes the book without an order: splits, dividends on the bot's shares, and a changed total_capital.

Each is recorded once, even if the process is killed in between: the amount due is always computed from what the book
lacks. A split needs the account's shares as a second witness, and a dividend the adjusted closes of its symbol.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

from qqqbot.model.market import Dividend, Market, Split
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock, Notifier
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import AccountSnapshot, OrderIntent, Portfolio
from qqqbot.records.book import Book
from qqqbot.records.ledger import SAME_EVENT, ZERO, Ledger, pending_splits
from qqqbot.strategy.witnesses import witnessed

log = logging.getLogger(__name__)

CENT = Decimal("0.01")
# The largest dividend, as a part of the share's price. In daily data to 2026-08 it was 0.56 % for QQQ since 2005 and
# 0.61 % for TQQQ. Yahoo has reported dividends 10 or 100 times too large: they are beyond this.
LARGEST_DIVIDEND = Decimal("0.01")
# A dividend that the price source reports later than this is not booked: earlier versions booked no dividends, and
# their owners counted the money as deposits.
LATEST_DIVIDEND = timedelta(days=60)
# The parts of a dividend that an account may be paid, by the rates of US withholding tax: no tax, the treaties' rates,
# and 30 %. An amount that fits none of them contains something else: the account reports one sum for all its shares.
PARTS_PAID = tuple(map(Decimal, ("1", "0.9", "0.85", "0.75", "0.7")))
RATE_TOLERANCE = Decimal("0.01")
# Interest, fees, and dividends booked before they are paid together stay below this part of the bot's value.
NOTICEABLE = Decimal("0.01")
# The broker refreshes an account every three minutes, and filling an order may take one more.
POSITIONS_SHOWN = timedelta(minutes=4)


class AfterSplit(NamedTuple):
    """The bot's and the owner's shares after a split, and the fraction of a share for which the bot gets cash."""

    shares: int
    foreign: int
    fraction: Fraction


@dataclass
class Bookkeeper:
    """Updates the book at each check, before anything is decided.

    `capital` is total_capital as configured; None leaves it unchanged.
    """

    book: Book
    clock: Clock
    notifier: Notifier
    capital: Decimal | None = None
    _refused: set[Dividend] = field(default_factory=set, init=False)

    def look(self, market: Market, account: AccountSnapshot, unresolved: Sequence[OrderIntent]) -> None:
        """Record what is due. Raises OSError."""
        for split in self.record_splits(market, account):
            text = f"{split.symbol} was split {split.ratio:g}:1 on {split.date}; recorded"
            self.notifier.notify(AlertKind.SPLIT, text)
        self._record_income(market, account)
        if self.capital is not None and set_capital(self.book, self.capital, self.clock, unresolved) is None:
            self.capital = None

    def record_splits(self, market: Market, account: AccountSnapshot) -> list[Split]:
        """Record the splits on which the price source and the account's shares agree; returns them."""
        recorded, ledger = [], self.book.ledger
        for split in pending_splits(ledger, market.splits):
            after = after_split(ledger, split, account.positions.get(split.symbol, 0))
            if split.date > market.newest_row or after is None:
                continue
            price = Fraction(str(market.quote(split.symbol).price)) if after.fraction else Fraction(0)
            cash = Decimal(round(float(after.fraction * price), 2)).quantize(CENT)
            self.book.record_split(split, after.shares, after.foreign, cash, self.clock.now())
            recorded.append(split)
        return recorded

    def _record_income(self, market: Market, account: AccountSnapshot) -> None:
        now = self.clock.now()
        for dividend in last_reported(market.dividends):
            if not market.newest_row - LATEST_DIVIDEND <= dividend.date <= market.newest_row:
                continue
            known = self.book.ledger.income_of(dividend.symbol, dividend.date)
            if doubt := doubt_about(dividend, market):
                if known is None or known.per_share != Decimal(str(dividend.amount)):
                    self._refuse(dividend, doubt, market)
                continue
            amount = income_due(self.book.ledger, dividend, market, account)
            # A source that wavers between two figures changes the book once a day, not at each check.
            if abs(amount) >= CENT and (known is None or known.recorded < new_york_date(now)):
                self.book.record_income(dividend, amount, now)
                text = f"{'was corrected: ' if known else ''}{amount:+,.2f} USD (ex-dividend on {dividend.date})"
                self.notifier.notify(AlertKind.INCOME, f"{dividend.symbol}, {text}")

    def _refuse(self, dividend: Dividend, doubt: str, market: Market) -> None:
        """Report once a dividend on the bot's shares; not on its ex-date: the closes may still follow."""
        entitled = self.book.ledger.shares_before(dividend.symbol, dividend.date) > 0
        if entitled and dividend.date < market.newest_row and dividend not in self._refused:
            self._refused.add(dividend)
            text = f"{dividend.symbol}, {dividend.amount:g} USD a share (ex-dividend on {dividend.date}): {doubt}"
            self.notifier.notify(AlertKind.INCOME_DOUBTFUL, text)


def after_split(ledger: Ledger, split: Split, found: int) -> AfterSplit | None:
    """How the account's `found` shares divide between bot and owner after `split`; None if it does not explain them.

    The account may hold a fraction of a share that nobody counts (a reinvested dividend). For a fraction that the split
    left, it may have got cash or a whole share.
    """
    own, foreign, ratio = ledger.shares[split.symbol], ledger.foreign[split.symbol], ratio_of(split.ratio)
    if not explains(own + foreign, ratio, found):
        return None
    exact, whole = own * ratio, math.floor(own * ratio)
    if foreign == 0 and ratio < 1 and found > whole:
        whole = found
    lost = min(exact - whole, max((own + foreign) * ratio - found, Fraction(0)))
    return AfterSplit(whole, found - whole, max(lost, Fraction(0)))


def explains(before: int, ratio: Fraction, found: int) -> bool:
    """Whether a split may have turned `before` shares, and a fraction that is not counted, into `found`."""
    least, most = math.floor(before * ratio), math.ceil((before + 1) * ratio) - 1
    return before != found and before > 0 and least <= found <= max(most, math.ceil(before * ratio))


def ratio_of(ratio: float) -> Fraction:
    """The exact ratio: Yahoo reports 1:3 as 0.333333."""
    return Fraction(ratio).limit_denominator(1000)


def doubt_about(dividend: Dividend, market: Market) -> str | None:
    """Why a reported dividend is not believed; None if it is."""
    if Decimal(str(dividend.amount)) > LARGEST_DIVIDEND * Decimal(str(market.quote(dividend.symbol).price)):
        return f"more than {LARGEST_DIVIDEND:.0%} of the price, which is more than any so far"
    if not witnessed(dividend, market.rows(dividend.symbol)):
        return "its closes are not adjusted for that amount on that day"
    return None


def last_reported(dividends: Sequence[Dividend]) -> list[Dividend]:
    """Each dividend once, as last reported. Two of nearly the same date are one whose date was corrected."""
    found = sorted(dividends, key=lambda dividend: (dividend.symbol, dividend.date))
    return [
        dividend
        for dividend, after in zip_longest(found, found[1:])
        if after is None or after.symbol != dividend.symbol or after.date - dividend.date > SAME_EVENT
    ]


def income_due(ledger: Ledger, dividend: Dividend, market: Market, account: AccountSnapshot) -> Decimal:
    """The amount of `dividend` that the book still lacks, for the shares that the bot held before the ex-date.

    It is net of withholding tax where the account shows what it will pay, which may take a day or two.
    """
    known = ledger.income_of(dividend.symbol, dividend.date)
    per_share = Decimal(str(dividend.amount)) * _later_splits(dividend, market)
    gross = per_share * ledger.shares_before(dividend.symbol, dividend.date)
    paid = _part_paid(ledger, dividend, per_share, account)
    if known is not None and paid is None and known.per_share == Decimal(str(dividend.amount)):
        return ZERO
    return (gross * (paid or 1)).quantize(CENT) - (known.amount if known else ZERO)


def _later_splits(dividend: Dividend, market: Market) -> Decimal:
    """Shares today for each share at the ex-date, because dividends are reported on the basis of today's shares."""
    ratios = [s.ratio for s in market.splits if s.symbol == dividend.symbol and s.date > dividend.date]
    return Decimal(str(math.prod(ratios)))


def _part_paid(ledger: Ledger, dividend: Dividend, per_share: Decimal, account: AccountSnapshot) -> Decimal | None:
    """The part of the dividend that the account will be paid; None if the account does not show it."""
    entitled = ledger.shares_before(dividend.symbol, dividend.date) + ledger.foreign[dividend.symbol]
    gross = per_share * entitled
    if account.dividends_due is None or gross <= 0:
        return None
    part = account.dividends_due / gross
    return next((rate for rate in PARTS_PAID if abs(part - rate) <= RATE_TOLERANCE), None)


def set_capital(book: Book, capital: Decimal, clock: Clock, unresolved: Sequence[OrderIntent] = ()) -> str | None:
    """Record total_capital if it is new or has changed. Returns why a withdrawal has to wait, or None. Raises OSError.

    A withdrawal needs its amount in cash and no order in flight, because that order may be spending the book's cash.
    """
    ledger = book.ledger
    change = capital - ledger.total_capital
    if change < 0 and (unresolved or ledger.cash + change < 0):
        refs = ", ".join(intent.order_ref for intent in unresolved)
        why = f"the outcome of {refs} is not known yet" if refs else f"{ledger.cash:,.2f} of it is in cash, the rest is"
        why += "" if refs else " invested"
        return (
            f"total_capital remains {ledger.total_capital:,.2f} for now: {why}. The bot trades on, "
            f"and records {capital:,.2f} as soon as {-change:,.2f} can be taken out"
        )
    if row := book.set_capital(capital, clock.now()):
        log.info("total_capital recorded: %s", row["total_capital"])
    return None


def missing_money(portfolio: Portfolio, account: AccountSnapshot, equity: Decimal) -> Decimal:
    """How much less cash the account has than the book; 0 if that is not a noticeable part of `equity`, its value."""
    missing = portfolio.cash - account.spendable - account.unsettled
    return missing if missing > equity * NOTICEABLE else ZERO
