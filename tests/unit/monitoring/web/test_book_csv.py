"""The book as comma-separated values."""

import csv
import io
from typing import Any

from qqqbot.monitoring.web.book_csv import as_csv

TRADE: dict[str, Any] = {
    "timestamp": "2026-11-20T15:45:03+00:00",
    "side": "BUY",
    "symbol": "TQQQ",
    "quantity": 12,
    "price": 81.5,
    "amount": 978.0,
    "commission": None,
    "order_ref": "qqqbot-1",
    "cash": 22.0,
    "equity": 1000.0,
}


def read(*rows: dict[str, Any]) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(as_csv(rows)))]


def test_a_trade_is_a_line_of_its_figures() -> None:
    (line,) = read(TRADE)
    assert (line["kind"], line["side"], line["quantity"], line["price"]) == ("trade", "BUY", "12", "81.5")


def test_what_is_not_known_is_empty_and_never_zero() -> None:
    (line,) = read(TRADE)
    assert line["commission"] == line["realized_pnl"] == ""


def test_dividends_and_corrections_are_lines_too_because_they_are_money() -> None:
    lines = read(TRADE, {"kind": "income", "symbol": "TQQQ", "amount": 3.2}, {"kind": "correction", "commission": 1.0})
    assert [line["kind"] for line in lines] == ["trade", "income", "correction"]
    assert [line["amount"] for line in lines] == ["978.0", "3.2", ""]


def test_no_text_of_the_book_is_a_formula_of_the_spreadsheet() -> None:
    (line,) = read(TRADE | {"order_ref": "=HYPERLINK(1)"})
    assert line["order_ref"] == "'=HYPERLINK(1)"


def test_a_damaged_row_is_a_line_with_gaps() -> None:
    (line,) = read({"symbol": 7, "price": "much", "amount": [1], "side": None})
    assert {*line.values()} == {"", "trade"}


def test_an_empty_book_has_its_column_names() -> None:
    assert as_csv([]).startswith("timestamp,kind,side,symbol,order_ref,quantity,price,amount,commission,")
