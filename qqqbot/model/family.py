"""The family of rules, as values: a trend, perhaps a strength, and what is held in each case.

    trend     FAST against SLOW, two averages of the signal's closes (the price is an average of one)
    strength  the price against an average: divides an uptrend into strong and up; without it every uptrend is strong
    shelves   down, up, strong: a fund of the table of instruments, or cash

A trend may begin and end at different distances (`enter`, `leave`), and only after `confirm` closes in a row. The
answer then depends on the answer before. That is recomputed from the last MEMORY finished closes alone, so that neither
a restart nor the account changes it; if those closes give no answer, it is "down". The strength's band depends on what
is held, as the key band_pct always did.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from qqqbot.model.instruments import Holding, Kind, most_leveraged

# For a trend that remembers, its last answer is looked for in this many sessions: about a year.
MEMORY = 250
# After `Average.closes` closes only this part of an EMA's first value is left, so that different histories agree.
SEED_LEFT = 1e-10


@dataclass(frozen=True, slots=True)
class Average:
    """The simple or exponential mean of `length` closes, the last of them today's price; with length 1, the price."""

    length: int = 1
    exponential: bool = False

    @property
    def divisor(self) -> float:
        """Today's price has a weight of one divided by this."""
        return (self.length + 1) / 2 if self.exponential else self.length

    def weight(self, back: int) -> float:
        """The weight of the close `back` sessions ago; today's price is 0 sessions back."""
        if self.exponential:
            return (1 - 1 / self.divisor) ** back / self.divisor
        return 1 / self.length if back < self.length else 0.0

    @property
    def closes(self) -> int:
        """The number of finished closes that the average needs."""
        return math.ceil(-math.log(SEED_LEFT) * self.divisor) if self.exponential else self.length - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether `fast` is above `slow`.

    To become true, `fast` must be above by the fraction `enter`; to stay true, no further below than `leave`.
    """

    fast: Average
    slow: Average
    enter: float = 0.0
    leave: float = 0.0
    confirm: int = 1

    @property
    def remembers(self) -> bool:
        """Whether the answer depends on the last answer."""
        return bool(self.enter or self.leave or self.confirm > 1)

    def factor(self, above: bool) -> float:
        """The factor to multiply `slow` by, given that the last answer was `above`."""
        return 1 - self.leave if above else 1 + self.enter


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the family: its signal, its trend, perhaps a strength, and its three shelves."""

    signal: Holding
    trend: Comparison
    strength: Comparison | None
    strong: Holding
    up: Holding
    down: Holding = Holding.CASH

    @property
    def shelves(self) -> tuple[Holding, Holding, Holding]:
        """The holdings by level: down, up, strong."""
        return self.down, self.up, self.strong

    @property
    def fund(self) -> Holding:
        """The leveraged fund that witnesses the signal's moves: the rule's own or, if it has none, the table's."""
        own = (f for f in (self.strong, self.up) if f.kind is Kind.LEVERAGED and f.underlying == self.signal.underlying)
        return next(own, None) or most_leveraged(self.signal.underlying)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols whose prices the rule needs: the signal, its witness, then all else that it can hold."""
        held = (self.signal, self.fund, *reversed(self.shelves))
        return tuple(dict.fromkeys(symbol for symbol in (h.symbol for h in held) if symbol is not None))

    @property
    def averages(self) -> tuple[Average, ...]:
        """All averages that the rule compares; the price is an average of length 1."""
        return self.trend.fast, self.trend.slow, *([self.strength.slow] if self.strength else [])

    @property
    def history(self) -> int:
        """The number of finished closes that an answer needs."""
        return max(average.closes for average in self.averages) + (MEMORY if self.trend.remembers else 0)


PRICE = Average()


def watched(rule: Rule, held: Iterable[str]) -> tuple[str, ...]:
    """The symbols whose prices are needed: those of `rule`, whatever else is `held`, and a witness for each."""
    others = [*rule.symbols, *held]
    for symbol in tuple(others):
        if index := Holding(symbol).underlying:
            others += [index] if Holding(symbol).kind is Kind.LEVERAGED else [index, most_leveraged(index)]
    return tuple(dict.fromkeys(str(symbol) for symbol in others))


@cache
def two_averages(short: int, long: int, band: float = 0.0) -> Rule:
    """The rule that the keys short_ma_period, long_ma_period and band_pct mean, on QQQ with TQQQ."""
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
"""the signal and its fund in all records that do not name them"""


def name_of(rule: Rule) -> str:
    """The preset's name, or the rule in a line: 'QQQ price over SMA 150 +5% -3%: TQQQ, else CASH'.

    No two rules have the same name. Decisions are recorded with it, so a different name means that the rule changed.
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
    """'5%' or '0.25%', with all the digits that were given."""
    return f"{100 * part:.10g}%"


def _short(average: Average) -> str:
    return "price" if average == PRICE else f"{'EMA' if average.exponential else 'SMA'} {average.length}"
