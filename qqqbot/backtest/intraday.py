"""What deciding during the session costs: the daemon's checks replayed on bars of some minutes.

A check sees the closing price of the bar before it, and its orders are filled at that price plus slippage. As in the
daemon, the averages are made of that price and the finished daily closes before the session. Checks in the first
minutes may not trade yet, and the check at the close no longer may: both are left out. The cap on orders per session
is not applied, so that the busiest day shows.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qqqbot.backtest.account import AccountHistory, account
from qqqbot.backtest.prices.table import BadPrices, Bars, Floats, Prices, Series
from qqqbot.backtest.robustness import with_band
from qqqbot.backtest.signals import CASH, Levels, remembering
from qqqbot.backtest.vectorized import Days, Event, Terms, columns, daily_events, examine
from qqqbot.model.values import Decide, Rules
from qqqbot.strategy.rule import flip_prices, level

BASIS_TOLERANCE = 0.02
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Checks:
    """Every check of the examined sessions: `day` is the index of its session, prices are on the daily basis."""

    day: Indexes
    minutes_left: Floats
    signal: Floats
    fund: Floats
    today: Indexes
    """the session's index among all closes of the signal"""
    closes: Floats
    symbols: tuple[str, str]


@dataclass(frozen=True, slots=True)
class IntradayRun:
    """One way of deciding: its account, and how often it rotated."""

    name: str
    account: AccountHistory
    rotations: int
    most_in_a_day: int
    busy_days: int
    """days with two rotations or more"""


def sessions_with_bars(prices: Prices, rules: Rules, signal: Bars, fund: Bars) -> tuple[Days, Checks]:
    """The sessions with bars, and the checks in them. Raises BadPrices if bars and daily prices disagree."""
    signal, fund = _common(signal, fund)
    dates = np.unique(signal[0].astype("datetime64[D]"))
    known = dates[np.isin(dates, prices.dates[prices.first :])]
    if len(known) < 2:
        raise BadPrices(
            f"the bars from {dates[0]} to {dates[-1]} and the daily prices from {prices.dates[0]} to "
            f"{prices.dates[-1]} have fewer than two sessions in common"
        )
    days = examine(prices, rules, known[0], known[-1])
    return days, _checks(prices, days, rules, signal, fund)


def compare(
    prices: Prices, terms: Terms, signal: Bars, fund: Bars, bands: tuple[float, ...]
) -> tuple[IntradayRun, ...]:
    """Decide at every check with each of `bands`, once before the close, and on the official close."""
    days, checks = sessions_with_bars(prices, terms.rules, signal, fund)
    runs = []
    for band in bands:
        rules = replace(with_band(terms.rules, band), decide=Decide.EVERY_CHECK)
        name = "every check" + (f", band {band:.2%}" if band else "")
        runs.append(replay(name, days, checks, replace(terms, rules=rules)))
    before_close = replace(with_band(terms.rules, 0.0), decide=Decide.BEFORE_CLOSE)
    runs.append(replay("before the close", days, checks, replace(terms, rules=before_close)))
    runs.append(_summary("at the official close", account(days, daily_events(days, terms.fill), terms)))
    return tuple(runs)


def replay(name: str, days: Days, checks: Checks, terms: Terms) -> IntradayRun:
    """The account of deciding at those `checks` that `terms.rules.decide` allows."""
    if terms.rules.decide is Decide.BEFORE_CLOSE:
        chosen, each = _decision_checks(checks, terms.rules), ("day", "minutes_left", "signal", "fund", "today")
        checks = replace(checks, **{name: getattr(checks, name)[chosen] for name in each})
    wanted = _wanted(checks, terms.rules)
    return _summary(name, account(days, _events(checks, wanted, days), terms))


def _wanted(checks: Checks, rules: Rules) -> Levels:
    """The column that each check wants, according to the flip prices of its session."""
    sessions, of_session = np.unique(checks.today, return_inverse=True)
    needed = rules.form.history
    found = [flip_prices(checks.closes[max(0, today - needed) : today].tolist(), rules) for today in sessions.tolist()]
    lines = [(flips.leave_strong, flips.enter_strong, flips.trend) for flips in found]
    leave, enter, trend = np.array(lines)[of_session].T
    entering, staying = (level(checks.signal, checks.signal, trend, line).astype(np.int8) for line in (enter, leave))
    wanted: Levels = columns(rules.form)[1][remembering(entering, staying)]
    return wanted


