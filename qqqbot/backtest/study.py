"""Everything the backtest says, computed once: the terminal, the JSON, the report and the notebook show it.

It tells a story in this order: what the rule earned and what holding earned, whether that was more than luck, what
other settings would have done, and what the years before the fund would have been like.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qqqbot.backtest import metrics
from qqqbot.backtest.account import AccountHistory, run
from qqqbot.backtest.intraday import IntradayRun, compare, replay, sessions_with_bars
from qqqbot.backtest.metrics import HoldingFigures, Metrics
from qqqbot.backtest.neighbours import Sweep, WalkForward, neighbours
from qqqbot.backtest.prices.table import BadPrices, Bars, Floats, Prices
from qqqbot.backtest.robustness import NullTest, Variant, band_variants, confirmation_variants, null_test
from qqqbot.backtest.synthetic import Fit, fit, with_synthetic
from qqqbot.backtest.taxes import RATES, AfterTax, WashSales, after_tax, wash_sales
from qqqbot.backtest.vectorized import Days, FillAt, Terms, daily_events, examine, ideal, look_ahead, rotations_of

INTRADAY_BANDS = (0.0, 0.001, 0.0025, 0.005, 0.01)
# For a period of less than a year and a half, a sweep, a null test and taxes say nothing.
ENOUGH_SESSIONS = 378
BEAR_MARKETS = (
    ("2000-03-27", "2002-10-09", "dot-com"),
    ("2007-10-31", "2009-03-09", "2008"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What to compute: the terms, the period, the yearly risk-free rate, and whether to show the look-ahead result."""

    terms: Terms
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    risk_free: float = 0.0
    look_ahead: bool = False


