"""The last check: each reason to refuse, alone; what is planned passes, what is wicked does not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.values import Holding, OrderIntent, OrderType, PlannedOrder, Rules, Side, Snapshot
from qqqbot.strategy.planning import decide
from qqqbot.strategy.risk import MAX_DECISION_AGE, refusal
from tests.support.builders import ACCOUNT, DAY, NOW, RULES, account, intent, new_york, portfolio, session, snapshot
from tests.support.snapshots import all_rules, valid_snapshots
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

HOLDS_QQQ = snapshot(portfolio=portfolio(qqq=100))
LIMIT_BUY: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_price": Decimal("450.90")}


def code(order: OrderIntent, at: Snapshot, now: Any = NOW, rules: Rules = RULES, who: str = ACCOUNT) -> str | None:
    reason = refusal(order, at, rules, who, now)
    return None if reason is None else reason.partition(":")[0].split()[0]


def test_a_valid_buy_and_a_valid_sell_pass() -> None:
    assert code(intent(), snapshot()) is None
    assert code(intent(Side.SELL, QQQ, 100), HOLDS_QQQ) is None
    assert code(intent(**LIMIT_BUY), snapshot()) is None


REFUSED: Mapping[str, tuple[OrderIntent, Snapshot]] = {
    "HALTED": (intent(), snapshot(halted="by hand")),
    "EXCHANGE_CLOSED": (intent(), snapshot(exchange_open=False)),
    "ORDER_ALIVE": (intent(), snapshot(unresolved=(intent(),))),
    "TOO_MANY_ORDERS": (intent(), snapshot(orders_this_session=12)),
    "WRONG_SYMBOL": (intent(symbol="SPY", target=Holding.QQQ), snapshot()),
    "BAD_QUANTITY": (intent(quantity=0), snapshot()),
    "BAD_PRICE": (intent(decision_price=Decimal(0)), snapshot()),
    "BAD_LIMIT": (intent(order_type=OrderType.LIMIT), snapshot()),
    "SHORT_SALE": (intent(Side.SELL, QQQ, 101), HOLDS_QQQ),
    "EXCEEDS_CASH": (intent(quantity=223), snapshot()),
}


@pytest.mark.parametrize("reason", sorted(REFUSED))
def test_each_reason_has_its_code(reason: str) -> None:
    assert code(*REFUSED[reason]) == reason


def test_another_account_is_refused() -> None:
    assert code(intent(), snapshot(), who="DU7654321") == "WRONG_ACCOUNT"
    assert code(intent(), snapshot(), who="") == "WRONG_ACCOUNT"


@pytest.mark.parametrize("age", [timedelta(0), MAX_DECISION_AGE])
def test_a_fresh_decision_passes(age: timedelta) -> None:
    assert code(intent(), snapshot(), NOW + age) is None


@pytest.mark.parametrize("age", [MAX_DECISION_AGE + timedelta(seconds=1), -timedelta(seconds=1), timedelta(hours=1)])
def test_a_decision_made_at_another_time_is_refused(age: timedelta) -> None:
    assert code(intent(), snapshot(), NOW + age) == "OLD_DECISION"


def test_a_session_that_has_ended_since_the_decision_is_closed() -> None:
    late = session().close - timedelta(seconds=10)
    at, order = snapshot(now=late), intent(decided_at=late)
    assert code(order, at, late) is None
    assert code(order, at, session().close) == "EXCHANGE_CLOSED"


def test_the_simulated_account_may_send_at_any_hour() -> None:
    at = snapshot(now=new_york(DAY, 20), needs_open_exchange=False)
    assert code(intent(decided_at=at.now), at, at.now) is None


def test_an_order_that_the_broker_still_works_on_forbids() -> None:
    assert code(intent(), snapshot(account=account(open_order_refs=("x",)))) == "ORDER_ALIVE"


def test_the_last_order_of_the_session_is_allowed() -> None:
    assert code(intent(), snapshot(orders_this_session=11)) is None


@pytest.mark.parametrize("quantity", [0, -1, -211])
def test_a_quantity_below_one_is_refused(quantity: int) -> None:
    assert code(intent(quantity=quantity), snapshot()) == "BAD_QUANTITY"


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("shape", [{}, LIMIT_BUY])
def test_an_invalid_price_is_refused(price: str, shape: dict[str, Any]) -> None:
    assert code(intent(decision_price=Decimal(price), **shape), snapshot()) == "BAD_PRICE"


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        ("472.50", None),
        ("472.51", "BAD_LIMIT"),
        ("427.50", None),
        ("427.49", "BAD_LIMIT"),
        ("0", "BAD_LIMIT"),
        ("-450", "BAD_LIMIT"),
        ("NaN", "BAD_LIMIT"),
        ("Infinity", "BAD_LIMIT"),
        (None, "BAD_LIMIT"),
    ],
)
def test_a_limit_is_near_its_price(limit: str | None, wanted: str | None) -> None:
    price = None if limit is None else Decimal(limit)
    order = intent(quantity=10, order_type=OrderType.LIMIT, limit_price=price)
    assert code(order, snapshot()) == wanted


def test_a_market_order_has_no_limit() -> None:
    assert code(intent(limit_price=Decimal(450)), snapshot()) == "BAD_LIMIT"


@pytest.mark.parametrize(("book", "broker"), [(100, 99), (99, 100), (0, 100), (100, 0), (0, 0), (-100, 100)])
def test_a_sell_is_never_more_than_book_and_account_hold(book: int, broker: int) -> None:
    at = snapshot(
        portfolio=portfolio(qqq=book, cash=0), account=account(portfolio(), positions={QQQ: broker, TQQQ: 500})
    )
    assert code(intent(Side.SELL, QQQ, 100), at) == "SHORT_SALE"


def test_the_last_share_may_be_sold() -> None:
    assert code(intent(Side.SELL, QQQ, 100), HOLDS_QQQ) is None


def test_shares_that_are_the_owners_are_not_sold() -> None:
    book = portfolio(qqq=100, foreign={QQQ: 900, TQQQ: 0})
    assert code(intent(Side.SELL, QQQ, 101), snapshot(portfolio=book)) == "SHORT_SALE"


@pytest.mark.parametrize(
    "poor",
    [
        {"portfolio": portfolio(cash="94949.99"), "account": account(portfolio())},
        {"account": account(spendable=Decimal("94949.99"))},
        {"account": account(net_liquidation=Decimal("94949.99"))},
    ],
)
def test_a_buy_never_costs_more_than_the_lowest_limit_on_cash(poor: dict[str, Any]) -> None:
    assert code(intent(quantity=211), snapshot(**poor)) == "EXCEEDS_CASH"
    assert code(intent(quantity=210), snapshot(**poor)) is None


def test_a_limit_buy_is_valued_at_its_limit() -> None:
    at = snapshot(account=account(spendable=Decimal(95_000)))
    assert code(intent(quantity=211), at) is None
    assert code(intent(quantity=211, **LIMIT_BUY), at) == "EXCEEDS_CASH"


def test_every_refusal_is_a_code_and_a_sentence() -> None:
    for order, at in REFUSED.values():
        reason = refusal(order, at, RULES, ACCOUNT, NOW)
        assert reason is not None
        assert reason.split()[0].strip(":").isupper()


def intent_of(planned: PlannedOrder, at: Snapshot, rules: Rules) -> OrderIntent:
    return intent(
        planned.side,
        planned.symbol,
        planned.quantity,
        decided_at=at.now,
        order_type=rules.order_type,
        limit_price=planned.limit_price,
        decision_price=planned.decision_price,
    )


@given(valid_snapshots(), all_rules)
def test_a_planned_order_passes(at: Snapshot, rules: Rules) -> None:
    for planned in decide(at, rules).orders:
        assert refusal(intent_of(planned, at, rules), at, rules, ACCOUNT, at.now) is None


@given(valid_snapshots(), all_rules, st.integers(1, 100_000))
def test_more_than_is_held_or_can_be_paid_never_passes(at: Snapshot, rules: Rules, extra: int) -> None:
    for symbol in SYMBOLS:
        owned = min(at.portfolio.shares[symbol], at.account.positions[symbol])
        assert code(intent(Side.SELL, symbol, owned + extra, decided_at=at.now), at, at.now) == "SHORT_SALE"
    payable = min(at.portfolio.cash, at.account.spendable, at.account.net_liquidation)
    too_many = int(payable / 60) + extra
    assert code(intent(Side.BUY, TQQQ, too_many, decided_at=at.now), at, at.now) == "EXCEEDS_CASH"


@given(valid_snapshots(), all_rules)
def test_a_planned_order_is_refused_once_another_is_open_or_trading_is_halted(at: Snapshot, rules: Rules) -> None:
    for planned in decide(at, rules).orders:
        order = intent_of(planned, at, rules)
        assert refusal(order, replace(at, unresolved=(order,)), rules, ACCOUNT, at.now) is not None
        assert refusal(order, replace(at, halted=""), rules, ACCOUNT, at.now) is not None
