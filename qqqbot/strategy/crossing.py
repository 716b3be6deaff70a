"""When the averages cross if the price stays where it is. Pure.

In cash the flip price is usually out of reach: no price of one day lifts a 30-day average above a 120-day one. Time
then changes the answer, as old closes leave the averages. This is arithmetic on known closes, not a forecast of the
price.
"""

import math
from collections.abc import Sequence

from qqqbot.model.family import Average
from qqqbot.model.values import Crossing, Holding, Rules
from qqqbot.strategy.rule import NO_MEMORY, Line, after_close, averages, known, level, line_of, strong_line


def crossing(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Crossing | None:
    """The first session in which the trend has changed if every close until then is `price`; None if it never does.

    `closes` are the finished sessions' closes, oldest first. Raises ValueError if there are fewer than the rule needs.
    """
    rule = rules.form
    trend, slowest = rule.trend, max(rule.trend.fast.length, rule.trend.slow.length)
    fast, slow, last, _ = known(closes, rule)
    now = first = after_close(last, *_apart(*averages(closes, price, rules)), trend)
    flat = list(closes)
    for sessions in range(1, slowest + trend.confirm - 2):  # then every simple average equals the price
        flat.append(price)
        fast, slow = _next(fast, trend.fast, flat), _next(slow, trend.slow, flat)
        before = now if trend.remembers else NO_MEMORY
        now = after_close(before, *_apart(fast.at(price), slow.at(price)), trend)
        if now.up is not first.up:
            line = strong_line(line_of(rule.strength.slow, flat).at(price) if rule.strength else 0.0, rule, held)
            return Crossing(sessions, rule.shelves[int(level(price, now.up, 0, line))])
    return None


def _next(line: Line, average: Average, closes: Sequence[float]) -> Line:
    """`average` one session later, after `closes`; an exponential average continues from its last value."""
    if line.last is not None:
        return line._replace(last=line.at(closes[-1]))
    return line_of(average, closes)


def forecast(symbol: str, price: float, sessions: int | None, target: str | None) -> str:
    """'... If QQQ stays at 527.10, the averages cross in about 65 sessions, and the rule then wants QQQ.'

    `sessions` is None if they never cross.
    """
    if sessions is None:
        return f"No price of one day would change the answer, nor would {symbol} staying at {price:,.2f}."
    start = f"No price of one day would change the answer. If {symbol} stays at {price:,.2f}, the averages cross in"
    return f"{start} about {sessions} session{'s' if sessions > 1 else ''}, and the rule then wants {target}."


def _apart(fast: float, slow: float) -> tuple[float, float]:
    """Both averages, made equal if only rounding keeps them apart: that is no crossing."""
    return (slow, slow) if math.isclose(fast, slow) else (fast, slow)
