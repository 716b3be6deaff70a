"""trades.jsonl, the book: the rows of one mode and account, and the Ledger that they add up to.

The book takes fills from the broker's reports of an order, each only once, however and however often they arrive. A new
execution becomes a trade row. If the order's totals still differ (a corrected execution, a late commission), the
difference becomes a correction row.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from qqqbot.model.errors import BookDamaged
from qqqbot.model.executions import (
    is_from_status,
    newest_revisions,
    revision,
    status_exec_id,
    stem,
)
from qqqbot.model.market import Dividend, Split
from qqqbot.model.values import Fill, Mode, Order, OrderIntent, Side
from qqqbot.records.jsonl import SCHEMA, UNUSABLE, AppendOnlyFile, Nowhere, Row
from qqqbot.records.ledger import ZERO, Booked, Ledger
from qqqbot.records.row_prices import prices_of_trade

# Amounts are read back from doubles: two that differ by less than this are the same.
SMALLEST_AMOUNT = Decimal("0.00005")


class Book:
    """`load` before anything else."""

    def __init__(self, file: AppendOnlyFile, mode: Mode, account: str) -> None:
        self._file = file
        self._identity = {"schema": SCHEMA, "mode": mode.value, "account": account}
        self.ledger = Ledger()

    def load(self, now: datetime) -> str | None:
        """Open the file and fold its rows; returns what was set aside. Raises BookDamaged, OSError."""
        aside = self._file.open(now)
        before: Row = {}
        for number, row in enumerate(self._file.rows(), start=1):
            if row.get("mode") == self._identity["mode"] and row.get("account") == self._identity["account"]:
                self._take_checked(row, number, before)
                before = row
        return aside

    def rehearsal(self) -> "Book":
        """A copy of the book that writes nothing."""
        identity = self._identity
        copied = Book(Nowhere(self._file.path), Mode(str(identity["mode"])), str(identity["account"]))
        copied.ledger = deepcopy(self.ledger)
        return copied

    def verify(self) -> None:
        """Raises OSError if the file was replaced while it was open."""
        self._file.verify()

    def close(self) -> None:
        self._file.close()

    def absorb(self, intent: OrderIntent, order: Order, now: datetime) -> list[Row]:
        """Record whatever `order` reports and the book lacks; returns the new rows. Raises OSError.

        A second call with the same order does nothing. Corrections and late commissions are computed from the whole
        order, so they wait for an answer that contains every execution in the book. A fill that was booked from the
        order's status is replaced by its executions once they add up to as many shares.
        """
        booked = self.ledger.orders.get(intent.order_ref, Booked(intent.symbol, intent.side))
        known = {stem(exec_id): revision(exec_id) for exec_id in booked.exec_ids if not is_from_status(exec_id)}
        # If the owner copies the bot's order in TWS, to sell what it bought, the copy has its reference too.
        ours = [f for f in newest_revisions(order.fills) if (f.symbol, f.side) == (intent.symbol, intent.side)]
        # An execution that was busted before the bot saw it has no shares left, and does not count.
        fills = tuple(f for f in ours if f.quantity > 0 or stem(f.exec_id) in known)
        stands_in = status_exec_id(intent.order_ref)
        by_status = stands_in in booked.exec_ids and stands_in not in [fill.exec_id for fill in fills]
        if by_status and sum(fill.quantity for fill in fills) < booked.shares:
            return []
        reported = {stem(fill.exec_id): revision(fill.exec_id) for fill in fills}
        new = [f for f in fills if not self.ledger.counted(f.exec_id) and stem(f.exec_id) not in known]
        rows = [self._record_trade(intent, new, now)] if new and not by_status else []
        if all(reported.get(one, -1) >= number for one, number in known.items()):
            rows.extend(self._record_correction(intent, fills, now))
        return rows

    def set_capital(self, capital: Decimal, now: datetime) -> Row | None:
        """Record a first or changed total_capital as a deposit or withdrawal."""
        change = capital - self.ledger.total_capital
        return self._append(now, kind="capital", amount=change, total_capital=capital) if change else None

    def answer(self, changes: Sequence[Row], now: datetime) -> list[Row]:
        """Record the owner's answer: all `changes` or none. `adopted` and `left_alone` make them."""
        return self._append_all(now, changes)

    def undo(self, now: datetime) -> list[Row]:
        """Take back the owner's newest answer, perhaps an undo itself: reverse its rows, the last row first."""
        changes = [
            {
                "kind": "undo",
                "symbol": answered.symbol,
                "side": answered.side,
                "quantity": -answered.quantity,
                "price": answered.price,
                "foreign": -answered.foreign,
                "cost": answered.cost,
            }
            for answered in reversed(self.ledger.last_answer)
        ]
        return self._append_all(now, changes)

    def record_income(self, dividend: Dividend, amount: Decimal, now: datetime) -> Row:
        """Record `amount`, the part of `dividend` on the bot's shares that the book still lacks."""
        return self._append(
            now, kind="income", symbol=dividend.symbol, date=dividend.date, per_share=dividend.amount, amount=amount
        )

    def record_split(self, split: Split, shares: int, foreign: int, cash: Decimal, now: datetime) -> Row:
        """Record a split. `shares` and `foreign` are the counts after it; `cash` is paid for a lost fraction."""
        values = {"symbol": split.symbol, "ratio": split.ratio, "date": split.date}
        return self._append(now, kind="split", **values, shares=shares, foreign=foreign, cash=cash)

    def _record_trade(self, intent: OrderIntent, fills: list[Fill], now: datetime) -> Row:
        quantity = sum(fill.quantity for fill in fills)
        amount = sum((fill.price * fill.quantity for fill in fills), ZERO)
        commissions = [fill.commission for fill in fills]
        known = [c for c in commissions if c is not None]
        values = {
            "side": intent.side,
            "symbol": intent.symbol,
            "quantity": quantity,
            "price": (amount / quantity).quantize(Decimal("0.000001")),
            "amount": amount,
            "commission": sum(known, ZERO) if len(known) == len(commissions) else None,
            "order_ref": intent.order_ref,
            "order_quantity": intent.quantity,
            "exec_ids": [fill.exec_id for fill in fills],
            "position": intent.target,
            "reason": intent.reason,
            **_decision_numbers(intent, amount / quantity),
        }
        after = self._after(values)
        # Whatever date a gateway misread: shares that look older than they are get a dividend or a split of their own.
        at = min(max(*(fill.time for fill in fills), intent.decided_at), now)
        return self._append(at, **values, **after, recorded_at=now.isoformat())

    def _record_correction(self, intent: OrderIntent, fills: tuple[Fill, ...], now: datetime) -> list[Row]:
        """Bring the book's totals for the order to the totals of `fills`, which are all its executions."""
        revised = [fill for fill in fills if not self.ledger.counted(fill.exec_id)]
        booked = self.ledger.orders.get(intent.order_ref)
        if booked is None:
            return []
        quantity = sum(fill.quantity for fill in fills) - booked.shares if revised else 0
        amount = sum((fill.price * fill.quantity for fill in fills), ZERO) - booked.amount if revised else ZERO
        commission = _total_commission(fills, booked.commission) - booked.commission
        if not revised and abs(commission) < SMALLEST_AMOUNT:
            return []
        sign = 1 if intent.side is Side.BUY else -1
        row = self._append(
            now,
            kind="correction",
            symbol=intent.symbol,
            quantity=sign * quantity,
            amount=-sign * amount,
            order_ref=intent.order_ref,
            order_quantity_change=quantity,
            order_amount_change=amount,
            commission=commission,
            exec_ids=[fill.exec_id for fill in revised],
        )
        return [row]

    def _after(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cash, equity and realized profit that the ledger will have with the trade in it."""
        symbol, side, before = values["symbol"], values["side"], self.ledger.portfolio()
        signed = values["quantity"] if side is Side.BUY else -values["quantity"]
        move = self.ledger.move_of(symbol, side, values["quantity"], values["amount"], values["commission"] or ZERO)
        shares = {**before.shares, symbol: self.ledger.shares[symbol] + signed}
        after = replace(before, cash=before.cash + move.cash, shares=shares)
        prices = {**prices_of_trade(values), symbol: values["price"]}
        equity = after.equity({s: Decimal(str(price)) for s, price in prices.items()})
        money = {"realized_pnl": move.realized_pnl, "cash": after.cash, "equity": equity}
        return {name: amount.quantize(Decimal("0.01")) for name, amount in money.items()}

    def _append(self, now: datetime, **values: Any) -> Row:
        return self._append_all(now, [values])[0]

    def _append_all(self, now: datetime, changes: Sequence[Row]) -> list[Row]:
        """Add rows to the file and the ledger. If it raises OSError, it has added them to neither."""
        rows: list[Row] = [{"timestamp": now.isoformat(), **values, **self._identity} for values in changes]
        for read in self._file.append_all(rows):
            self._take(read)
        return rows

    def _take(self, row: Row) -> None:
        self.ledger.apply(row)

    def _take_checked(self, row: Row, number: int, before: Row) -> None:
        line = f"{self._file.path}, line {number}"
        try:
            if row == before or self._has_executions_of(row):  # an editor, or a copy of the file, wrote it twice
                raise BookDamaged(f"{line}: an earlier line recorded this already; remove this one")
            self._take(row)
        except UNUSABLE as error:
            raise BookDamaged(f"{line}: not a row of the book ({error!r})") from None

    def _has_executions_of(self, row: Row) -> bool:
        booked = self.ledger.orders.get(row.get("order_ref", ""))
        return booked is not None and not set(row.get("exec_ids", ())).isdisjoint(booked.exec_ids)


def adopted(symbol: str, quantity: int, price: Decimal) -> Row:
    """The account was right: the bot's shares change by `quantity` at `price`."""
    return {"kind": "adopt", "symbol": symbol, "quantity": quantity, "price": price}


def left_alone(symbol: str, quantity: int) -> Row:
    """The owner keeps `quantity` more shares of the account: they are not the bot's."""
    return {"kind": "leave", "symbol": symbol, "quantity": quantity}


def _total_commission(fills: tuple[Fill, ...], unknown: Decimal) -> Decimal:
    """The commission of all `fills`; `unknown` until the broker has reported each of them."""
    known = [fill.commission for fill in fills if fill.commission is not None]
    return sum(known, ZERO) if len(known) == len(fills) else unknown


def _decision_numbers(intent: OrderIntent, price: Decimal) -> dict[str, Any]:
    """The rule's inputs, and by how much the fill was worse than the decision's price (negative: better)."""
    sign = 1 if intent.side is Side.BUY else -1
    slippage = sign * (price / intent.decision_price - 1) * 10_000
    return {
        "qqq_price": intent.signal_price,
        "tqqq_price": intent.fund_price,
        **({"prices": dict(intent.prices)} if intent.prices else {}),
        "short_ma": intent.short_ma,
        "long_ma": intent.long_ma,
        "price_to_short_ma": round((intent.signal_price / intent.short_ma - 1) * 100, 4),
        "short_to_long_ma": round((intent.short_ma / intent.long_ma - 1) * 100, 4),
        "decision_price": intent.decision_price,
        "slippage_bps": slippage.quantize(Decimal("0.01")),
    }
