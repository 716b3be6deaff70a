"""Adds the book's rows up to a Portfolio. Pure: a row in, the next state out.

Rows are the lines of the book's file, one JSON object each (`kind` says which; a row without it is a trade):

    capital     amount: total_capital was set or changed by this much (a deposit, or a withdrawal if negative)
    trade       side, symbol, quantity, amount (exact price times shares), commission (null: not reported yet),
                exec_ids, order_ref, position, timestamp
    correction  symbol, quantity, amount (signed changes of shares and cash), order_ref, order_quantity_change,
                order_amount_change, commission, exec_ids: the broker's present report of the order less what the book
                had of it (a corrected execution, a late commission)
    commission  order_ref, amount: a late commission, as earlier versions recorded it
    income      symbol, date (the ex-date), per_share, amount: a dividend on the bot's shares, or its correction
    adopt       symbol, quantity (signed change of the bot's shares), price: the account was right
    leave       symbol, quantity (signed change): shares in the account that are not the bot's
    undo        symbol, side, quantity (negative: a purchase or sale taken back), price, foreign, cost
    split       symbol, ratio, date; shares, foreign: counts afterwards, cash: paid for a fraction (earlier versions
                wrote neither: fractions were dropped)

Executions are counted once by exec_id. Only the newest orders' executions are remembered: the broker repeats executions
for days, not for years, and a book may have a million rows.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from qqqbot.model.executions import forget_oldest
from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.model.market import Split
from qqqbot.model.new_york import new_york_date
from qqqbot.model.values import Holding, Portfolio, Side, most_of
from qqqbot.records.coerce import number
from qqqbot.records.row_prices import prices_of_trade

Row = Mapping[str, Any]

REMEMBERED = 10_000
# Dividends: four a year for each fund.
EVENTS_REMEMBERED = 100
# A price source may correct the date of a split or dividend by a day or two; two different events are months apart.
SAME_EVENT = timedelta(days=5)
ZERO = Decimal(0)


class Move(NamedTuple):
    """Changes of cash and realized profit, and the average cost of the share afterwards."""

    cash: Decimal
    realized_pnl: Decimal
    cost: Decimal


class Booked(NamedTuple):
    """The book's record of one order."""

    symbol: str
    side: Side
    shares: int = 0
    amount: Decimal = ZERO
    commission: Decimal = ZERO
    exec_ids: tuple[str, ...] = ()


class Income(NamedTuple):
    """The book's record of one dividend; `recorded` is the New York date of its newest row."""

    amount: Decimal
    per_share: Decimal
    recorded: date


class Answered(NamedTuple):
    """One row of the owner's newest answer, with all that is needed to reverse it."""

    timestamp: str
    symbol: str
    side: Side = Side.BUY
    quantity: int = 0
    """shares bought or sold; negative if the row took a purchase or a sale back"""
    price: Decimal = ZERO
    foreign: int = 0
    cost: Decimal = ZERO
    """the average cost of one of the bot's shares before the row"""
    shares_before: int = 0
    """the bot's shares before the row"""
    cash_before: Decimal = ZERO


class Purchase(NamedTuple):
    """The position right after the newest trade: the shares of its target (or, if none, of what it left) and the cash.

    Adopting shares where there were none counts as a trade. `value` is at the trade's price; `price` is the trade's
    price or its decision's price, whichever is higher.
    """

    symbol: str
    shares: int
    price: Decimal
    value: Decimal
    cash: Decimal


class Costs(NamedTuple):
    """The costs of trading since the start; `traded` is the value of all orders."""

    commissions: Decimal = ZERO
    slippage: Decimal = ZERO
    traded: Decimal = ZERO
    rotations: int = 0


