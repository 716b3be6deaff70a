"""What the bot needs from outside, as Protocols: daemon, demo, backtest and tests implement them differently."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from qqqbot.model.market import Market, Quote
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import AccountSnapshot, Answer, Mode, Order, OrderIntent


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed instant; never steps back."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep. Returns False when the time has passed, or True as soon as a stop has been requested."""
        ...

    def stopping(self) -> bool:
        """Whether a stop has been requested."""
        ...


class PriceSource(Protocol):
    def sessions(self, now: datetime) -> SessionTable:
        """The table of sessions around `now`.

        Raises PricesUnavailable if the source did not answer, CalendarEnded if the table cannot reach `now`.
        """
        ...

    def market(self, now: datetime) -> Market:
        """Daily rows and live prices, as they came. Raises PricesUnavailable or StalePrices."""
        ...


class WatchedPrices(PriceSource, Protocol):
    """A price source that can be told what to watch."""

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Answer for these from now on: the signal, its leveraged fund, and all other symbols that need prices."""
        ...


class SecondPrices(Protocol):
    """A source of prices that is independent of the PriceSource."""

    def daily_closes(self) -> Mapping[str, Mapping[date, float]]:
        """Closes of finished sessions, adjusted for dividends and splits, by symbol. Raises BrokerUnavailable."""
        ...

    def last_prices(self) -> Mapping[str, Quote]:
        """The last trades, live or delayed, each with its own time. A trade without a time is left out.

        Raises BrokerUnavailable.
        """
        ...


class Broker(Protocol):
    """One account. A missing answer raises an exception and is never an empty answer."""

    @property
    def mode(self) -> Mode: ...

    @property
    def account(self) -> str:
        """The account's id; rows of the book carry it."""
        ...

    @property
    def needs_open_exchange(self) -> bool:
        """Whether an order may be sent only while the exchange is open."""
        ...

    @property
    def absence_is_final_after(self) -> timedelta:
        """How long complete answers must lack an order before the bot concludes that it never existed."""
        ...

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Report the shares and prices of `symbols` from now on."""
        ...

    def snapshot(self) -> AccountSnapshot:
        """Money, positions and the bot's open orders, complete. Raises BrokerUnavailable."""
        ...

    def quotes(self) -> Mapping[str, Quote]:
        """The broker's own live prices; empty if it gives none. Never raises for missing data."""
        ...

    def submit(self, intent: OrderIntent) -> None:
        """Send the order and return at once.

        Raises OrderRejected if the order certainly never left, OrderOutcomeUnknown if it may have left.
        """
        ...

    def find(self, intent: OrderIntent) -> Order:
        """The order as it is now; ABSENT if a complete answer does not contain it. Raises BrokerUnavailable."""
        ...

    def cancel(self, intent: OrderIntent) -> None:
        """Request that the order be cancelled; its outcome comes from `find`. Raises BrokerUnavailable."""
        ...

    def recent_orders(self) -> tuple[Order, ...]:
        """The bot's orders that have executions the broker still remembers. Raises BrokerUnavailable.

        Late executions and corrections arrive this way; the book takes from them what it does not have.
        """
        ...


class Notifier(Protocol):
    def notify(self, kind: AlertKind, text: str) -> None:
        """Notify the owner. Never raises, never blocks."""
        ...


class Heard(NamedTuple):
    """The owner's replies so far. `delivered`: every channel that can answer has accepted the announcement.

    All channels were last read at the monotonic moment `read_since` or later, so every reply written before it is among
    `answers`. `problem` says why a channel cannot be read; empty if all can.
    """

    delivered: bool
    answers: frozenset[Answer]
    read_since: float
    problem: str


class Owner(Protocol):
    """The owner, on the channels that can answer. Nothing here blocks or raises."""

    def ask(self, code: str, text: str, delivered: bool) -> None:
        """Announce `text`, unless it was `delivered` before, and read the replies with `code` until `rest`."""
        ...

    def heard(self, code: str) -> Heard | None:
        """The replies to `code` until now; None if `code` is not being asked."""
        ...

    def rest(self) -> None:
        """Read no more replies."""
        ...
