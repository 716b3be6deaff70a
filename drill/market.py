"""The drill's market: QQQ has risen by 0.1 % a day for a year, and today it does what the drill wants.

With such a history the 30-day average is about 1.4 % below yesterday's close and above the 120-day average: the rule
wants TQQQ, and QQQ once the price has fallen by 2 %.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial

from standins.yahoo import Exchange, Row, session_dates, shaped_series, with_event
from standins.yahoo.series import NEW_YORK

FIRST, LAST = date(2025, 9, 2), date(2026, 12, 31)
FIRST_CLOSE, RISE = 450.0, 0.001
SYMBOLS = ("QQQ", "TQQQ")
LEVERAGE = {"QQQ": 1, "TQQQ": 3}


class Market:
    """`move` is QQQ's so far today, as a fraction of yesterday's close; TQQQ moves three times as far."""

    def __init__(self, split: date | None = None) -> None:
        dates = session_dates(FIRST, LAST)
        series = shaped_series(dates, [FIRST_CLOSE * (1 + RISE) ** n for n in range(len(dates))])
        if split is not None:
            series["TQQQ"] = with_event(series["TQQQ"], split, split=2)
        self.move = 0.002
        self._before = {symbol: _closes_before(series[symbol]) for symbol in SYMBOLS}
        self.exchange = Exchange(series, intraday={s: partial(self.price, s) for s in SYMBOLS})

    def price(self, symbol: str, moment: datetime) -> float:
        before = self._before[symbol][moment.astimezone(NEW_YORK).date()]
        return before * (1 + LEVERAGE[symbol] * self.move)


def _closes_before(rows: Sequence[Row]) -> Mapping[date, float]:
    """Day -> the close of the session before it, in that day's shares."""
    return {row.date: before.close / (row.split or 1) for before, row in itertools.pairwise(rows)}
