"""What a rule wants, its averages and its flip prices. Pure. The default:

    short_ma > long_ma and price > short_ma   -> TQQQ
    short_ma > long_ma and price <= short_ma  -> QQQ
    otherwise (equality included)             -> CASH

The window of every average ends today, with the live price as today's close: a 30-day average covers the last 29
finished sessions and the price. So each average is (total + price) / divisor, a `Line`, and the price at which two
lines meet has a closed form. `level` uses operators only, so that it takes floats and numpy arrays: the daemon and the
backtest use the same function.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from qqqbot.model.family import MEMORY, PRICE, Average, Comparison, Rule, in_per_cent
from qqqbot.model.values import FlipPrices, Holding, Rules, Signal


class Line(NamedTuple):
    """An average as a function of today's price. `last` is the value of an exponential average at the last close."""

    total: float
    divisor: float
    last: float | None = None

    def at(self, price: float) -> float:
        if self.last is not None:
            return self.last + (price - self.last) / self.divisor
        return (self.total + price) / self.divisor


class Before(NamedTuple):
    """What the finished closes say: the trend's last answer, and how many closes in a row speak against it."""

    up: bool
    against: int


NO_MEMORY = Before(False, 0)


class Known(NamedTuple):
    """All that the finished closes say about a rule, whatever today's price is."""

    fast: Line
    slow: Line
    before: Before
    strength: Line | None


def level(price: Any, fast: Any, slow: Any, line: Any) -> Any:
    """0 for down, 1 for up, 2 for strong: a number for numbers, an array for arrays.

    There is an uptrend while `fast` is above `slow`, and it is strong while the price is above `line`.
    """
    return (fast > slow) * (1 + (price > line))


def strong_line(average: float, rule: Rule, held: Holding) -> float:
    """The price above which an uptrend is strong: lower by the band while `held` is the strong shelf, else higher."""
    return -math.inf if rule.strength is None else average * rule.strength.factor(held is rule.strong)


def line_of(average: Average, closes: Sequence[float]) -> Line:
    """`average` as a function of today's price, after the finished `closes`."""
    if not average.exponential:
        return Line(_sum_of_last(closes, average.length - 1), average.divisor)
    last = exponential(average, closes[-average.closes :])[-1]
    return Line(last * (average.divisor - 1), average.divisor, last)


def averages(closes: Sequence[float], price: float, rules: Rules) -> tuple[float, float]:
    """Both sides of the trend, after the finished `closes` and at the live `price`.

    Raises ValueError if there are fewer closes than the rule needs.
    """
    if len(closes) < rules.form.history:
        raise ValueError(f"{len(closes)} finished closes, {rules.form.history} needed")
    found = known(closes, rules.form)
    return found.fast.at(price), found.slow.at(price)


def known(closes: Sequence[float], rule: Rule) -> Known:
    """What the `closes` say about `rule`. The last results are cached: one check asks several times."""
    return _known(tuple(closes[-rule.history :]), rule)


@lru_cache(maxsize=4)
def _known(closes: tuple[float, ...], rule: Rule) -> Known:
    fast, slow = line_of(rule.trend.fast, closes), line_of(rule.trend.slow, closes)
    strength = line_of(rule.strength.slow, closes) if rule.strength else None
    return Known(fast, slow, _before(closes, rule.trend), strength)


def flip_prices(closes: Sequence[float], rules: Rules) -> FlipPrices:
    """The prices at which the answer changes, in closed form, since the price is part of every average."""
    rule = rules.form
    fast, slow, before, own = known(closes, rule)
    needed = rule.trend.confirm - before.against
    no_price = -math.inf if before.up else math.inf
    trend = crosses_at(fast, slow, rule.trend.factor(before.up)) if needed <= 1 else no_price
    if rule.strength is None or own is None:
        return FlipPrices(trend, trend, trend, needed)
    leave, enter = (crosses_at(Line(0.0, 1), own, rule.strength.factor(held)) for held in (True, False))
    return FlipPrices(leave, enter, trend, needed)


def crosses_at(fast: Line, slow: Line, factor: float) -> float:
    """The price above which `fast` is above `factor` times `slow`; infinity if there is none.

    The live price must weigh more in `fast`. With the price itself as `fast`, for example, p > f (s + p) / n becomes
    p > f s / (n - f).
    """
    if fast.divisor == 1:
        return factor * slow.total / (slow.divisor - factor) if slow.divisor > factor else math.inf
    steeper = 1 / fast.divisor - factor / slow.divisor
    return (factor * slow.total / slow.divisor - fast.total / fast.divisor) / steeper


def after_close(before: Before, fast: float, slow: float, trend: Comparison) -> Before:
    """The trend after a close (or live price) that gives its averages the values `fast` and `slow`."""
    if (fast > slow * trend.factor(before.up)) == before.up:
        return Before(before.up, 0)
    if before.against + 1 < trend.confirm:
        return Before(before.up, before.against + 1)
    return Before(not before.up, 0)


