"""Checks what must be true of the records whatever happened to the daemon, computed without its code."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]
CENT = Decimal("0.01")


class Execution(Protocol):
    """What a gateway reports about one fill."""

    order_ref: str
    shares: Decimal
    price: Decimal


def rows(path: Path) -> list[Row]:
    """The complete rows of a record file; none if there is no such file."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line, parse_float=Decimal) for line in lines if line.endswith("\n")]


def trades(logs: Path) -> list[Row]:
    return [row for row in rows(logs / "trades.jsonl") if row.get("kind", "trade") == "trade"]


class Account:
    """Cash and shares of a book, added up from its rows."""

    def __init__(self, book: Iterable[Row]) -> None:
        self.cash, self.shares = Decimal(0), Counter[str]()
        self.problems: list[str] = []
        for row in book:
            self._take(row)

    def _take(self, row: Row) -> None:
        match row.get("kind", "trade"):
            case "capital":
                self.cash += row["amount"]
            case "commission":
                self.cash -= row["amount"]
            case "income":
                self.cash += row["amount"]
            case "correction":
                self.cash += row["amount"] - row.get("commission", 0)
                self.shares[row["symbol"]] += row["quantity"]
            case "split":
                self.shares[row["symbol"]] = row["shares"]
                self.cash += row["cash"]
            case "adopt":
                self.cash -= row["quantity"] * row["price"]
                self.shares[row["symbol"]] += row["quantity"]
            case "undo":
                sign = 1 if row["side"] == "BUY" else -1
                self.cash -= sign * row["quantity"] * row["price"]
                self.shares[row["symbol"]] += sign * row["quantity"]
            case "trade":
                self._take_trade(row)

    def _take_trade(self, row: Row) -> None:
        sign, ref = 1 if row["side"] == "BUY" else -1, row["order_ref"]
        self.cash -= sign * row["amount"] + (row["commission"] or 0)
        self.shares[row["symbol"]] += sign * row["quantity"]
        if self.cash < 0:
            self.problems.append(f"{ref}: {self.cash} USD of cash")
        if min(self.shares.values()) < 0:
            self.problems.append(f"{ref}: a negative number of shares, {self.shares}")
        if sum(count > 0 for count in self.shares.values()) > 1:
            self.problems.append(f"{ref}: several funds at once, {self.shares}")
        if row["commission"] is not None and abs(self.cash - row["cash"]) > CENT:
            self.problems.append(f"{ref}: the row says {row['cash']} USD of cash, its book adds up to {self.cash}")


def problems(logs: Path, executions: Iterable[Execution] | None = None) -> list[str]:
    """Everything that is wrong with the records in `logs`. Every order must have its outcome by now.

    `executions` are the gateway's, if there is a gateway.
    """
    account = Account(rows(logs / "trades.jsonl"))
    found = [*account.problems, *_orders(logs), *_status(logs, account)]
    return found if executions is None else [*found, *_against(executions, logs)]


def _orders(logs: Path) -> Iterator[str]:
    journal, booked = rows(logs / "orders.jsonl"), trades(logs)
    intended = Counter(row["order_ref"] for row in journal if row["event"] == "intended")
    ended = {row["order_ref"]: row["filled"] for row in journal if row["event"] == "outcome"}
    yield from (f"{ref} was decided {count} times" for ref, count in intended.items() if count > 1)
    yield from (f"{ref} has no outcome" for ref in intended.keys() - ended.keys())
    yield from (f"{ref} has an outcome and was never decided" for ref in ended.keys() - intended.keys())
    in_book = Counter(row["order_ref"] for row in booked)
    fills = Counter(exec_id for row in booked for exec_id in row["exec_ids"])
    filled = {ref for ref, shares in ended.items() if shares}
    yield from (f"{ref} is in the book {count} times" for ref, count in in_book.items() if count > 1)
    yield from (f"fill {exec_id} is in the book {count} times" for exec_id, count in fills.items() if count > 1)
    yield from (f"{ref} is in the book and was never decided" for ref in in_book.keys() - intended.keys())
    yield from (f"{ref} was filled and is not in the book" for ref in filled - in_book.keys())
    yield from (f"{ref} is in the book and ended without a fill" for ref in (in_book.keys() & ended.keys()) - filled)


def _status(logs: Path, account: Account) -> Iterator[str]:
    status = json.loads((logs / "status.json").read_text(), parse_float=Decimal)
    shown = status.get("portfolio")
    if shown and Counter(shown["shares"]) != account.shares:
        yield f"the status says {shown['shares']}, the book {account.shares}"
    if shown and abs(shown["cash"] - account.cash) > CENT:
        yield f"the status says {shown['cash']} USD of cash, the book {account.cash}"


def _against(executions: Iterable[Execution], logs: Path) -> Iterator[str]:
    """Compare with the gateway's own ledger, order by order: shares exactly, money to the cent."""
    theirs: dict[str, tuple[Decimal, Decimal]] = {}
    for execution in executions:
        shares, amount = theirs.get(execution.order_ref, (Decimal(0), Decimal(0)))
        theirs[execution.order_ref] = shares + execution.shares, amount + execution.shares * execution.price
    ours: dict[str, tuple[Decimal, Decimal]] = {}
    for row in trades(logs):
        shares, amount = ours.get(row["order_ref"], (Decimal(0), Decimal(0)))
        ours[row["order_ref"]] = shares + row["quantity"], amount + row["amount"]
    for ref in sorted(theirs.keys() | ours.keys()):
        (n, paid), (m, booked) = theirs.get(ref, (Decimal(0),) * 2), ours.get(ref, (Decimal(0),) * 2)
        if n != m or abs(paid - booked) > CENT:
            yield f"{ref}: the gateway says {n} shares for {paid}, the book {m} for {booked}"
