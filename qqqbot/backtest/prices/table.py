"""Daily prices of QQQ and TQQQ side by side, and what must hold before anything is computed from them. numpy only.

`close` and `open` are adjusted for splits and dividends, so that their ratios are what an owner earned with dividends
reinvested on the ex-day. `factor` turns an adjusted price into the one printed on that day, the one that
shares are counted and commissions charged at; `splits` is the part of it that comes from later splits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qqqbot.model.errors import StartRefused

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
Bars = tuple[Dates, Floats, Floats]
"""starts, opens and closes of intraday bars"""

DAYS_A_YEAR = 365.25

# TQQQ's day against three times QQQ's, 2010-02 to 2026-08: half of the days are within 0.07 %, one of 1000 is beyond
# 1.6 %, none beyond 6.5 %. Ten per cent on any day is a split that one row knows and the next does not.
STRANGER_MEDIAN = 0.004
BROKEN_DAY = 0.10
LEVERAGE = 3


class BadPrices(StartRefused):
    """Prices that cannot be examined; the message says where, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Series:
    """One symbol's sessions, oldest first; arrays of one length."""

    symbol: str
    dates: Dates
    open: Floats
    close: Floats
    factor: Floats
    splits: Floats

    def __len__(self) -> int:
        return len(self.dates)


@dataclass(frozen=True, slots=True)
class Prices:
    """Both symbols on QQQ's dates; TQQQ is NaN before its first session, `first` is the index of that one."""

    dates: Dates
    qqq: Series
    tqqq: Series
    first: int

    def __len__(self) -> int:
        return len(self.dates)


def years_of(dates: Dates) -> float:
    """Time from the first date to the last."""
    return float((dates[-1] - dates[0]).astype(int)) / DAYS_A_YEAR


def check_series(series: Series) -> None:
    """Raises BadPrices if a price is not a positive number, or a date is repeated or out of order."""
    if not len(series):
        raise BadPrices(f"{series.symbol}: there are no prices")
    for name, values in (("close", series.close), ("open", series.open)):
        invalid = ~(np.isfinite(values) & (values > 0))
        if invalid.any():
            at = int(invalid.argmax())
            raise BadPrices(
                f"{series.symbol}: the {name} of {series.dates[at]} is {values[at]:g}; expected a positive number"
            )
    steps = np.diff(series.dates).astype(int)
    if (steps == 0).any():
        raise BadPrices(f"{series.symbol}: {series.dates[int((steps == 0).argmax())]} appears twice; keep one row")
    if (steps < 0).any():
        at = int((steps < 0).argmax())
        raise BadPrices(
            f"{series.symbol}: {series.dates[at + 1]} comes after {series.dates[at]}; sort the rows by date"
        )


def align(qqq: Series, tqqq: Series) -> Prices:
    """Both series on QQQ's dates. Raises BadPrices if a session is missing, or TQQQ is not near three times QQQ."""
    check_series(qqq)
    check_series(tqqq)
    first = int(np.searchsorted(qqq.dates, tqqq.dates[0]))
    _require_same_sessions(qqq.dates[first:], tqqq.dates, qqq, tqqq)
    prices = Prices(qqq.dates, qqq, _padded(tqqq, qqq.dates, first), first)
    _require_leverage(prices)
    return prices


def adjusted_to(prices: Prices, last: np.datetime64) -> Prices:
    """The prices up to `last` as a source would have shown them then: the last adjusted price is the printed one."""
    end = int(np.searchsorted(prices.dates, last, side="right"))
    return Prices(prices.dates[:end], _rebased(prices.qqq, end), _rebased(prices.tqqq, end), prices.first)


def _rebased(series: Series, end: int) -> Series:
    basis = series.factor[end - 1]
    cut = slice(0, end)
    return Series(
        series.symbol,
        series.dates[cut],
        series.open[cut] * basis,
        series.close[cut] * basis,
        series.factor[cut] / basis,
        series.splits[cut] / series.splits[end - 1],
    )


def _require_same_sessions(ours: Dates, theirs: Dates, qqq: Series, tqqq: Series) -> None:
    if len(ours) == len(theirs) and bool((ours == theirs).all()):
        return
    for one, other, symbol, fund in ((theirs, ours, qqq.symbol, tqqq.symbol), (ours, theirs, tqqq.symbol, "QQQ")):
        missing = np.setdiff1d(one, other)
        if len(missing):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise BadPrices(
                f"{symbol} has no row for {missing[0]}{more}, but {fund} has one; both files must have the same "
                "sessions from TQQQ's first one on"
            )


def _padded(series: Series, dates: Dates, first: int) -> Series:
    unknown = np.full(first, np.nan)
    parts = (series.open, series.close, series.factor, series.splits)
    return Series(series.symbol, dates, *(np.concatenate((unknown, part)) for part in parts))


def _require_leverage(prices: Prices) -> None:
    qqq = prices.qqq.close[prices.first :]
    tqqq = prices.tqqq.close[prices.first :]
    if len(qqq) < 2:
        return
    qqq_day, tqqq_day = qqq[1:] / qqq[:-1] - 1, tqqq[1:] / tqqq[:-1] - 1
    apart = np.abs(tqqq_day - LEVERAGE * qqq_day)
    if np.median(apart) > STRANGER_MEDIAN:
        swapped = float(np.median(np.abs(qqq_day - LEVERAGE * tqqq_day))) <= STRANGER_MEDIAN
        raise BadPrices(
            "the two files are not QQQ and TQQQ: on a typical day the second one's move is "
            f"{float(np.median(apart)):.1%} away from three times the first one's"
            + ("; they are in the wrong order, QQQ comes first" if swapped else "")
        )
    if (apart > BROKEN_DAY).any():
        at = int((apart > BROKEN_DAY).argmax())
        raise BadPrices(
            f"on {prices.dates[prices.first + at + 1]} TQQQ moved {tqqq_day[at]:+.1%} and QQQ {qqq_day[at]:+.1%}, "
            "which is not near three to one: one row accounts for a split and the next does not, or a price is wrong"
        )
