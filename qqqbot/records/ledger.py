"""The fold of the book's rows into a Portfolio. Pure: a row in, the next state out.

Rows are the lines of the book's file, one JSON object each (`kind` says which; a row without it is a trade):

    capital     amount: total_capital was set or changed by this much (a deposit, or a withdrawal if negative)
    trade       side, symbol, quantity, amount (exact price times shares), commission (null: not reported yet),
                exec_ids, order_ref, position, timestamp
    commission  order_ref, amount: a commission that the broker reported after the trade was recorded
    correction  symbol, quantity, amount (signed changes of shares and cash), order_ref, order_quantity_change,
                order_amount_change, exec_ids: the broker corrected an execution
    adopt       symbol, quantity (signed change of the bot's shares), price: the account was right
    leave       symbol, quantity (signed change): shares in the account that are not the bot's
    split       symbol, ratio, date

Executions are counted once by exec_id. Only the newest exec_ids are remembered: the broker repeats executions for days,
not for years, and a book may have a million rows.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from qqqbot.model.executions import forget_oldest
from qqqbot.model.new_york import new_york_date
from qqqbot.model.values import SYMBOLS, Holding, Portfolio, Side, Split

Row = Mapping[str, Any]

REMEMBERED = 10_000


class Move(NamedTuple):
    """Changes of cash and realized profit, and the average cost of the share afterwards."""

    cash: Decimal
    realized_pnl: Decimal
    cost: Decimal


class Purchase(NamedTuple):
    """What is held of the holding that the newest trade moved to, and the cash beside it, as of that trade.

    `value` is at the price of the trade; `price` is that, or the price of its decision if that was higher.
    """

    symbol: str
    shares: int
    price: Decimal
    value: Decimal
    cash: Decimal


class Ledger:
    """State of one mode and account, row by row."""

    def __init__(self) -> None:
        self.rows = 0
        self.total_capital = Decimal(0)
        self.cash = Decimal(0)
        self.shares: dict[str, int] = dict.fromkeys(SYMBOLS, 0)
        self.foreign: dict[str, int] = dict.fromkeys(SYMBOLS, 0)
        self.cost: dict[str, Decimal] = dict.fromkeys(SYMBOLS, Decimal(0))
        self.realized_pnl = Decimal(0)
        self.trades = 0
        self.moving_to = Holding.CASH
        self.since: datetime | None = None
        self.held_since: dict[str, date] = {}
        """symbol -> New York date of the buy that began the present holding"""
        self.awaiting_commission: set[str] = set()
        self.order_totals: dict[str, tuple[int, Decimal]] = {}
        """order_ref -> shares and exact amount in the book, for the newest orders"""
        self.purchase: Purchase | None = None
        """as of the newest trade; None if it left nothing of the holding that it moved to"""
        self.commissions: dict[str, Decimal] = {}
        """order_ref -> commission in the book, for the newest orders"""
        self._splits: set[tuple[str, str]] = set()
        self._exec_ids: dict[str, None] = {}

    def apply(self, row: Row) -> None:
        """Add one row. Raises KeyError, ValueError or ArithmeticError if it is not a row of the book."""
        _HANDLERS[row.get("kind", "trade")](self, row)
        self.rows += 1
        if self.since is None:
            self.since = datetime.fromisoformat(row["timestamp"])

    def portfolio(self) -> Portfolio:
        return Portfolio(
            total_capital=self.total_capital,
            cash=self.cash,
            shares=dict(self.shares),
            foreign=dict(self.foreign),
            cost=dict(self.cost),
            realized_pnl=self.realized_pnl,
            trades=self.trades,
            moving_to=self.moving_to,
            since=self.since,
        )

    def counted(self, exec_id: str) -> bool:
        return exec_id in self._exec_ids

    def has_split(self, symbol: str, day: date) -> bool:
        return (symbol, day.isoformat()) in self._splits

    def move_of(self, symbol: str, signed: int, amount: Decimal, commission: Decimal) -> Move:
        """What a purchase (`signed` is positive) or a sale of shares for `amount` does to the book's money."""
        held, cost = self.shares[symbol], self.cost[symbol]
        left = held + signed
        if signed > 0:
            paid = cost * held + amount + commission
            return Move(-(amount + commission), Decimal(0), paid / left if left else Decimal(0))
        realized = amount - commission - cost * -signed
        return Move(amount - commission, realized, cost if left else Decimal(0))

    def _capital(self, row: Row) -> None:
        self.total_capital += money(row["amount"])
        self.cash += money(row["amount"])

    def _trade(self, row: Row) -> None:
        symbol, quantity = row["symbol"], int(row["quantity"])
        signed = quantity if Side(row["side"]) is Side.BUY else -quantity
        self._move(symbol, signed, money(row["amount"]), money(row["commission"] or 0), row["timestamp"])
        self._remember(row["exec_ids"])
        self._total(row["order_ref"], quantity, money(row["amount"]))
        self._charge(row["order_ref"], money(row["commission"] or 0))
        if row["commission"] is None:
            self.awaiting_commission.add(row["order_ref"])
        self.moving_to = Holding(row["position"])
        self.purchase = self._purchase(row)
        self.trades += 1

    def _purchase(self, row: Row) -> Purchase | None:
        symbol = self.moving_to.symbol
        if symbol is None or self.shares[symbol] <= 0:
            return None
        own = row["symbol"] == symbol
        paid = money(row["amount"]) / int(row["quantity"]) if own else row.get(f"{symbol.lower()}_price")
        if paid is None:
            return None
        price, decided = money(paid), money(row.get("decision_price") or 0) if own else Decimal(0)
        held = self.shares[symbol]
        return Purchase(symbol, held, max(price, decided), price * held, self.cash)

    def _commission(self, row: Row) -> None:
        self.cash -= money(row["amount"])
        self.realized_pnl -= money(row["amount"])
        self._charge(row["order_ref"], money(row["amount"]))
        self.awaiting_commission.discard(row["order_ref"])

    def _correction(self, row: Row) -> None:
        symbol, quantity, amount = row["symbol"], int(row["quantity"]), money(row["amount"])
        paid, held = self.cost[symbol] * self.shares[symbol] - amount, self.shares[symbol] + quantity
        self.cash += amount
        self.shares[symbol] = held
        self.cost[symbol] = paid / held if held else Decimal(0)
        if held == 0:
            self.realized_pnl -= paid
            self.held_since.pop(symbol, None)
        self._total(row["order_ref"], int(row["order_quantity_change"]), money(row["order_amount_change"]))
        self._remember(row["exec_ids"])

    def _adopt(self, row: Row) -> None:
        quantity = int(row["quantity"])
        self._move(row["symbol"], quantity, abs(quantity) * money(row["price"]), Decimal(0), row["timestamp"])

    def _leave(self, row: Row) -> None:
        self.foreign[row["symbol"]] += int(row["quantity"])

    def _split(self, row: Row) -> None:
        symbol, ratio = row["symbol"], money(row["ratio"])
        self.shares[symbol] = int(self.shares[symbol] * ratio)
        self.foreign[symbol] = int(self.foreign[symbol] * ratio)
        self.cost[symbol] = self.cost[symbol] / ratio
        self._splits.add((symbol, row["date"]))

    def _move(self, symbol: str, signed: int, amount: Decimal, commission: Decimal, timestamp: str) -> None:
        """Take `signed` shares for `amount` into the book."""
        move = self.move_of(symbol, signed, amount, commission)
        if signed > 0 and self.shares[symbol] == 0:
            self.held_since[symbol] = new_york_date(datetime.fromisoformat(timestamp))
        self.cash += move.cash
        self.realized_pnl += move.realized_pnl
        self.cost[symbol] = move.cost
        self.shares[symbol] += signed
        if self.shares[symbol] == 0:
            self.held_since.pop(symbol, None)

    def _total(self, order_ref: str, quantity: int, amount: Decimal) -> None:
        known_quantity, known_amount = self.order_totals.pop(order_ref, (0, Decimal(0)))
        self.order_totals[order_ref] = known_quantity + quantity, known_amount + amount
        forget_oldest(self.order_totals, REMEMBERED)

    def _charge(self, order_ref: str, commission: Decimal) -> None:
        self.commissions[order_ref] = self.commissions.pop(order_ref, Decimal(0)) + commission
        forget_oldest(self.commissions, REMEMBERED)

    def _remember(self, exec_ids: Iterable[str]) -> None:
        self._exec_ids.update(dict.fromkeys(exec_ids))
        forget_oldest(self._exec_ids, REMEMBERED)


_HANDLERS = {
    "capital": Ledger._capital,
    "trade": Ledger._trade,
    "commission": Ledger._commission,
    "correction": Ledger._correction,
    "adopt": Ledger._adopt,
    "leave": Ledger._leave,
    "split": Ledger._split,
}


def pending_splits(ledger: Ledger, splits: Iterable[Split]) -> tuple[Split, ...]:
    """Those of `splits` that came while the bot held the share and are not in the book yet."""
    return tuple(
        split
        for split in splits
        if split.symbol in ledger.held_since
        and ledger.held_since[split.symbol] < split.date
        and not ledger.has_split(split.symbol, split.date)
    )


def money(value: Any) -> Decimal:
    """An amount of a row. Raises ValueError or ArithmeticError if it is not a finite number."""
    amount = value if isinstance(value, Decimal) else Decimal(str(value))
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not an amount")
    return amount
