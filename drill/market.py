"""The drill's market: the rule's index has risen evenly for a year or more, and today it moves as the drill wants.

With such a history the default's 30-day average is about 1.4 % below yesterday's close and above the 120-day average:
the rule wants TQQQ, and QQQ once the price has fallen by 2 %. Another rule gets a slope and a fall of its own.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial

from qqqbot.model.errors import ConfigError
from qqqbot.model.family import DEFAULT, PRESETS, Rule, watched
from qqqbot.model.instruments import Holding
from qqqbot.model.values import Rules
from qqqbot.strategy.rule import flip_prices, nearest_flip, target_at
from standins.yahoo import Exchange, Row, following, rows_of, session_dates, with_event
from standins.yahoo.series import NEW_YORK

TUESDAY, WEDNESDAY, LAST = date(2026, 11, 24), date(2026, 11, 25), date(2026, 12, 31)
SESSIONS = 336
FIRST_CLOSE, RISE = 450.0, 0.001
FUND_START, OTHER_START = 60.0, 100.0
# How much a Treasury-bill fund grows in a session.
BILLS = 0.04 / 252
# The fall goes this far beyond the price at which the rule's answer changes; it is a multiple of half a per cent.
BEYOND, STEP = 0.01, 0.005
LARGEST_FALL = -0.15


class Market:
    """`move` is how far the index has moved today, as a fraction of yesterday's close; a fund moves its factor as far.

    The rule wants `strong` until the index has moved by `fall`, and `after` from then on. Raises ConfigError if no
    fall in one day changes the rule's answer.
    """

    def __init__(self, rule: Rule = PRESETS[DEFAULT], split: bool = False) -> None:
        self.signal, self.strong, self.symbols = rule.signal, rule.strong, watched(rule, ())
        history = max(SESSIONS, rule.history + LAST.toordinal() - TUESDAY.toordinal())
        dates = session_dates(date(2010, 1, 4), LAST)[-history:]
        closes = [FIRST_CLOSE * (1 + _slope(rule)) ** n for n in range(SESSIONS - history, SESSIONS)]
        series = {symbol: _rows(Holding(symbol), rule, dates, closes) for symbol in self.symbols}
        self.fall, self.after = _fall(rule, [row.close for row in series[rule.signal] if row.date < TUESDAY])
        if split:
            series[rule.strong] = with_event(series[rule.strong], WEDNESDAY, split=2)
        self.move = 0.002
        self._before = {symbol: _closes_before(series[symbol]) for symbol in self.symbols}
        self.exchange = Exchange(series, intraday={s: partial(self.price, s) for s in self.symbols})

    def price(self, symbol: str, moment: datetime) -> float:
        before = self._before[symbol][moment.astimezone(NEW_YORK).date()]
        return before * (1 + Holding(symbol).factor * self.move)


def _slope(rule: Rule) -> float:
    """How much the index rises in a session: enough for the rule to want its strong shelf."""
    sides = [side for side in (rule.trend, rule.strength) if side is not None]
    return max(
        (29 * RISE / side.fast.divisor + 2.1 * side.enter) / (side.slow.length - side.fast.length) for side in sides
    )


def _rows(fund: Holding, rule: Rule, dates: Sequence[date], closes: Sequence[float]) -> list[Row]:
    if fund is rule.signal:
        return rows_of(dates, closes)
    start = FUND_START if fund is rule.fund else OTHER_START
    if fund.factor:
        return rows_of(dates, following(closes, fund.factor, start), start)
    return rows_of(dates, [start * (1 + BILLS) ** n for n in range(len(dates))])


def _fall(rule: Rule, closes: Sequence[float]) -> tuple[float, Holding]:
    flips = flip_prices(closes, Rules(rule=rule))
    if target_at(closes[-1], flips, Holding.CASH, rule) is rule.strong:
        change = nearest_flip(closes[-1], flips, rule.strong, rule)
        fall = -math.ceil((1 + BEYOND - change[0] / closes[-1]) / STEP) * STEP if change else 0.0
        if change and LARGEST_FALL <= fall < 0:
            return round(fall, 3), change[1]
    raise ConfigError(["the drill cannot play this rule: no fall of one day changes its answer; --rule names another"])


def _closes_before(rows: Sequence[Row]) -> Mapping[date, float]:
    """Day -> the close of the session before it, adjusted to the shares of that day."""
    return {row.date: before.close / (row.split or 1) for before, row in itertools.pairwise(rows)}
