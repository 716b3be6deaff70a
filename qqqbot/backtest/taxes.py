"""An after-tax view and a count of wash sales; no advice.

Each period in a fund is one lot. All gains are treated as short-term (with the default rule none has lasted half a year
since 2010): they are taxed at one rate at the end of the year in which they were realized; losses are carried forward.
Shares are not taxed until they are sold.
"""

from dataclasses import dataclass

import numpy as np

from qqqbot.backtest.metrics import cagr, held_periods
from qqqbot.backtest.prices.table import Dates, Floats, calendar_years, years_of
from qqqbot.backtest.signals import Levels

RATES = (0.24, 0.32, 0.37)
WASH_SALE_DAYS = 30
A_YEAR = 365


@dataclass(frozen=True, slots=True)
class AfterTax:
    rate: float
    cagr: float
    final: float


@dataclass(frozen=True, slots=True)
class WashSales:
    """Lots of one fund: how many there were, how many lost, and how many of those had a repurchase within 30 days."""

    lots: int
    losing: int
    washed: int
    longest_days: int


def after_tax(dates: Dates, equity: Floats, holding: Levels, rate: float) -> AfterTax:
    """The curve less `rate` times each year's realized gains, paid from the account on the year's last session."""
    years = calendar_years(dates)
    first, last = held_periods(holding)
    own = holding[first] > 0
    own[-1] = False  # a lot that is still held has realized nothing
    realized = np.bincount(years[last[own]] - years[0], (equity[last] - equity[first])[own], years[-1] - years[0] + 1)
    ends = np.append(np.flatnonzero(np.diff(years)), len(years) - 1)
    kept, carried = 1.0, 0.0
    for end in ends.tolist():
        gain = kept * float(realized[years[end] - years[0]]) + carried
        carried = min(gain, 0.0)
        kept -= rate * max(gain, 0.0) / float(equity[end])
    final = kept * float(equity[-1] / equity[0])
    return AfterTax(rate, cagr(np.array([1.0, final]), years_of(dates)), final)


def wash_sales(dates: Dates, equity: Floats, holding: Levels, level: int) -> WashSales:
    """Count the losing lots of one fund after which it was bought again within 30 days of the sale."""
    first, last = held_periods(holding)
    own = np.flatnonzero(holding[first] == level)
    if not len(own):
        return WashSales(0, 0, 0, 0)
    finished = own[last[own] < len(holding) - 1]
    bought, sold = dates[first[own]], dates[last[finished]]
    lost = equity[last[finished]] < equity[first[finished]]
    after = np.searchsorted(bought, sold, side="left")
    gap = (bought[np.minimum(after, len(bought) - 1)] - sold).astype(int)
    washed = lost & (after < len(bought)) & (gap <= WASH_SALE_DAYS)
    length = (dates[last[own]] - dates[first[own]]).astype(int)
    return WashSales(len(finished), int(lost.sum()), int(washed.sum()), int(length.max()))
