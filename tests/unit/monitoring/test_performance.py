"""What the book adds up to beyond the portfolio, by numbers worked out by hand."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from qqqbot.model.values import Holding
from qqqbot.monitoring.performance import BAD_ROW, Performance, shares_before, time_in
from tests.support.builders import NOW
from tests.support.monitor_samples import book, book_row, capital_row
from tests.support.symbols import QQQ, TQQQ

DAY = timedelta(days=1)


def taken_in(rows: list[dict[str, Any]], opening: dict[str, int] | None = None) -> Performance:
    performance = Performance(opening)
    for row in rows:
        performance.apply(row)
    return performance


def days_in(performance: Performance) -> dict[str, float]:
    return {holding.value: seconds / 86400 for holding, seconds in performance.seconds_in(NOW).items()}


def test_time_goes_to_what_was_held() -> None:
    assert days_in(taken_in(book())) == {"CASH": 10, "TQQQ": 20, "QQQ": 10}


def test_a_sale_never_followed_by_a_purchase_is_time_in_cash() -> None:
    rows = book()[:3]  # sold TQQQ on the way to QQQ, which was never bought
    assert days_in(taken_in(rows)) == {"CASH": 30, "TQQQ": 10, "QQQ": 0}


def test_a_partly_sold_share_is_still_held() -> None:
    rows = [*book()[:2], book_row("SELL", TQQQ, 400, 66.0, NOW - 20 * DAY, position="CASH")]
    assert taken_in(rows).holding is Holding.TQQQ


def test_a_round_trip_is_won_if_it_made_money_after_commissions() -> None:
    performance = taken_in(book())
    assert performance.rounds == {TQQQ: 1, QQQ: 1}
    assert performance.wins == {TQQQ: 1, QQQ: 0}
    even = [
        capital_row(NOW - 3 * DAY),
        book_row("BUY", QQQ, 1, 500.0, NOW - 2 * DAY),
        book_row("SELL", QQQ, 1, 501.0, NOW - DAY),  # one dollar made, two paid
    ]
    assert taken_in(even).wins[QQQ] == 0


def test_a_commission_reported_later_counts_in_its_round_trip() -> None:
    rows = [
        capital_row(NOW - 3 * DAY),
        book_row("BUY", QQQ, 1, 500.0, NOW - 2 * DAY, commission=None),
        {**capital_row(NOW - 2 * DAY, 5.0), "kind": "commission", "order_ref": "qqqbot-20261122-01"},
        book_row("SELL", QQQ, 1, 503.0, NOW - DAY, commission=None),
    ]
    performance = taken_in(rows)
    assert performance.ledger.costs.commissions == Decimal(5)
    assert performance.wins[QQQ] == 0


@pytest.mark.parametrize("cut", range(1, 6))
def test_the_holding_before_the_first_row_is_found_from_the_rows_after_it(cut: int) -> None:
    held = {1: (0, 0), 2: (0, 1000), 3: (0, 0), 4: (200, 0), 5: (0, 0)}[cut]
    assert Counter(shares_before(book()[cut:])) == Counter({QQQ: held[0], TQQQ: held[1]})


def test_a_split_after_the_first_row_is_undone() -> None:
    split = {"kind": "split", "symbol": TQQQ, "ratio": 2, "date": "2026-11-20", "timestamp": NOW.isoformat()}
    rows = [split, book_row("SELL", TQQQ, 2000, 33.0, NOW)]
    assert shares_before(rows)[TQQQ] == 1000


def test_a_book_without_its_beginning_is_counted_from_its_first_row() -> None:
    rows = book()[2:]
    assert days_in(taken_in(rows, shares_before(rows))) == {"CASH": 0, "TQQQ": 10, "QQQ": 10}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"timestamp": "yesterday"},
        {"timestamp": NOW.isoformat(), "kind": "unheard of"},
        {**book()[1], "quantity": None},
        {**book()[1], "side": "HOLD"},
        {**book()[1], "amount": "much"},
    ],
)
def test_a_malformed_row_raises_the_documented_error(row: dict[str, Any]) -> None:
    with pytest.raises(BAD_ROW):
        Performance().apply(row)


def test_there_is_no_time_in_an_empty_book() -> None:
    assert time_in(Performance(), NOW) is None
