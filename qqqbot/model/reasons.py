"""Why nothing was traded, and what the owner is notified about: every code and every kind, in one table.

An `AlertKind` is the subject of a notification, a `Reason` is why a gate or a check failed. Both are written to files
and to --json as the texts below, which therefore never change. Each has a headline and says what the owner can do. A
reason without advice of its own uses the advice of its alert.
"""

from enum import StrEnum
from typing import Self

from qqqbot.model.program import COMMAND


class AlertKind(StrEnum):
    """What a notification is about. `advice` is empty if there is nothing to do."""

    headline: str
    advice: str

    def __new__(cls, value: str, headline: str = "", advice: str = "") -> Self:
        kind = str.__new__(cls, value)
        kind._value_, kind.headline, kind.advice = value, headline, advice
        return kind

    HALT = (
        "halt",
        "trading is halted",
        f"The bot keeps watching. Look at the reason, then run {COMMAND} resume.",
    )
    MISMATCH = (
        "mismatch",
        "account and book differ",
        f"Nothing is traded until you answer: {COMMAND} adopt (the account is right) or leave (those shares are mine).",
    )
    DISK = (
        "disk",
        "the disk is full or cannot be written",
        "The bot writes each order down before it sends it, so nothing is traded. Make room, or let this user write in "
        "the logs folder.",
    )
    ORDER_LIMIT = (
        "order_limit",
        "no more orders in this session",
        f"Trading continues in the next session. {COMMAND} why DATE shows what the orders were for.",
    )
    ORDER_OPEN = (
        "order_open",
        "an order stays open",
        "No other order is sent until it ends. Look at the gateway's windows and answer what they ask; "
        "or cancel the order in TWS.",
    )
    VETOED = (
        "vetoed",
        "you vetoed a rotation",
        "The holding stays until the rule's answer changes or the session ends. Then you are asked again.",
    )
    NOT_ANSWERED = (
        "not_answered",
        "an announced rotation waits for you",
        f"Reply as its announcement says. If a channel cannot be read, run {COMMAND} notify-test. To trade without "
        f"being asked, set ask_first_minutes to 0 in config.json and run {COMMAND} restart.",
    )
    APART = (
        "apart",
        "the account is not where the rule wants it",
        f"{COMMAND} why shows what prevented it at each check. If this continues, run ./test_ib_connection.py and read "
        f"{COMMAND} logs.",
    )
    MONEY = (
        "money",
        "a buy waits for the account's money",
        "The broker shows a sale's money up to three minutes late. If this lasts, the account has less than the book: "
        "check its cash at your broker. If total_capital is too high, or money was taken out, correct it in "
        "config.json.",
    )
    SHORTFALL = (
        "shortfall",
        "the account has less money than the book",
        "Value and profit leave out the missing money. Put it back, or set total_capital in config.json to the money "
        "that the bot may use, and restart.",
    )
    ACCOUNT = (
        "account",
        "the gateway is logged in to the wrong account",
        "Nothing is sent to it. Log the gateway in to the right account, or change config.json and restart.",
    )
    BROKER = (
        "broker",
        "the broker cannot be reached",
        "Is the gateway running and logged in? test_ib_connection.py checks it step by step.",
    )
    CHECKS_FAILING = (
        "checks_failing",
        "checks are failing",
        f"The next check asks again; the bot never trades on bad data. If this lasts, check the network, try {COMMAND} "
        "update, and, if the exchange was closed or closed early, set closed_on in config.json. "
        f"{COMMAND} logs shows each try.",
    )
    NO_DECISION = (
        "no_decision",
        "a session ended without a decision",
        f"The holding stays until a check succeeds. Check this machine's network, try {COMMAND} update, and, if the "
        f"exchange was closed or closed early, set closed_on in config.json. While the bot is stopped, {COMMAND} once "
        "makes a check now.",
    )
    TRADE = "trade", "traded"
    FIRST_TRADE = (
        "first_trade",
        "first trade of this account and mode",
        "Compare it with the account once: from now on the bot trades on its own.",
    )
    ORDER_REFUSED = "order_refused", "an order was refused", "Read the reason; the next check plans again."
    ORDER_LOST = (
        "order_lost",
        "the outcome of an order is not known",
        f"If account and book differ, it was executed: answer {COMMAND} adopt (leave would buy again).",
    )
    NO_EXECUTIONS = (
        "no_executions",
        "a fill was booked from its status",
        "The gateway lists no executions. In the gateway: Configure, API, Settings: 'Send instrument-specific "
        "attributes for dual-mode API client in' UTC format; then restart it. Compare the trade with your statement.",
    )
    CORRECTED = (
        "corrected",
        "the broker corrected an order's executions",
        "The book follows, and the next check trades from what is left. Compare both with your statement.",
    )
    ANSWER = "answer", "about an announced rotation"
    SPLIT = "split", "a split was recorded"
    INCOME = "income", "a dividend was booked"
    INCOME_DOUBTFUL = (
        "income_doubtful",
        "a dividend was not booked",
        "It is booked once Yahoo's amount and closes agree, for up to 60 days. Until then its money is not the bot's.",
    )
    TORN_RECORD = "torn_record", "an incomplete line was set aside"
    NEW_BOOK = (
        "new_book",
        "a new book was started",
        "If you removed trades.jsonl yourself, nothing is wrong. If not, stop the bot, put the file back, and "
        "start again.",
    )
    TOTAL_CAPITAL = "total_capital", "total capital"
    RULE = "rule", "the rule has changed"
    LOGIN = (
        "login",
        "the gateway needs your login",
        "Log in (IBKR Mobile asks for the second factor) before Monday's open, or that day's decisions are missed.",
    )
    CRASHED = (
        "crashed",
        "the bot died twice within the hour",
        f"It was started again. {COMMAND} logs shows its last lines; if it was killed, memory, disk and power of the "
        "machine are the usual causes.",
    )
    ENDED = (
        "ended",
        "the bot could not start or go on",
        f"Nothing is traded until it runs. {COMMAND} status shows whether it runs again; if not, remove the cause and "
        f"run {COMMAND} start.",
    )
    DIGEST = "digest", "the week"
    EVENING = "evening", "the evening"
    NOTIFICATIONS = (
        "notifications",
        "a notification channel does not accept messages",
        f"{COMMAND} notify-test tries each channel; the addresses are the lines of notify_urls.txt.",
    )

    def under_headline(self, text: str) -> str:
        """`text` without the headline, if it begins with it: the sentences of lasting conditions do."""
        return text.removeprefix(f"{self.headline}: ")

    @property
    def lasts(self) -> bool:
        """Whether it is a trouble that lasts, rather than an event."""
        return self in _LASTING


