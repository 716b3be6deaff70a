"""What is decided: never more than the account can pay, never a sell and a buy at once, never from a guess."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import DayRow, Quote
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Action, Decide, Holding, OrderType, Plan, PlannedOrder, Rules, Side, Snapshot
from qqqbot.strategy.planning import decide
from qqqbot.strategy.rule import flip_prices
from tests.support.builders import (
    DAY,
    HALF_DAYS,
    LEVELS,
    NOW,
    PRICE,
    RULES,
    TQQQ_PRICE,
    account,
    bars,
    closes,
    intent,
    market,
    new_york,
    portfolio,
    session,
    snapshot,
)
from tests.support.snapshots import all_rules, odd_snapshots, valid_snapshots
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
LIMITED = replace(RULES, order_type=OrderType.LIMIT)


def bought(plan: Plan) -> tuple[str, int]:
    (order,) = plan.orders
    assert order.side is Side.BUY
    return order.symbol, order.quantity


class TestSizes:
    def test_the_example_of_the_seed_code_is_reproduced(self) -> None:
        assert bought(decide(snapshot(Holding.QQQ, 450.0), RULES)) == (QQQ, 211)


class TestLimits:
    def test_market_orders_have_no_limit_and_limit_orders_have_one(self) -> None:
        assert decide(snapshot(), RULES).orders[0].limit_price is None
        order = decide(snapshot(), LIMITED).orders[0]
        assert order.limit_price == Decimal("450.90")
        assert order.decision_price == 450
        held = portfolio(tqqq=100)
        assert decide(snapshot(Holding.CASH, portfolio=held), LIMITED).orders[0].limit_price == Decimal("59.88")


class TestRotation:
    @pytest.mark.parametrize("held", [Holding.QQQ, Holding.TQQQ])
    @pytest.mark.parametrize("target", LEVELS)
    def test_a_sell_comes_before_the_buy_and_alone(self, held: Holding, target: Holding) -> None:
        book = portfolio(qqq=211) if held is Holding.QQQ else portfolio(tqqq=1500)
        plan = decide(snapshot(target, portfolio=book), RULES)
        if held is target:
            assert plan.action is Action.HOLD
            assert plan.orders == ()
        else:
            (order,) = plan.orders
            assert plan.action is Action.ROTATE
            assert (order.side, order.symbol, order.quantity) == (Side.SELL, held.value, book.shares[held.value])
            assert f"on the way to {target}" in plan.sentence

    def test_after_the_sell_the_proceeds_are_bought_with(self) -> None:
        plan = decide(snapshot(Holding.TQQQ, portfolio=portfolio(cash=90_000)), RULES)
        assert bought(plan) == (TQQQ, int(90_000 * 0.95 / 60))
        assert plan.target is Holding.TQQQ

    def test_in_cash_and_wanting_cash_nothing_is_done(self) -> None:
        plan = decide(snapshot(Holding.CASH), RULES)
        assert (plan.action, plan.orders) == (Action.HOLD, ())
        assert plan.sentence.endswith("in cash already")

    def test_both_shares_are_sold_for_cash_and_only_the_wrong_one_otherwise(self) -> None:
        both = portfolio(qqq=50, tqqq=300)
        sells = decide(snapshot(Holding.CASH, portfolio=both), RULES).orders
        assert [(o.side, o.symbol, o.quantity) for o in sells] == [(Side.SELL, QQQ, 50), (Side.SELL, TQQQ, 300)]
        (sell,) = decide(snapshot(Holding.QQQ, portfolio=both), RULES).orders
        assert (sell.side, sell.symbol) == (Side.SELL, TQQQ)

    def test_only_the_bots_shares_are_sold(self) -> None:
        book = portfolio(qqq=50, foreign={QQQ: 1000, TQQQ: 20})
        (order,) = decide(snapshot(Holding.CASH, portfolio=book), RULES).orders
        assert (order.symbol, order.quantity) == (QQQ, 50)

    @pytest.mark.parametrize("shares", [1, 100, 211, 222])
    def test_a_held_target_is_never_rebalanced(self, shares: int) -> None:
        plan = decide(snapshot(Holding.QQQ, portfolio=portfolio(qqq=shares)), RULES)
        assert (plan.action, plan.orders) == (Action.HOLD, ())
        assert plan.sentence.endswith("QQQ is held already")

    def test_an_unfinished_buy_is_completed(self) -> None:
        plan = decide(snapshot(Holding.QQQ, portfolio=portfolio(qqq=100), unfinished=QQQ), RULES)
        assert bought(plan) == (QQQ, 111)

    def test_an_unfinished_buy_of_the_other_share_is_not(self) -> None:
        assert not decide(snapshot(Holding.QQQ, portfolio=portfolio(qqq=100), unfinished=TQQQ), RULES).orders

    def test_an_unfinished_buy_without_a_share_left_to_buy_holds(self) -> None:
        assert not decide(snapshot(Holding.QQQ, portfolio=portfolio(qqq=211), unfinished=QQQ), RULES).orders

    def test_too_little_money_for_a_share_holds_and_says_so(self) -> None:
        plan = decide(snapshot(Holding.QQQ, portfolio=portfolio(cash=400)), RULES)
        assert (plan.action, plan.orders) == (Action.HOLD, ())
        assert "buys no whole share of QQQ" in plan.sentence

    @pytest.mark.parametrize(
        "late",
        [
            {"spendable": Decimal(10_000)},
            {"spendable": Decimal(94_000)},
            {"net_liquidation": Decimal(50_000)},
            {"behind": "TotalCashValue does not show our newest fills yet"},
            {"spendable": Decimal(10_000), "unsettled": Decimal(5_000)},
        ],
    )
    def test_an_account_without_the_books_money_makes_the_buy_wait_and_never_smaller(self, late: Any) -> None:
        plan = decide(snapshot(account=account(**late)), RULES)
        assert (plan.action, plan.orders) == (Action.WAIT, ())
        assert plan.blocked_by is not None
        assert plan.blocked_by.code is Reason.MONEY_LATE
        assert plan.blocked_by in plan.gates
        assert "the buy of QQQ waits for the account" in plan.sentence

    def test_a_sale_waits_for_no_money(self) -> None:
        held = portfolio(qqq=211)
        late = account(held, behind="AvailableFunds is late", spendable=Decimal(0), net_liquidation=Decimal(0))
        plan = decide(snapshot(Holding.CASH, portfolio=held, account=late), RULES)
        assert [order.side for order in plan.orders] == [Side.SELL]

    def test_a_cent_of_interest_or_commission_is_not_waited_for(self) -> None:
        nearly = account(spendable=Decimal(99_500), net_liquidation=Decimal(99_500))
        assert bought(decide(snapshot(account=nearly), RULES)) == (QQQ, 210)

    def test_more_in_the_account_than_in_the_book_is_not_the_bots(self) -> None:
        rich = account(net_liquidation=Decimal(5_000_000), spendable=Decimal(5_000_000))
        assert bought(decide(snapshot(account=rich), RULES)) == (QQQ, 211)

    def test_a_buy_waits_for_settlement(self) -> None:
        unsettled = account(spendable=Decimal(5_000), unsettled=Decimal(95_000))
        plan = decide(snapshot(account=unsettled), RULES)
        assert (plan.action, plan.orders) == (Action.WAIT, ())
        assert plan.blocked_by is not None
        assert plan.blocked_by.code == "MoneyUnsettled"
        assert "waits for settlement: 5,000.00 of 95,000.00" in plan.sentence

    def test_a_rotation_of_two_orders_is_begun_with_four_minutes_left_and_not_later(self) -> None:
        for seconds, begun in ((241, True), (240, False), (61, False)):
            late = snapshot(
                Holding.TQQQ, portfolio=portfolio(qqq=200), now=session().close - timedelta(seconds=seconds)
            )
            plan = decide(late, RULES)
            assert (plan.action is Action.ROTATE) is begun
            assert begun or "too late to sell and to buy in this session" in plan.sentence

    def test_what_has_traded_already_and_what_needs_one_order_go_on_until_the_last_minute(self) -> None:
        late, held = session().close - timedelta(seconds=61), portfolio(qqq=200)
        begun = snapshot(Holding.TQQQ, portfolio=held, now=late, half_made=Holding.TQQQ)
        assert decide(begun, RULES).action is Action.ROTATE
        assert decide(snapshot(Holding.CASH, portfolio=held, now=late), RULES).action is Action.ROTATE
        assert decide(replace(begun, half_made=Holding.QQQ), RULES).action is Action.WAIT

    def test_too_late_settles_nothing_for_the_next_day(self) -> None:
        late = snapshot(Holding.TQQQ, portfolio=portfolio(qqq=200), now=session().close - timedelta(seconds=100))
        assert decide(late, BEFORE_CLOSE).session_target is None

    def test_half_a_rotation_is_completed_before_the_window_opens(self) -> None:
        plan = decide(snapshot(Holding.CASH, half_made=Holding.QQQ, now=new_york(DAY, 9, 45)), BEFORE_CLOSE)
        assert (bought(plan), plan.session_target) == ((QQQ, 211), None)
        assert decide(snapshot(Holding.QQQ, now=new_york(DAY, 9, 45)), BEFORE_CLOSE).action is Action.HOLD

    def test_an_account_that_has_less_for_good_is_invested_with_what_is_there(self) -> None:
        poor = account(spendable=Decimal(30_000), net_liquidation=Decimal(30_000))
        for minutes, quantity in ((None, 0), (9, 0), (10, 63)):
            since = None if minutes is None else NOW - timedelta(minutes=minutes)
            plan = decide(snapshot(account=poor, money_short_since=since), RULES)
            assert sum(order.quantity for order in plan.orders) == quantity
            if not quantity:
                assert plan.blocked_by is not None
                assert plan.blocked_by.code == Reason.MONEY_LATE
        assert plan.sentence.endswith("buy 63 QQQ: the account has less than the book")
        assert plan.orders[0].account_money == 30_000

    @pytest.mark.parametrize("changes", [{"behind": "cash is late"}, {"spendable": Decimal(0)}])
    def test_late_values_and_no_cash_at_all_wait_however_long_it_lasts(self, changes: dict[str, Any]) -> None:
        poor = account(**({"spendable": Decimal(30_000), "net_liquidation": Decimal(30_000)} | changes))
        plan = decide(snapshot(account=poor, money_short_since=NOW - timedelta(hours=3)), RULES)
        assert plan.action is Action.WAIT
        assert plan.blocked_by is not None
        assert plan.blocked_by.code == Reason.MONEY_LATE

    def test_a_buy_does_not_wait_for_the_last_one_per_cent(self) -> None:
        nearly = account(spendable=Decimal(94_100), unsettled=Decimal(900))
        assert bought(decide(snapshot(account=nearly, missing=Decimal(5_000)), RULES)) == (QQQ, 207)

    def test_the_band_keeps_what_is_held(self) -> None:
        """Just below the average: sold without a band, kept with one."""
        held = portfolio(tqqq=1500)
        assert decide(snapshot(Holding.QQQ, portfolio=held), RULES).action is Action.ROTATE
        assert decide(snapshot(Holding.QQQ, portfolio=held), replace(RULES, band=0.01)).action is Action.HOLD

    def test_single_precision_prices_become_money(self) -> None:
        odd = replace(market(), signal_quote=Quote(QQQ, 450.16000366210938, NOW))
        assert decide(snapshot(market=odd), RULES).orders[0].decision_price == Decimal("450.1600")


class TestBeforeClose:
    def at(self, hour: int, minute: int, day: date = DAY, second: int = 0, **changes: Any) -> Plan:
        return decide(snapshot(Holding.QQQ, now=new_york(day, hour, minute, second), **changes), BEFORE_CLOSE)

    def test_before_the_window_it_only_observes(self) -> None:
        for moment in ((9, 36), (12, 0), (15, 44)):
            plan = self.at(*moment)
            assert (plan.action, plan.orders, plan.target, plan.session_target) == (Action.HOLD, (), None, None)
            assert "decides 15 minutes before the close" in plan.sentence
            assert plan.signal is not None
        assert not self.at(15, 44, second=59).orders

    def test_in_the_window_it_trades_and_settles_on_the_target(self) -> None:
        for moment in ((15, 45), (15, 58)):
            plan = self.at(*moment)
            assert bought(plan) == (QQQ, 211)
            assert plan.target is plan.session_target is Holding.QQQ

    def test_a_half_days_window_is_before_one(self) -> None:
        half_day = HALF_DAYS[3]
        assert not self.at(12, 44, half_day).orders
        assert self.at(12, 45, half_day).session_target is Holding.QQQ

    def test_a_decision_stays_decided(self) -> None:
        plan = self.at(15, 50, decided_target=Holding.TQQQ)
        assert bought(plan) == (TQQQ, 1583)
        assert plan.target is Holding.TQQQ
        assert plan.session_target is None
        assert plan.signal is not None
        assert plan.signal.target is Holding.QQQ

    def test_a_decided_target_that_is_reached_is_held(self) -> None:
        plan = self.at(15, 50, decided_target=Holding.CASH)
        assert (plan.action, plan.orders) == (Action.HOLD, ())

    def test_a_target_held_already_settles_too(self) -> None:
        plan = self.at(15, 50, portfolio=portfolio(qqq=211))
        assert plan.action is Action.HOLD
        assert plan.session_target is Holding.QQQ

    def test_a_blocked_check_in_the_window_settles_nothing(self) -> None:
        assert self.at(15, 50, halted="by hand").session_target is None

    def test_every_check_ignores_the_window(self) -> None:
        assert decide(snapshot(Holding.QQQ, decided_target=Holding.CASH), RULES).target is Holding.QQQ


BLOCKERS: Mapping[str, Mapping[str, Any]] = {
    "exchange": {"exchange_open": False},
    "halt": {"halted": "by hand"},
    "book": {"account": account(positions={QQQ: 1, TQQQ: 0})},
    "open_orders": {"unresolved": (intent(),)},
    "orders": {"orders_this_session": 12},
    "disk": {"disk_free_bytes": 0},
    "window": {"market": replace(market(), bars=market().bars[:-1])},
    "clock": {"market": replace(market(), signal_quote=Quote(QQQ, PRICE, NOW + timedelta(hours=1)))},
    "newest_row": {"market": replace(market(), newest_row=DAY - timedelta(days=1))},
    "quotes": {"market": replace(market(), fund_quote=Quote(TQQQ, 0.0, NOW))},
    "quote_age": {"market": replace(market(), signal_quote=Quote(QQQ, PRICE, NOW - timedelta(minutes=40)))},
    "daily_move": {"market": replace(market(), bars=bars([300.0] * 60 + [450.0] * 59), fund_previous_close=60.0)},
    "leverage": {"market": replace(market(), fund_previous_close=120.0)},
    "day_rows": {"market": replace(market(), signal_quote=Quote(QQQ, PRICE, NOW, DayRow(440.0, 460.0, 455.0)))},
    "history": {"market": replace(market(), fund_bars=market().fund_bars[-1:])},
    "broker_quotes": {"broker_quotes": {QQQ: Quote(QQQ, 500.0, NOW)}},
}


class TestBlocked:
    @pytest.mark.parametrize("name", sorted(BLOCKERS))
    def test_a_failed_gate_makes_the_plan_wait(self, name: str) -> None:
        plan = decide(snapshot(**BLOCKERS[name]), RULES)
        assert (plan.action, plan.orders, plan.session_target) == (Action.WAIT, (), None)
        assert plan.blocked_by is not None
        assert plan.blocked_by.name == name
        assert plan.blocked_by.sentence in plan.sentence

    def test_the_last_order_of_a_session_is_not_used_for_half_a_rotation(self) -> None:
        half = decide(snapshot(Holding.QQQ, portfolio=portfolio(tqqq=1583), orders_this_session=11), RULES)
        assert (half.action, half.orders) == (Action.WAIT, ())
        assert half.blocked_by is not None
        assert half.blocked_by.sentence == "11 of 12 orders of this session are used, and this rotation takes 2"
        assert [gate.passed for gate in half.gates if gate.name == "orders"] == [False]
        out = decide(snapshot(Holding.CASH, portfolio=portfolio(tqqq=1583), orders_this_session=11), RULES)
        assert [order.side for order in out.orders] == [Side.SELL], "the way out takes one"
        rest = decide(snapshot(Holding.QQQ, portfolio=portfolio(), orders_this_session=11), RULES)
        assert [order.side for order in rest.orders] == [Side.BUY], "and so does the second half"

    def test_the_minutes_gate_blocks_too(self) -> None:
        plan = decide(snapshot(now=new_york(DAY, 9, 31)), RULES)
        assert plan.blocked_by is not None
        assert plan.blocked_by.name == "minutes"

    def test_bad_prices_give_no_signal_and_a_closed_exchange_does(self) -> None:
        assert decide(snapshot(**BLOCKERS["window"]), RULES).signal is None
        closed = decide(snapshot(**BLOCKERS["exchange"]), RULES)
        assert closed.signal is not None
        assert f"the rule says: {closed.signal.reason}" in closed.sentence

    def test_while_the_exchange_is_closed_flip_prices_are_of_the_coming_session(self) -> None:
        closed = decide(snapshot(**BLOCKERS["exchange"]), RULES)
        assert closed.signal is not None
        assert closed.signal.flips == flip_prices([*closes(Holding.QQQ), PRICE], RULES)
        opened = decide(snapshot(), RULES)
        assert opened.signal is not None
        assert opened.signal.flips == flip_prices(closes(Holding.QQQ), RULES)

    def test_every_verdict_is_in_the_plan(self) -> None:
        assert len(decide(snapshot(), RULES).gates) == 18
        assert [g.name for g in decide(snapshot(**BLOCKERS["halt"]), RULES).gates if not g.passed] == ["halt"]


def cost(orders: tuple[PlannedOrder, ...]) -> Decimal:
    return sum((o.quantity * (o.limit_price or o.decision_price) for o in orders if o.side is Side.BUY), Decimal(0))


@given(valid_snapshots(), all_rules)
def test_a_plan_never_spends_more_than_the_cash_or_sells_more_than_is_held(at: Snapshot, rules: Rules) -> None:
    plan = decide(at, rules)
    sells = [o for o in plan.orders if o.side is Side.SELL]
    buys = [o for o in plan.orders if o.side is Side.BUY]
    assert not (sells and buys)
    assert len(buys) <= 1
    assert all(o.quantity >= 1 for o in plan.orders)
    assert cost(plan.orders) <= min(at.portfolio.cash, at.account.spendable)
    for order in sells:
        assert order.quantity <= min(at.portfolio.shares[order.symbol], at.account.positions[order.symbol])
    assert (plan.action is Action.ROTATE) == bool(plan.orders)


@given(valid_snapshots(), all_rules)
def test_a_plan_carried_out_reaches_its_target_and_then_needs_no_order(at: Snapshot, rules: Rules) -> None:
    """Fill what is planned at the decision's prices: within three rounds only the target is held, and it is left."""
    for _ in range(3):
        plan = decide(at, rules)
        at = carried_out(at, plan)
    final = decide(at, rules)
    assert final.orders == ()
    if final.target is not None:
        held = {s for s in SYMBOLS if at.portfolio.shares[s]}
        assert held <= {final.target.symbol}


