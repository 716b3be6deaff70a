"""The account as the daemon would have managed it: whole shares, printed prices, its own sizing, commissions, buffer.

Shares are bought with `shares_to_buy` and charged by `commission`, the daemon's own functions, in Decimal; the equity
between two orders is vectorized. Each order pays slippage on the printed price.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from qqqbot.backtest.prices.table import Floats
from qqqbot.backtest.signals import CASH, Levels
from qqqbot.backtest.vectorized import CommissionPlan, Days, Event, Terms, cash_growth, daily_events
from qqqbot.model.instruments import Kind
from qqqbot.model.values import Holding, Side
from qqqbot.strategy.parking import SESSIONS_LOOKED_AT, benefit
from qqqbot.strategy.sizing import commission, shares_to_buy

# Interactive Brokers' tiered plan up to 300,000 shares a month: 0.0035 USD a share, at least 0.35 USD, at most 1 % of
# the trade; and about 0.0032 USD a share for exchange and clearing if the order takes liquidity.
# https://www.interactivebrokers.com/en/pricing/commissions-stocks.php
TIERED_PER_SHARE, TIERED_MINIMUM, TIERED_MAXIMUM = Decimal("0.0035"), Decimal("0.35"), Decimal("0.01")
TIERED_FEES = Decimal("0.0032")
CENT = Decimal("0.01")
PRICE_STEP = Decimal("0.0001")  # the same as in the simulated account


@dataclass(frozen=True, slots=True)
class Trade:
    """One order of the account. `price` is what was paid, `slippage` its cost against the quoted price, in USD."""

    date: np.datetime64
    side: Side
    symbol: str
    quantity: int
    price: Decimal
    commission: Decimal
    slippage: Decimal


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """Equity at each close in USD (the first is the capital), holding at each close, and every order."""

    equity: Floats
    holding: Levels
    trades: tuple[Trade, ...]
    events: tuple[Event, ...]

    @property
    def commissions(self) -> Decimal:
        return sum((t.commission for t in self.trades), Decimal(0))

    @property
    def slippage(self) -> Decimal:
        return sum((t.slippage for t in self.trades), Decimal(0))

    @property
    def traded(self) -> float:
        return float(sum(t.price * t.quantity for t in self.trades))


def account(days: Days, events: Iterable[Event], terms: Terms) -> AccountHistory:
    """The account after all `events`, with its equity at each close."""
    book = _Book(days, terms)
    rotations = tuple(made for event in events if (made := book.rotate(event)))
    book.mark(len(days))
    book.equity[0] = float(terms.capital)
    return AccountHistory(book.equity, book.holding, tuple(book.trades), rotations)


def run(days: Days, terms: Terms) -> AccountHistory:
    """The account of the daily rule under `terms`."""
    return account(days, daily_events(days, terms.fill), terms)


def fee(plan: CommissionPlan, quantity: int, price: Decimal) -> Decimal:
    """The commission of one trade in USD."""
    if plan is CommissionPlan.IB_FIXED:
        return commission(quantity, price)
    if plan is CommissionPlan.NONE or quantity == 0:
        return Decimal(0)
    least = max(TIERED_PER_SHARE * quantity, TIERED_MINIMUM)
    return (min(least, TIERED_MAXIMUM * quantity * price) + TIERED_FEES * quantity).quantize(CENT)


class _Book:
    """Cash and one holding. `units` are adjusted shares: units x adjusted price = shares x printed price."""

    def __init__(self, days: Days, terms: Terms) -> None:
        self.days = days
        self.terms = terms
        self.cash = terms.capital
        self.units = 0.0
        self.held = CASH
        self.marked = 0
        self.equity = np.empty(len(days))
        self.holding = np.empty(len(days), np.int8)
        self.trades: list[Trade] = []
        self._money = cash_growth(days.dates, terms.cash_yield)
        self._paid_until = 0
        """the session until which `cash` contains its interest"""
        self._slippage = Decimal(repr(terms.slippage))

    def mark(self, until: int) -> None:
        """Fill in equity and holding at the closes up to `until` that have none yet."""
        cut = slice(self.marked, until)
        money = float(self.cash) * (self._money[cut] / self._money[self._paid_until])
        self.equity[cut] = money + self.units * self.days.close[self.held, cut]
        self.holding[cut] = self.held
        self.marked = until

    def rotate(self, event: Event) -> Event | None:
        """Sell what is held, buy what is wanted, with the daemon's sizing; the sale's proceeds are spent.

        Returns the rotation that was made: to cash if parking is not worth its costs, None if there was none.
        """
        self.mark(event.day)
        if not self._worth_it(event):
            event = replace(event, target=CASH)
        if event.target == self.held:
            return None
        self._earn_until(event.day)
        if self.held != CASH:
            self._sell(event)
        if event.target != CASH:
            self._buy(event)
        self.held = event.target
        return event

    def _earn_until(self, day: int) -> None:
        if self.terms.cash_yield:
            self.cash *= Decimal(repr(float(self._money[day] / self._money[self._paid_until])))
            self._paid_until = day

    def _worth_it(self, event: Event) -> bool:
        """Whether parking is worth its costs, as the daemon judges; False until there are enough closes to judge."""
        if event.target == self.held or Holding(self.days.names[event.target]).kind is not Kind.BILLS:
            return True
        rules = self.terms.rules
        value = (self.cash + Decimal(repr(self.units * event.prices[self.held]))) * rules.position_size
        closes = self.days.close[event.target, max(0, event.day - SESSIONS_LOOKED_AT - 1) : event.day].tolist()
        return benefit(value, self._printed(event, event.target), closes) >= rules.park_benefit

    def _sell(self, event: Event) -> None:
        price = self._printed(event, self.held)
        shares = self.units / float(self.days.factor[self.held, event.day])
        whole = int(shares + 1e-6)  # 211.9999999 is 212 shares; the fraction stands for dividends, paid in cash
        self._trade(event, Side.SELL, self.held, whole, price)
        self.cash += Decimal(repr(max(0.0, shares - whole))) * price
        self.units = 0.0

    def _buy(self, event: Event) -> None:
        price = self._printed(event, event.target)
        quantity = shares_to_buy(self.cash, Decimal(0), self.cash, price, self.terms.rules)
        if quantity:
            self._trade(event, Side.BUY, event.target, quantity, price)
        self.units = quantity * float(self.days.factor[event.target, event.day])

    def _trade(self, event: Event, side: Side, level: int, quantity: int, quoted: Decimal) -> None:
        worse = self._slippage if side is Side.BUY else -self._slippage
        price = (quoted * (1 + worse)).quantize(PRICE_STEP, ROUND_HALF_UP)
        charged = fee(self.terms.commission, quantity, price)
        self.cash += (price * quantity) * (-1 if side is Side.BUY else 1) - charged
        slipped = abs(price - quoted) * quantity
        date = self.days.dates[event.day]
        self.trades.append(Trade(date, side, self.days.names[level], quantity, price, charged, slipped))

    def _printed(self, event: Event, level: int) -> Decimal:
        printed = event.prices[level] * float(self.days.factor[level, event.day])
        return Decimal(repr(printed)).quantize(PRICE_STEP)
