"""TQQQ before it existed: three times QQQ's day, less the cost of borrowing two thirds of it, less a fee.

The fee is fitted to the years that have both funds, and the model's error in the same years is part of the answer. It
is a model: it knows no creation spreads, no halted markets and no counterparty of 2008.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qqqbot.backtest.metrics import SESSIONS_A_YEAR
from qqqbot.backtest.prices.table import LEVERAGE, Dates, Floats, Prices, Series

BILL_RATES = Path(__file__).with_name("treasury_bills.csv")


@dataclass(frozen=True, slots=True)
class Fit:
    """`fee` and `tracking_error` a year, `correlation` of days.

    `worst_year` is the calendar year in which they differ most, and by how much the model was ahead.
    """

    fee: float
    tracking_error: float
    correlation: float
    worst_year: tuple[int, float]
    first: np.datetime64
    last: np.datetime64


def fit(prices: Prices) -> Fit:
    """The fee that makes the model end where the fund ends, over all sessions that have both."""
    cut = slice(prices.first, None)
    tqqq = prices.tqqq.close[cut]
    real = tqqq[1:] / tqqq[:-1] - 1
    dates = prices.dates[cut][1:]
    gross = _gross(prices.qqq.close[cut], dates)
    daily = _daily_fee(gross, float(np.log1p(real).sum()))
    model = gross - daily
    ahead = np.log1p(model) - np.log1p(real)
    years = dates.astype("datetime64[Y]").astype(int) + 1970
    by_year = np.bincount(years - years[0], ahead)
    worst = int(np.abs(by_year).argmax())
    return Fit(
        fee=daily * SESSIONS_A_YEAR,
        tracking_error=float((model - real).std(ddof=1)) * SESSIONS_A_YEAR**0.5,
        correlation=float(np.corrcoef(model, real)[0, 1]),
        worst_year=(int(years[0]) + worst, float(np.exp(by_year[worst]) - 1)),
        first=prices.dates[prices.first],
        last=prices.dates[-1],
    )


def bill_rates() -> tuple[int, Floats]:
    """First year, and the mean rate of the Treasury bill in it and in each year after it; others take the nearest."""
    rows = [line.split(",") for line in BILL_RATES.read_text(encoding="utf-8").splitlines() if line[0].isdigit()]
    return int(rows[0][0]), np.array([float(rate) for _, rate in rows]) / 100


def with_synthetic(prices: Prices, fee: float) -> Prices:
    """The same prices with the model in place of TQQQ before its first session."""
    first = prices.first
    if first == 0:
        return prices
    qqq = prices.qqq
    days = _gross(qqq.close[: first + 1], prices.dates[1 : first + 1]) - fee / SESSIONS_A_YEAR
    growth = np.concatenate(([1.0], np.cumprod(1 + days)))
    close = growth[:-1] * (prices.tqqq.close[first] / growth[-1])
    nights = np.append(1.0, qqq.open[1:first] / qqq.close[: first - 1]) - 1
    opens = np.append(close[:1], close[:-1]) * (1 + LEVERAGE * nights)
    ones = np.ones(first)
    tqqq = Series(
        prices.tqqq.symbol,
        prices.dates,
        np.concatenate((opens, prices.tqqq.open[first:])),
        np.concatenate((close, prices.tqqq.close[first:])),
        np.concatenate((ones, prices.tqqq.factor[first:])),
        np.concatenate((ones, prices.tqqq.splits[first:])),
    )
    return Prices(prices.dates, qqq, tqqq, 0)


def _daily_fee(gross: Floats, log_growth: float) -> float:
    """The daily fee that makes `gross` grow by `log_growth`: Newton's method; the sum is nearly linear in it."""
    daily = 0.0
    for _ in range(5):
        net = 1 + gross - daily
        daily += (float(np.log(net).sum()) - log_growth) / float((1 / net).sum())
    return daily


def _gross(qqq: Floats, dates: Dates) -> Floats:
    """Three times QQQ's day less a day's interest on the borrowed two thirds."""
    first, rates = bill_rates()
    years = dates.astype("datetime64[Y]").astype(int) + 1970
    rate = rates[np.clip(years - first, 0, len(rates) - 1)]
    return np.asarray(LEVERAGE * (qqq[1:] / qqq[:-1] - 1) - (LEVERAGE - 1) * rate / SESSIONS_A_YEAR)
