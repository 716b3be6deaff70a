"""What may replace a session that Yahoo's rows lack, and what replaces Yahoo while it is away. Pure.

A filled close needs three things:

- a source whose other closes equal those of the window;
- a witness: the leveraged fund's moves in that session and the next, and the bot's own look at the session, if any;
- an answer of the rule that does not depend on the last tenths of a per cent, because only Yahoo's own rows have the
  exact official close (see `depends_on`, which the gate `window` uses).

A session at a dividend or a split is never filled: no source says whether its price is from before or after the event.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from qqqbot.model.market import Bar, Market, Other, Quote
from qqqbot.model.provenance import KeptWindow, Seen, Source
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import evaluate
from qqqbot.strategy.witnesses import together

MOST_FILLED = 5
# How far two series of adjusted closes may be apart, as a fraction, if no dividend lies between their dates of
# adjustment. QQQ's smallest dividend since 2015 was 0.053 % of its price (2023-12-27), all others 0.11 % and more.
SAME_BASIS = 0.0005
# How far one or two dividends move an unadjusted series from an adjusted one. Anything more is another basis, as after
# a split.
NEAR_BASIS = 0.01
# Sessions around the filled one in which the source's closes are compared with the window's.
NEIGHBOURS, FEWEST_NEIGHBOURS = 10, 3
# The fewest sessions that the broker's closes must share with the kept window.
FEWEST_SHARED = 10

Closes = Mapping[str, Mapping[date, float]]
"""symbol -> session -> close"""


class Candidate(NamedTuple):
    """What a source says a session closed at, on the basis of the window's rows; NaN if it does not say."""

    source: Source
    close: float
    fund: float


def gaps(market: Market, expected: Sequence[date]) -> tuple[date, ...]:
    """The expected sessions without a usable close of the signal, oldest first."""
    closes = _by_date(market.bars)
    return tuple(day for day in expected if not _usable(closes.get(day, math.nan)))


def fillable(market: Market, expected: Sequence[date], missing: Sequence[date]) -> str | None:
    """Why the `missing` sessions cannot be filled, whatever the sources say; None if they may be."""
    if missing and missing[-1] >= market.newest_row:
        return f"Yahoo's answer ends on {market.newest_row}, before the session that would be filled"
    if len(missing) > MOST_FILLED:
        return f"{len(missing)} sessions are missing, and at most {MOST_FILLED} are filled"
    events = {*market.ex_dates, *(split.date for split in market.splits)}
    following = dict(zip(expected, [*expected[1:], market.newest_row], strict=True))
    for day in missing:
        if event := next((d for d in (day, following[day]) if d in events), None):
            return f"{day} is not filled, because of the dividend or split of {event}"
    return None


def from_kept(kept: KeptWindow | None, market: Market, day: date) -> Candidate | None:
    """The close of `day` that an earlier decision used, if all its other closes are unchanged since then."""
    if kept is None or day not in kept.dates:
        return None
    closes, fund = kept.by_date
    own = [shared for shared in kept.dates if shared not in kept.sources]
    if _basis(closes, _by_date(market.bars), own, SAME_BASIS, SAME_BASIS) is None:
        return None
    return Candidate(kept.sources.get(day, Source.KEPT), closes[day], fund[day])


def from_closes(source: Source, closes: Closes, market: Market, day: date) -> Candidate | None:
    """The close of `day` from `source`, if its closes of the sessions around `day` equal those of the window."""
    found = []
    for symbol, bars in ((market.signal, market.bars), (market.fund, market.fund_bars)):
        told, known = closes.get(symbol, {}), _by_date(bars)
        around = sorted((d for d in told if d in known), key=lambda d: abs((d - day).days))[:NEIGHBOURS]
        found.append(
            told.get(day, math.nan) * (_basis(told, known, around, source.uncertainty, NEAR_BASIS) or math.nan)
        )
    return Candidate(source, *found) if _usable(found[0]) else None


