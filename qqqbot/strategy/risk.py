"""The last check before an order leaves, in one pure function that every order passes.

It repeats what planning must already have ensured, from the same snapshot but with its own arithmetic. It deliberately
shares no code with planning: a forbidden order is sent only if both make the same mistake.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from qqqbot.model.values import OrderIntent, OrderType, Rules, Side, Snapshot

# Longer than any round of a rotation takes. An older intent was decided in a situation that no longer exists.
MAX_DECISION_AGE = timedelta(minutes=5)
# A sale towards cash may be this many orders beyond the limit.
ORDERS_FOR_CASH = 2
# A limit further from the decision's price than this is not a collar.
MAX_LIMIT_DISTANCE = Decimal("0.05")


def refusal(intent: OrderIntent, snapshot: Snapshot, rules: Rules, account: str, now: datetime) -> str | None:
    """Why `intent` must not be sent: a reason code and a sentence; None if it may be sent.

    `account` is the broker's account at this moment; the intent was decided on `snapshot`.
    """
    checks = (
        (snapshot.halted is not None, f"HALTED: {snapshot.halted}"),
        (account != snapshot.account.account, f"WRONG_ACCOUNT: {account} is not the account of the decision"),
        (_unasked(intent, snapshot, rules), "UNASKED: it was not announced to the owner first, or it was vetoed"),
        (not _session_open(snapshot, now), "EXCHANGE_CLOSED: orders are sent only while the exchange is open"),
        (not timedelta(0) <= now - intent.decided_at <= MAX_DECISION_AGE, "OLD_DECISION: decided too long ago"),
        (bool(snapshot.unresolved or snapshot.account.open_order_refs), "ORDER_ALIVE: an order of ours is not done"),
        (snapshot.orders_this_session >= _most_orders(intent, rules), "TOO_MANY_ORDERS in this session"),
        (_unwanted(intent, rules), f"WRONG_SYMBOL: {intent.symbol}"),
        (intent.quantity < 1, f"BAD_QUANTITY: {intent.quantity}"),
        (not _is_price(intent.decision_price), f"BAD_PRICE: {intent.decision_price}"),
        (_bad_limit(intent), f"BAD_LIMIT: {intent.limit_price} for {intent.decision_price}"),
        (_short_sale(intent, snapshot), f"SHORT_SALE: sells {intent.quantity} {intent.symbol}, more than is owned"),
        (_borrows(intent, snapshot), f"EXCEEDS_CASH: buys {intent.quantity} {intent.symbol}, more than can be paid"),
    )
    return next((reason for refused, reason in checks if refused), None)


def _unasked(intent: OrderIntent, snapshot: Snapshot, rules: Rules) -> bool:
    asked = snapshot.asked
    if not rules.ask_first_seconds or snapshot.half_made is intent.target:
        return False
    if asked is None or asked.ended or asked.target is not intent.target or asked.session != intent.session:
        return True
    if {"veto", "halt"} & {answer.value for answer in asked.answers}:
        return True
    in_silence = asked.silent and (asked.waited_seconds or 0) >= rules.ask_first_seconds
    return not ("go" in asked.answers if rules.ask_first_waits else in_silence)


def _most_orders(intent: OrderIntent, rules: Rules) -> int:
    to_cash = intent.side is Side.SELL and intent.target.is_defensive
    return rules.max_orders_per_session + (ORDERS_FOR_CASH if to_cash else 0)


def _unwanted(intent: OrderIntent, rules: Rules) -> bool:
    """Whether it buys something that the rule can never want. Other checks judge the sales."""
    wanted = intent.target in rules.form.shelves and intent.symbol == intent.target.symbol
    return intent.side is Side.BUY and not wanted


def _is_price(value: Decimal) -> bool:
    return value.is_finite() and value > 0


def _session_open(snapshot: Snapshot, now: datetime) -> bool:
    return not snapshot.needs_open_exchange or (snapshot.exchange_open and snapshot.session.contains(now))


def _bad_limit(intent: OrderIntent) -> bool:
    if intent.order_type is OrderType.MARKET:
        return intent.limit_price is not None
    limit, price = intent.limit_price, intent.decision_price
    return limit is None or not (_is_price(limit) and _is_price(price)) or abs(limit / price - 1) > MAX_LIMIT_DISTANCE


def _short_sale(intent: OrderIntent, snapshot: Snapshot) -> bool:
    owned = min(snapshot.portfolio.shares.get(intent.symbol, 0), snapshot.account.positions.get(intent.symbol, 0))
    return intent.side is Side.SELL and intent.quantity > owned


def _borrows(intent: OrderIntent, snapshot: Snapshot) -> bool:
    payable = min(snapshot.portfolio.cash, snapshot.account.spendable, snapshot.account.net_liquidation)
    price = intent.limit_price or intent.decision_price
    return intent.side is Side.BUY and (not _is_price(price) or intent.quantity * price > payable)
