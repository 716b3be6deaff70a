"""What the rule would have earned: sessions, decisions, the rotations they cause, and the curve of a perfect follower.

`ideal` is fully invested in fractions of shares and loses a fixed part of the value in each leg. It is quick, does not
depend on the capital, and is what other tools compute; `account` counts whole shares. Decisions are made at closes, and
no decision sees a later price.

Fills at the close that was decided on are kinder than reality: the real decision is made minutes earlier, and the real
fill comes later and is worse. Dividends count as reinvested in the same fund on the ex-day.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.prices.table import DAYS_A_YEAR, BadPrices, Dates, Floats, Prices, years_of
from qqqbot.backtest.signals import CASH, NO_SIGNAL, Levels, average_of, levels, warm_up
from qqqbot.model.family import Rule
from qqqbot.model.values import Rules

BASIS_POINT = 1e-4
# Two legs to change funds, and one for the first purchase, which may fall on the same day of the curve.
MOST_LEGS = 3


class FillAt(StrEnum):
    """When an order decided at a close is filled."""

    CLOSE = "close"
    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"
    INTRADAY = "intraday"


class CommissionPlan(StrEnum):
    IB_FIXED = "ib_fixed"
    IB_TIERED = "ib_tiered"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Terms:
    """The costs of trading, the rules and the capital. `slippage` is a fraction of the price, for each leg."""

    rules: Rules = field(default_factory=Rules)
    capital: Decimal = Decimal(100_000)
    fill: FillAt = FillAt.CLOSE
    slippage: float = BASIS_POINT
    commission: CommissionPlan = CommissionPlan.IB_FIXED
    cash_yield: float = 0.0


@dataclass(frozen=True, slots=True)
class Days:
    """The examined sessions: prices, averages and what the rule wanted at each close, in arrays of one length.

    Each thing that an account can hold has a column: cash is column 0, the rule's shelves follow from down to strong.
    """

    names: tuple[str, ...]
    """the names of the columns"""
    dates: Dates
    signal: Floats
    fund: Floats
    close: Floats
    """[columns, days]: always 1 for cash, adjusted closes for funds"""
    open: Floats
    factor: Floats
    short_ma: Floats
    long_ma: Floats
    """both sides of the rule's trend"""
    wanted: Levels
    """the column that the rule wants; NO_SIGNAL if an average is not complete"""
    previous: Floats
    """[columns]: the closes before the first session, NaN if there are none"""

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def years(self) -> float:
        return years_of(self.dates)

    def since(self, start: int) -> "Days":
        """The sessions from index `start` (1 or later) on."""
        each = ("dates", "signal", "fund", "close", "open", "factor", "short_ma", "long_ma", "wanted")
        parts = {name: getattr(self, name)[..., start:] for name in each}
        return replace(self, **parts, previous=self.close[:, start - 1])


@dataclass(frozen=True, slots=True)
class Event:
    """A rotation to column `target` in session `day` or at its close; `prices` are the adjusted ones of all columns."""

    day: int
    target: int
    prices: tuple[float, ...]


def examine(prices: Prices, rules: Rules, start: np.datetime64 | None = None, end: np.datetime64 | None = None) -> Days:
    """The sessions from `start` to `end` on which both averages and both prices are known.

    Raises BadPrices if there are fewer than two such sessions, or a date lies outside the prices.
    """
    _require_dates(prices, start, end)
    before = warm_up(rules)
    first = max(prices.first, before)
    if start is not None:
        first = max(first, int(np.searchsorted(prices.dates, start)))
    last = len(prices) if end is None else int(np.searchsorted(prices.dates, end, side="right"))
    if last - first < 2:
        raise BadPrices(
            f"{len(prices)} sessions from {prices.dates[0]} to {prices.dates[-1]} ({prices.fund.symbol} from "
            f"{prices.dates[prices.first]}) leave {max(0, last - first)} to examine with an average of "
            f"{before + 1} days; at least 2 are needed: use longer files or a shorter average"
        )
    cut = slice(first, last)
    return days_between(prices, rules, cut, since=first - before if rules.rule is None else 0)


def same_days(prices: Prices, days: Days, rules: Rules) -> Days:
    """The sessions of `days` under other rules."""
    first = int(np.searchsorted(prices.dates, days.dates[0]))
    cut = slice(first, first + len(days))
    return days_between(prices, rules, cut)


def days_between(prices: Prices, rules: Rules, cut: slice, since: int = 0) -> Days:
    """The sessions of `cut` with the rule's answers; the account is in cash before the first of them.

    The averages are summed from the closes of session `since` on.
    """
    closes, trend = prices.signal.close, rules.form.trend
    short, long = (average_of(side, closes[since : cut.stop])[cut.start - since :] for side in (trend.fast, trend.slow))
    names, of_level = columns(rules.form)
    held = [prices.of(name) for name in names[1:]]
    ones = np.ones(len(prices.dates[cut]))
    return Days(
        names=names,
        dates=prices.dates[cut],
        signal=closes[cut],
        fund=prices.fund.close[cut],
        close=np.stack((ones, *(series.close[cut] for series in held))),
        open=np.stack((ones, *(series.open[cut] for series in held))),
        factor=np.stack((ones, *(series.factor[cut] for series in held))),
        short_ma=short,
        long_ma=long,
        wanted=of_level[levels(closes, rules, cut)],
        previous=np.array([1.0, *(s.close[cut.start - 1] if cut.start else np.nan for s in held)]),
    )


