"""What would be done at the flip price is what the planner then really does."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Bar, Quote
from qqqbot.model.values import Holding, Side, Snapshot
from qqqbot.strategy.flip import flip_of, orders_at
from qqqbot.strategy.gates import closes_of_window
from qqqbot.strategy.planning import decide
from qqqbot.strategy.rule import evaluate, flip_prices
from qqqbot.strategy.sizing import commission
from tests.support.builders import (
    LEVELS,
    NOW,
    PRICE,
    RULES,
    TQQQ_PRICE,
    account,
    market,
    new_york,
    portfolio,
    session,
    snapshot,
)
from tests.support.symbols import QQQ, TQQQ

IN_TQQQ = snapshot(Holding.TQQQ, portfolio=portfolio(tqqq=1583))
AFTER = new_york(NOW.date(), 16)


def told(seen: Snapshot) -> list[tuple[str, int, str]]:
    found = flip_of(seen, RULES, NOW)
    assert found is not None
    return [(o.side.value, o.quantity, o.symbol) for o in found.orders]


def test_below_the_line_tqqq_is_sold_and_qqq_bought_with_the_proceeds() -> None:
    found = flip_of(IN_TQQQ, RULES, NOW)
    assert found is not None
    assert found.target is Holding.QQQ
    assert found.price < PRICE
    sell, buy = found.orders
    assert (sell.side, sell.symbol, sell.quantity) == (Side.SELL, TQQQ, 1583)
    tqqq = TQQQ_PRICE * (1 + 3 * (found.price / PRICE - 1))
    equity = Decimal(5020) + 1583 * Decimal(str(tqqq))
    assert (buy.side, buy.symbol) == (Side.BUY, QQQ)
    assert buy.quantity == pytest.approx(float(equity) * 0.95 / found.price, abs=1)


def test_the_first_order_is_the_one_that_the_planner_gives_at_that_price() -> None:
    found = flip_of(IN_TQQQ, RULES, NOW)
    assert found is not None
    price = found.price * (1 - 1e-9)
    qqq, tqqq = Quote(QQQ, price, NOW), Quote(TQQQ, TQQQ_PRICE * (1 + 3 * (price / PRICE - 1)), NOW)
    plan = decide(replace(IN_TQQQ, market=replace(IN_TQQQ.market, signal_quote=qqq, fund_quote=tqqq)), RULES)
    assert [(o.side, o.symbol, o.quantity) for o in plan.orders] == [
        (o.side, o.symbol, o.quantity) for o in found.orders[:1]
    ]


def test_from_cash_there_is_only_a_buy() -> None:
    assert [side for side, _, _ in told(snapshot(Holding.CASH))] == ["BUY"]


def test_a_target_already_held_needs_no_order() -> None:
    assert orders_at(IN_TQQQ, RULES, PRICE * 1.01, Holding.TQQQ) == ()


def test_a_drop_that_would_wipe_out_tqqq_plans_nothing() -> None:
    assert orders_at(IN_TQQQ, RULES, PRICE / 2, Holding.QQQ) == ()


def test_after_the_close_the_line_is_the_coming_sessions() -> None:
    found = flip_of(IN_TQQQ, RULES, AFTER)
    assert found is not None
    closes = [*closes_of_window(IN_TQQQ), PRICE]
    assert found.price == flip_prices(closes, RULES).leave_strong
    # What the strategy itself says of the coming day, on both sides of the line.
    assert evaluate(closes, found.price * 0.9999, Holding.TQQQ, RULES).target is Holding.QQQ
    assert evaluate(closes, found.price * 1.0001, Holding.TQQQ, RULES).target is Holding.TQQQ


def test_within_the_session_it_is_the_sessions_own() -> None:
    found = flip_of(IN_TQQQ, RULES, AFTER - timedelta(seconds=1))
    assert found is not None
    assert found.price == flip_prices(closes_of_window(IN_TQQQ), RULES).leave_strong


def test_a_check_while_the_exchange_is_closed_describes_the_coming_session() -> None:
    last = new_york(NOW.date(), 15, 59)
    seen = market(Holding.TQQQ, now=last)
    night = replace(IN_TQQQ, now=new_york(NOW.date(), 20), exchange_open=False, market=seen)
    found = flip_of(night, RULES, new_york(NOW.date(), 21))
    assert found is not None
    plan = decide(night, RULES)
    assert plan.signal is not None
    assert found.price == plan.signal.flips.leave_strong


@pytest.mark.parametrize("bars", [(), (Bar(session().date, 1.0),)])
def test_an_incomplete_window_has_no_flip_of(bars: tuple[Bar, ...]) -> None:
    assert flip_of(replace(IN_TQQQ, market=replace(market(), bars=bars)), RULES, NOW) is None


@given(st.sampled_from(LEVELS), st.integers(0, 2000), st.integers(0, 300), st.floats(0.7, 1.5), st.sampled_from(LEVELS))
def test_never_more_is_bought_than_the_cash_and_the_proceeds_pay_for(
    wants: Holding, tqqq: int, qqq: int, move: float, target: Holding
) -> None:
    book = portfolio(tqqq=tqqq, qqq=qqq, cash=max(0, 100_000 - 60 * tqqq - 450 * qqq))
    seen = snapshot(wants, portfolio=book, account=account(book))
    cash = book.cash
    for order in orders_at(seen, RULES, PRICE * move, target):
        amount = order.quantity * order.decision_price
        cash += (amount if order.side is Side.SELL else -amount) - commission(order.quantity, order.decision_price)
        assert order.quantity > 0
    assert cash >= 0
