"""The money of a buy: whether the account can pay for what the book's own money buys, and whether that is certain.

Account values are refreshed every three minutes, each on its own (facts: tws-api, account summary): right after a sale
they may be those of before it, and the money may also have been taken out.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from qqqbot.model.reasons import Reason
from qqqbot.model.values import AccountSnapshot, Gate, Snapshot

NAME = "money"
# The account's money is there if it is this part of what the book says: commissions, interest and rounding are less.
ENOUGH = Decimal("0.99")
# Three refreshes.
NOT_COMING = timedelta(minutes=10)


def arrived(snapshot: Snapshot, symbol: str, budget: Decimal, equity: Decimal) -> Gate:
    """The account can pay for all of a buy of `symbol` that the book's own money pays for, and shows our newest fills.

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
    sentence = f"the buy of {symbol} waits for the account's money: it is worth {worth:,.2f}, the book {equity:,.2f}"
    return Gate(NAME, worth >= equity * ENOUGH, found, sentence, Reason.MONEY_LATE)


def confirmed(snapshot: Snapshot, equity: Decimal) -> bool:
    """Whether the account's cash has a second witness, so that one wrong figure buys nothing with borrowed money.

    The witness is what the account is worth besides its cash and the bot's shares: nothing, or as much as at the look
    before. Failing that, it is a look of minutes ago, since our fills move the account's cash as they move the book's.
    The book itself is no witness: its money may have been taken out.
    """
    account, slack = snapshot.account, equity * (1 - ENOUGH)
    others = beside(account, snapshot.market.prices)
    if any(abs(others - before) <= slack for before in (Decimal(0), snapshot.beside) if before is not None):
        return True
    there, cash = account.spendable + account.unsettled, snapshot.portfolio.cash
    return snapshot.missing is not None and abs(min(there, cash) - (cash - snapshot.missing)) <= slack


def beside(account: AccountSnapshot, prices: Mapping[str, float]) -> Decimal:
    """What the account is worth besides the shares that are watched and the dollars that can be spent."""
    held = sum(Decimal(str(prices.get(s, 0))) * count for s, count in account.positions.items() if count)
    return account.net_liquidation - held - account.spendable - account.unsettled


def account_has_less(snapshot: Snapshot, equity: Decimal) -> bool:
    """Whether the missing money is not late but not there: three refreshes have not brought it."""
    since = snapshot.money_short_since
    waited = since is not None and snapshot.now - since >= NOT_COMING
    return waited and not snapshot.account.behind and confirmed(snapshot, equity)


def not_settled(symbol: str, spendable: Decimal, budget: Decimal) -> Gate:
    """The failed gate of a buy whose money comes with the settlement of a sale."""
    found = f"{max(spendable, Decimal(0)):,.2f} of {budget:,.2f}"
    sentence = f"the buy of {symbol} waits for settlement: {found} can be paid now"
    return Gate(NAME, False, found, sentence, Reason.MONEY_UNSETTLED)
