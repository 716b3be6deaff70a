"""A fund before it existed: for a leveraged one its factor times the index's day, less the interest on what is borrowed
and a fee; for a Treasury-bill fund the bill's rate.

The fee is fitted to the years in which both fund and index exist, and the model's error in these years is part of the
answer. It is only a model: it knows nothing of creation spreads, halted markets or the counterparties of 2008.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qqqbot.backtest.metrics import SESSIONS_A_YEAR
from qqqbot.backtest.prices.table import Dates, Floats, Prices, Series, calendar_years, factor_of

BILL_RATES = Path(__file__).with_name("treasury_bills.csv")


@dataclass(frozen=True, slots=True)
class Fit:
    """`fee` and `tracking_error` per year, and `correlation` of daily returns.

    `worst_year` is the calendar year in which model and fund differ most, and by how much the model was ahead.
    """

    fee: float
    tracking_error: float
    correlation: float
    worst_year: tuple[int, float]
    first: np.datetime64
    last: np.datetime64


def fit(prices: Prices) -> Fit:
    """The fee with which the model ends where the fund ends, over all sessions with both."""
    fund = prices.fund
    first = first_of(fund)
    cut = slice(first, None)
    real = fund.close[cut][1:] / fund.close[cut][:-1] - 1
    dates = prices.dates[cut][1:]
    gross = _gross(prices.signal.close[cut], dates, factor_of(fund.symbol, prices.signal.symbol))
    daily = _daily_fee(gross, float(np.log1p(real).sum()))
    model = gross - daily
    ahead = np.log1p(model) - np.log1p(real)
    years = calendar_years(dates)
    by_year = np.bincount(years - years[0], ahead)
    worst = int(np.abs(by_year).argmax())
    return Fit(
        fee=daily * SESSIONS_A_YEAR,
        tracking_error=float((model - real).std(ddof=1)) * SESSIONS_A_YEAR**0.5,
        correlation=float(np.corrcoef(model, real)[0, 1]),
        worst_year=(int(years[0]) + worst, float(np.exp(by_year[worst]) - 1)),
        first=prices.dates[first],
        last=prices.dates[-1],
    )


def bill_rates() -> tuple[int, Floats]:
    """The first year, and the mean Treasury-bill rate of that and each later year; other years take the nearest."""
    rows = [line.split(",") for line in BILL_RATES.read_text(encoding="utf-8").splitlines() if line[0].isdigit()]
    return int(rows[0][0]), np.array([float(rate) for _, rate in rows]) / 100


def with_synthetic(prices: Prices, fee: float) -> Prices:
    """The same prices with a model in place of each fund before its first session; `fee` is the leveraged fund's."""
    if prices.first == 0:
        return prices
    others = tuple(_with_model(prices, series, 0.0) for series in prices.others)
    return Prices(prices.dates, prices.signal, _with_model(prices, prices.fund, fee), 0, others)


def first_of(series: Series) -> int:
    """Index of the first session that has a price."""
    return int(np.isfinite(series.close).argmax())


def _with_model(prices: Prices, series: Series, fee: float) -> Series:
    first, signal = first_of(series), prices.signal
    if first == 0:
        return series
    factor = factor_of(series.symbol, signal.symbol)
    days = _gross(signal.close[: first + 1], prices.dates[1 : first + 1], factor) - fee / SESSIONS_A_YEAR
    growth = np.concatenate(([1.0], np.cumprod(1 + days)))
    close = growth[:-1] * (series.close[first] / growth[-1])
    nights = np.append(1.0, signal.open[1:first] / signal.close[: first - 1]) - 1
    opens = np.append(close[:1], close[:-1]) * (1 + factor * nights)
    ones = np.ones(first)
    return Series(
        series.symbol,
        prices.dates,
        np.concatenate((opens, series.open[first:])),
        np.concatenate((close, series.close[first:])),
        np.concatenate((ones, series.factor[first:])),
        np.concatenate((ones, series.splits[first:])),
    )


def _daily_fee(gross: Floats, log_growth: float) -> float:
    """The daily fee with which `gross` grows by `log_growth`; by Newton's method, as the sum is nearly linear in it."""
    daily = 0.0
    for _ in range(5):
        net = 1 + gross - daily
        daily += (float(np.log(net).sum()) - log_growth) / float((1 / net).sum())
    return daily


def _gross(index: Floats, dates: Dates, factor: int) -> Floats:
    """`factor` times the index's day, less a day's interest on the borrowed part; for factor 0, the interest alone."""
    first, rates = bill_rates()
    rate = rates[np.clip(calendar_years(dates) - first, 0, len(rates) - 1)]
    return np.asarray(factor * (index[1:] / index[:-1] - 1) - (factor - 1) * rate / SESSIONS_A_YEAR)
