"""The history that the page draws, from the daemon's own records only, at a cost that does not grow with them.

If the history is long, only rows at even distances in the file are drawn, and the nearer to now the denser, so that a
month looks as good as ten years. The curve begins with the closes on which the first decision was based.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from qqqbot.display.formatting import order_text, usd
from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.model.instruments import Holding, Kind
from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.model.values import Side
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.inputs import NotRecorded, inputs_at
from qqqbot.records.row_prices import prices_of_trade
from qqqbot.records.tail import Row, RowReader, last_rows
from qqqbot.records.time_search import offset_of, samples
from qqqbot.records.track import Track, extended, kept
from qqqbot.regular_file import reading_if_there

POINTS = 200
"""for each of: the whole history, its last year, its last three months, its last month"""
SPANS = (timedelta(days=366), timedelta(days=93), timedelta(days=32))
NEWEST_ROWS = 30
TRADES_LOOKED_AT = 300
# Two years of sessions; for an exponential average a row has ten years of them.
MOST_BEFORE = 520
CLOSE = time(16)
NUMBERS = ("price", "short", "long", "equity", "instead", "below")


class Point(NamedTuple):
    """What one decision saw. For a day before the first decision, only the close and the short average are known.

    The price is the signal's, NaN while the rule had another signal. `instead` is the value of the index held from the
    first day (see `Track`), `below` the fall from the peak in per cent.
    """

    at: datetime
    price: float
    short: float | None = None
    long: float | None = None
    equity: float | None = None
    held: str | None = None
    instead: float | None = None
    below: float | None = None


class TradeMark(NamedTuple):
    """A trade on the chart of the signal, at its price then."""

    at: datetime
    price: float
    text: str
    is_buy: bool


class History(NamedTuple):
    points: tuple[Point, ...] = ()
    trades: tuple[TradeMark, ...] = ()
    signal: str = DEFAULT_SYMBOLS[0]

    def columns(self) -> dict[str, Any]:
        """The form that the page's script reads: a list for each line, times in seconds, rounded numbers."""
        points = self.points
        held = [holding for holding in Holding if any(point.held == holding for point in points)]
        return {
            "index": self.signal,
            "shades": {holding.value: _shade(holding) for holding in held},
            "at": [round(point.at.timestamp()) for point in points],
            **{name: [_short(getattr(point, name)) for point in points] for name in NUMBERS},
            "held": [point.held for point in points],
            "trades": [[round(t.at.timestamp()), _short(t.price), t.text, t.is_buy] for t in self.trades],
        }


def history(folder: Folder, who: Identity, seen_at: datetime | None) -> History:
    """Everything recorded of `who` up to the newest signal, which is from `seen_at`. Raises OSError."""
    if seen_at is None:
        return History()
    seen = [*_decisions(folder, who, seen_at)]
    signal = seen[-1][1].signal if seen else DEFAULT_SYMBOLS[0]
    before = [*_before(folder, who, seen_at, seen[0][0].at if seen else seen_at)]
    return History(
        points=(*before, *(p if t.signal == signal else p._replace(price=math.nan) for p, t in seen)),
        trades=(*_trades(folder, who, signal),),
        signal=signal,
    )


def _shade(held: Holding) -> str:
    """The shade in which a holding is drawn, whichever fund it is."""
    return "idle" if held.is_defensive else "strong" if held.kind is Kind.LEVERAGED else "mild"


def _short(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)


def _decisions(folder: Folder, who: Identity, seen_at: datetime) -> Iterator[tuple[Point, Track]]:
    """Decisions of this mode and account that had usable prices, oldest first.

    Rows of earlier versions carry no track: what happened between two sampled ones is lost.
    """
    sampled = {at: row for row in _sampled(folder, seen_at) if who.owns(row) and (at := moment(row.get("timestamp")))}
    track = None
    for at in sorted(sampled):
        row = sampled[at]
        found = kept(row) or extended(track, row)
        if found is not None and found is not track:
            track, held = found, text(row.get("held"))
            price, short = found.prices[found.signal], number(row.get("short_ma"))
            # A rule that compares the price itself has no short average to draw.
            averages = None if short == price else short, number(row.get("long_ma"))
            yield Point(at, price, *averages, found.equity, held, found.held, found.drawdown * 100), found


def _sampled(folder: Folder, seen_at: datetime) -> Iterator[Row]:
    """Rows spread over the file, the newest row, and the row of the deepest fall, which the figures name too."""
    with reading_if_there(folder.decisions) as file:
        for start in (0, *(offset_of(file, seen_at - span) for span in SPANS)):
            yield from samples(file, start, POINTS)
        newest = [*itertools.islice(RowReader().backwards(file), NEWEST_ROWS)]
        yield from newest
        worst_at = next((track.worst_at for row in newest if (track := kept(row))), None)
        if worst_at is not None:
            yield from itertools.islice(RowReader().forwards(file, offset_of(file, worst_at)), 1)


def _before(folder: Folder, who: Identity, seen_at: datetime, first: datetime) -> Iterator[Point]:
    """The closes before `first` among those of the newest signal, with their short average."""
    try:
        snapshot, rules = inputs_at(folder.inputs, seen_at, who)
    except NotRecorded:
        return
    closes: Mapping[date, float] = {bar.date: bar.close for bar in snapshot.market.bars}
    days = sorted(day for day in closes if day < new_york_date(first))[-MOST_BEFORE:]
    fast = rules.form.trend.fast
    period = 0 if fast.exponential else fast.length
    sums = [0.0, *itertools.accumulate(closes[day] for day in days)]
    if not math.isfinite(sums[-1]):
        return
    for n, day in enumerate(days, 1):
        short = (sums[n] - sums[n - period]) / period if 1 < period <= n else None
        yield Point(datetime.combine(day, CLOSE, NEW_YORK), closes[day], short)


def _trades(folder: Folder, who: Identity, signal: str) -> Iterator[TradeMark]:
    for row in last_rows(folder.trades, TRADES_LOOKED_AT, who.owns).rows:
        at, price, paid = moment(row.get("timestamp")), prices_of_trade(row).get(signal), number(row.get("price"))
        if at and price is not None and row.get("kind", "trade") == "trade":
            told = order_text(text(row.get("side")), number(row.get("quantity")), text(row.get("symbol")))
            told += "" if paid is None else f" at {usd(paid)}"
            yield TradeMark(at, price, told, row.get("side") == Side.BUY)
