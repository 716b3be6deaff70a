"""The family of rules, as values: a trend, perhaps a strength, and what is held in each case.

    trend     FAST against SLOW, two averages of the signal's closes (the price is an average of one)
    strength  the price against an average, which divides the uptrend into strong and up; without it all of it is strong
    shelves   down, up, strong: a fund of the table of instruments, or cash

A trend may be entered and left at different distances (`enter`, `leave`) and only after `confirm` closes in a row. Its
last answer is then part of the question. It comes from the finished closes alone, recomputed over MEMORY of them, so
that neither a restart nor the account changes it; an answer that nothing in them gives is "down". The strength's band
asks what is held, as the key band_pct always did.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from qqqbot.model.instruments import Holding, Kind, most_leveraged

# Sessions over which the last answer of a trend that remembers is looked for: about a year.
MEMORY = 250
# Whatever an EMA began with has this part of it left after `Average.closes` closes, so that two histories agree.
SEED_LEFT = 1e-10


@dataclass(frozen=True, slots=True)
class Average:
    """The mean of `length` closes, today's price among them, or their exponential mean; of one it is the price."""

    length: int = 1
    exponential: bool = False

    @property
    def divisor(self) -> float:
        """Today's price enters with one part in so many."""
        return (self.length + 1) / 2 if self.exponential else self.length

    def weight(self, back: int) -> float:
        """The part that a close of `back` sessions ago has in it; today's price is 0 back."""
        if self.exponential:
            return (1 - 1 / self.divisor) ** back / self.divisor
        return 1 / self.length if back < self.length else 0.0

    @property
    def closes(self) -> int:
        """Finished closes that it needs."""
        return math.ceil(-math.log(SEED_LEFT) * self.divisor) if self.exponential else self.length - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether `fast` is above `slow`, by the fraction `enter` if it was not before, less the fraction `leave` if so."""

    fast: Average
    slow: Average
    enter: float = 0.0
    leave: float = 0.0
    confirm: int = 1

    @property
    def remembers(self) -> bool:
        """Whether the last answer is part of the question."""
        return bool(self.enter or self.leave or self.confirm > 1)

    def factor(self, above: bool) -> float:
        """What `slow` is multiplied with, given the last answer."""
        return 1 - self.leave if above else 1 + self.enter


@dataclass(frozen=True, slots=True)
class Rule:
    """One member of the family."""

    signal: Holding
    trend: Comparison
    strength: Comparison | None
    strong: Holding
    up: Holding
    down: Holding = Holding.CASH

    @property
    def shelves(self) -> tuple[Holding, Holding, Holding]:
        """level -> Holding"""
        return self.down, self.up, self.strong

    @property
    def fund(self) -> Holding:
        """The leveraged fund whose days witness the signal's: the rule's own or, if it has none, the table's."""
        own = (f for f in (self.strong, self.up) if f.kind is Kind.LEVERAGED and f.underlying == self.signal.underlying)
        return next(own, None) or most_leveraged(self.signal.underlying)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What it needs prices of: the signal, its witness, then all else that it can hold."""
        held = (self.signal, self.fund, *reversed(self.shelves))
        return tuple(dict.fromkeys(symbol for symbol in (h.symbol for h in held) if symbol is not None))

    @property
    def averages(self) -> tuple[Average, ...]:
        """All that it compares; the price is an average of one."""
        return self.trend.fast, self.trend.slow, *([self.strength.slow] if self.strength else [])

    @property
    def history(self) -> int:
        """Finished closes that an answer needs."""
        return max(average.closes for average in self.averages) + (MEMORY if self.trend.remembers else 0)


PRICE = Average()


def watched(rule: Rule, held: Iterable[str]) -> tuple[str, ...]:
    """What prices are needed of: all that `rule` needs, what is `held` besides, and a witness for each of both."""
    others = [*rule.symbols, *held]
    for symbol in tuple(others):
        if index := Holding(symbol).underlying:
            others += [index] if Holding(symbol).kind is Kind.LEVERAGED else [index, most_leveraged(index)]
    return tuple(dict.fromkeys(str(symbol) for symbol in others))


@cache
def two_averages(short: int, long: int, band: float = 0.0) -> Rule:
    """The form of the keys short_ma_period, long_ma_period and band_pct, on QQQ with TQQQ."""
    trend = Comparison(Average(short), Average(long))
    strength = Comparison(PRICE, Average(short), enter=band, leave=band)
    return Rule(Holding.QQQ, trend, strength, Holding.TQQQ, Holding.QQQ)


def price_over(length: int, strong: Holding, signal: Holding, enter: float = 0.0, leave: float = 0.0) -> Rule:
    """`strong` while the price is above its average of `length` days, else cash."""
    return Rule(signal, Comparison(PRICE, Average(length), enter, leave), None, strong, strong)


DEFAULT = "30/120"
PRESETS: Mapping[str, Rule] = {
    DEFAULT: two_averages(30, 120),
    "qqq-200": price_over(200, Holding.TQQQ, Holding.QQQ),
    "qqq-200-band": price_over(200, Holding.TQQQ, Holding.QQQ, 0.05, 0.03),
    "spy-200-upro": price_over(200, Holding.UPRO, Holding.SPY),
    "ema-5-200": Rule(
        *(Holding.QQQ, Comparison(Average(5, True), Average(200, True)), None),
        *(Holding.TQQQ, Holding.TQQQ, Holding.QQQ),
    ),
}
"""name -> rule; docs/configuration.md says where each comes from and what it was worth"""
DEFAULT_SYMBOLS = str(PRESETS[DEFAULT].signal), str(PRESETS[DEFAULT].fund)
"""the signal and its fund of all records that do not name them"""


def name_of(rule: Rule) -> str:
    """The preset's name, or the rule in a line: 'QQQ price over SMA 150 +5% -3%: TQQQ, else CASH'.

    No two rules have the same: decisions are recorded with it, and another one than before is another rule.
    """
    if preset := next((name for name, known in PRESETS.items() if known == rule), None):
        return preset
    if rule.down.kind is Kind.BILLS:
        return f"{name_of(replace(rule, down=Holding.CASH))}, parked in {rule.down}"
    trend, strength = rule.trend, rule.strength
    closes = f" on {trend.confirm} closes" if trend.confirm > 1 else ""
    strong = f"{rule.strong} over {_line(strength)}, else {rule.up}" if strength else str(rule.strong)
    return f"{rule.signal} {_short(trend.fast)} over {_line(trend)}{closes}: {strong}, else {rule.down}"


def _line(comparison: Comparison) -> str:
    band = f" +{in_per_cent(comparison.enter)} -{in_per_cent(comparison.leave)}"
    return _short(comparison.slow) + (band if comparison.enter or comparison.leave else "")


def in_per_cent(part: float) -> str:
    """'5%', '0.25%': with all the digits that were given."""
    return f"{100 * part:.10g}%"


def _short(average: Average) -> str:
    return "price" if average == PRICE else f"{'EMA' if average.exponential else 'SMA'} {average.length}"
