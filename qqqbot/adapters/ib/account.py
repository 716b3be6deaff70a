"""What an account at Interactive Brokers may do, and what it holds: pure functions of the broker's rows.

The account's id, never the port, decides whether money is real: ids that start with D are simulated (DU, DF and their
longer forms), all others are real. https://interactivebrokers.github.io/tws-api/initial_setup.html
"""

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from qqqbot.adapters.ib.error_codes import washed
from qqqbot.adapters.ib.numbers import number_of
from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from qqqbot.model.values import Mode

SUMMARY_TAGS = ("AvailableFunds", "BuyingPower", "NetLiquidation", "SettledCash", "TotalCashValue")
NEEDED_TAGS = ("AvailableFunds", "BuyingPower", "NetLiquidation", "TotalCashValue")
LIVE_PORTS = (7496, 4001)
PAPER_PORTS = (7497, 4002)
CURRENCY = "USD"
# TotalCashValue and AvailableFunds are sums over all currencies, expressed in the base currency. Only the ledger says
# how many dollars there are; a purchase for more than that is a loan. https://ibkr.info/node/722
LEDGER_TAG, DOLLARS = "$LEDGER:USD", "CashBalance"
# The tag for dividends that are announced and not paid yet, after tax.
DIVIDENDS = "NetDividend"

# A cash account's buying power equals its cash; a margin account's is at least twice its funds. This bound lies between
# them, with room for rounding and interest.
LEVERAGED = Decimal("1.5")


@dataclass(frozen=True, slots=True)
class SummaryRow:
    account: str
    tag: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True)
class PositionRow:
    account: str
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal | None
    """None if it is not a number"""


def choose_account(managed: Sequence[str], wanted: str, port: int, allow_live: bool) -> tuple[Mode, str]:
    """The one account that may be traded. Raises AccountRefused with what is wrong and what to do.

    `managed` are the accounts of the login, `wanted` is ib_account (empty: the login's only account).
    """
    account = _named(managed, wanted)
    mode = Mode.PAPER if account.startswith("D") else Mode.LIVE
    if mode is Mode.LIVE and not allow_live:
        raise AccountRefused(
            f"{account} is a live account, but allow_live is false: real money is not touched; log the gateway in to "
            "the paper account, or set allow_live to true in config.json if you mean it"
        )
    if port in (LIVE_PORTS if mode is Mode.PAPER else PAPER_PORTS):
        usual = "live" if mode is Mode.PAPER else "paper"
        raise AccountRefused(
            f"ib_port {port} is the usual port of a {usual} account, and {account} is a {mode} account: one of them is "
            "not what you think; check the gateway's login, then set the gateway's port and ib_port to match it"
        )
    return mode, account


def _named(managed: Sequence[str], wanted: str) -> str:
    listed = ", ".join(managed) or "none"
    if wanted and wanted not in managed:
        raise AccountRefused(
            f"ib_account is {wanted}, but the gateway's login manages {listed}: correct ib_account in config.json "
            "(in capitals), or log the gateway in as the right user"
        )
    if not managed:
        raise AccountRefused("the gateway's login manages no account: log in again with a trading user")
    if not wanted and len(managed) > 1:
        raise AccountRefused(
            f"the gateway's login manages several accounts ({listed}): name the one to trade in ib_account"
        )
    return wanted or managed[0]