def _common(signal: Bars, fund: Bars) -> tuple[Bars, Bars]:
    """The bars that start at the same moment in both: a check needs both prices."""
    times, ours, theirs = np.intersect1d(signal[0], fund[0], return_indices=True)
    if not len(times):
        raise BadPrices("the intraday files of the signal and its fund have no bar in common")
    return (times, signal[1][ours], signal[2][ours]), (times, fund[1][theirs], fund[2][theirs])


def _checks(prices: Prices, days: Days, rules: Rules, signal: Bars, fund: Bars) -> Checks:
    starts = signal[0]
    date = starts.astype("datetime64[D]")
    last_of_day = np.append(date[1:] != date[:-1], True)
    counts = np.diff(np.flatnonzero(last_of_day), prepend=-1)
    opens_at, closes_at = (np.repeat(starts[at], counts) for at in (np.roll(last_of_day, 1), last_of_day))
    ends = np.append(starts[1:], starts[-1:])  # the last bar of a session is not used
    early = (ends - opens_at).astype(np.float64) * 60 < rules.no_trade_seconds_after_open
    chosen = np.isin(date, days.dates) & ~last_of_day & ~early
    day = np.searchsorted(days.dates, date[chosen])
    today = day + int(np.searchsorted(prices.dates, days.dates[0]))
    left = (closes_at + np.diff(starts).min() - ends)[chosen].astype(np.float64)
    return Checks(
        day=day,
        minutes_left=left,
        signal=signal[2][chosen] * _basis(prices.signal, signal, today, chosen),
        fund=fund[2][chosen] * _basis(prices.fund, fund, today, chosen),
        today=today,
        closes=prices.signal.close,
        symbols=(prices.signal.symbol, prices.fund.symbol),
    )


def _basis(series: Series, bars: Bars, today: Indexes, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Factors from a bar's price to the daily table's basis: bars are as printed, or adjusted for splits only."""
    close, factor = series.close[today], series.factor[today]
    for unadjusted in (factor, factor / series.splits[today]):
        apart = np.abs(bars[2][chosen] / (close * unadjusted) - 1)
        if np.median(apart) < BASIS_TOLERANCE:
            return 1 / unadjusted
    raise BadPrices(
        f"the intraday prices of {series.symbol} are not those of the daily file: on {series.dates[today[0]]} a bar "
        f"closed at {bars[2][chosen][0]:g} and the day at {close[0] * factor[0]:g}"
    )


def _decision_checks(checks: Checks, rules: Rules) -> npt.NDArray[np.bool_]:
    """The first check of each session that lies inside the decision window."""
    inside = checks.minutes_left * 60 <= rules.decide_seconds_before_close
    first = np.ones(len(inside), dtype=bool)
    first[1:] = (checks.day[1:] != checks.day[:-1]) | ~inside[:-1]
    return inside & first


def _events(checks: Checks, wanted: Levels, days: Days) -> tuple[Event, ...]:
    """The rotations of the checks. Raises BadPrices if the rule holds a fund that has no bars."""
    moved = np.flatnonzero(np.diff(wanted, prepend=np.int8(CASH)))
    prices = {"CASH": np.ones(len(wanted)), checks.symbols[0]: checks.signal, checks.symbols[1]: checks.fund}
    if lacking := [name for name in days.names if name not in prices]:
        raise BadPrices(f"there are no intraday bars of {', '.join(lacking)}; leave out --bars for this rule")
    return tuple(
        Event(int(checks.day[at]), int(wanted[at]), tuple(float(prices[name][at]) for name in days.names))
        for at in moved.tolist()
    )


def _summary(name: str, result: AccountHistory) -> IntradayRun:
    per_day = np.bincount([event.day for event in result.events]) if result.events else np.zeros(1, np.intp)
    return IntradayRun(name, result, len(result.events), int(per_day.max()), int((per_day >= 2).sum()))
