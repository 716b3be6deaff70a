"""decide(snapshot, rules) -> Plan: this file decides every order, and changes nothing.

Rule 1: it does not know whether it runs live, simulated, in a demo or in a backtest.
Rule 2: sells come first, alone: a buy sized on proceeds that never arrive is a margin loan. The buy is planned from the
        next snapshot, which contains the proceeds.
Rule 3: a holding that is the target already is never rebalanced; only an unfinished rotation is completed.
"""

from dataclasses import replace
from decimal import Decimal

from qqqbot.model.reasons import Reason
from qqqbot.model.values import (
    Action,
    Decide,
    Gate,
    Holding,
    OrderType,
    Plan,
    PlannedOrder,
    Rules,
    Side,
    Signal,
    Snapshot,
)
from qqqbot.strategy import gates, money
from qqqbot.strategy.asking import ask_first
from qqqbot.strategy.parking import not_worth_it
from qqqbot.strategy.rule import evaluate, flip_prices
from qqqbot.strategy.sizing import limit_price, shares_to_buy, still_wanted


def decide(snapshot: Snapshot, rules: Rules) -> Plan:
    """What to do about `snapshot`. It never raises: with bad prices the plan is to wait."""
    price_verdicts = gates.check(gates.PRICE_GATES, snapshot, rules)
    if failed := _first_failed(price_verdicts):
        return Plan(Action.WAIT, None, failed.sentence, price_verdicts, blocked_by=failed)
    verdicts = price_verdicts + gates.check(gates.TRADE_GATES, snapshot, rules)
    signal = _signal(snapshot, rules)
    if failed := _first_failed(verdicts):
        return Plan(
            Action.WAIT, signal, f"{failed.sentence}; the rule says: {signal.reason}", verdicts, blocked_by=failed
        )
    target, session_target = _target(snapshot, signal, rules)
    if target is None:
        minutes = rules.decide_seconds_before_close // 60
        return Plan(Action.HOLD, signal, f"decides {minutes} minutes before the close; now: {signal.reason}", verdicts)
    return _rotation(snapshot, signal, target, session_target, verdicts, rules)


def _first_failed(verdicts: tuple[Gate, ...]) -> Gate | None:
    return next((gate for gate in verdicts if not gate.passed), None)


def _signal(snapshot: Snapshot, rules: Rules) -> Signal:
    """The rule's answer now. While the exchange is closed, its flip prices are for the coming session."""
    closes, price = gates.closes_of_window(snapshot), snapshot.market.signal_quote.price
    signal = evaluate(closes, price, snapshot.portfolio.holding, rules)
    if why := not_worth_it(snapshot, signal.target, rules):
        signal = replace(signal, target=Holding.CASH, reason=f"{signal.reason}, but {why}: cash")
    if snapshot.exchange_open:
        return signal
    return replace(signal, flips=flip_prices([*closes, price], rules))


def _target(snapshot: Snapshot, signal: Signal, rules: Rules) -> tuple[Holding | None, Holding | None]:
    """The holding to move to (None if this check only observes), and the holding that this check fixes, if any."""
    if rules.decide is Decide.EVERY_CHECK:
        return signal.target, None
    if snapshot.decided_target is not None:
        return snapshot.decided_target, None
    left = (snapshot.session.close - snapshot.now).total_seconds()
    if snapshot.exchange_open and left > rules.decide_seconds_before_close:
        return snapshot.half_made, None  # an earlier check decided it and it has traded: complete it
    return signal.target, signal.target


def _rotation(
    snapshot: Snapshot,
    signal: Signal,
    target: Holding,
    session_target: Holding | None,
    verdicts: tuple[Gate, ...],
    rules: Rules,
) -> Plan:
    action, step, orders, late = next_step(snapshot, target, rules)
    if late is not None:
        sentence = f"{signal.reason}; {step}"
        return Plan(
            action, signal, sentence, (*verdicts, late), target=target, blocked_by=late, session_target=session_target
        )
    sells = any(order.side is Side.SELL for order in orders)
    to_cash = sells and target.is_defensive
    left = gates.orders_left(snapshot, rules, len(orders) + (sells and not to_cash), to_cash)
    verdicts = (*verdicts, left, gates.time_for_both(snapshot, sells, target))
    if failed := _first_failed(verdicts):
        sentence = f"{failed.sentence}; the rule says: {signal.reason}"
        return Plan(Action.WAIT, signal, sentence, verdicts, target=target, blocked_by=failed)
    if rules.ask_first_seconds and action is Action.ROTATE:
        asked, announces = ask_first(snapshot, target, rules)
        verdicts = (*verdicts, asked)
        if not asked.passed:
            sentence = f"{asked.sentence}; the rule says: {signal.reason}"
            fixed = session_target if asked.code is Reason.VETOED else None
            return Plan(Action.WAIT, signal, sentence, verdicts, (), target, asked, fixed, announces)
    return Plan(action, signal, f"{signal.reason}; {step}", verdicts, orders, target, session_target=session_target)