class Ledger:
    """The state of one mode and account, updated row by row."""

    def __init__(self) -> None:
        self.rows = 0
        self.total_capital = ZERO
        self.cash = ZERO
        self.shares = Counter(dict.fromkeys(DEFAULT_SYMBOLS, 0))  # earlier versions always wrote these zeros
        self.foreign = Counter(self.shares)
        self.cost: dict[str, Decimal] = defaultdict(Decimal, dict.fromkeys(DEFAULT_SYMBOLS, ZERO))
        self.realized_pnl = ZERO
        self.income = ZERO
        self.trades = 0
        self.costs = Costs()
        self.moving_to = Holding.CASH
        self.since: datetime | None = None
        self.held_since: dict[str, date] = {}
        """symbol -> the New York date on which the account began to have shares of it, the bot's or the owner's"""
        self.opened: dict[str, datetime] = {}
        """symbol -> since when the bot has held shares of it without a break"""
        self.orders: dict[str, Booked] = {}
        """order_ref -> the book's record, for the newest orders"""
        self.traded_at: datetime | None = None
        """when the bot's newest trade was executed"""
        self.purchase: Purchase | None = None
        """the position after the newest trade; None if it left no shares"""
        self.last_answer: tuple[Answered, ...] = ()
        """the rows of the owner's newest answer that can be taken back; empty if there are none"""
        self._changes: deque[tuple[date, str, int]] = deque(maxlen=REMEMBERED)
        """New York date, symbol and signed change of the bot's shares"""
        self._income: dict[tuple[str, date], Income] = {}
        self._splits: set[tuple[str, date]] = set()

    def apply(self, row: Row) -> None:
        """Add one row. Raises KeyError, ValueError or ArithmeticError if it is not a row of the book."""
        symbol = Holding(row["symbol"]) if "symbol" in row else None
        before = (self.shares[symbol], self.foreign[symbol]) if symbol is not None else (0, 0)
        _HANDLERS[row.get("kind", "trade")](self, row)
        if symbol is not None:
            self._note_shares(symbol, before, row["timestamp"])
        self.rows += 1
        if self.since is None:
            self.since = datetime.fromisoformat(row["timestamp"])

    @property
    def held(self) -> tuple[str, ...]:
        """The symbols with shares, the bot's or left to the owner."""
        return tuple(s for s in {**self.shares, **self.foreign} if self.shares[s] or self.foreign[s])

    def portfolio(self) -> Portfolio:
        return Portfolio(
            total_capital=self.total_capital,
            cash=self.cash,
            shares=dict(self.shares),
            foreign=dict(self.foreign),
            cost=dict(self.cost),
            realized_pnl=self.realized_pnl,
            income=self.income,
            trades=self.trades,
            moving_to=self.moving_to,
            since=self.since,
        )

    def counted(self, exec_id: str) -> bool:
        """Whether an execution is in the book, under whatever order."""
        return any(exec_id in booked.exec_ids for booked in reversed(self.orders.values()))

    def has_split(self, symbol: str, day: date) -> bool:
        """Whether the book has a split of about that day: a price source may correct a split's date."""
        return any(known == symbol and abs(on - day) <= SAME_EVENT for known, on in self._splits)

    def shares_before(self, symbol: str, day: date) -> int:
        """The bot's shares when `day` began in New York."""
        later = sum(change for on, changed, change in self._changes if changed == symbol and on >= day)
        return self.shares[symbol] - later

    def income_of(self, symbol: str, ex_date: date) -> Income | None:
        """The book's record of a dividend of about that date."""
        key = self._income_key(symbol, ex_date)
        return self._income.get(key) if key else None

    def _income_key(self, symbol: str, ex_date: date) -> tuple[str, date] | None:
        near = ((known, day) for known, day in self._income if known == symbol and abs(day - ex_date) <= SAME_EVENT)
        return next(near, None)

    def move_of(self, symbol: str, side: Side, quantity: int, amount: Decimal, commission: Decimal) -> Move:
        """The effect on the book's money of `quantity` more shares for `amount`; both may be negative."""
        held, cost = self.shares[symbol], self.cost[symbol]
        if side is Side.SELL:
            realized = amount - commission - cost * quantity
            return Move(amount - commission, realized, cost if held - quantity else ZERO)
        paid, left = cost * held + amount + commission, held + quantity
        if left == 0:  # the shares are sold already, or were never bought
            return Move(-(amount + commission), -paid, ZERO)
        return Move(-(amount + commission), ZERO, paid / left)

    def _capital(self, row: Row) -> None:
        self.total_capital += money(row["amount"])
        self.cash += money(row["amount"])

    def _trade(self, row: Row) -> None:
        amount, commission = money(row["amount"]), money(row["commission"] or 0)
        self._more(row, Booked(row["symbol"], Side(row["side"]), int(row["quantity"]), amount, commission))
        before, self.moving_to = self.moving_to, Holding(row["position"])
        known = self.costs
        slippage = known.slippage + amount * money(number(row.get("slippage_bps")) or 0) / 10_000
        rotations = known.rotations + (before is not self.moving_to)
        self.costs = Costs(known.commissions, slippage, known.traded + amount, rotations)
        self.purchase = self._purchase(row)
        self.traded_at = datetime.fromisoformat(row["timestamp"])
        self.trades += 1

    def _purchase(self, row: Row) -> Purchase | None:
        symbol = self.moving_to.symbol
        if symbol is None or self.shares[symbol] <= 0:
            symbol = most_of(self.shares).symbol  # a sale that left shares, which may be wanted again
        if symbol is None:
            return None
        own = row["symbol"] == symbol
        paid = money(row["amount"]) / int(row["quantity"]) if own else prices_of_trade(row).get(symbol)
        if paid is None:
            return None
        decided = money(row.get("decision_price") or 0) if own else ZERO
        return self._bought(symbol, money(paid), decided)

    def _bought(self, symbol: str, price: Decimal, decided: Decimal = ZERO) -> Purchase:
        held = self.shares[symbol]
        return Purchase(symbol, held, max(price, decided), price * held, self.cash)

    def _correction(self, row: Row) -> None:
        known, quantity = self.orders.get(row["order_ref"]), int(row["order_quantity_change"])
        amount = money(row["order_amount_change"])
        bought = int(row["quantity"]) * quantity > 0 or money(row["amount"]) * amount < 0
        side = known.side if known else Side.BUY if bought else Side.SELL
        self._more(row, Booked(row["symbol"], side, quantity, amount, money(row.get("commission") or 0)))

    def _commission(self, row: Row) -> None:
        known, amount = self.orders.get(row["order_ref"]), money(row["amount"])
        if known is not None:
            self._more(row, Booked(known.symbol, known.side, commission=amount))
        else:  # the order is older than the remembered ones
            self.cash -= amount
            self.realized_pnl -= amount
            self.costs = self.costs._replace(commissions=self.costs.commissions + amount)

    def _add_income(self, row: Row) -> None:
        symbol, day, amount = row["symbol"], date.fromisoformat(row["date"]), money(row["amount"])
        key = self._income_key(symbol, day) or (symbol, day)
        before = self._income[key].amount if key in self._income else ZERO
        recorded = new_york_date(datetime.fromisoformat(row["timestamp"]))
        self._income[key] = Income(before + amount, money(row["per_share"]), recorded)
        forget_oldest(self._income, EVENTS_REMEMBERED)
        self.cash += amount
        self.income += amount

    def _adopt(self, row: Row) -> None:
        symbol, quantity, price = row["symbol"], int(row["quantity"]), money(row["price"])
        side, new = (Side.BUY if quantity > 0 else Side.SELL), self.shares[row["symbol"]] <= 0
        self._answer(Answered(row["timestamp"], symbol, side, abs(quantity), price))
        if new and most_of(self.shares).symbol == symbol:
            self.purchase = self._bought(symbol, price)  # a few shares of it must not look like all of it

    def _leave(self, row: Row) -> None:
        self._answer(Answered(row["timestamp"], row["symbol"], foreign=int(row["quantity"])))

    def _undo(self, row: Row) -> None:
        changes = int(row["quantity"]), money(row["price"]), int(row["foreign"])
        self._answer(Answered(row["timestamp"], row["symbol"], Side(row["side"]), *changes), money(row["cost"]))

    def _answer(self, answered: Answered, cost: Decimal = ZERO) -> None:
        """Remember one row of an answer. `cost` is the cost of a share that comes back when its sale is undone."""
        symbol, quantity = answered.symbol, answered.quantity
        same = self.last_answer and self.last_answer[0].timestamp == answered.timestamp  # rows of one answer
        before = answered._replace(cost=self.cost[symbol], shares_before=self.shares[symbol], cash_before=self.cash)
        self.last_answer = (*(self.last_answer if same else ()), before)
        self.foreign[symbol] += answered.foreign
        sale = answered.side is Side.SELL
        if quantity < 0 and (sale or not self.shares[symbol]):  # a sale, or a purchase that closed a short position
            self._take_back(symbol, -quantity if sale else quantity, answered.price, cost)
        elif quantity:
            self._move(symbol, answered.side, quantity, quantity * answered.price)

    def _take_back(self, symbol: str, change: int, price: Decimal, cost: Decimal) -> None:
        """Take back an answer that realized profit: the bot's shares change by `change`."""
        held = self.shares[symbol]
        self.cost[symbol] = (self.cost[symbol] * held + cost * change) / (held + change)
        self.realized_pnl -= (price - cost) * change
        self.cash -= price * change
        self.shares[symbol] += change

    def _split(self, row: Row) -> None:
        """A fraction of a share that the split does not leave is sold for `cash`."""
        symbol, ratio = row["symbol"], money(row["ratio"])
        exactly, cash = self.shares[symbol] * ratio, money(row.get("cash") or 0)
        self.shares[symbol] = int(row.get("shares", exactly))
        self.foreign[symbol] = int(row.get("foreign", self.foreign[symbol] * ratio))
        self.cost[symbol] = self.cost[symbol] / ratio
        self.cash += cash
        self.realized_pnl += cash - (exactly - self.shares[symbol]) * self.cost[symbol]
        if not self.shares[symbol]:
            self.cost[symbol] = ZERO
        self._splits.add((symbol, date.fromisoformat(row["date"])))
        self.last_answer = ()  # its shares are counted otherwise now

    def _more(self, row: Row, more: Booked) -> None:
        """Add `more` to the book's record of an order: another execution or, negative, a correction."""
        self._move(more.symbol, more.side, more.shares, more.amount, more.commission)
        known = self.orders.pop(row["order_ref"], Booked(more.symbol, more.side))
        totals = (known.shares + more.shares, known.amount + more.amount, known.commission + more.commission)
        exec_ids = (*known.exec_ids, *row.get("exec_ids", ()))
        self.orders[row["order_ref"]] = Booked(more.symbol, more.side, *totals, exec_ids)
        forget_oldest(self.orders, REMEMBERED)
        self.costs = self.costs._replace(commissions=self.costs.commissions + more.commission)

    def _move(self, symbol: str, side: Side, quantity: int, amount: Decimal, commission: Decimal = ZERO) -> None:
        move = self.move_of(symbol, side, quantity, amount, commission)
        self.cash += move.cash
        self.realized_pnl += move.realized_pnl
        self.cost[symbol] = move.cost
        self.shares[symbol] += quantity if side is Side.BUY else -quantity

    def _note_shares(self, symbol: str, before: tuple[int, int], timestamp: str) -> None:
        own, foreign = before
        day, after = new_york_date(datetime.fromisoformat(timestamp)), self.shares[symbol] + self.foreign[symbol]
        if self.shares[symbol] != own:
            self._changes.append((day, symbol, self.shares[symbol] - own))
        if own <= 0 < self.shares[symbol]:
            self.opened[symbol] = datetime.fromisoformat(timestamp)
        elif self.shares[symbol] <= 0:
            self.opened.pop(symbol, None)
        if own + foreign == 0 and after != 0:
            self.held_since[symbol] = day
        elif after == 0:
            self.held_since.pop(symbol, None)


_HANDLERS = {
    "capital": Ledger._capital,
    "trade": Ledger._trade,
    "commission": Ledger._commission,
    "correction": Ledger._correction,
    "income": Ledger._add_income,
    "adopt": Ledger._adopt,
    "leave": Ledger._leave,
    "undo": Ledger._undo,
    "split": Ledger._split,
}


def pending_splits(ledger: Ledger, splits: Iterable[Split]) -> tuple[Split, ...]:
    """The splits that happened while the account had shares of the symbol, and that the book does not have yet."""
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