@dataclass(frozen=True, slots=True)
class EquityLine:
    """One curve in USD at each close, and its figures. `rotations` is None for a fund that is only held."""

    name: str
    equity: Floats
    metrics: Metrics
    rotations: int | None = None


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The popular table, and the same table without its error. `sharpe` is CAGR / volatility, as in the popular one."""

    rows: int
    switches: int
    days_in: tuple[int, ...]
    """how many sessions each column was held"""
    total_return: float
    max_drawdown: float
    sharpe: float
    right_total_return: float
    right_max_drawdown: float
    right_sharpe: float
    curve: Floats


@dataclass(frozen=True, slots=True)
class Era:
    """A period with the model of the fund: total return and deepest drawdown of the rule, the index and the fund."""

    name: str
    first: np.datetime64
    last: np.datetime64
    returns: tuple[float, float, float]
    drawdowns: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LongView:
    fit: Fit
    days: Days
    curves: tuple[Floats, Floats, Floats]
    eras: tuple[Era, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """The answers to a question; an answer is None if there are too few prices for it."""

    question: Question
    prices: Prices
    days: Days
    account: AccountHistory
    own: EquityLine
    ideal: EquityLine
    signal: EquityLine
    fund: EquityLine
    """the index and the leveraged fund, held"""
    holdings: tuple[HoldingFigures, ...]
    """one for each column of `days`"""
    turnover: float
    fills: tuple[Variant, ...]
    wrong: LookAhead | None
    null: NullTest | None
    sweep: Sweep | None
    bands: tuple[Variant, ...]
    confirmations: tuple[Variant, ...]
    walk: WalkForward | None
    taxes: tuple[AfterTax, ...]
    wash: WashSales
    long_view: LongView | None
    intraday: tuple[IntradayRun, ...]


def in_common(
    asked: Sequence[tuple[Question, Prices, tuple[Bars, Bars] | None]],
) -> list[tuple[Question, Prices, tuple[Bars, Bars] | None]]:
    """The same questions over the sessions that all of them cover. Raises BadPrices if there are no such sessions."""
    spans = [examine(prices, q.terms.rules, q.start, q.end).dates for q, prices, _ in asked]
    first, last = max(dates[0] for dates in spans), min(dates[-1] for dates in spans)
    return [(replace(question, start=first, end=last), prices, bars) for question, prices, bars in asked]


def study(prices: Prices, question: Question, bars: tuple[Bars, Bars] | None = None) -> Study:
    """Answer `question`. Raises BadPrices if the prices do not allow it."""
    terms = question.terms
    days, result = _account(prices, question, bars)
    perfect = replace(terms, fill=FillAt.CLOSE) if terms.fill is FillAt.INTRADAY else terms
    followed = ideal(days, perfect)
    capital = float(terms.capital)
    enough = len(days) >= ENOUGH_SESSIONS
    swept, walk = (neighbours(prices, days, perfect) if enough else None) or (None, None)
    return Study(
        question=question,
        prices=prices,
        days=days,
        account=result,
        own=_line("Rule, your account", result.equity, days, question, len(result.events)),
        ideal=_line("Rule, ideal", followed * capital, days, question, rotations_of(days.wanted)),
        signal=_line(f"{prices.signal.symbol} held", days.signal / days.signal[0] * capital, days, question),
        fund=_line(f"{prices.fund.symbol} held", days.fund / days.fund[0] * capital, days, question),
        holdings=tuple(metrics.holding_figures(result.equity, result.holding, k) for k in range(len(days.names))),
        turnover=metrics.turnover(result.traded, result.equity, days.years),
        fills=tuple(_filled(days, perfect, fill) for fill in (FillAt.CLOSE, FillAt.NEXT_OPEN, FillAt.NEXT_CLOSE)),
        wrong=_look_ahead(days, perfect) if question.look_ahead else None,
        null=null_test(days, terms.slippage) if enough else None,
        sweep=swept,
        bands=band_variants(prices, days, perfect),
        confirmations=confirmation_variants(prices, days, perfect),
        walk=walk,
        taxes=tuple(after_tax(days.dates, followed, days.wanted, rate) for rate in RATES) if enough else (),
        wash=wash_sales(days.dates, followed, days.wanted, days.names.index(terms.rules.form.strong.value)),
        long_view=_long_view(prices, question) if enough and prices.first > 0 else None,
        intraday=compare(prices, replace(terms, fill=FillAt.CLOSE), *bars, INTRADAY_BANDS) if bars else (),
    )


def _account(prices: Prices, question: Question, bars: tuple[Bars, Bars] | None) -> tuple[Days, AccountHistory]:
    terms = question.terms
    if terms.fill is not FillAt.INTRADAY:
        days = examine(prices, terms.rules, question.start, question.end)
        return days, run(days, terms)
    if bars is None:
        files = " ".join(f"{series.symbol.lower()}_15min.csv" for series in (prices.signal, prices.fund))
        raise BadPrices(
            f"--fill intraday needs bars: give --bars {files}, or leave out --prices, and those of the last 60 days "
            "come from Yahoo"
        )
    days, checks = sessions_with_bars(prices, terms.rules, *bars)
    return days, replay("account", days, checks, terms).account


def _line(name: str, equity: Floats, days: Days, question: Question, rotations: int | None = None) -> EquityLine:
    return EquityLine(name, equity, metrics.measure(equity, days.years, question.risk_free), rotations)


def _filled(days: Days, terms: Terms, fill: FillAt) -> Variant:
    equity = ideal(days, replace(terms, fill=fill))
    return Variant(fill.value, len(daily_events(days, fill)), metrics.measure(equity, days.years))


def _look_ahead(days: Days, terms: Terms) -> LookAhead:
    wrong, right = look_ahead(days), ideal(days, replace(terms, slippage=0.0))
    counts = np.bincount(days.wanted, minlength=len(days.names)).tolist()
    return LookAhead(
        rows=len(days),
        switches=int(np.count_nonzero(np.diff(days.wanted))),
        days_in=tuple(counts),
        total_return=float(wrong[-1] - 1),
        max_drawdown=metrics.max_drawdown(wrong),
        sharpe=_popular_sharpe(np.append(1.0, wrong)),
        right_total_return=float(right[-1] - 1),
        right_max_drawdown=metrics.max_drawdown(right),
        right_sharpe=_popular_sharpe(np.append(1.0, right)),
        curve=wrong,
    )


def _popular_sharpe(equity: Floats) -> float:
    """CAGR over 252-session years / volatility; it is no Sharpe ratio, and exceeds it where volatility is high."""
    returns = metrics.daily_returns(equity)
    return metrics.ratio(metrics.cagr(equity, len(returns) / metrics.SESSIONS_A_YEAR), metrics.volatility(returns))


def _long_view(prices: Prices, question: Question) -> LongView:
    found = fit(prices)
    terms = replace(question.terms, fill=FillAt.CLOSE)
    days = examine(with_synthetic(prices, found.fee), terms.rules, end=question.end)
    curves = (ideal(days, terms), days.signal / days.signal[0], days.fund / days.fund[0])
    whole = ("whole", days.dates[0], days.dates[-1])
    stretches = [whole] + [(n, np.datetime64(a), np.datetime64(b)) for a, b, n in BEAR_MARKETS]
    eras = [
        _era(name, first, last, days, curves)
        for name, first, last in stretches
        if days.dates[0] <= first < days.dates[-1]
    ]
    return LongView(found, days, curves, tuple(eras))


def _era(name: str, first: np.datetime64, last: np.datetime64, days: Days, curves: tuple[Floats, ...]) -> Era:
    cut = slice(int(np.searchsorted(days.dates, first)), int(np.searchsorted(days.dates, last, side="right")))
    parts = [curve[cut] for curve in curves]
    rule, index, fund = (metrics.total_return(part) for part in parts)
    falls = tuple(metrics.max_drawdown(part) for part in parts)
    return Era(name, days.dates[cut][0], days.dates[cut][-1], (rule, index, fund), (falls[0], falls[1], falls[2]))