def filled(market: Market, day: date, candidate: Candidate, leverage: float, look: Seen | None = None) -> Market | None:
    """`market` with the candidate as the close of `day`; None if no witness supports it."""
    if not _usable(candidate.close) or (look and abs(candidate.close / look.close - 1) > Source.SEEN.uncertainty):
        return None
    bars = _with(market.bars, Bar(day, candidate.close))
    known = _usable(_by_date(market.fund_bars).get(day, math.nan))
    fund_bars = market.fund_bars if known else _with(market.fund_bars, Bar(day, candidate.fund))
    previous, origins = _by_date(fund_bars).get(bars[-1].date), {**market.origins, day: candidate.source}
    then = replace(market, bars=bars, fund_bars=fund_bars, fund_previous_close=previous, origins=origins)
    return then if _supported(then, day, leverage) else None


def fill(
    market: Market,
    missing: Sequence[date],
    candidates: Callable[[Market, date], Iterable[Candidate | None]],
    look: Callable[[date], Seen | None],
    leverage: float,
) -> Market:
    """`market` with each of the `missing` sessions filled by the first candidate that a witness supports.

    The candidates are asked for one after the other, so that a source costs nothing if an earlier one was enough.
    """
    for day in missing:
        found = (one for one in candidates(market, day) if one is not None)
        tried = (filled(market, day, one, leverage, look(day)) for one in found)
        market = next((better for better in tried if better is not None), market)
    return market


def without_yahoo(
    kept: KeptWindow,
    expected: Sequence[date],
    session: date,
    closes: Closes,
    quotes: Sequence[Quote],
    leverage: float,
    look: Callable[[date], Seen | None] = lambda _: None,
) -> Market | str:
    """The market of `session` from the kept window, the broker's `closes` and its `quotes`; or why there is none.

    The first two of `quotes` are for the signal and its fund, whose window was kept. `closes` are adjusted for
    dividends. Where `closes` and the kept window have the same sessions they must agree: a dividend or a split since
    then, or a wrong row in either, moves them apart.
    """
    missing = [day for day in expected if day not in kept.dates]
    if len(missing) > MOST_FILLED:
        return f"the kept prices end {len(missing)} sessions ago, and at most {MOST_FILLED} are filled"
    signal, fund, *others = quotes
    rows = dict(zip((signal.symbol, fund.symbol), kept.by_date, strict=True))
    if kept.session != session and (problem := _other_basis(rows, closes)):
        return problem
    own, witness = ([Bar(day, closes.get(day, math.nan)) for day in expected] for closes in kept.by_date)
    origins = {day: source for day, source in kept.sources.items() if day in expected}
    market = Market(
        bars=tuple(bar for bar in own if bar.date not in missing),
        newest_row=session,
        signal_quote=signal,
        fund_quote=fund,
        fund_previous_close=rows[fund.symbol].get(expected[-1]),
        fund_bars=tuple(bar for bar in witness if _usable(bar.close)),
        origins=origins,
        quoted_by=Source.BROKER,
        others={quote.symbol: _other(quote, closes, session) for quote in others},
    )
    for day in missing:
        told = Candidate(Source.BROKER, *(closes.get(symbol, {}).get(day, math.nan) for symbol in rows))
        better = filled(market, day, told, leverage, look(day))
        if better is None and not _usable(told.close):
            return f"the broker has no close of {day}"
        if better is None:
            return f"no witness supports the broker's close of {day} and its prices"
        market = better
    return market


