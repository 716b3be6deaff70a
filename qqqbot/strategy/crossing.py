"""When the averages cross if the price stays where it is. Pure.

In cash the flip price is mostly out of reach: no price of one day lifts a 30-day average over a 120-day one. What
changes the answer then is time, while old closes leave the averages. This is arithmetic on known closes, not a forecast
of the price.
"""

import math
from collections.abc import Sequence

from qqqbot.model.values import Crossing, Holding, Rules
from qqqbot.strategy.rule import LEVELS, averages, level, tqqq_line


def crossing(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Crossing | None:
    """The first session in which the trend has changed if every close until then is `price`; None if it never does.

    `closes` are those of the finished sessions, oldest first. Raises ValueError if there are fewer than
    long_period - 1 of them.
    """
    uptrend = _is_uptrend(*averages(closes, price, rules))
    flat = list(closes)
    for sessions in range(1, rules.long_period - 1):  # after that both averages are the price
        flat.append(price)
        short_ma, long_ma = averages(flat, price, rules)
        if _is_uptrend(short_ma, long_ma) is not uptrend:
            line = tqqq_line(short_ma, rules.band, held)
            return Crossing(sessions, LEVELS[int(level(price, short_ma, long_ma, line))])
    return None


def forecast(price: float, sessions: int | None, target: str | None) -> str:
    """'... If QQQ stays at 527.10, the averages cross in about 65 sessions, and the rule then wants QQQ.'

    `sessions` is None if they never cross.
    """
    if sessions is None:
        return f"No price of one day would change the answer, nor would QQQ staying at {price:,.2f}."
    start = f"No price of one day would change the answer. If QQQ stays at {price:,.2f}, the averages cross in about"
    return f"{start} {sessions} session{'s' if sessions > 1 else ''}, and the rule then wants {target}."


def _is_uptrend(short_ma: float, long_ma: float) -> bool:
    """Averages that only rounding keeps apart have not crossed."""
    return short_ma > long_ma and not math.isclose(short_ma, long_ma)