def wanted(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Holding:
    """Only the holding that `evaluate` would return."""
    rule = rules.form
    sides, found = averages(closes, price, rules), known(closes, rule)
    up = after_close(found.before, *sides, rule.trend).up
    strength = found.strength.at(price) if found.strength else 0.0
    return rule.shelves[int(level(price, up, 0, strong_line(strength, rule, held)))]


def evaluate(closes: Sequence[float], price: float, held: Holding, rules: Rules) -> Signal:
    """The rule's answer at `price`, given the `closes` of finished sessions, oldest first.

    Raises ValueError if there are fewer closes than the rule needs.
    """
    fast, slow = averages(closes, price, rules)
    target = wanted(closes, price, held, rules)
    reason = _reason(target, known(closes, rules.form), price, (fast, slow), rules.form)
    return Signal(target, price, fast, slow, reason, flip_prices(closes, rules))


def target_at(price: float, flips: FlipPrices, held: Holding, rule: Rule) -> Holding:
    """What the rule would want at another `price` with the same finished closes."""
    line = flips.leave_strong if held is rule.strong else flips.enter_strong
    return rule.shelves[int((price > flips.trend) * (1 + (price > line)))]


def nearest_flip(price: float, flips: FlipPrices, held: Holding, rule: Rule) -> tuple[float, Holding] | None:
    """The nearest price at which the answer differs from the one at `price`, and that answer; None if there is none."""
    now = target_at(price, flips, held, rule)
    line = flips.leave_strong if held is rule.strong else flips.enter_strong
    beyond = [(c, c if c < price else math.nextafter(c, math.inf)) for c in (line, flips.trend) if 0 < c < math.inf]
    changes = [(c, target_at(other_side, flips, held, rule)) for c, other_side in beyond]
    different = [(c, target) for c, target in changes if target is not now]
    return min(different, key=lambda change: abs(change[0] - price), default=None)


def _before(closes: Sequence[float], trend: Comparison) -> Before:
    """The last answer of a trend that remembers, from the finished closes alone; see `family.MEMORY`."""
    if not trend.remembers:
        return NO_MEMORY
    now = NO_MEMORY
    for fast, slow in zip(*(_past(average, closes) for average in (trend.fast, trend.slow)), strict=True):
        now = after_close(now, fast, slow, trend)
    return now


def _past(average: Average, closes: Sequence[float]) -> list[float]:
    """What `average` was at each of the last MEMORY finished closes."""
    if average.exponential:
        return exponential(average, closes[-average.closes - MEMORY :])[-MEMORY:]
    days = range(len(closes) - MEMORY, len(closes))
    others = average.length - 1
    return [(math.fsum(closes[day - others : day]) + closes[day]) / average.divisor for day in days]


def exponential(average: Average, closes: Sequence[float]) -> list[float]:
    """The exponential mean at each of `closes`, starting from the first."""
    found, divisor = [closes[0]], average.divisor
    for close in closes[1:]:
        found.append(found[-1] + (close - found[-1]) / divisor)
    return found


def _sum_of_last(closes: Sequence[float], count: int) -> float:
    return math.fsum(closes[len(closes) - count :]) if count else 0.0


def _reason(target: Holding, found: Known, price: float, sides: tuple[float, float], rule: Rule) -> str:
    trend, strength, before = rule.trend, rule.strength, found.before
    fast = f"{name_of(trend.fast, rule)} {sides[0]:,.2f}"
    slow = f"{name_of(trend.slow, rule)} {sides[1]:,.2f}"
    if not after_close(before, *sides, trend).up:
        article = "" if trend.fast == PRICE else "the "
        side = f"not above the {slow}"
        if sides[0] > sides[1]:
            side = f"above the {slow}, but {_why_not(before, sides, trend)}"
        return f"{article}{fast} is {side}: {'cash' if target is Holding.CASH else target}"
    over = f"{fast} over {slow}"
    if not sides[0] > sides[1]:
        over = f"{fast} is not above {slow}, but {_why_not(before, sides, trend)}"
    if strength is None or found.strength is None:
        return f"uptrend ({over}): {target}"
    average = found.strength.at(price)
    side = "above" if price > average else "not above"
    within = " but inside the band" if (target is rule.strong) != (price > average) else ""
    line = f"the {name_of(strength.slow, rule)}{within}"
    return f"uptrend ({over}), {rule.signal} {price:,.2f} is {side} {line}: {target}"


def name_of(average: Average, rule: Rule) -> str:
    """'30-day average' or '5-day EMA'; for the price itself, the symbol."""
    if average == PRICE:
        return str(rule.signal)
    return f"{average.length}-day {'EMA' if average.exponential else 'average'}"


def _why_not(before: Before, sides: tuple[float, float], trend: Comparison) -> str:
    """Why the trend's answer differs from the plain comparison."""
    fast, slow = sides
    if (fast > slow * trend.factor(before.up)) is before.up:
        return f"not {in_per_cent(trend.leave)} below it" if before.up else f"not {in_per_cent(trend.enter)} above it"
    return f"on {before.against + 1} of the {trend.confirm} closes that a change takes"
