"""trades.jsonl, the book: the rows of one mode and account, and the Ledger they fold into.

The book takes fills from the broker's reports of an order, each once, however and however often they arrive: an
execution it does not have becomes a trade row, a corrected one a correction row, a late commission a commission row.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from qqqbot.model.errors import BookDamaged
from qqqbot.model.executions import (
    forget_oldest,
    is_from_status,
    newest_revisions,
    revision,
    status_exec_id,
    stem,
)
from qqqbot.model.values import Fill, Mode, Order, OrderIntent, Side, Split
from qqqbot.records.jsonl import SCHEMA, UNUSABLE, AppendOnlyFile, Row
from qqqbot.records.ledger import Ledger

# The newest orders keep their rows in memory: the broker repeats an execution for a day, not for a hundred orders.
ORDERS_REMEMBERED = 100


class Book:
    """`load` before anything else."""

    def __init__(self, file: AppendOnlyFile, mode: Mode, account: str) -> None:
        self._file = file
        self._identity = {"schema": SCHEMA, "mode": mode.value, "account": account}
        self._newest: dict[str, Row] = {}
        """order_ref -> its newest trade row"""
        self._exec_ids: dict[str, list[str]] = {}
        """order_ref -> exec_ids of all its rows"""
        self.ledger = Ledger()

    def load(self, now: datetime) -> str | None:
        """Open the file and fold its rows; returns what was set aside. Raises BookDamaged, OSError."""
        aside = self._file.open(now)
        for number, row in enumerate(self._file.rows(), start=1):
            if row.get("mode") == self._identity["mode"] and row.get("account") == self._identity["account"]:
                self._take_checked(row, number)
        return aside

    def verify(self) -> None:
        """Raises OSError if the file was replaced while it was open."""
        self._file.verify()

    def close(self) -> None:
        self._file.close()

    def trade_row(self, order_ref: str) -> Row | None:
        """The newest trade row of one of the newest orders."""
        return self._newest.get(order_ref)

    def absorb(self, intent: OrderIntent, order: Order, now: datetime) -> list[Row]:
        """Record what `order` reports and the book does not have; returns the new rows. Raises OSError.

        Called twice with the same order it does nothing the second time. Corrections and late commissions are computed
        from the whole order, and wait for an answer that has every execution in the book. Executions that come after a
        fill was booked from the order's status take its place, once they are as many shares.
        """
        fills = newest_revisions(order.fills)
        by_status = self._stands_in(intent.order_ref, fills)
        if by_status and sum(fill.quantity for fill in fills) < self.ledger.order_totals[intent.order_ref][0]:
            return []
        unknown = [f for f in fills if not self.ledger.counted(f.exec_id) and not self._superseded(f)]
        corrected = [fill for fill in unknown if by_status or self._revisions_known(fill)]
        rows = []
        if new := [fill for fill in unknown if fill not in corrected]:
            rows.append(self._record_trade(intent, new, now))
        known = {stem(exec_id) for exec_id in self._exec_ids.get(intent.order_ref, []) if not is_from_status(exec_id)}
        whole = known <= {stem(fill.exec_id) for fill in fills}
        if corrected and whole:
            rows.append(self._record_correction(intent, fills, corrected, now))
        if not unknown and whole and intent.order_ref in self.ledger.awaiting_commission:
            rows.extend(self._record_commission(intent, fills, now))
        return rows

    def set_capital(self, capital: Decimal, now: datetime) -> Row | None:
        """Record a first or changed total_capital as the deposit or withdrawal it is."""
        change = capital - self.ledger.total_capital
        return self._append(now, kind="capital", amount=change, total_capital=capital) if change else None

    def adopt(self, symbol: str, quantity: int, price: Decimal, now: datetime) -> Row:
        """The account was right: change the bot's shares by `quantity` at `price`."""
        return self._append(now, kind="adopt", symbol=symbol, quantity=quantity, price=price)

    def leave(self, symbol: str, quantity: int, now: datetime) -> Row:
        """`quantity` more shares of the account are not the bot's."""
        return self._append(now, kind="leave", symbol=symbol, quantity=quantity)

    def record_split(self, split: Split, now: datetime) -> Row:
        return self._append(now, kind="split", symbol=split.symbol, ratio=split.ratio, date=split.date)

    def _record_trade(self, intent: OrderIntent, fills: list[Fill], now: datetime) -> Row:
        quantity = sum(fill.quantity for fill in fills)
        amount = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
        commissions = [fill.commission for fill in fills]
        known = [c for c in commissions if c is not None]
        values = {
            "side": intent.side,
            "symbol": intent.symbol,
            "quantity": quantity,
            "price": (amount / quantity).quantize(Decimal("0.000001")),
            "amount": amount,
            "commission": sum(known, Decimal(0)) if len(known) == len(commissions) else None,
            "order_ref": intent.order_ref,
            "order_quantity": intent.quantity,
            "exec_ids": [fill.exec_id for fill in fills],
            "position": intent.target,
            "reason": intent.reason,
            **_decision_numbers(intent, amount / quantity),
        }
        after = self._after(values)
        return self._append(max(fill.time for fill in fills), **values, **after, recorded_at=now.isoformat())

    def _record_correction(
        self, intent: OrderIntent, fills: tuple[Fill, ...], corrected: list[Fill], now: datetime
    ) -> Row:
        """Bring the book's totals of the order to those of the newest revisions of its executions."""
        known_quantity, known_amount = self.ledger.order_totals[intent.order_ref]
        quantity = sum(fill.quantity for fill in fills) - known_quantity
        amount = sum((fill.price * fill.quantity for fill in fills), Decimal(0)) - known_amount
        sign = 1 if intent.side is Side.BUY else -1
        return self._append(
            now,
            kind="correction",
            symbol=intent.symbol,
            quantity=sign * quantity,
            amount=-sign * amount,
            order_ref=intent.order_ref,
            order_quantity_change=quantity,
            order_amount_change=amount,
            exec_ids=[fill.exec_id for fill in corrected],
        )

    def _record_commission(self, intent: OrderIntent, fills: tuple[Fill, ...], now: datetime) -> list[Row]:
        """The order's commissions, less what the book has of them already."""
        known = [fill.commission for fill in fills if fill.commission is not None]
        if len(known) < len(fills) or not fills:
            return []
        amount = sum(known, Decimal(0)) - self.ledger.commissions.get(intent.order_ref, Decimal(0))
        return [self._append(now, kind="commission", order_ref=intent.order_ref, amount=amount)]

    def _after(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Cash, equity and realized profit that the ledger will have with the trade in it."""
        symbol, before = values["symbol"], self.ledger.portfolio()
        signed = values["quantity"] if values["side"] == Side.BUY else -values["quantity"]
        move = self.ledger.move_of(symbol, signed, values["amount"], values["commission"] or Decimal(0))
        shares = {**before.shares, symbol: before.shares[symbol] + signed}
        after = replace(before, cash=before.cash + move.cash, shares=shares)
        prices = {"QQQ": values["qqq_price"], "TQQQ": values["tqqq_price"], symbol: values["price"]}
        equity = after.equity({s: Decimal(str(price)) for s, price in prices.items()})
        money = {"realized_pnl": move.realized_pnl, "cash": after.cash, "equity": equity}
        return {name: amount.quantize(Decimal("0.01")) for name, amount in money.items()}

    def _stands_in(self, order_ref: str, fills: tuple[Fill, ...]) -> bool:
        """Whether the book has a fill of the order that only its status told of, and `fills` are its executions."""
        stands_in = status_exec_id(order_ref)
        reported = [fill.exec_id for fill in fills]
        return stands_in in self._exec_ids.get(order_ref, []) and stands_in not in reported

    def _revisions_known(self, fill: Fill) -> list[int]:
        """Revisions of the same execution that are in the book."""
        known = self._exec_ids.get(fill.order_ref, [])
        return [revision(exec_id) for exec_id in known if stem(exec_id) == stem(fill.exec_id)]

    def _superseded(self, fill: Fill) -> bool:
        return max(self._revisions_known(fill), default=-1) > revision(fill.exec_id)

    def _append(self, now: datetime, **values: Any) -> Row:
        """Add one row to the file and to the ledger, or to neither: then it raises OSError."""
        row = {"timestamp": now.isoformat(), **values, **self._identity}
        self._take(self._file.append(row))
        return row

    def _take(self, row: Row) -> None:
        self.ledger.apply(row)
        if "exec_ids" in row:
            self._exec_ids.setdefault(row["order_ref"], []).extend(row["exec_ids"])
            forget_oldest(self._exec_ids, ORDERS_REMEMBERED)
        if row.get("kind", "trade") == "trade":
            self._newest[row["order_ref"]] = row
            forget_oldest(self._newest, ORDERS_REMEMBERED)

    def _take_checked(self, row: Row, number: int) -> None:
        try:
            self._take(row)
        except UNUSABLE as error:
            raise BookDamaged(f"{self._file.path}, line {number}: not a row of the book ({error!r})") from None


def _decision_numbers(intent: OrderIntent, price: Decimal) -> dict[str, Any]:
    """The rule's inputs, and what the fill cost compared with the decision's price (positive: worse)."""
    sign = 1 if intent.side is Side.BUY else -1
    slippage = sign * (price / intent.decision_price - 1) * 10_000
    return {
        "qqq_price": intent.qqq_price,
        "tqqq_price": intent.tqqq_price,
        "short_ma": intent.short_ma,
        "long_ma": intent.long_ma,
        "price_to_short_ma": round((intent.qqq_price / intent.short_ma - 1) * 100, 4),
        "short_to_long_ma": round((intent.short_ma / intent.long_ma - 1) * 100, 4),
        "decision_price": intent.decision_price,
        "slippage_bps": slippage.quantize(Decimal("0.01")),
    }
