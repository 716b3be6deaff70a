"""When to look again before the next tick of the timetable, judged by the records and the last check.

Unfinished business is resumed within minutes: an order without an outcome, a holding that was decided and not reached,
half a rotation, a decision window that has not decided. Anything that a minute cannot change waits for the next tick.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from qqqbot.model.reasons import Reason
from qqqbot.model.values import Action, Decide, Holding, Rules, Session, Side
from qqqbot.records.journal import OrderJournal
from qqqbot.records.ledger import Ledger
from qqqbot.strategy.gates import LAST_SAFE_SECONDS
from qqqbot.strategy.money import ENOUGH
from qqqbot.strategy.sizing import falls_short

SOON = timedelta(seconds=60)
# With these reasons nothing is under way yet, but they may end within minutes.
SHORTLY = (Reason.ORDER_REJECTED, Reason.MONEY_LATE, Reason.DIFFERENCE_SEEN)
# These last until a person acts or the next day comes.
NOT_IN_MINUTES = frozenset(
    {Reason.ORDER_LIMIT, Reason.MONEY_UNSETTLED, Reason.VETOED} | {reason for reason in Reason if reason.halts}
)


def pause(
    now: datetime,
    session: Session | None,
    journal: OrderJournal,
    ledger: Ledger,
    rules: Rules,
    last: tuple[str, Reason | None],
) -> timedelta | None:
    """How long after the last check to look again; None means at the next tick.

    `last` is the last check's action and error. The pause doubles with each of the session's newest orders that filled
    nothing, but leaves time for two more tries before the session's last minute.
    """
    if session is None:
        return None
    action, error = last
    open_ended = bool(journal.unresolved()) or window_undecided(now, session, journal, rules)
    if not open_ended and (action == Action.HOLD or error in NOT_IN_MINUTES):
        return None
    aim = journal.aim_in(session.date)
    missed = aim is not None and aim is not ledger.portfolio().holding
    if not (open_ended or error in SHORTLY or missed or half_made(journal, ledger, rules) is not None):
        return None
    refusals = journal.unfilled_in_row(session.date)
    left = session.close - timedelta(seconds=LAST_SAFE_SECONDS) - now
    return max(SOON, min(SOON * (1 << min(max(refusals - 1, 0), 10)), left / 3)) if refusals else SOON


def window_undecided(now: datetime, session: Session, journal: OrderJournal, rules: Rules) -> bool:
    """Whether the session's decision window is open and has not decided yet."""
    left = (session.close - now).total_seconds()
    in_window = rules.decide is Decide.BEFORE_CLOSE and left <= rules.decide_seconds_before_close
    return in_window and journal.decided_in(session.date) is None


def half_made(journal: OrderJournal, ledger: Ledger, rules: Rules) -> Holding | None:
    """The target of a rotation that has traded and is not finished, whenever it began; None if there is none.

    If the rule has changed and no longer has that holding, the rotation is abandoned.
    """
    newest = journal.newest_executed(ledger.orders)
    if newest is None or newest.target not in rules.form.shelves:
        return None
    if newest.side is Side.SELL and newest.target is not ledger.portfolio().holding:
        return newest.target
    left = unfinished(journal, ledger, rules)
    return newest.target if left and left == newest.target.symbol else None


def unfinished(journal: OrderJournal, ledger: Ledger, rules: Rules, spendable: Decimal | None = None) -> str | None:
    """The symbol of the newest order that traded, if it was filled in part or bought less than the money buys.

    A purchase that was smaller because the account had less money than the book is unfinished again once the account's
    `spendable` money pays for the rest: the money that was moved out has come back.
    """
    bought, order = ledger.purchase, journal.newest_executed(ledger.orders)
    in_part = journal.unfinished(ledger.orders)
    if bought is None or ledger.shares[bought.symbol] <= 0:
        return in_part
    # A position that was sold in part by the bot and the rest by hand is finished: a few adopted shares of the target
    # must not look like all of it.
    if in_part and ledger.shares[in_part] > 0:
        return in_part
    # The purchase is judged by the position_size of its day: a later change of the rules makes nothing unfinished.
    then = replace(rules, position_size=(order and order.position_size) or rules.position_size)
    money = bought.value + bought.cash
    if order is not None and order.account_money is not None and not (spendable and spendable >= bought.cash * ENOUGH):
        money = min(money, order.account_money)
    return bought.symbol if falls_short(bought.shares, money, bought.price, then) else None
