"""The simulated account. Its only state is the book: anything that is not in the book did not happen.

An order is filled when it is submitted, at the price it was decided on plus slippage. If the process dies before the
fill is in the book, the order never existed, and after the restart a complete answer says so at once.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from qqqbot.model.market import Market, Quote, Split
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock
from qqqbot.model.values import AccountSnapshot, Fill, Mode, Order, OrderIntent, OrderStatus, Side
from qqqbot.records.book import Book
from qqqbot.records.ledger import pending_splits
from qqqbot.strategy.sizing import commission

ACCOUNT = "simulated"
PRICE_STEP = Decimal("0.0001")

LastPrice = Callable[[str, date], float | None]
"""(symbol, date) -> the price that the bot saw last in a session before the date; None if it saw none"""


class PaperBroker:
    """`market` gives the newest prices and splits, None before the first answer."""

    mode = Mode.DRY_RUN
    account = ACCOUNT
    needs_open_exchange = False
    absence_is_final_after = timedelta(0)

    def __init__(
        self,
        book: Book,
        clock: Clock,
        market: Callable[[], Market | None],
        slippage_bps: Decimal,
        last_price: LastPrice = lambda _symbol, _before: None,
    ) -> None:
        self._book = book
        self._last_price = last_price
        self._clock = clock
        self._market = market
        self._slippage = slippage_bps / 10_000
        self._filled: dict[str, Order] = {}

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Nothing to do: this account can trade every symbol that the market has a price for."""

    def snapshot(self) -> AccountSnapshot:
        portfolio = self._book.ledger.portfolio()
        market = self._market()
        prices = {s: Decimal(str(price)) for s, price in market.prices.items()} if market else portfolio.cost
        return AccountSnapshot(
            account=ACCOUNT,
            mode=Mode.DRY_RUN,
            net_liquidation=portfolio.equity(prices),
            spendable=portfolio.cash,
            positions={s: self._position(s, market) for s in (market.quotes if market else portfolio.shares)},
            open_order_refs=(),
            taken_at=self._clock.now(),
        )

    def quotes(self) -> Mapping[str, Quote]:
        return {}

    def submit(self, intent: OrderIntent) -> None:
        self._filled[intent.order_ref] = self._order(intent)

    def _order(self, intent: OrderIntent) -> Order:
        sign = 1 if intent.side is Side.BUY else -1
        price = (intent.decision_price * (1 + sign * self._slippage)).quantize(PRICE_STEP, ROUND_HALF_UP)
        if intent.limit_price is not None:
            price = min(price, intent.limit_price) if intent.side is Side.BUY else max(price, intent.limit_price)
        fill = Fill(
            exec_id=f"sim-{intent.order_ref}",
            order_ref=intent.order_ref,
            symbol=intent.symbol,
            side=intent.side,
            quantity=intent.quantity,
            price=price,
            commission=commission(intent.quantity, price),
            time=self._clock.now(),
        )
        return Order(intent.order_ref, OrderStatus.FILLED, (fill,))

    def find(self, intent: OrderIntent) -> Order:
        if intent.order_ref in self._book.ledger.orders:  # perhaps from an earlier process
            return self._order(intent)
        return self._filled.get(intent.order_ref) or Order(intent.order_ref, OrderStatus.ABSENT)

    def cancel(self, intent: OrderIntent) -> None:
        """Nothing to do: an order here is filled or does not exist."""

    def recent_orders(self) -> tuple[Order, ...]:
        return ()

    def _position(self, symbol: str, market: Market | None) -> int:
        """The book's shares, adjusted as a real broker would for a split that the book does not have yet."""
        ledger = self._book.ledger
        count = Decimal(ledger.shares[symbol] + ledger.foreign[symbol])
        for split in pending_splits(ledger, market.splits if market else ()):
            if split.symbol == symbol and market is not None and self._price_shows(split, market.quote(symbol)):
                count *= Decimal(str(split.ratio))
        return int(count)

    def _price_shows(self, split: Split, quote: Quote) -> bool:
        """Whether the price has moved by the split's ratio since the bot last saw it: here shares are no witness."""
        before = self._last_price(split.symbol, split.date) or float(self._book.ledger.cost[split.symbol])
        if not before > 0 or not quote.price > 0 or new_york_date(quote.time) < split.date:
            return False
        move, expected = math.log(quote.price / before), -math.log(split.ratio)
        return abs(move - expected) < abs(move)
