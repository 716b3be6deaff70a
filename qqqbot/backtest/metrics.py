"""The figures of an equity curve. numpy only; each formula is in its docstring.

`equity` is the value at each close; the first value is the money put in. `returns` are equity[t] / equity[t-1] - 1. A
year has 252 sessions where returns are scaled, and 365.25 days where time is counted.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.prices.table import Floats
from qqqbot.backtest.signals import Levels

SESSIONS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class Metrics:
    """One curve's figures; fractions, not percentages. `longest_drawdown` is in sessions."""

    final: float
    total_return: float
    cagr: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    longest_drawdown: int
    worst_day: float
    best_day: float


@dataclass(frozen=True, slots=True)
class HoldingFigures:
    """The results of the periods in one holding; a mean of nothing is NaN."""

    time: float
    stays: int
    win_rate: float
    average_win: float
    average_loss: float
    median_sessions: float


def measure(equity: Floats, years: float, risk_free: float = 0.0) -> Metrics:
    """All figures of one curve that lasted `years`; `risk_free` is a yearly rate."""
    returns = daily_returns(equity)
    return Metrics(
        final=float(equity[-1] / equity[0]),
        total_return=total_return(equity),
        cagr=cagr(equity, years),
        volatility=volatility(returns),
        sharpe=sharpe(returns, risk_free),
        sortino=sortino(returns, risk_free),
        calmar=calmar(equity, years),
        max_drawdown=max_drawdown(equity),
        longest_drawdown=longest_drawdown(equity),
        worst_day=float(returns.min(initial=0.0)),
        best_day=float(returns.max(initial=0.0)),
    )


def daily_returns(equity: Floats) -> Floats:
    """equity[t] / equity[t-1] - 1; one fewer than there are closes."""
    return equity[1:] / equity[:-1] - 1


def total_return(equity: Floats) -> float:
    """last / first - 1."""
    return float(equity[-1] / equity[0] - 1)


def cagr(equity: Floats, years: float) -> float:
    """(last / first) ** (1 / years) - 1; NaN if no time has passed."""
    if years <= 0:
        return math.nan
    return float((equity[-1] / equity[0]) ** (1 / years) - 1)


def volatility(returns: Floats) -> float:
    """Standard deviation of the returns (n - 1) x sqrt(252); NaN for fewer than two."""
    return float(returns.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if len(returns) > 1 else math.nan


def sharpe(returns: Floats, risk_free: float = 0.0) -> float:
    """mean(excess) / standard deviation(excess, n - 1) x sqrt(252), excess over the rate's daily part."""
    if len(returns) < 2:
        return math.nan
    excess = returns - daily_rate(risk_free)
    return ratio(float(excess.mean()), float(excess.std(ddof=1))) * math.sqrt(SESSIONS_A_YEAR)


def sortino(returns: Floats, risk_free: float = 0.0) -> float:
    """mean(excess) / sqrt(mean(min(excess, 0) ** 2)) x sqrt(252)."""
    if len(returns) < 2:
        return math.nan
    excess = returns - daily_rate(risk_free)
    downside = math.sqrt(float((np.minimum(excess, 0) ** 2).mean()))
    return ratio(float(excess.mean()), downside) * math.sqrt(SESSIONS_A_YEAR)


def calmar(equity: Floats, years: float) -> float:
    """CAGR / |max drawdown|; NaN if there was no drawdown."""
    return ratio(cagr(equity, years), abs(max_drawdown(equity)))


def drawdowns(equity: Floats) -> Floats:
    """equity / highest equity so far - 1, at each close."""
    peaks: Floats = np.maximum.accumulate(equity)
    return equity / peaks - 1


def max_drawdown(equity: Floats) -> float:
    """The lowest of the drawdowns; 0 if the curve never fell."""
    return float(drawdowns(equity).min())


def longest_drawdown(equity: Floats) -> int:
    """Most sessions from a peak to the close that reaches it again, or to the last close."""
    at_peak = np.flatnonzero(equity >= np.maximum.accumulate(equity))
    gaps = np.diff(np.append(at_peak, len(equity) - 1))
    waits = gaps.copy()
    waits[:-1][gaps[:-1] == 1] = 0  # the next close is a new peak: the curve was never below one
    return int(waits.max(initial=0))


def held_periods(holding: Levels) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First close of each unbroken period in one holding, and the close that ends it (for the last one: the last)."""
    first = np.flatnonzero(np.diff(holding, prepend=np.int8(-1)))
    return first, np.append(first[1:], len(holding) - 1)


def holding_figures(equity: Floats, holding: Levels, level: int) -> HoldingFigures:
    """Time = closes at which `level` was held / all closes; win rate = periods that gained / periods, costs included;
    average win, loss = mean return of those that gained, of the rest.
    """
    first, last = held_periods(holding)
    own = holding[first] == level
    returns = (equity[last] / equity[first] - 1)[own]
    wins, losses = returns[returns > 0], returns[returns <= 0]
    return HoldingFigures(
        time=float((holding == level).mean()),
        stays=len(returns),
        win_rate=_mean((returns > 0).astype(np.float64)),
        average_win=_mean(wins),
        average_loss=_mean(losses),
        median_sessions=float(np.median((last - first)[own])) if own.any() else math.nan,
    )


def turnover(traded: float, equity: Floats, years: float) -> float:
    """Value of all orders / mean equity / years / 2: 1 is the whole account sold and bought once a year."""
    return ratio(traded / 2, float(equity.mean()) * years)


def period_returns(equity: Floats, periods: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Floats]:
    """(each period, last equity in it / last equity before it - 1); `periods` has the year or month of each close."""
    last = np.append(np.flatnonzero(np.diff(periods)), len(periods) - 1)
    ends = equity[last]
    starts = np.append(equity[:1], ends[:-1])
    return periods[last], ends / starts - 1


def daily_rate(yearly: float) -> float:
    """(1 + yearly) ** (1 / 252) - 1."""
    return float((1 + yearly) ** (1 / SESSIONS_A_YEAR) - 1)


def ratio(value: float, by: float) -> float:
    return value / by if by else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