_LASTING = frozenset(
    {
        AlertKind.HALT,
        AlertKind.MISMATCH,
        AlertKind.DISK,
        AlertKind.ORDER_LIMIT,
        AlertKind.ORDER_OPEN,
        AlertKind.VETOED,
        AlertKind.NOT_ANSWERED,
        AlertKind.APART,
        AlertKind.MONEY,
        AlertKind.SHORTFALL,
        AlertKind.ACCOUNT,
        AlertKind.BROKER,
        AlertKind.CHECKS_FAILING,
        AlertKind.NOTIFICATIONS,
    }
)

_ASKED_AGAIN = (
    f"The next check asks again; the bot never trades on bad prices. If this lasts, check the network, try {COMMAND} "
    "update, and, if the exchange closed early, set closed_on in config.json."
)


class Reason(StrEnum):
    """Why a gate or a check failed: the name of an error (see `errors`), if there is one for it.

    `alert` is the kind of notification that it leads to. `ending` says whether it can end without a person. Only for
    those reasons may a text say that there is nothing to do.
    """

    alert: AlertKind
    advice: str
    halts: bool

    def __new__(
        cls, value: str, alert: AlertKind = AlertKind.CHECKS_FAILING, advice: str = "", halts: bool = False
    ) -> Self:
        reason = str.__new__(cls, value)
        reason._value_, reason.alert, reason.halts = value, alert, halts
        reason.advice = advice or alert.advice
        return reason

    TRADING_HALTED = "TradingHalted", AlertKind.HALT, "", True
    LEDGER_MISMATCH = "LedgerMismatch", AlertKind.MISMATCH, "", True
    UNEXPECTED_POSITION = (
        "UnexpectedPosition",
        AlertKind.MISMATCH,
        f"Look at the account at your broker and close the position by hand, then run {COMMAND} adopt.",
        True,
    )
    DID_NOT_SETTLE = (
        "DidNotSettle",
        AlertKind.HALT,
        f"Look at the account and the log, then run {COMMAND} resume.",
        True,
    )
    ORDER_UNANSWERED = (
        "OrderUnanswered",
        AlertKind.HALT,
        f"Look at the gateway's windows and answer what they ask, compare its orders with {COMMAND} trades, then "
        f"run {COMMAND} resume.",
        True,
    )
    ORDER_OVERRUN = (
        "OrderOverrun",
        AlertKind.HALT,
        f"Look at the account's orders and shares in TWS. Sell by hand what was bought twice, or buy back what was "
        f"sold twice; if account and book then differ, answer {COMMAND} adopt. Then run {COMMAND} resume.",
        True,
    )
    CALENDAR_ENDED = "CalendarEnded", AlertKind.HALT, f"Run {COMMAND} update, then {COMMAND} restart.", True
    BROKER_UNAVAILABLE = "BrokerUnavailable", AlertKind.BROKER
    ORDER_REJECTED = "OrderRejected", AlertKind.ORDER_REFUSED
    ORDER_OUTCOME_UNKNOWN = (
        "OrderOutcomeUnknown",
        AlertKind.ORDER_LOST,
        "Each check looks for the order, and no other order is sent meanwhile.",
    )
    ORDER_LIMIT = "OrderLimit", AlertKind.ORDER_LIMIT
    DISK_ERROR = "DiskError", AlertKind.DISK
    MONEY_LATE = "MoneyLate", AlertKind.MONEY
    MONEY_UNSETTLED = (
        "MoneyUnsettled",
        AlertKind.MONEY,
        "The buy is made when the sale has settled, on the next business day. In a margin account "
        "nothing has to settle.",
    )
    ORDER_OPEN = "OrderOpen", AlertKind.ORDER_OPEN
    DIFFERENCE_SEEN = (
        "DifferenceSeen",
        AlertKind.CHECKS_FAILING,
        "The account's positions may be late: the next look, within minutes, says whether the difference lasts.",
    )
    VETOED = "Vetoed", AlertKind.VETOED
    NOT_ANSWERED = "NotAnswered", AlertKind.NOT_ANSWERED
    PRICES_UNAVAILABLE = "PricesUnavailable", AlertKind.CHECKS_FAILING, _ASKED_AGAIN
    PRICES_DOUBTFUL = (
        "PricesDoubtful",
        AlertKind.CHECKS_FAILING,
        "The bot trades again once the witnesses agree, or the rule wants the same with each of them.",
    )
    PRICES_REBASED = (
        "PricesRebased",
        AlertKind.CHECKS_FAILING,
        f"Compare the prices with your broker's. If they are right, {COMMAND} adopt accepts them. If they are wrong, "
        "the bot trades again once Yahoo has corrected them.",
    )
    NO_TRADES = (
        "NoTrades",
        AlertKind.CHECKS_FAILING,
        f'If the exchange was closed on that day, add "YYYY-MM-DD" to closed_on in config.json and run '
        f"{COMMAND} restart, or run {COMMAND} update. Until then nothing is traded, for as long as the day is in the "
        "window.",
    )
    CLOCK_WRONG = (
        "ClockWrong",
        AlertKind.CHECKS_FAILING,
        "Set this machine's clock (timedatectl set-ntp true); the next check may then trade again.",
    )
    STALE_PRICES = "StalePrices", AlertKind.CHECKS_FAILING, _ASKED_AGAIN

    @classmethod
    def of(cls, error: Exception) -> "Reason":
        """The reason for `error`, which a check raised. Raises ValueError for an error that ends the program.

        An error whose class is not in the table has the reason of its nearest base class.
        """
        names = (kind.__name__ for kind in type(error).__mro__)
        found = next((name for name in names if name in cls._value2member_map_), type(error).__name__)
        return cls.DISK_ERROR if isinstance(error, OSError) else cls(found)

    @property
    def headline(self) -> str:
        return self.alert.headline

    @property
    def needs_you(self) -> bool:
        """Whether it lasts until a person has done something."""
        return self in _NEEDING_YOU

    @property
    def ending(self) -> str:
        return "needs you" if self.needs_you else "ends on its own"


_NEEDING_YOU = frozenset(
    {
        *(reason for reason in Reason if reason.halts),
        Reason.DISK_ERROR,
        Reason.ORDER_OPEN,
        Reason.NOT_ANSWERED,
        Reason.PRICES_REBASED,
        Reason.NO_TRADES,
        Reason.CLOCK_WRONG,
    }
)

ENDS_BY_ITSELF = frozenset(reason.value for reason in Reason if not reason.needs_you)
ADVICE_OF_CODE = {reason.value: f"{reason.ending.capitalize()}. {reason.advice}" for reason in Reason}
"""code as written in the files -> how it ends and what to do; a file from a later version may have others"""