def depends_on(
    closes: Sequence[float], uncertain: Mapping[int, float], price: float, held: Holding, rules: Rules
) -> Holding | None:
    """Another answer that the rule gives for some closes within their uncertainty; None if there is no other answer.

    `uncertain` maps a place in `closes` to the fraction by which that close may be off. Both comparisons of the rule
    are linear in each close. In the trend a higher close acts in the direction of the difference of its two weights; in
    the strength all closes act in the same direction. So four corners are enough. Only a trend that remembers may
    depend on more, through its answers on earlier days.
    """
    if not any(uncertain.values()):
        return None
    own = evaluate(closes, price, held, rules).target
    fast, slow = rules.form.trend.fast, rules.form.trend.slow
    for recent in (1, -1):
        for older in (1, -1):
            moved = list(closes)
            for place, part in uncertain.items():
                back = len(closes) - place
                moved[place] *= 1 + part * (recent if fast.weight(back) > slow.weight(back) else older)
            answer = evaluate(moved, price, held, rules).target
            if answer is not own:
                return answer
    return None


def same_basis(closes: Closes, market: Market, symbol: str) -> bool:
    """Whether the broker's newest closes of `symbol` equal those of the rows."""
    rows = _by_date(market.bars if symbol == market.signal else market.fund_bars)
    shared = sorted(day for day in closes.get(symbol, {}) if day in rows)[-NEIGHBOURS:]
    return _basis(closes.get(symbol, {}), rows, shared, Source.BROKER.uncertainty, NEAR_BASIS) is not None


def _other(quote: Quote, closes: Closes, session: date) -> Other:
    known = sorted(closes.get(quote.symbol, {}).items())
    return Other(quote, tuple(Bar(day, close) for day, close in known if day < session))


def _other_basis(rows: Closes, closes: Closes) -> str | None:
    for symbol in rows:
        told = closes.get(symbol, {})
        shared = [day for day in rows[symbol] if day in told and _usable(rows[symbol][day])]
        if len(shared) < FEWEST_SHARED:
            return f"the broker has {len(shared)} of {symbol}'s kept closes, {FEWEST_SHARED} are needed"
        if _basis(told, rows[symbol], shared, Source.BROKER.uncertainty, SAME_BASIS) is None:
            return f"the broker's closes of {symbol} are not the kept ones: a dividend, a split or a wrong row"
    return None


def _basis(
    told: Mapping[date, float], known: Mapping[date, float], days: Iterable[date], apart: float, most: float
) -> float | None:
    """The factor from the closes `told` to the `known` closes; None if there is no single usable one.

    It must be the same on all `days`, within the fraction `apart`, and differ from 1 by no more than `most`.
    """
    pairs = [(told.get(day, math.nan), known.get(day, math.nan)) for day in days]
    ratios = [ours / theirs for theirs, ours in pairs if _usable(theirs) and _usable(ours)]
    if len(ratios) < FEWEST_NEIGHBOURS:
        return None
    middle = statistics.median(ratios)
    same = abs(middle - 1) <= most and all(abs(ratio / middle - 1) <= apart for ratio in ratios)
    return middle if same else None


def _supported(market: Market, day: date, leverage: float) -> bool:
    """Whether the fund moved by its factor in the session of `day` and in the next one."""
    own, fund = _by_date(market.bars), _by_date(market.fund_bars)
    own[market.newest_row], fund[market.newest_row] = market.signal_quote.price, market.fund_quote.price
    days = sorted(d for d, close in own.items() if _usable(close))
    around = days[max(0, days.index(day) - 1) : days.index(day) + 2]
    return len(around) == 3 and all(
        _usable(fund.get(before, math.nan))
        and _usable(fund.get(after, math.nan))
        and together(own[after] / own[before], fund[after] / fund[before], leverage)
        for before, after in itertools.pairwise(around)
    )


def _with(bars: Sequence[Bar], new: Bar) -> tuple[Bar, ...]:
    """`bars` with `new` in its place, instead of any row of that day."""
    others = [bar for bar in bars if bar.date != new.date]
    place = next((n for n, bar in enumerate(others) if bar.date > new.date), len(others))
    return (*others[:place], new, *others[place:])


def _by_date(bars: Iterable[Bar]) -> dict[date, float]:
    return {bar.date: bar.close for bar in bars}


def _usable(close: float) -> bool:
    return math.isfinite(close) and close > 0
