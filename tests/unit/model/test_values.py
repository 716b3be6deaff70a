"""Values: what they promise beside their fields."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from qqqbot.model import values as model
from qqqbot.model.values import Holding, Order, OrderStatus
from tests.support.builders import DAY, LEVELS, fill, intent, portfolio, session, snapshot
from tests.support.symbols import QQQ, TQQQ


def test_a_session_includes_its_open_and_excludes_its_close() -> None:
    day = session()
    assert day.contains(day.open)
    assert day.contains(day.close - timedelta(microseconds=1))
    assert not day.contains(day.close)
    assert not day.contains(day.open - timedelta(microseconds=1))


def test_only_three_statuses_are_done_and_unknown_is_not() -> None:
    assert {s for s in OrderStatus if s.done} == {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}


def test_cash_has_no_symbol() -> None:
    assert [h.symbol for h in LEVELS] == [None, "QQQ", "TQQQ"]


@pytest.mark.parametrize(
    ("qqq", "tqqq", "holding"),
    [(0, 0, Holding.CASH), (1, 0, Holding.QQQ), (0, 1, Holding.TQQQ), (1, 1, Holding.TQQQ)],
)
def test_holding_is_the_share_that_is_owned(qqq: int, tqqq: int, holding: Holding) -> None:
    assert portfolio(qqq, tqqq).holding is holding


def test_equity_is_cash_and_shares_at_the_given_prices() -> None:
    book = portfolio(qqq=10, tqqq=5, cash=1000)
    assert book.equity({QQQ: Decimal("450.5"), TQQQ: Decimal("60.25")}) == Decimal("5806.25")


def test_equity_needs_no_price_for_a_fund_that_is_not_held() -> None:
    assert portfolio(cash=1000).equity({}) == 1000


def test_an_order_has_filled_what_its_fills_add_up_to() -> None:
    sent = intent(quantity=100)
    parts = (fill(sent, exec_id="a", quantity=40), fill(sent, exec_id="b", quantity=60))
    assert Order(sent.order_ref, OrderStatus.FILLED, parts).filled == 100
    assert Order(sent.order_ref, OrderStatus.CANCELLED).filled == 0


@pytest.mark.parametrize("value", [session(), intent(), fill(), snapshot(), portfolio()])
def test_values_do_not_change(value: object) -> None:
    assert is_dataclass(value)
    name = fields(value)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_every_value_of_the_model_is_frozen() -> None:
    classes = [c for c in vars(model).values() if isinstance(c, type) and is_dataclass(c)]
    assert len(classes) > 15
    assert all(c.__dataclass_params__.frozen for c in classes)  # type: ignore[attr-defined]


def test_rules_are_the_ones_of_the_strategy_by_default() -> None:
    rules = model.Rules()
    assert (rules.short_period, rules.long_period, rules.band) == (30, 120, 0.0)
    assert rules.position_size == Decimal("0.95")


def test_the_default_day_of_these_tests_is_a_trading_day() -> None:
    assert session(DAY).close - session(DAY).open == timedelta(hours=6, minutes=30)