def amounts(rows: Iterable[SummaryRow], account: str) -> dict[str, Decimal]:
    """Tag -> amount, for `account` only. `DOLLARS` is there if the ledger arrived, `DIVIDENDS` if it is a number.

    Raises BrokerUnavailable if a needed tag is missing, is not a number or is not in US dollars.
    """
    rows = [row for row in rows if row.account == account]
    own = [row for row in rows if row.tag in SUMMARY_TAGS]
    ledger = [row for row in rows if row.tag == DOLLARS and row.currency == CURRENCY]
    found = {row.tag: _amount(row) for row in (*own, *ledger)}
    if missing := [tag for tag in NEEDED_TAGS if tag not in found]:
        raise BrokerUnavailable(f"the account summary of {account} came without {', '.join(missing)}; asked again soon")
    if foreign := {row.currency or "an unnamed currency" for row in own} - {CURRENCY}:
        raise BrokerUnavailable(
            f"the account {account} is kept in {washed(', '.join(sorted(foreign)))}: the bot computes in US dollars; "
            "change the base currency in Client Portal, Settings, Account Settings, and convert the cash as well: "
            "changing the base currency converts nothing. Where it cannot be changed, as at Interactive Brokers Japan, "
            "the bot cannot be used"
        )
    for row in rows:
        if (row.tag, row.currency) == (DIVIDENDS, CURRENCY):
            with contextlib.suppress(BrokerUnavailable):  # nothing depends on them
                found[DIVIDENDS] = _amount(row)
    return found


def _amount(row: SummaryRow) -> Decimal:
    amount = number_of(row.value)
    if amount is None:
        raise BrokerUnavailable(
            f"the account summary says {row.tag} {row.value!r}, which is not an amount; asked again"
        )
    return amount


def doubt(found: Mapping[str, Decimal]) -> str:
    """Why `found` may not describe the account; empty if it does.

    For a moment after a sale a gateway reports every amount as 0. The amount in dollars arrives separately.
    """
    if DOLLARS not in found:
        return "the dollars of the account are not reported"
    empty = [tag for tag in NEEDED_TAGS if not found[tag]]
    return f"{', '.join(empty)} of the account are reported as zero" if len(empty) > 1 else ""


def is_cash_account(found: Mapping[str, Decimal]) -> bool:
    """Whether the account cannot borrow: its buying power is not a multiple of its funds.

    An account without funds counts as one too; it can buy nothing either way.
    """
    funds = max(found["AvailableFunds"], Decimal(0))
    return found["BuyingPower"] <= funds * LEVERAGED


def spendable(found: Mapping[str, Decimal], sold_today: Decimal) -> tuple[Decimal, Decimal]:
    """(dollars that a buy may use without borrowing, cash that arrives with settlement).

    `sold_today` is the proceeds of the bot's own sales today. In a cash account they settle on the next business day.
    The broker's pages disagree on whether SettledCash excludes them, so the lower number counts.
    """
    total = found["TotalCashValue"]
    dollars = found.get(DOLLARS, Decimal(0))
    free = min(total, dollars, found["AvailableFunds"])
    if not is_cash_account(found):
        return free, Decimal(0)
    settled = min(found.get("SettledCash", total), total - sold_today)
    return min(free, settled, dollars - sold_today), max(Decimal(0), total - settled)


def foreign_cash(found: Mapping[str, Decimal]) -> Decimal:
    """The value in dollars of the cash in other currencies; negative for a loan in one of them.

    It is the total less the reported dollars: an account without dollars has no row for them.
    """
    return found["TotalCashValue"] - found.get(DOLLARS, Decimal(0))


def shares(rows: Iterable[PositionRow], account: str, symbols: Iterable[str]) -> dict[str, int]:
    """Whole shares of `symbols` in `account`."""
    return {symbol: math.floor(quantity) for symbol, quantity in _held(rows, account, symbols).items()}


def fractions(rows: Iterable[PositionRow], account: str, symbols: Iterable[str]) -> dict[str, Decimal]:
    """The fractions of shares that `shares` leaves out, if there are any."""
    return {s: q - math.floor(q) for s, q in _held(rows, account, symbols).items() if q != math.floor(q)}


def _held(rows: Iterable[PositionRow], account: str, symbols: Iterable[str]) -> dict[str, Decimal]:
    """The stock of each symbol in `account`. Options and other listings of the same symbol do not count.

    Raises BrokerUnavailable if one of these is not a number.
    """
    held = dict.fromkeys(symbols, Decimal(0))
    for row in rows:
        if row.account == account and row.sec_type == "STK" and row.currency == CURRENCY and row.symbol in held:
            if row.quantity is None:
                raise BrokerUnavailable(f"the account's number of {row.symbol} is not a number; asked again soon")
            held[row.symbol] = row.quantity
    return held
