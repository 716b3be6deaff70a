"""The audit, which the drill and the long runs use, notices every kind of wrong record."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drill.audit import problems

CAPITAL = {"kind": "capital", "amount": 1000}
BUY = {"side": "BUY", "symbol": "QQQ", "quantity": 2, "price": 100, "amount": 200, "commission": 1}
BUY |= {"order_ref": "a-01", "exec_ids": ["x1"], "cash": 799}
SELL = {**BUY, "side": "SELL", "order_ref": "a-02", "exec_ids": ["x2"], "cash": 998}
ORDERS = [
    {"event": event, "order_ref": ref, "filled": 2} for ref in ("a-01", "a-02") for event in ("intended", "outcome")
]


@dataclass(frozen=True)
class Execution:
    order_ref: str
    shares: Decimal
    price: Decimal


THEIRS = [Execution("a-01", Decimal(2), Decimal(100)), Execution("a-02", Decimal(2), Decimal(100))]


def audited(
    logs: Path, book: list[Any], orders: list[Any], shares: int = 0, cash: int = 998, **options: Any
) -> list[str]:
    for name, rows in (("trades.jsonl", book), ("orders.jsonl", orders)):
        (logs / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (logs / "status.json").write_text(json.dumps({"portfolio": {"shares": {"QQQ": shares, "TQQQ": 0}, "cash": cash}}))
    return problems(logs, **options)


def test_valid_records_have_no_problems(tmp_path: Path) -> None:
    assert audited(tmp_path, [CAPITAL, BUY, SELL], ORDERS, executions=THEIRS) == []


@pytest.mark.parametrize(
    ("book", "orders", "shares", "found"),
    [
        ([CAPITAL, BUY, BUY, SELL], ORDERS, 2, "fill x1 is in the book 2 times"),
        ([CAPITAL, BUY], ORDERS, 2, "a-02 was filled and is not in the book"),
        ([CAPITAL, BUY, SELL], [*ORDERS, ORDERS[0]], 0, "a-01 was decided 2 times"),
        ([CAPITAL, BUY, SELL], ORDERS[:-1], 0, "a-02 has no outcome"),
        ([CAPITAL, BUY, SELL], ORDERS[:2], 0, "a-02 is in the book and was never decided"),
        ([CAPITAL, BUY, SELL], ORDERS, 2, "the status says"),
        ([CAPITAL, BUY], ORDERS[:2], 2, "the status says 998 USD of cash, the book 799"),
        ([CAPITAL, BUY, {**BUY, "exec_ids": ["x3"]}], ORDERS, 4, "a-01 is in the book 2 times"),
        ([CAPITAL, BUY, SELL], [*ORDERS, {**ORDERS[1], "order_ref": "a-03"}], 0, "a-03 has an outcome and was never"),
        ([CAPITAL, BUY, SELL], [*ORDERS[:3], {**ORDERS[3], "filled": 0}], 0, "a-02 is in the book and ended without"),
        ([CAPITAL, {**BUY, "cash": 800}, SELL], ORDERS, 0, "the row says 800 USD of cash, its book adds up to 799"),
        ([CAPITAL, SELL], ORDERS, -2, "a negative number of shares"),
        ([{**CAPITAL, "amount": 100}, BUY, SELL], ORDERS, 0, "-101 USD of cash"),
    ],
)
def test_problems_are_found(tmp_path: Path, book: list[Any], orders: list[Any], shares: int, found: str) -> None:
    assert any(found in problem for problem in audited(tmp_path, book, orders, shares))


@pytest.mark.parametrize(
    "theirs", [THEIRS[:1], [*THEIRS, THEIRS[0]], [THEIRS[0], Execution("a-02", Decimal(2), Decimal(1))]]
)
def test_a_book_that_is_not_the_gateways_ledger_is_found(tmp_path: Path, theirs: list[Any]) -> None:
    found = audited(tmp_path, [CAPITAL, BUY, SELL], ORDERS, executions=theirs)
    assert [problem for problem in found if "the gateway says" in problem]


def test_income_answers_and_splits_are_added_up_too(tmp_path: Path) -> None:
    book = [
        *(CAPITAL, BUY),
        {"kind": "correction", "symbol": "QQQ", "quantity": 0, "amount": 0, "commission": 1},
        {"kind": "income", "symbol": "QQQ", "amount": 3},
        {"kind": "adopt", "symbol": "QQQ", "quantity": 1, "price": 100},
        {"kind": "undo", "symbol": "QQQ", "side": "BUY", "quantity": -1, "price": 100},
        {"kind": "split", "symbol": "QQQ", "ratio": 1.5, "shares": 3, "cash": 0},
    ]
    assert audited(tmp_path, book, ORDERS[:2], shares=3, cash=801) == []
