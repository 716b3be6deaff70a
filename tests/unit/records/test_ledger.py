"""The fold of the book's rows, against an account kept in the plainest way there is."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Split
from qqqbot.model.values import Holding, Side
from qqqbot.records.ledger import REMEMBERED, Booked, Ledger, pending_splits
from tests.support.builders import NOW, fold, portfolio, trade_row
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

STAMP = NOW.isoformat()
DEPOSIT = {"kind": "capital", "amount": 100_000, "timestamp": STAMP}


def row(kind: str, **values: Any) -> Mapping[str, Any]:
    return {"kind": kind, "timestamp": STAMP, **values}


def commission_row(amount: Any, order_ref: str = "qqqbot-20261124-01") -> Mapping[str, Any]:
    return row("commission", amount=amount, order_ref=order_ref)


def correction(symbol: str, quantity: int, amount: Any) -> Mapping[str, Any]:
    return row(
        "correction",
        symbol=symbol,
        quantity=quantity,
        amount=Decimal(str(amount)),
        order_ref="qqqbot-20261124-01",
        order_quantity_change=abs(quantity),
        order_amount_change=abs(Decimal(str(amount))),
        exec_ids=["a.02"],
    )


def dividend(amount: Any, day: str = "2026-12-21", symbol: str = QQQ) -> Mapping[str, Any]:
    return row("income", symbol=symbol, date=day, per_share=Decimal("0.7"), amount=Decimal(str(amount)))


def test_an_empty_book_is_nothing() -> None:
    ledger = fold([])
    assert ledger.portfolio() == portfolio(cash=0, total_capital=Decimal(0))
    assert ledger.since is None


def test_capital_is_cash() -> None:
    ledger = fold([DEPOSIT, row("capital", amount=-20_000)])
    assert ledger.cash == ledger.total_capital == 80_000
    assert ledger.since == datetime.fromisoformat(STAMP)


def test_a_round_trip_earns_what_it_earned() -> None:
    rows = [DEPOSIT, trade_row(Side.BUY, QQQ, 211, "450.00"), trade_row(Side.SELL, QQQ, 211, "460.00")]
    ledger = fold(rows)
    assert ledger.shares == {QQQ: 0, TQQQ: 0}
    assert ledger.realized_pnl == 2110 - 2
    assert ledger.cash == 100_000 + 2110 - 2
    assert ledger.trades == 2


def test_cost_is_the_average_paid_with_commissions() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 1, 100), trade_row(Side.BUY, QQQ, 3, 110)])
    assert ledger.cost[QQQ] == Decimal(100 + 330 + 2) / 4


def test_a_partial_sale_keeps_the_cost_of_the_remaining_shares() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100), trade_row(Side.SELL, QQQ, 4, 120)])
    assert ledger.cost[QQQ] == Decimal("100.1")
    assert ledger.realized_pnl == 480 - 1 - Decimal("400.4")
    assert ledger.shares[QQQ] == 6


def test_a_trade_names_the_target_of_the_book() -> None:
    assert fold([DEPOSIT, trade_row(Side.SELL, QQQ, 0, 1, position="TQQQ")]).moving_to is Holding.TQQQ


def test_a_commission_not_reported_yet_costs_nothing_until_it_is() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 1, 100, commission=None)])
    assert ledger.cash == 99_900
    ledger.apply(commission_row("1.25"))
    assert ledger.cash == Decimal("99898.75")
    assert ledger.cost[QQQ] == Decimal("101.25")
    assert ledger.orders["qqqbot-20261124-01"].commission == Decimal("1.25")


def test_a_corrected_price_changes_cash_and_cost_alone() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100), correction(QQQ, 0, "-5")])
    assert ledger.cash == 100_000 - 1000 - 1 - 5
    assert ledger.cost[QQQ] == Decimal("100.6")
    assert ledger.shares[QQQ] == 10
    assert ledger.realized_pnl == 0


def test_a_corrected_sale_after_all_is_sold_is_profit() -> None:
    rows = [DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100), trade_row(Side.SELL, QQQ, 10, 110), correction(QQQ, 0, 20)]
    assert fold(rows).realized_pnl == 1100 - 1 - 1001 + 20


def test_a_correction_that_sells_the_rest_leaves_no_cost() -> None:
    rows = [DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100), trade_row(Side.SELL, QQQ, 9, 110), correction(QQQ, -1, 110)]
    ledger = fold(rows)
    assert ledger.cost[QQQ] == 0
    assert ledger.realized_pnl == 1100 - 1 - 1001
    assert QQQ not in ledger.held_since


def test_a_correction_counts_its_executions() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100, exec_ids=["a.01"]), correction(QQQ, 1, -100)])
    assert ledger.counted("a.01")
    assert ledger.counted("a.02")
    assert not ledger.counted("a.03")
    booked = Booked(QQQ, Side.BUY, 11, Decimal(1100), Decimal(1), ("a.01", "a.02"))
    assert ledger.orders["qqqbot-20261124-01"] == booked


def test_adopted_shares_are_the_bots_at_their_price() -> None:
    ledger = fold([DEPOSIT, row("adopt", symbol=TQQQ, quantity=100, price=60)])
    assert ledger.shares[TQQQ] == 100
    assert ledger.cost[TQQQ] == 60
    assert ledger.cash == 94_000


def test_an_adopted_sale_takes_the_shares_out() -> None:
    ledger = fold([DEPOSIT, trade_row(Side.BUY, QQQ, 10, 100), row("adopt", symbol=QQQ, quantity=-10, price=120)])
    assert ledger.shares[QQQ] == 0
    assert ledger.realized_pnl == 1200 - 1001
    assert ledger.cash == 100_000 - 1001 + 1200


def test_left_shares_are_not_the_bots() -> None:
    ledger = fold([DEPOSIT, row("leave", symbol=QQQ, quantity=50), row("leave", symbol=QQQ, quantity=-20)])
    assert ledger.foreign == {QQQ: 30, TQQQ: 0}
    assert ledger.shares == {QQQ: 0, TQQQ: 0}
    assert ledger.portfolio().holding is Holding.CASH


def test_a_split_multiplies_shares_and_divides_cost() -> None:
    rows = [
        DEPOSIT,
        trade_row(Side.BUY, TQQQ, 100, 60, commission=0),
        row("leave", symbol=TQQQ, quantity=7),
        row("split", symbol=TQQQ, ratio=Decimal(2), date="2026-11-25"),
    ]
    ledger = fold(rows)
    assert ledger.shares == {QQQ: 0, TQQQ: 200}
    assert ledger.foreign[TQQQ] == 14
    assert ledger.cost[TQQQ] == 30
    assert ledger.cash == 94_000
    assert ledger.has_split(TQQQ, date(2026, 11, 25))
    assert not ledger.has_split(QQQ, date(2026, 11, 25))


def test_a_fraction_that_a_split_leaves_is_sold() -> None:
    split = row("split", symbol=TQQQ, ratio=Decimal("0.1"), date="2026-11-25", shares=158, foreign=0, cash=180)
    ledger = fold([DEPOSIT, trade_row(Side.BUY, TQQQ, 1583, 60, commission=0), split])
    assert ledger.shares[TQQQ] == 158
    assert ledger.cash == 100_000 - 94_980 + 180
    assert ledger.cost[TQQQ] == 600
    assert ledger.realized_pnl == 180 - Decimal("0.3") * 600


def test_a_split_whose_date_is_corrected_is_the_same() -> None:
    rows = [DEPOSIT, trade_row(Side.BUY, TQQQ, 100, 60), row("split", symbol=TQQQ, ratio=2, date="2026-11-27")]
    ledger = fold(rows)
    assert all(ledger.has_split(TQQQ, date(2026, 11, day)) for day in (25, 27, 30))
    assert not ledger.has_split(TQQQ, date(2026, 12, 10))


def test_a_dividend_is_income_and_cash() -> None:
    ledger = fold([DEPOSIT, dividend("140.50"), dividend("-0.50")])
    assert ledger.cash == 100_140
    assert ledger.income == 140
    assert ledger.realized_pnl == 0
    known = ledger.income_of(QQQ, date(2026, 12, 22))
    assert known is not None
    assert known.amount == 140
    assert known.recorded == date(2026, 11, 24)
    assert ledger.income_of(TQQQ, date(2026, 12, 21)) is ledger.income_of(QQQ, date(2026, 9, 21)) is None
    assert ledger.portfolio().income == 140


def test_the_shares_that_a_day_began_with() -> None:
    days = {day: f"2026-12-{day:02d}T15:00:00+00:00" for day in (14, 21, 23)}
    rows = [
        DEPOSIT,
        trade_row(Side.BUY, QQQ, 100, 450, timestamp=days[14]),
        trade_row(Side.BUY, QQQ, 11, 450, timestamp=days[21]),
        {**row("split", symbol=QQQ, ratio=2, date="2026-12-23"), "timestamp": days[23]},
    ]
    ledger = fold(rows)
    assert [ledger.shares_before(QQQ, date(2026, 12, day)) for day in (14, 15, 21, 22, 23, 24)] == [
        *(0, 100, 100, 111, 111, 222),
    ]


@pytest.mark.parametrize(
    ("quantity", "price"), [(40, 70), (-4, 70), (-10, 70)], ids=["a purchase", "a part sold", "all sold"]
)
def test_an_answer_that_is_taken_back_leaves_the_book_as_it_was(quantity: int, price: int) -> None:
    rows = [DEPOSIT, trade_row(Side.BUY, TQQQ, 10, 60), row("adopt", symbol=TQQQ, quantity=quantity, price=price)]
    before, answered = fold(rows[:-1]).portfolio(), fold(rows)
    (answer,) = answered.last_answer
    undo = row("undo", symbol=TQQQ, side=answer.side.value, quantity=-answer.quantity, price=answer.price, foreign=0)
    ledger = fold([*rows, {**undo, "cost": answer.cost, "timestamp": "2026-11-25T15:00:00+00:00"}])
    assert ledger.portfolio() == before
    (again,) = ledger.last_answer
    redo = {**undo, "quantity": -again.quantity, "cost": again.cost, "timestamp": "2026-11-26T15:00:00+00:00"}
    ledger.apply(redo)
    assert ledger.portfolio() == answered.portfolio()


def test_a_split_is_pending_if_the_share_was_held_on_its_day() -> None:
    splits = [Split(TQQQ, date(2026, 11, day), 2.0) for day in (23, 24, 25)] + [Split(QQQ, date(2026, 11, 25), 2.0)]
    rows = [DEPOSIT, trade_row(Side.BUY, TQQQ, 100, 60)]
    # Bought on the 24th: that day's price was already the split one.
    assert pending_splits(fold(rows), splits) == (splits[2],)
    recorded = [*rows, row("split", symbol=TQQQ, ratio=2, date="2026-11-25")]
    assert pending_splits(fold(recorded), splits) == ()
    assert pending_splits(fold([*rows, trade_row(Side.SELL, TQQQ, 100, 60)]), splits) == ()


def test_the_day_of_a_buy_is_the_new_york_date() -> None:
    late = trade_row(Side.BUY, TQQQ, 100, 60, timestamp="2026-11-25T02:00:00+00:00")
    assert fold([DEPOSIT, late]).held_since == {TQQQ: date(2026, 11, 24)}


def test_only_the_executions_of_the_newest_orders_are_remembered() -> None:
    ids = [f"e{n}.01" for n in range(REMEMBERED + 5)]
    orders = (trade_row(Side.BUY, QQQ, 1, 1, order_ref=f"qqqbot-{one}", exec_ids=[one]) for one in ids)
    ledger = fold([DEPOSIT, *orders])
    assert not ledger.counted(ids[4])
    assert ledger.counted(ids[5])
    assert ledger.counted(ids[-1])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        row("unheard_of"),
        row("capital"),
        row("capital", amount="many"),
        trade_row(Side.BUY, "IBM", 1, 100),
        {**trade_row(Side.BUY, QQQ, 1, 100), "symbol": None},
        {**trade_row(Side.BUY, QQQ, 1, 100), "side": "HOLD"},
        trade_row(Side.BUY, QQQ, 1, 100, position="GOLD"),
        {k: v for k, v in trade_row(Side.BUY, QQQ, 1, 100).items() if k != "commission"},
    ],
)
def test_a_malformed_row_is_an_error(wrong: Mapping[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError, ArithmeticError)):
        fold([DEPOSIT, wrong])


money = st.decimals(1, 900, places=4)
fees = st.none() | st.decimals(0, 5, places=2)


@st.composite
def histories(draw: st.DrawFn) -> list[Mapping[str, Any]]:
    """A random but possible history: never a sale of more than is held."""
    rows: list[Mapping[str, Any]] = [DEPOSIT]
    held = dict.fromkeys(SYMBOLS, 0)
    for number in range(draw(st.integers(0, 25))):
        symbol = draw(st.sampled_from(SYMBOLS))
        kinds = [
            "buy",
            "capital",
            "leave",
            "adopt",
            "income",
            *(["sell", "adopt_out", "split"] if held[symbol] else []),
        ]
        match draw(st.sampled_from(kinds)):
            case "buy":
                held[symbol] += (quantity := draw(st.integers(1, 500)))
                rows.append(trade_row(Side.BUY, symbol, quantity, draw(money), commission=draw(fees)))
            case "sell":
                held[symbol] -= (quantity := draw(st.integers(1, held[symbol])))
                rows.append(trade_row(Side.SELL, symbol, quantity, draw(money), commission=draw(fees)))
            case "adopt":
                held[symbol] += (quantity := draw(st.integers(1, 500)))
                rows.append(row("adopt", symbol=symbol, quantity=quantity, price=draw(money)))
            case "adopt_out":
                held[symbol] -= (quantity := draw(st.integers(1, held[symbol])))
                rows.append(row("adopt", symbol=symbol, quantity=-quantity, price=draw(money)))
            case "capital":
                rows.append(row("capital", amount=draw(st.integers(-1000, 1000))))
            case "leave":
                rows.append(row("leave", symbol=symbol, quantity=draw(st.integers(0, 50))))
            case "income":
                rows.append(dividend(draw(money), f"2026-01-{number + 1:02d}", symbol))
            case "split":
                held[symbol] *= (ratio := draw(st.sampled_from([2, 3])))
                rows.append(row("split", symbol=symbol, ratio=ratio, date=f"2026-01-{number + 1:02d}"))
    return rows


def plain_account(rows: list[Mapping[str, Any]]) -> tuple[Decimal, dict[str, int], Decimal]:
    """Cash, shares and capital by adding up, one kind of row after the other."""
    cash, capital, shares = Decimal(0), Decimal(0), dict.fromkeys(SYMBOLS, 0)
    for entry in rows:
        kind = entry.get("kind", "trade")
        if kind == "capital":
            cash += entry["amount"]
            capital += entry["amount"]
        elif kind == "income":
            cash += entry["amount"]
        elif kind == "split":
            shares[entry["symbol"]] *= entry["ratio"]
        elif kind == "adopt":
            shares[entry["symbol"]] += entry["quantity"]
            cash -= entry["quantity"] * entry["price"]
        elif kind == "trade":
            sign = 1 if entry["side"] == "BUY" else -1
            shares[entry["symbol"]] += sign * entry["quantity"]
            cash -= sign * entry["quantity"] * entry["price"] + (entry["commission"] or 0)
    return cash, shares, capital


@given(histories())
def test_the_fold_adds_up_like_a_plain_account(rows: list[Mapping[str, Any]]) -> None:
    ledger = fold(rows)
    cash, shares, capital = plain_account(rows)
    assert (ledger.cash, ledger.shares, ledger.total_capital) == (cash, shares, capital)
    assert ledger.trades == sum(1 for r in rows if "kind" not in r)
    assert ledger.rows == len(rows)


@given(histories())
def test_profit_and_cost_account_for_all_the_money(rows: list[Mapping[str, Any]]) -> None:
    """What was put in plus what was earned is the cash and the cost of what is held."""
    ledger = fold(rows)
    at_cost = ledger.portfolio().equity(ledger.cost)
    assert abs(at_cost - (ledger.total_capital + ledger.realized_pnl + ledger.income)) < Decimal("1e-15")
    assert all(ledger.cost[s] == 0 for s in SYMBOLS if ledger.shares[s] == 0)
    assert set(ledger.held_since) == {s for s in SYMBOLS if ledger.shares[s] + ledger.foreign[s]}


@given(histories(), st.integers(0, 25))
def test_the_fold_continues_where_it_stopped(rows: list[Mapping[str, Any]], cut: int) -> None:
    whole, pieces = fold(rows), fold(rows[:cut])
    for entry in rows[cut:]:
        pieces.apply(entry)
    assert pieces.portfolio() == whole.portfolio()


def test_a_portfolio_is_not_changed_by_later_rows() -> None:
    ledger = Ledger()
    ledger.apply(DEPOSIT)
    before = ledger.portfolio()
    ledger.apply(trade_row(Side.BUY, QQQ, 10, 100))
    assert before.shares[QQQ] == 0
    assert before.cash == 100_000


@pytest.mark.parametrize("amount", ["-Infinity", "NaN", float("inf")])
def test_an_amount_that_is_not_finite_is_not_an_amount(amount: Any) -> None:
    ledger = Ledger()
    with pytest.raises(ValueError, match="is not an amount"):
        ledger.apply({**DEPOSIT, "amount": amount})
    assert ledger.rows == 0


def test_costs_and_rotations_add_up() -> None:
    buy = {**trade_row(Side.BUY, QQQ, 100, "450.00"), "commission": Decimal(1), "slippage_bps": Decimal(2)}
    more = {**trade_row(Side.BUY, QQQ, 10, "450.00"), "commission": None, "slippage_bps": "unheard of"}
    sell = {**trade_row(Side.SELL, QQQ, 110, "460.00"), "commission": Decimal(1), "position": "CASH"}
    ledger = fold([DEPOSIT, buy, more, commission_row("0.5"), sell])
    costs = ledger.costs
    assert (costs.commissions, costs.slippage, costs.traded) == (Decimal("2.5"), Decimal(9), Decimal(100_100))
    assert costs.rotations == 2, "not one for each order"


def test_a_position_is_open_from_its_first_share_to_its_last() -> None:
    def at(day: int, side: Side, quantity: int) -> Mapping[str, Any]:
        return {**trade_row(side, QQQ, quantity, "450.00"), "timestamp": f"2026-11-{day}T15:00:00+00:00"}

    rows = [DEPOSIT, at(10, Side.BUY, 5), at(11, Side.BUY, 5), at(12, Side.SELL, 9)]
    assert fold(rows).opened == {QQQ: datetime.fromisoformat("2026-11-10T15:00:00+00:00")}
    assert fold([*rows, at(13, Side.SELL, 1)]).opened == {}
    assert fold([*rows, at(13, Side.SELL, 1), at(14, Side.BUY, 1)]).opened[QQQ].day == 14