def columns(rule: Rule) -> tuple[tuple[str, ...], Levels]:
    """The names of what an account can hold, cash first, and level -> column; NO_SIGNAL stays NO_SIGNAL."""
    names = tuple(dict.fromkeys(("CASH", *(shelf.value for shelf in rule.shelves))))
    of_level: Levels = np.array([*(names.index(shelf.value) for shelf in rule.shelves), NO_SIGNAL], np.int8)
    return names, of_level


def cash_growth(dates: Dates, cash_yield: float) -> Floats:
    """The value on each day of one dollar of cash on the first day."""
    elapsed = (dates - dates[0]).astype(np.float64)
    growth: Floats = np.power(1 + cash_yield, elapsed / DAYS_A_YEAR)
    return growth


def legs(before: Levels, after: Levels) -> npt.NDArray[np.int64]:
    """How many orders each rotation needs: one to or from cash, two between funds, none if the holding stays."""
    return np.where(before != after, (before > CASH).astype(np.int64) + (after > CASH), 0)


def rotations_of(wanted: Levels) -> int:
    """The number of rotations, the first purchase included."""
    return int(np.count_nonzero(np.diff(wanted, prepend=np.int8(CASH))))


def ideal(days: Days, terms: Terms, wanted: Levels | None = None) -> Floats:
    """Equity at each close, from 1 on: fully invested in fractions of shares, `slippage` of it lost per leg."""
    target = days.wanted if wanted is None else wanted
    held, growth = np.zeros(len(days), np.int8), np.ones(len(days))
    lag = 2 if terms.fill is FillAt.NEXT_CLOSE else 1
    held[lag:] = target[:-lag]  # the holding in this session, until its close
    if terms.fill is FillAt.NEXT_OPEN:
        growth[1:] = _of_held(held[:-1], days.open[:, 1:], days.close[:, :-1])  # through the night into this session
        growth[1:] *= _of_held(held[1:], days.close[:, 1:], days.open[:, 1:])
    else:
        growth[1:] = _of_held(held[1:], days.close[:, 1:], days.close[:, :-1])
    if terms.cash_yield:
        money = cash_growth(days.dates, terms.cash_yield)
        overnight = held[:-1] if terms.fill is FillAt.NEXT_OPEN else held[1:]
        growth[1:] *= np.where(overnight == CASH, money[1:] / money[:-1], 1.0)
    paid = _legs_paid(target, terms.fill)
    kept = (1 - terms.slippage) ** np.arange(MOST_LEGS + 1)
    return np.multiply.accumulate(growth * kept[paid])


def look_ahead(days: Days) -> Floats:
    """WRONG, for comparison only: each day's return is earned with the position computed from that day's own close.

    The curve begins at 1 before the first session, whose return counts too if the closes before it are known.
    """
    growth: Floats = np.ones(len(days))
    growth[1:] = _of_held(days.wanted[1:], days.close[:, 1:], days.close[:, :-1])
    if np.isfinite(days.previous).all():
        growth[0] = days.close[days.wanted[0], 0] / days.previous[days.wanted[0]]
    return np.multiply.accumulate(growth)


def daily_events(days: Days, fill: FillAt) -> tuple[Event, ...]:
    """The rotations of the account, starting in cash, at the prices that `fill` names."""
    target = days.wanted
    moved = np.flatnonzero(np.diff(target, prepend=np.int8(CASH)))
    later = 0 if fill is FillAt.CLOSE else 1
    table = days.open if fill is FillAt.NEXT_OPEN else days.close
    columns = table.T.tolist()
    return tuple(
        Event(day + later, int(target[day]), tuple(columns[day + later]))
        for day in moved.tolist()
        if day + later < len(days) and target[day] != NO_SIGNAL
    )


def _of_held(held: Levels, after: Floats, before: Floats) -> Floats:
    """after / before for what is held in each place, from arrays [columns, n]; 1 for cash."""
    ratios = after / before
    index = held.astype(np.intp) * ratios.shape[1] + np.arange(ratios.shape[1])
    held_ratios: Floats = ratios.ravel().take(index)
    return held_ratios


def _legs_paid(target: Levels, fill: FillAt) -> npt.NDArray[np.int64]:
    """How many legs each day's growth pays for. The next day pays for those of the first close: equity begins at 1."""
    made = legs(np.concatenate((np.zeros(1, np.int8), target[:-1])), target)
    paid = np.zeros(len(target), np.int64)
    if fill is FillAt.CLOSE:
        paid[1:] = made[1:]
        paid[1] += made[0]
    else:
        paid[1:] = made[:-1]
    return paid


def _require_dates(prices: Prices, start: np.datetime64 | None, end: np.datetime64 | None) -> None:
    first, last = prices.dates[prices.first], prices.dates[-1]
    for name, day in (("start", start), ("end", end)):
        if day is not None and not first <= day <= last:
            raise BadPrices(f"--{name} {day} is outside the prices, which hold both symbols from {first} to {last}")
    if start is not None and end is not None and start >= end:
        raise BadPrices(f"--start {start} is not before --end {end}")
