"""Daily prices of a rule's symbols side by side, and their checks before anything is computed from them. numpy only.

`close` and `open` are adjusted for splits and dividends, so that their ratios are what an owner earned with dividends
reinvested on the ex-day. `factor` turns an adjusted price into the price printed on that day, by which shares are
counted and commissions charged; `splits` is the part of `factor` that comes from later splits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qqqbot.model.errors import StartRefused
from qqqbot.model.instruments import Holding

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
Bars = tuple[Dates, Floats, Floats]
"""the starts, opens and closes of intraday bars"""

DAYS_A_YEAR = 365.25

# How far TQQQ's day was from three times QQQ's, 2010-02 to 2026-08: within 0.07 % on half of the days, beyond 1.6 % on
# one day in 1000, never beyond 6.5 %. Ten per cent means that one row is adjusted for a split and the next is not.
STRANGER_MEDIAN = 0.004
BROKEN_DAY = 0.10


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
    """The signal, its leveraged fund and all `others` that a rule can hold, on the signal's dates.

    A fund's prices are NaN before its first session; from the session `first` on, all symbols have prices.
    """

    dates: Dates
    signal: Series
    fund: Series
    first: int
    others: tuple[Series, ...] = ()

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def all(self) -> tuple[Series, ...]:
        return self.signal, self.fund, *self.others

    def of(self, symbol: str) -> Series:
        """The series of `symbol`. Raises KeyError."""
        return {series.symbol: series for series in self.all}[symbol]


def years_of(dates: Dates) -> float:
    """The years from the first date to the last."""
    return float((dates[-1] - dates[0]).astype(int)) / DAYS_A_YEAR


def calendar_years(dates: Dates) -> npt.NDArray[np.int64]:
    return dates.astype("datetime64[Y]").astype(np.int64) + 1970


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


def align(signal: Series, fund: Series, *others: Series) -> Prices:
    """All series on the signal's dates.

    Raises BadPrices if a session is missing, or a fund does not move by its factor of the signal's day.
    """
    check_series(signal)
    padded, first = [], 0
    for series in (fund, *others):
        check_series(series)
        start = int(np.searchsorted(signal.dates, series.dates[0]))
        _require_same_sessions(signal.dates[start:], series.dates, signal, series)
        _require_factor(signal, series, start)
        padded.append(_padded(series, signal.dates, start))
        first = max(first, start)
    return Prices(signal.dates, signal, padded[0], first, tuple(padded[1:]))


def adjusted_to(prices: Prices, last: np.datetime64) -> Prices:
    """The prices up to `last` as a source would have shown them then: the last adjusted price is the printed one."""
    end = int(np.searchsorted(prices.dates, last, side="right"))
    signal, fund, *others = (_rebased(series, end) for series in prices.all)
    return Prices(prices.dates[:end], signal, fund, prices.first, tuple(others))


def factor_of(symbol: str, signal: str) -> int:
    """How many times as far as the signal `symbol` moves in a day; 0 if it follows something else, or nothing."""
    known = {str(fund): fund for fund in Holding}
    if symbol not in known or signal not in known or known[symbol].underlying != known[signal].underlying:
        return 0
    return known[symbol].factor


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


def _require_same_sessions(ours: Dates, theirs: Dates, signal: Series, fund: Series) -> None:
    if len(ours) == len(theirs) and bool((ours == theirs).all()):
        return
    pairs = ((theirs, ours, signal.symbol, fund.symbol), (ours, theirs, fund.symbol, signal.symbol))
    for one, other, lacking, having in pairs:
        missing = np.setdiff1d(one, other)
        if len(missing):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise BadPrices(
                f"{lacking} has no row for {missing[0]}{more}, but {having} has one; both files must have the same "
                f"sessions from {fund.symbol}'s first one on"
            )


def _padded(series: Series, dates: Dates, first: int) -> Series:
    unknown = np.full(first, np.nan)
    parts = (series.open, series.close, series.factor, series.splits)
    return Series(series.symbol, dates, *(np.concatenate((unknown, part)) for part in parts))


def _require_factor(signal: Series, fund: Series, start: int) -> None:
    factor = factor_of(fund.symbol, signal.symbol)
    index, leveraged = signal.close[start:], fund.close
    if not factor or len(index) < 2:
        return
    index_day, fund_day = index[1:] / index[:-1] - 1, leveraged[1:] / leveraged[:-1] - 1
    apart = np.abs(fund_day - factor * index_day)
    times = {1: "", 2: "twice ", 3: "three times "}[factor]
    if np.median(apart) > STRANGER_MEDIAN:
        swapped = float(np.median(np.abs(index_day - factor * fund_day))) <= STRANGER_MEDIAN
        raise BadPrices(
            f"the two files are not {signal.symbol} and {fund.symbol}: on a typical day the second one's move is "
            f"{float(np.median(apart)):.1%} away from {times}the first one's"
            + (f"; they are in the wrong order, {signal.symbol} comes first" if swapped else "")
        )
    if (apart > BROKEN_DAY).any():
        at = int((apart > BROKEN_DAY).argmax())
        ratio = {1: "one", 2: "two", 3: "three"}[factor]
        raise BadPrices(
            f"on {fund.dates[at + 1]} {fund.symbol} moved {fund_day[at]:+.1%} and {signal.symbol} "
            f"{index_day[at]:+.1%}, which is not near {ratio} to one: one row accounts for a split and the next does "
            "not, or a price is wrong"
        )
