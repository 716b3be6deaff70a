"""The market: prices, the session, halts, and at what price an order trades."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from standins.ib_gateway.contracts import Contract
from standins.ib_gateway.orders import Behaviour, Order

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Quote:
    """Prices of a symbol; None means no such price, which a client gets as -1 with size 0."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    close: Decimal | None = None
    size: Decimal | int = 400


def around(price: Decimal, spread: Decimal = Decimal("0.02")) -> Quote:
    return Quote(price - spread / 2, price + spread / 2, price, price)


QuoteSource = Callable[[str, datetime], Quote | None]


class Exchange:
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._quotes: dict[str, Quote] = {}
        self._paths: dict[str, tuple[list[datetime], list[Decimal]]] = {}
        self.source: QuoteSource | None = None
        """`source(symbol, now)`, which is asked first, if given"""
        self.traded_at: datetime | None = None
        """the time reported for every last trade; None reports the moment of its price"""
        self.open: bool | Callable[[datetime], bool] = True
        self._sessions: list[tuple[datetime, datetime]] = []
        self.halted: set[str] = set()
        self.behaviour = Behaviour()
        self.next_behaviours: deque[Behaviour] = deque()

    def set_quote(
        self, symbol: str, bid: Decimal | None, ask: Decimal | None, last: Decimal | None, close: Decimal | None
    ) -> None:
        self._quotes[symbol] = Quote(bid, ask, last, close)

    def set_path(self, symbol: str, prices: list[tuple[datetime, Decimal]]) -> None:
        self._paths[symbol] = ([moment for moment, _ in prices], [price for _, price in prices])

    def quote(self, symbol: str, when: datetime | None = None) -> Quote:
        """The prices at `when`, by default now; prices that were set apply at all times."""
        moment = when or self._clock()
        asked = self.source(symbol, moment) if self.source else None
        return asked or self._on_path(symbol, moment) or self._quotes.get(symbol, Quote())

    def _on_path(self, symbol: str, when: datetime) -> Quote | None:
        moments, prices = self._paths.get(symbol, ([], []))
        at = bisect_right(moments, when) - 1
        return around(prices[at]) if at >= 0 else None

    def mark(self, contract: Contract) -> Decimal:
        quote = self.quote(contract.symbol)
        if not contract.is_stock:
            return Decimal(0)
        return quote.last or quote.bid or quote.close or Decimal(0)

    def set_sessions(self, sessions: list[tuple[datetime, datetime]]) -> None:
        """Set openings (included) and closes (excluded); days without a session are reported to clients as holidays."""
        self._sessions = sorted(sessions)
        self.open = self._in_session

    def _in_session(self, now: datetime) -> bool:
        at = bisect_right(self._sessions, now, key=lambda session: session[0]) - 1
        return at >= 0 and now < self._sessions[at][1]

    def is_open(self) -> bool:
        return self.open(self._clock()) if callable(self.open) else self.open

    def take_behaviour(self) -> Behaviour:
        return self.next_behaviours.popleft() if self.next_behaviours else replace(self.behaviour)

    def price_for(self, order: Order) -> Decimal | None:
        """Where the order would trade now; None while it cannot."""
        if not self.is_open() or order.contract.symbol in self.halted:
            return None
        quote = self.quote(order.contract.symbol)
        price = quote.ask if order.action == "BUY" else quote.bid
        if price is None:
            return None
        if order.order_type == "LMT" and order.limit is not None:
            crosses = price <= order.limit if order.action == "BUY" else price >= order.limit
            if not crosses:
                return None
        return order.behaviour.price or price

    def hours(self, before: timedelta = timedelta(0), after: timedelta = timedelta(0), days: int = 6) -> str:
        """The hours text of contract details: "20260406:0930-20260406:1600;20260411:CLOSED"."""
        today = self._clock().astimezone(NEW_YORK).date()
        texts = []
        for day in (today + timedelta(days=n) for n in range(days)):
            session = self._session_on(day)
            texts.append(
                f"{session[0] - before:%Y%m%d:%H%M}-{session[1] + after:%Y%m%d:%H%M}"
                if session
                else f"{day:%Y%m%d}:CLOSED"
            )
        return ";".join(texts)

    def _session_on(self, day: date) -> tuple[datetime, datetime] | None:
        """The session on `day` in New York time; without a table of sessions, 9:30 to 16:00 on every weekday."""
        if self._sessions:
            local = ((opening.astimezone(NEW_YORK), close.astimezone(NEW_YORK)) for opening, close in self._sessions)
            return next((session for session in local if session[0].date() == day), None)
        if day.weekday() >= 5:
            return None
        return (datetime.combine(day, time(9, 30), NEW_YORK), datetime.combine(day, time(16), NEW_YORK))

    def next_open_text(self) -> str:
        now = self._clock().astimezone(NEW_YORK)
        sessions = (self._session_on(now.date() + timedelta(days=n)) for n in range(10))
        opening = next((session[0] for session in sessions if session and session[0] > now), now)
        return f"{opening:%Y-%m-%d %H:%M:%S} US/Eastern"
