"""The money of a buy: whether the account can pay for what the book's own money buys, and whether that is certain.

The broker refreshes account values every three minutes, each on its own (facts: tws-api, account summary). Right after
a sale they may still be the values from before it; the owner may also have taken money out.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from qqqbot.model.reasons import Reason
from qqqbot.model.values import AccountSnapshot, Gate, Snapshot

NAME = "money"
# The money counts as arrived if the account has this part of what the book says: commissions, interest and rounding
# take less than the rest.
ENOUGH = Decimal("0.99")
# Three refreshes: money that has not arrived after them is not late but missing.
NOT_COMING = timedelta(minutes=10)


def arrived(snapshot: Snapshot, symbol: str, budget: Decimal, equity: Decimal) -> Gate:
    """The account shows the bot's newest fills, and can pay for all of `symbol` that the book's own money buys.

    A smaller buy would leave the rest of the money idle until the next rotation.
    """
    account = snapshot.account
    if account.behind:
        sentence = f"the buy of {symbol} waits for the account: {account.behind}"
        return Gate(NAME, False, account.behind, sentence, Reason.MONEY_LATE)
    found = f"{account.spendable:,.2f} of {budget:,.2f}"
    if account.spendable < budget * ENOUGH:
        sentence = f"the buy of {symbol} waits for the account's money: the book pays {budget:,.2f} for it, and the "
        sentence += f"account can pay {account.spendable:,.2f}"
        return Gate(NAME, False, found, sentence, Reason.MONEY_LATE)
    if not confirmed(snapshot, equity):
        sentence = f"the buy of {symbol} waits for a second look at the account's cash ({account.spendable:,.2f} USD)"
        return Gate(NAME, False, found, sentence, Reason.MONEY_LATE)
    worth = account.net_liquidation
    sentence = f"the buy of {symbol} waits for the account's money: the account is worth {worth:,.2f}, and the book "
    sentence += f"{equity:,.2f}"
    return Gate(NAME, worth >= equity * ENOUGH, found, sentence, Reason.MONEY_LATE)


def confirmed(snapshot: Snapshot, equity: Decimal) -> bool:
    """Whether a second figure confirms the account's cash, so that one wrong figure never buys with borrowed money.

    The first choice is the account's value apart from its cash and the bot's shares: it must be nothing, or the same as
    at the last look. Failing that, a look of minutes ago confirms the cash, because the bot's fills change the cash of
    the account and of the book by the same amount. The book alone confirms nothing: the owner may have taken money out
    of the account.
    """
    account, slack = snapshot.account, equity * (1 - ENOUGH)
    others = beside(account, snapshot.market.prices)
    if any(abs(others - before) <= slack for before in (Decimal(0), snapshot.beside) if before is not None):
        return True
    there, cash = account.spendable + account.unsettled, snapshot.portfolio.cash
    return snapshot.missing is not None and abs(min(there, cash) - (cash - snapshot.missing)) <= slack


def beside(account: AccountSnapshot, prices: Mapping[str, float]) -> Decimal:
    """The account's value apart from the watched shares and the dollars that a buy may use."""
    held = sum(Decimal(str(prices.get(s, 0))) * count for s, count in account.positions.items() if count)
    return account.net_liquidation - held - account.spendable - account.unsettled


def account_has_less(snapshot: Snapshot, equity: Decimal) -> bool:
    """Whether the account lacks money of the book for good: three refreshes have passed, and it has not arrived."""
    since = snapshot.money_short_since
    waited = since is not None and snapshot.now - since >= NOT_COMING
    return waited and not snapshot.account.behind and confirmed(snapshot, equity)


def not_settled(symbol: str, spendable: Decimal, budget: Decimal) -> Gate:
    """The failed gate of a buy whose money comes with the settlement of a sale."""
    found = f"{max(spendable, Decimal(0)):,.2f} of {budget:,.2f}"
    sentence = f"the buy of {symbol} waits for settlement: {found} can be paid now"
    return Gate(NAME, False, found, sentence, Reason.MONEY_UNSETTLED)
