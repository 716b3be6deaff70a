"""The account: whole shares, the daemon's own sizing and commissions, splits, dividends, costs to the cent."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qqqbot.backtest.account import account, fee, run
from qqqbot.backtest.prices.csv_files import series_from_rows
from qqqbot.backtest.prices.table import Prices, Series, align
from qqqbot.backtest.signals import NO_SIGNAL
from qqqbot.backtest.vectorized import (
    CommissionPlan,
    Days,
    Event,
    FillAt,
    Terms,
    daily_events,
    days_between,
    examine,
    ideal,
)
from qqqbot.model.values import Holding, OrderType, Rules, Side
from qqqbot.strategy.sizing import commission, shares_to_buy
from tests.support.price_series import random_prices, series, weekdays

RULES = Rules(short_period=3, long_period=8)


def days_of(prices: Prices) -> Days:
    days = days_between(prices, RULES, slice(0, len(prices)))
    return replace(days, wanted=np.full(len(prices), NO_SIGNAL, np.int8))


def rotations(days: Days, wanted: list[int]) -> tuple[Event, ...]:
    return daily_events(replace(days, wanted=np.array(wanted, dtype=np.int8)), FillAt.CLOSE)


def test_the_popular_example_buys_211_shares() -> None:
    days = days_of(align(series("QQQ", [450.0, 459.0]), series("TQQQ", [60.0, 63.6])))
    result = account(days, rotations(days, [1, 1]), Terms(slippage=0.0, commission=CommissionPlan.NONE))
    (bought,) = result.trades
    assert (bought.side, bought.symbol, bought.quantity) == (Side.BUY, "QQQ", 211)
    assert result.equity.tolist() == pytest.approx([100_000, 100_000 + 211 * 9])


def test_a_rotation_to_the_cent() -> None:
    days = days_of(align(series("QQQ", [450.0, 459.0, 459.0]), series("TQQQ", [60.0, 63.6, 63.6])))
    result = account(days, rotations(days, [1, 2, 0]), Terms(slippage=0.0001))
    bought, sold, other, last = result.trades
    assert (bought.price, bought.commission) == (Decimal("450.0450"), Decimal("1.06"))
    assert (sold.price, sold.commission) == (Decimal("458.9541"), Decimal("1.06"))
    cash = 100_000 - 211 * bought.price - bought.commission + 211 * sold.price - sold.commission
    assert other.quantity == shares_to_buy(cash, Decimal(0), cash, Decimal("63.6"), RULES)
    assert other.commission == commission(other.quantity, other.price)
    cash += other.quantity * (last.price - other.price) - other.commission - last.commission
    assert result.equity[-1] == pytest.approx(float(cash), abs=1e-6)
    assert result.commissions == sum(t.commission for t in result.trades)
    quoted = (Decimal(450), Decimal(459), Decimal("63.6"), Decimal("63.6"))
    assert result.slippage == sum(abs(t.price - q) * t.quantity for t, q in zip(result.trades, quoted, strict=True))


def test_cash_is_never_negative_and_the_buffer_stays() -> None:
    days = examine(random_prices(), Rules())
    result = run(days, Terms())
    cash = 100_000.0
    for trade in result.trades:
        amount = float(trade.price) * trade.quantity
        cash += (amount if trade.side is Side.SELL else -amount) - float(trade.commission)
        if trade.side is Side.BUY:
            assert cash >= 0.049 * (cash + amount)


def test_shares_are_counted_at_the_printed_price_and_survive_a_split() -> None:
    dates = weekdays(4)
    ones, none = np.ones(4), np.zeros(4)
    split = np.array([0.0, 0.0, 2.0, 0.0])
    qqq_close = np.array([100.0, 101.0, 101.0, 101.0])
    tqqq_close = np.array([30.0, 30.9, 30.9, 30.9])  # split-adjusted: 60 and 61.8 were printed
    qqq = series_from_rows("QQQ", dates, qqq_close, qqq_close, qqq_close, none)
    tqqq = series_from_rows("TQQQ", dates, tqqq_close, tqqq_close, tqqq_close * ones, split)
    days = days_of(align(qqq, tqqq))
    result = account(days, rotations(days, [2, 2, 2, 0]), Terms(slippage=0.0))
    bought, sold = result.trades
    assert (bought.price, bought.quantity) == (Decimal(60), 1583)
    assert (sold.price, sold.quantity) == (Decimal("30.9"), 3166)
    _, sold = account(days, rotations(days, [2, 0, 0, 0]), Terms(slippage=0.0)).trades
    assert (sold.price, sold.quantity) == (Decimal("61.8"), 1583)


def test_dividends_are_earned() -> None:
    dates = weekdays(3)
    close = np.array([100.0, 99.0, 99.0])
    adjusted = np.array([99.0, 99.0, 99.0])  # a dollar was paid on the second day
    tqqq = np.full(3, 50.0)
    flat = series_from_rows("TQQQ", dates, tqqq, tqqq, tqqq, np.zeros(3))
    days = days_of(align(series_from_rows("QQQ", dates, close, close, adjusted, np.zeros(3)), flat))
    result = account(days, rotations(days, [1, 1, 0]), Terms(slippage=0.0, commission=CommissionPlan.NONE))
    bought, _ = result.trades
    assert (bought.price, bought.quantity) == (Decimal(100), 950)
    assert result.equity[-1] == pytest.approx(100_000, abs=0.01)


def test_a_large_account_follows_the_ideal_one() -> None:
    days = examine(random_prices(), Rules())
    rules = Rules(position_size=Decimal(1))
    terms = Terms(rules=rules, capital=Decimal(10**9), commission=CommissionPlan.NONE)
    # A market order's cushion keeps about one per cent of the cash back.
    ratio = run(days, terms).equity / (10**9 * ideal(days, terms))
    assert abs(np.log(ratio[-1])) < 0.02 * abs(np.log(ideal(days, terms)[-1])) + 0.002


def test_the_holding_is_marked_at_each_close() -> None:
    days = days_of(align(series("QQQ", [100.0] * 5), series("TQQQ", [50.0] * 5)))
    result = account(days, rotations(days, [0, 1, 1, 2, 0]), Terms())
    assert result.holding.tolist() == [0, 1, 1, 2, 0]


def test_two_rotations_in_one_session_leave_the_last_holding() -> None:
    days = days_of(align(series("QQQ", [100.0] * 3), series("TQQQ", [50.0] * 3)))
    events = (Event(1, 2, (1.0, 100.0, 50.0)), Event(1, 1, (1.0, 101.0, 51.5)))
    result = account(days, events, Terms(slippage=0.0, commission=CommissionPlan.NONE))
    assert [t.symbol for t in result.trades] == ["TQQQ", "TQQQ", "QQQ"]
    assert result.holding.tolist() == [0, 1, 1]
    assert result.equity[0] == 100_000


def test_idle_cash_earns_its_yield() -> None:
    days = days_of(align(series("QQQ", [100.0] * 5), series("TQQQ", [50.0] * 5)))
    result = account(
        days, rotations(days, [0, 0, 1, 1, 0]), Terms(slippage=0.0, commission=CommissionPlan.NONE, cash_yield=0.05)
    )
    daily = 1.05 ** (1 / 365.25)
    cash = 100_000 * daily**2
    shares = result.trades[0].quantity
    assert result.equity[-1] == pytest.approx(shares * 100 + (cash - shares * 100) * daily**2, abs=0.01)


def test_the_proceeds_of_a_sale_earn_nothing_for_the_night_before_it() -> None:
    days = days_of(align(series("QQQ", [100.0] * 4), series("TQQQ", [50.0] * 4)))
    result = account(
        days, rotations(days, [1, 1, 0, 0]), Terms(slippage=0.0, commission=CommissionPlan.NONE, cash_yield=0.05)
    )
    daily = 1.05 ** (1 / 365.25)
    idle = 100_000 - result.trades[0].quantity * 100
    sold = 100_000 - idle + idle * daily**2
    assert result.equity[2:].tolist() == pytest.approx([sold, sold * daily])


@pytest.mark.parametrize("fill", [FillAt.CLOSE, FillAt.NEXT_OPEN, FillAt.NEXT_CLOSE])
def test_a_large_account_without_costs_is_worth_what_the_perfect_follower_has(fill: FillAt) -> None:
    rules = replace(RULES, position_size=Decimal(1), order_type=OrderType.LIMIT, limit_collar=Decimal(0))
    terms = Terms(rules, Decimal(10**12), fill, 0.0, CommissionPlan.NONE, cash_yield=0.2)
    days = examine(random_prices(400), rules)
    assert run(days, terms).equity == pytest.approx(1e12 * ideal(days, terms), rel=1e-4)


def test_commission_plans() -> None:
    assert fee(CommissionPlan.IB_FIXED, 1000, Decimal(50)) == Decimal("5.00")
    assert fee(CommissionPlan.IB_FIXED, 10, Decimal(50)) == Decimal("1.00")
    assert fee(CommissionPlan.IB_TIERED, 1000, Decimal(50)) == Decimal("6.70")  # 3.50 and 3.20 for the exchange
    assert fee(CommissionPlan.IB_TIERED, 10, Decimal(50)) == Decimal("0.38")
    assert fee(CommissionPlan.NONE, 1000, Decimal(50)) == 0


def bill_fund(count: int, yearly: float = 0.036) -> Series:
    return series("SGOV", [100.0 * (1 + yearly / 252) ** n for n in range(count)])


@pytest.mark.parametrize(
    ("capital", "least", "bought"),
    [(100_000, 10, True), (100_000, 500, False), (3_000, 10, False), (3_000, 0, True)],
)
def test_cash_is_parked_where_that_is_worth_its_costs(capital: int, least: int, bought: bool) -> None:
    prices = align(series("QQQ", [450.0] * 90), series("TQQQ", [60.0] * 90), bill_fund(90))
    rules = replace(RULES, rule=replace(RULES.form, down=Holding.SGOV), park_benefit=Decimal(least))
    days = days_between(prices, rules, slice(0, len(prices)))
    qqq, sgov = days.names.index("QQQ"), days.names.index("SGOV")
    days = replace(days, wanted=np.array([qqq] * 70 + [sgov] * 20, np.int8))
    result = run(days, Terms(rules, Decimal(capital)))
    assert [trade.symbol for trade in result.trades] == ["QQQ", "QQQ", *(["SGOV"] if bought else [])]
    assert result.events[-1].target == (sgov if bought else 0)
    assert bool(result.equity[-1] > result.equity[70]) is bought