def carried_out(at: Snapshot, plan: Plan) -> Snapshot:
    shares, cash = dict(at.portfolio.shares), at.portfolio.cash
    for order in plan.orders:
        sign = 1 if order.side is Side.BUY else -1
        shares[order.symbol] += sign * order.quantity
        cash -= sign * order.quantity * order.decision_price
    book = replace(at.portfolio, shares=shares, cash=cash)
    spent = at.portfolio.cash - cash
    positions = {s: shares[s] + book.foreign[s] for s in SYMBOLS}
    seen = replace(at.account, positions=positions, spendable=at.account.spendable - spent)
    unfinished = None if plan.orders else at.unfinished
    return replace(at, portfolio=book, account=seen, unfinished=unfinished)


@given(odd_snapshots(), all_rules)
def test_it_raises_for_no_market_data(odd: Snapshot, rules: Rules) -> None:
    plan = decide(odd, rules)
    assert plan.sentence
    assert plan.action is Action.ROTATE or plan.orders == ()


@given(st.floats(0.001, 1e7), st.floats(0.001, 1e7), st.sampled_from(LEVELS), all_rules)
def test_it_raises_at_no_scale_of_prices(price: float, tqqq: float, target: Holding, rules: Rules) -> None:
    assert decide(snapshot(target, price, market=market(target, price, tqqq_price=tqqq)), rules).sentence


@given(odd_snapshots() | valid_snapshots(), all_rules)
def test_the_same_snapshot_gives_the_same_plan(at: Snapshot, rules: Rules) -> None:
    assert repr(decide(at, rules)) == repr(decide(at, rules))


@given(valid_snapshots(), all_rules, st.integers(0, 59))
def test_within_a_minute_the_passing_of_time_changes_no_order(at: Snapshot, rules: Rules, seconds: int) -> None:
    later: datetime = at.now + timedelta(seconds=seconds)
    assert decide(replace(at, now=later), rules).orders == decide(at, rules).orders


def test_the_prices_of_the_builders_are_the_ones_of_the_example() -> None:
    assert (PRICE, TQQQ_PRICE) == (450.0, 60.0)
