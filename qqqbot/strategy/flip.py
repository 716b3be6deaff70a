"""What would be done at another price of the signal, from the inputs of the last check. Pure.

The planner itself gives the shares. It is asked twice: for the sells, and then, with their proceeds, for the buy. Each
fund on the signal's index is assumed to have moved by its factor since that check, and all other funds not at all.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from qqqbot.model.market import Quote
from qqqbot.model.values import Flip, FlipOrder, Holding, PlannedOrder, Portfolio, Rules, Side, Snapshot
from qqqbot.strategy.gates import LOWEST_PRICE, closes_of_window, window_problem
from qqqbot.strategy.planning import next_step
from qqqbot.strategy.rule import flip_prices, nearest_flip
from qqqbot.strategy.sizing import commission


def flip_of(snapshot: Snapshot, rules: Rules, now: datetime) -> Flip | None:
    """The nearest flip from the inputs in `snapshot`: for its session or, once that has closed at `now`, for the next.

    None if no price changes the answer, or if the recorded closes do not allow one.
    """
    if window_problem(snapshot, rules):
        return None
    price, closes = snapshot.market.signal_quote.price, closes_of_window(snapshot)
    flips = flip_prices([*closes, price] if now >= snapshot.session.close else closes, rules)
    change = nearest_flip(price, flips, snapshot.portfolio.holding, rules.form) if price > 0 else None
    if change is None:
        return None
    flip, target = change
    orders = (FlipOrder(o.side, o.symbol, o.quantity) for o in orders_at(snapshot, rules, flip, target))
    return Flip(flip, target, tuple(orders))


def orders_at(snapshot: Snapshot, rules: Rules, price: float, target: Holding) -> tuple[PlannedOrder, ...]:
    """The sells and the buy on the way to `target` with the signal at `price`; empty if there are none."""
    then = _moved(snapshot, price)
    if min(then.market.prices.values()) < LOWEST_PRICE:
        return ()
    first = next_step(then, target, rules)[2]
    sells = tuple(order for order in first if order.side is Side.SELL)
    return first if not sells else sells + next_step(_sold(then, sells), target, rules)[2]


def _moved(snapshot: Snapshot, price: float) -> Snapshot:
    """`snapshot` with the signal at `price`, the other live prices moved with it, and the account valued at them."""
    market, account = snapshot.market, snapshot.account
    move, index = price / market.signal_quote.price - 1, Holding(market.signal).underlying

    def moved(quote: Quote) -> Quote:
        factor = Holding(quote.symbol).factor if Holding(quote.symbol).underlying == index else 0
        return replace(quote, price=max(0.0, quote.price * (1 + factor * move)))

    others = {symbol: replace(other, quote=moved(other.quote)) for symbol, other in market.others.items()}
    signal = replace(market.signal_quote, price=price)
    then = replace(market, signal_quote=signal, fund_quote=moved(market.fund_quote), others=others)
    changes = {symbol: Decimal(str(price - market.prices[symbol])) for symbol, price in then.prices.items()}
    gain = sum((change * account.positions.get(symbol, 0) for symbol, change in changes.items()), Decimal(0))
    return replace(snapshot, market=then, account=replace(account, net_liquidation=account.net_liquidation + gain))


def _sold(snapshot: Snapshot, sells: tuple[PlannedOrder, ...]) -> Snapshot:
    """`snapshot` after `sells`, each filled at its decision price and its commission paid."""
    proceeds = sum(
        (o.quantity * o.decision_price - commission(o.quantity, o.decision_price) for o in sells), Decimal(0)
    )
    portfolio, account = snapshot.portfolio, snapshot.account
    gone = {order.symbol: order.quantity for order in sells}
    shares = {s: n - gone.get(s, 0) for s, n in portfolio.shares.items()}
    positions = {s: n - gone.get(s, 0) for s, n in account.positions.items()}
    book: Portfolio = replace(portfolio, cash=portfolio.cash + proceeds, shares=shares)
    return replace(
        snapshot,
        portfolio=book,
        account=replace(account, spendable=account.spendable + proceeds, positions=positions, unsettled=Decimal(0)),
    )
