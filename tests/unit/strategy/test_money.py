"""The money of a buy: no single figure of the account lets it borrow."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from qqqbot.model.reasons import Reason
from qqqbot.model.values import Action, Snapshot
from qqqbot.strategy.money import confirmed
from qqqbot.strategy.planning import decide
from tests.support.builders import NOW, RULES, account, portfolio, snapshot

CAPITAL = Decimal(100_000)
LONG_AGO = NOW - timedelta(hours=1)


def seen(spendable: int, worth: int, missing: int | None, **changes: Any) -> Snapshot:
    """An account that is worth `worth`, shares and other things included, beside a book of 100,000 in cash."""
    shown = account(spendable=Decimal(spendable), net_liquidation=Decimal(worth))
    lacked = None if missing is None else Decimal(missing)
    return snapshot(account=shown, missing=lacked, money_short_since=LONG_AGO, **changes)


@pytest.mark.parametrize("wrong", [25_000, 40_000, 94_100, 200_000, 1_000_000])
@pytest.mark.parametrize("missing", [80_000, None])
def test_one_wrong_figure_buys_nothing_where_the_books_money_was_taken_out(wrong: int, missing: int | None) -> None:
    plan = decide(seen(wrong, worth=300_000, missing=missing), RULES)
    assert (plan.action, plan.orders) == (Action.WAIT, ())
    assert plan.blocked_by is not None
    assert plan.blocked_by.code is Reason.MONEY_LATE


def test_it_is_looked_at_again_and_then_what_is_there_buys() -> None:
    first = decide(seen(20_000, worth=300_000, missing=None), RULES)
    assert first.action is Action.WAIT
    (order,) = decide(seen(20_000, worth=300_000, missing=80_000), RULES).orders
    assert order.quantity * order.decision_price <= 20_000


@pytest.mark.parametrize("figure", [40_000, 94_000])
def test_one_figure_of_what_is_left_is_not_spent(figure: int) -> None:
    """Money was just taken out; nobody knows yet whether this is what is left of it."""
    assert decide(seen(figure, worth=300_000, missing=0), RULES).action is Action.WAIT
    assert decide(seen(figure, worth=300_000, missing=100_000 - figure), RULES).action is Action.ROTATE


def test_money_that_was_brought_back_is_believed_at_the_second_look() -> None:
    plan = decide(seen(100_000, worth=300_000, missing=80_000), RULES)
    assert "waits for a second look at the account's cash (100,000.00 USD)" in plan.sentence
    assert decide(seen(100_000, worth=300_000, missing=0), RULES).action is Action.ROTATE


@pytest.mark.parametrize("missing", [None, 80_000])
def test_what_the_account_is_worth_besides_its_shares_is_a_second_witness(missing: int | None) -> None:
    assert decide(seen(100_000, worth=100_000, missing=missing), RULES).action is Action.ROTATE
    held = portfolio(qqq=100, cash=CAPITAL - 45_000)
    shown = account(held, spendable=Decimal(55_000), net_liquidation=Decimal(100_000))
    assert confirmed(snapshot(portfolio=held, account=shown, missing=None), CAPITAL)
    without = account(spendable=Decimal(55_000), net_liquidation=Decimal(100_000))
    assert not confirmed(snapshot(account=without, missing=None), CAPITAL)


def test_what_else_the_account_holds_is_a_witness_as_long_as_it_stays_the_same() -> None:
    before = Decimal(60_000)
    assert decide(seen(120_000, worth=180_000, missing=None, beside=before), RULES).action is Action.ROTATE
    assert decide(seen(120_000, worth=180_000, missing=None, beside=Decimal(0)), RULES).action is Action.WAIT
    taken_out, tenfold = seen(24_000, 84_000, None, beside=before), seen(240_000, 84_000, None, beside=before)
    assert [order.quantity for order in decide(taken_out, RULES).orders] == [52]
    assert decide(tenfold, RULES).action is Action.WAIT


def test_more_than_the_books_money_needs_no_witness_where_none_was_missing() -> None:
    assert decide(seen(5_000_000, worth=9_000_000, missing=0), RULES).action is Action.ROTATE


def test_money_that_comes_with_settlement_is_there_too() -> None:
    unsettled = account(spendable=Decimal(5_000), unsettled=Decimal(95_000), net_liquidation=CAPITAL)
    assert confirmed(snapshot(account=unsettled, missing=None), CAPITAL)


def test_a_share_without_a_price_leaves_the_look_before_as_the_witness() -> None:
    shown = account(positions={"SPY": 10}, net_liquidation=CAPITAL + 6_000, spendable=CAPITAL)
    assert not confirmed(snapshot(account=shown, missing=None), CAPITAL)
    assert confirmed(snapshot(account=shown), CAPITAL)
