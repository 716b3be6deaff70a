"""The whole book as comma-separated values, for a spreadsheet or a tax program."""

import csv
import io
from collections.abc import Iterable

from qqqbot.records.coerce import number, text
from qqqbot.records.tail import Row

WORDS = ("timestamp", "kind", "side", "symbol", "order_ref")
NUMBERS = ("quantity", "price", "amount", "commission", "realized_pnl", "cash", "equity")
# A text that begins with one of these is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@")


def as_csv(rows: Iterable[Row]) -> str:
    """A line of column names, then one line for each row, in order. A column that a row lacks is empty."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow((*WORDS, *NUMBERS))
    for row in rows:
        words = {name: text(row.get(name)) or "" for name in WORDS} | {"kind": text(row.get("kind")) or "trade"}
        numbers = (row[name] if number(row.get(name)) is not None else "" for name in NUMBERS)
        lines.writerow((*map(_plain, words.values()), *numbers))
    return out.getvalue()


def _plain(word: str) -> str:
    return f"'{word}" if word.startswith(FORMULA) else word
