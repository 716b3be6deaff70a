"""Accounts: cash that settles on the next business day, positions, and the values that clients receive.

IB refreshes each value on its own every three minutes (tws-api, account summary): a value may show the account of some
time ago, and different values may show different moments.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Protocol

from standins.ib_gateway.contracts import Contract

CENT = Decimal("0.01")
LONGEST_LAG_SECONDS = 180.0
POSITIONS, LEDGER = "positions", "CashBalance"
# The parts of an account that are shown, each as of its own moment.
SHOWN = (
    *("AccruedCash", "AvailableFunds", "BuyingPower", "EquityWithLoanValue", "ExcessLiquidity", "GrossPositionValue"),
    *("InitMarginReq", "MaintMarginReq", "NetLiquidation", "SettledCash", "TotalCashValue"),
    *(POSITIONS, LEDGER),
)


class Prices(Protocol):
    def mark(self, contract: Contract) -> Decimal: ...


@dataclass
class Holding:
    contract: Contract
    quantity: Decimal = Decimal(0)
    average_cost: Decimal = Decimal(0)
    """per share, commission included, as IB reports it"""


def next_business_day(day: date) -> date:
    day += timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day


@dataclass
class Account:
    """`leverage` 1 is a cash account; a margin account reports a BuyingPower of several times its funds."""

    account_id: str
    cash: Decimal = Decimal(100_000)
    leverage: Decimal = Decimal(1)
    settles: bool = True
    """sale proceeds are in SettledCash only on the next business day"""
    refuses_unsettled: bool = False
    """a buy beyond SettledCash is refused with 201, as cash accounts may do"""
    currency: str = "USD"
    foreign_cash: Decimal = Decimal(0)
    """cash in other currencies, converted to this one: part of every total, but not of this currency's ledger"""
    holdings: dict[int, Holding] = field(default_factory=dict)
    unsettled: list[tuple[date, Decimal]] = field(default_factory=list)
    """(settlement day, proceeds)"""
    lags: dict[str, float] = field(default_factory=dict)
    """value -> seconds until it shows a change"""
    lottery: Random | None = None
    """if given, draws a new lag for each value before each change"""
    dividends: Decimal = Decimal(0)
    """announced and not paid yet, after tax"""
    shows_first_only: bool = False
    """of several changes that a value does not show yet, it shows the first"""
    past: list[tuple[datetime, "Account"]] = field(default_factory=list)
    """the account before each change, with the time of the change"""

    def keep(self, now: datetime) -> None:
        """Keep the present state; called before each change, for values that lag."""
        holdings = {number: replace(holding) for number, holding in self.holdings.items()}
        self.past.append((now, replace(self, holdings=holdings, unsettled=list(self.unsettled), past=[])))
        if self.lottery is not None:
            self.lags = {value: self.lottery.uniform(0, LONGEST_LAG_SECONDS) for value in SHOWN}

    def as_shown(self, value: str, now: datetime) -> "Account":
        """The account at the moment that `value` shows."""
        seconds = self.lags.get(value, 0.0)
        hidden = [account for at, account in self.past if (now - at).total_seconds() < seconds]
        return (hidden[1] if self.shows_first_only and len(hidden) > 1 else hidden[0]) if hidden else self

    def shown_values(self, prices: Prices, now: datetime, today: date) -> dict[str, str]:
        """Every tag of the account summary by name, each as of the moment that it shows."""
        return {tag: self.as_shown(tag, now).values(prices, today)[tag] for tag in self.values(prices, today)}

    @property
    def is_margin(self) -> bool:
        return self.leverage > 1

    def quantity(self, contract: Contract) -> Decimal:
        holding = self.holdings.get(contract.con_id)
        return holding.quantity if holding else Decimal(0)

    def settled(self, today: date) -> Decimal:
        return self.cash - sum((amount for day, amount in self.unsettled if day > today), Decimal(0))

    def settle(self, today: date) -> None:
        self.unsettled = [(day, amount) for day, amount in self.unsettled if day > today]

    def market_value(self, prices: Prices) -> Decimal:
        return sum((_worth(holding, prices) for holding in self.holdings.values()), Decimal(0))

    def net_liquidation(self, prices: Prices) -> Decimal:
        return self.cash + self.foreign_cash + self.market_value(prices)

    def available(self, prices: Prices, today: date) -> Decimal:
        if not self.is_margin:
            return self.foreign_cash + (self.settled(today) if self.refuses_unsettled else self.cash)
        return self.net_liquidation(prices) - self.market_value(prices).copy_abs() / self.leverage

    def buying_power(self, prices: Prices, today: date) -> Decimal:
        return max(self.available(prices, today) * self.leverage, Decimal(0))

    def can_pay(self, cost: Decimal, prices: Prices, today: date) -> bool:
        return cost <= self.buying_power(prices, today)

    def values(self, prices: Prices, today: date) -> dict[str, str]:
        """Every tag of the account summary by name."""
        market, net = self.market_value(prices), self.net_liquidation(prices)
        available = self.available(prices, today)
        margin = market.copy_abs() / self.leverage
        money = {
            "AccruedCash": Decimal(0),
            "AvailableFunds": available,
            "BuyingPower": self.buying_power(prices, today),
            "EquityWithLoanValue": net,
            "ExcessLiquidity": available,
            "GrossPositionValue": market.copy_abs(),
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "NetLiquidation": net,
            "SettledCash": self.settled(today) + self.foreign_cash,
            "TotalCashValue": self.cash + self.foreign_cash,
        }
        return {tag: format(amount.quantize(CENT), "f") for tag, amount in money.items()}

    def ledger(self) -> dict[str, str]:
        """What $LEDGER reports about the account's own currency, by tag."""
        balance = format(self.cash.quantize(CENT), "f")
        return {
            "CashBalance": balance,
            "ExchangeRate": "1.00",
            "NetDividend": format(self.dividends.quantize(CENT), "f"),
            "RealCurrency": self.currency,
            "TotalCashBalance": balance,
        }

    def trade(
        self, contract: Contract, shares: Decimal, price: Decimal, commission: Decimal, today: date
    ) -> Decimal | None:
        """Book signed shares; returns the realized profit or loss if the trade closed something, else None."""
        holding = self.holdings.setdefault(contract.con_id, Holding(contract))
        size = Decimal(contract.multiplier or 1)
        amount = shares * price * size
        closing = holding.quantity * shares < 0
        realized = None
        if closing:
            closed = min(abs(shares), abs(holding.quantity)).copy_sign(-shares)
            realized = (price * size - holding.average_cost) * closed - commission
        else:
            total = holding.average_cost * holding.quantity + amount + commission
            holding.average_cost = total / (holding.quantity + shares)
        holding.quantity += shares
        if closing and holding.quantity * shares > 0:
            holding.average_cost = price * size
        self.cash -= amount + commission
        if amount < 0 and self.settles:
            self.unsettled.append((next_business_day(today), -amount - commission))
        return realized


def _worth(holding: Holding, prices: Prices) -> Decimal:
    return holding.quantity * prices.mark(holding.contract) * Decimal(holding.contract.multiplier or 1)


def commission_for(shares: Decimal, price: Decimal) -> Decimal:
    """IBKR Pro fixed pricing for US stocks: 0.005 a share, at least 1, at most 1 % of the trade's value."""
    return min(max(shares * Decimal("0.005"), Decimal(1)), shares * price / 100)
