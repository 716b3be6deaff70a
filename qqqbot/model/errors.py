"""Errors, grouped by what the loop does about them.

    BotError
    ├── ConfigError            refuse to start; every problem in one message; exit 2
    ├── StartRefused           refuse to start for any other reason the owner must see
    │   ├── AccountRefused     the account is not the one this configuration may trade
    │   ├── BookDamaged        a complete line of the record does not parse
    │   └── AlreadyRunning     another daemon holds the lock
    ├── TemporaryError         skip this check, try the next one
    │   ├── PricesUnavailable
    │   ├── StalePrices
    │   ├── BrokerUnavailable
    │   └── OrderRejected      the order is dead, and known to be
    ├── OrderOutcomeUnknown    the order was sent and not answered: never resent, looked for until found
    └── TradingHalted          stop trading, keep observing, notify, wait for a person
        ├── LedgerMismatch
        ├── DidNotSettle
        ├── OrderUnanswered
        ├── OrderOverrun
        └── CalendarEnded

Programming errors are not in this tree and are not caught. Exceptions of other libraries are converted to one of these
where they arrive, and nowhere else.
"""

from collections.abc import Mapping, Sequence

from qqqbot.model.reasons import Reason


class BotError(Exception):
    """Anything this program raises on purpose."""


class ConfigError(BotError):
    """The configuration cannot be used.

    `problems` holds one sentence each: where, what was expected, what was found.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StartRefused(BotError):
    """The daemon must not start; the message says why and what to do."""


class AccountRefused(StartRefused):
    """The account is not one that this configuration may trade."""


class BookDamaged(StartRefused):
    """A complete line of a record does not parse; the message names file and line."""


class AlreadyRunning(StartRefused):
    """Another daemon holds the lock on the same logs folder."""


class TemporaryError(BotError):
    """This check cannot be made; the next one may."""


class PricesUnavailable(TemporaryError):
    """No answer, an incomplete answer or a nonsensical answer about prices."""


class StalePrices(TemporaryError):
    """An answer about prices that is older than a decision may use."""


PRICE_ERRORS: Mapping[Reason | None, type[TemporaryError]] = {
    Reason.PRICES_UNAVAILABLE: PricesUnavailable,
    Reason.STALE_PRICES: StalePrices,
    Reason.PRICES_DOUBTFUL: PricesUnavailable,
    Reason.PRICES_REBASED: PricesUnavailable,
    Reason.NO_TRADES: PricesUnavailable,
    Reason.CLOCK_WRONG: StalePrices,
}
"""code of a price gate -> the error to raise if that gate fails"""


class BrokerUnavailable(TemporaryError):
    """No complete answer from the broker. A missing answer never counts as "nothing there"."""


class OrderRejected(TemporaryError):
    """The order ended without a fill, or the broker or our own last check refused it before it was open."""


class OrderOutcomeUnknown(BotError):
    """The order was sent and not answered. It is never resent, but looked for by its order_ref until found."""


class TradingHalted(BotError):
    """Trading stops until a person has looked into it."""


class LedgerMismatch(TradingHalted):
    """The account does not hold the shares that are in the book."""


class DidNotSettle(TradingHalted):
    """The rounds of one check ran out before the account reached the target."""


class OrderUnanswered(TradingHalted):
    """The broker took an order and never answered: it may be kept, and sent later."""


class OrderOverrun(TradingHalted):
    """More happened than was ordered, or than the bot's money pays for."""


class CalendarEnded(TradingHalted):
    """The table of sessions does not reach the present moment."""
