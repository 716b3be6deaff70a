"""How many shares to buy, what a trade costs, and which price an order may get. Pure; money in Decimal.

The backtest and the simulated account use these functions too, so their orders are the same as the daemon's.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from qqqbot.model.values import OrderType, Rules, Side

# Interactive Brokers' fixed plan for US stocks: 0.005 USD a share, at least 1 USD, at most 1 % of the trade.
# https://www.interactivebrokers.com/en/pricing/commissions-stocks.php
COMMISSION_PER_SHARE = Decimal("0.005")
COMMISSION_MINIMUM = Decimal("1.00")
COMMISSION_MAXIMUM = Decimal("0.01")
# How far above its decision price a market order may be filled, as a fraction of that price. TQQQ's mean five-minute
# range is 30 to 90 basis points, depending on the time of day (5-minute bars, 2025-05 to 2026-03).
MARKET_ORDER_CUSHION = Decimal("0.01")
CENT = Decimal("0.01")
# A purchase counts as whole if it used at least this part of the money: the cushion and `money.ENOUGH` may each leave a
# hundredth.
ALL_OF_IT = Decimal("0.98")


def commission(quantity: int, price: Decimal) -> Decimal:
    """Interactive Brokers' fixed-plan commission of a trade, in USD to the cent."""
    least = max(COMMISSION_PER_SHARE * quantity, COMMISSION_MINIMUM)
    return min(least, COMMISSION_MAXIMUM * quantity * price).quantize(CENT)


def shares_to_buy(equity: Decimal, held_value: Decimal, spendable: Decimal, price: Decimal, rules: Rules) -> int:
    """Whole shares: floor(min(equity x position_size - held_value, spendable) / price).

    Never more than `spendable` pays for at the worst price the order may get, commission included.
    """
    budget = min(still_wanted(equity, held_value, rules), spendable)
    worst = worst_price(Side.BUY, price, rules)
    wanted = int(budget / price) if budget > 0 else 0
    affordable = int(spendable / (worst + COMMISSION_PER_SHARE)) if spendable > 0 else 0
    count = max(0, min(wanted, affordable))
    while count and count * worst + commission(count, worst) > spendable:
        count -= 1
    return count


def falls_short(held: int, money: Decimal, price: Decimal, rules: Rules) -> bool:
    """Whether a purchase at `price` left money idle that the rules wanted invested, because it was sized on too little.

    After the purchase there were `held` shares and `money` in cash. The order's quantity cannot show this: an order for
    too few shares that is filled completely looks finished.
    """
    return held < shares_to_buy(money, Decimal(0), money, price, rules) * ALL_OF_IT


def still_wanted(equity: Decimal, held_value: Decimal, rules: Rules) -> Decimal:
    """The money that should still go into the target, whether or not it can be paid now."""
    return equity * rules.position_size - held_value


def worst_price(side: Side, price: Decimal, rules: Rules) -> Decimal:
    """The worst fill that sizing allows for at `price`: by the collar of a limit, or the cushion of a market order."""
    if rules.order_type is OrderType.LIMIT:
        return limit_price(side, price, rules)
    return price * (1 + MARKET_ORDER_CUSHION if side is Side.BUY else 1 - MARKET_ORDER_CUSHION)


def limit_price(side: Side, price: Decimal, rules: Rules) -> Decimal:
    """A marketable limit `limit_collar` beyond `price`, rounded to the cent towards `price`."""
    if side is Side.BUY:
        return (price * (1 + rules.limit_collar)).quantize(CENT, ROUND_DOWN)
    return (price * (1 - rules.limit_collar)).quantize(CENT, ROUND_UP)