Step = tuple[Action, str, tuple[PlannedOrder, ...], Gate | None]
"""what to do, its sentence, its orders, and the failed gate of the money that it waits for"""


def next_step(snapshot: Snapshot, target: Holding, rules: Rules) -> Step:
    """The next step towards `target`: sell everything else; if that is done, buy; if that is done too, nothing."""
    if sells := _sells(snapshot, target, rules):
        return Action.ROTATE, f"{_orders_text(sells)} on the way to {target}", sells, None
    symbol = target.symbol
    if symbol is None:
        return Action.HOLD, "in cash already", (), None
    if snapshot.portfolio.shares.get(symbol) and snapshot.unfinished != symbol:
        return Action.HOLD, f"{symbol} is held already", (), None
    return _buy(snapshot, symbol, rules)


def _buy(snapshot: Snapshot, symbol: str, rules: Rules) -> Step:
    """Buy what the book's own money pays for; buy less only if the account is known to have less, not merely late."""
    portfolio, account = snapshot.portfolio, snapshot.account
    prices = {s: _decimal(price) for s, price in snapshot.market.prices.items()}
    held_value = prices[symbol] * portfolio.shares.get(symbol, 0)
    spendable, worth = min(portfolio.cash, account.spendable), portfolio.equity(prices)
    budget = min(still_wanted(worth, held_value, rules), portfolio.cash)
    if spendable < budget * money.ENOUGH <= spendable + account.unsettled:
        unsettled = money.not_settled(symbol, spendable, budget)
        return Action.WAIT, unsettled.sentence, (), unsettled
    arrived = money.arrived(snapshot, symbol, budget, worth)
    if not arrived.passed and not money.account_has_less(snapshot, worth):
        return Action.WAIT, arrived.sentence, (), arrived
    quantity = shares_to_buy(min(worth, account.net_liquidation), held_value, spendable, prices[symbol], rules)
    if quantity == 0 and not arrived.passed:
        return Action.WAIT, arrived.sentence, (), arrived
    if quantity == 0:
        sentence = f"{max(spendable, Decimal(0)):,.2f} of cash buys no whole share of {symbol} at {prices[symbol]:,.2f}"
        return Action.HOLD, sentence, (), None
    order = _planned(Side.BUY, symbol, quantity, prices[symbol], rules)
    if not arrived.passed:
        order = replace(order, account_money=min(account.net_liquidation, spendable + held_value))
    less = "" if arrived.passed else ": the account has less than the book"
    return Action.ROTATE, f"{_orders_text((order,))}{less}", (order,), None


def _sells(snapshot: Snapshot, target: Holding, rules: Rules) -> tuple[PlannedOrder, ...]:
    return tuple(
        _planned(
            Side.SELL,
            symbol,
            min(snapshot.portfolio.shares[symbol], snapshot.account.positions.get(symbol, 0)),
            _decimal(price),
            rules,
        )
        for symbol, price in snapshot.market.prices.items()
        if symbol != target.symbol and snapshot.portfolio.shares.get(symbol, 0) > 0
    )


def _planned(side: Side, symbol: str, quantity: int, price: Decimal, rules: Rules) -> PlannedOrder:
    limit = limit_price(side, price, rules) if rules.order_type is OrderType.LIMIT else None
    return PlannedOrder(side, symbol, quantity, price, limit)


def _orders_text(orders: tuple[PlannedOrder, ...]) -> str:
    return " and ".join(f"{o.side.lower()} {o.quantity:,} {o.symbol}" for o in orders)


def _decimal(price: float) -> Decimal:
    """A live price as money, with four decimals. Yahoo prints single precision as double: 216.16000366210938."""
    return Decimal(str(price)).quantize(Decimal("0.0001"))
