"""The history that the page draws, from the daemon's own records only, at a cost that does not grow with them.

Of a long history every row is not drawn: rows at even distances in the file are, more of them the nearer they are to
now, so that a month looks as good as ten years. Before the first decision stand the closes that it was made from.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.model.values import Side
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.inputs import NotRecorded, inputs_at
from qqqbot.records.tail import Row, RowReader, last_rows
from qqqbot.records.time_search import offset_of, samples

POINTS = 200
"""of the whole history, of its last year, of three months and of one month each"""
SPANS = (timedelta(days=366), timedelta(days=93), timedelta(days=32))
NEWEST_ROWS = 30
TRADES_LOOKED_AT = 300
CLOSE = time(16)


class Point(NamedTuple):
    """What one decision saw. Of a day before the first one only QQQ's close and short average are known."""

    at: datetime
    price: float
    short: float | None = None
    long: float | None = None
    equity: float | None = None
    capital: float | None = None
    """what had been put in by then"""
    held: str | None = None


class TradeMark(NamedTuple):
    """A trade on the chart of QQQ, at QQQ's price then."""

    at: datetime
    price: float
    text: str
    is_buy: bool


class History(NamedTuple):
    """`instead` is the value of QQQ held from the first day; `below` the distance below the highest value in per cent.

    Both have a value for each point, None where the bot's own value is not known.
    """

    points: tuple[Point, ...] = ()
    instead: tuple[float | None, ...] = ()
    below: tuple[float | None, ...] = ()
    trades: tuple[TradeMark, ...] = ()

    def columns(self) -> dict[str, Any]:
        """As the page's script reads it: one list for each line, times in seconds, numbers without false precision."""
        points = self.points
        return {
            "at": [round(point.at.timestamp()) for point in points],
            **{name: [_short(getattr(p, name)) for p in points] for name in ("price", "short", "long", "equity")},
            "held": [point.held for point in points],
            "instead": [_short(value) for value in self.instead],
            "below": [_short(value) for value in self.below],
            "trades": [[round(t.at.timestamp()), _short(t.price), t.text, t.is_buy] for t in self.trades],
        }


def history(folder: Folder, who: Identity, seen_at: datetime | None) -> History:
    """All that was recorded of `who` up to the newest signal, that of `seen_at`. Raises OSError."""
    if seen_at is None:
        return History()
    seen = [*_decisions(folder, who, seen_at)]
    instead, growth = _held(seen), _growth(seen)
    below = [(value / peak - 1) * 100 for value, peak in zip(growth, itertools.accumulate(growth, max), strict=True)]
    before = [*_before(folder, who, seen_at, seen[0].at if seen else seen_at)]
    unknown = [None] * len(before)
    return History(
        points=(*before, *seen),
        instead=(*unknown, *instead),
        below=(*unknown, *below),
        trades=(*_trades(folder, who),),
    )


def _short(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)


def _decisions(folder: Folder, who: Identity, seen_at: datetime) -> Iterator[Point]:
    """Decisions of this mode and account that had usable prices, oldest first."""
    found: dict[datetime, Point] = {}
    for row in _sampled(folder, seen_at):
        at, price, equity = moment(row.get("timestamp")), number(row.get("price")), number(row.get("equity"))
        short = number(row.get("short_ma"))
        # Prices that a gate refused give no value, and no short average.
        if who.owns(row) and at and price and equity and short is not None and min(price, equity) > 0:
            long, capital = number(row.get("long_ma")), number(row.get("total_capital"))
            found[at] = Point(at, price, short, long, equity, capital, text(row.get("held")))
    return (found[at] for at in sorted(found))


def _sampled(folder: Folder, seen_at: datetime) -> Iterator[Row]:
    try:
        with folder.decisions.open("rb") as file:
            for start in (0, *(offset_of(file, seen_at - span) for span in SPANS)):
                yield from samples(file, start, POINTS)
            yield from itertools.islice(RowReader().backwards(file), NEWEST_ROWS)
    except FileNotFoundError:
        return


def _before(folder: Folder, who: Identity, seen_at: datetime, first: datetime) -> Iterator[Point]:
    """The closes that the newest signal was made from, of days before `first`, with their short average."""
    try:
        snapshot, rules = inputs_at(folder.inputs, seen_at, who)
    except NotRecorded:
        return
    closes: Mapping[date, float] = {bar.date: bar.close for bar in snapshot.market.bars}
    days = sorted(day for day in closes if day < new_york_date(first))
    sums = [0.0, *itertools.accumulate(closes[day] for day in days)]
    if not math.isfinite(sums[-1]):
        return
    for n, day in enumerate(days, 1):
        short = (sums[n] - sums[n - rules.short_period]) / rules.short_period if n >= rules.short_period else None
        yield Point(datetime.combine(day, CLOSE, NEW_YORK), closes[day], short)


def _trades(folder: Folder, who: Identity) -> Iterator[TradeMark]:
    for row in last_rows(folder.trades, TRADES_LOOKED_AT, who.owns).rows:
        at, price, paid = moment(row.get("timestamp")), number(row.get("qqq_price")), number(row.get("price"))
        if at and price is not None and row.get("kind", "trade") == "trade":
            told = f"{row.get('side')} {row.get('quantity')} {row.get('symbol')}"
            told += "" if paid is None else f" at {paid:,.2f}"
            yield TradeMark(at, price, told, row.get("side") == Side.BUY)


def _held(seen: list[Point]) -> list[float]:
    """The value of QQQ bought with all the money at the start and with every deposit since; a withdrawal sells."""
    shares, values = 0.0, []
    for before, now in itertools.pairwise([None, *seen]):
        assert now is not None
        shares += (_value(now) if before is None else _deposit(before, now)) / now.price
        values.append(shares * now.price)
    return values


def _growth(seen: list[Point]) -> list[float]:
    """The value of one dollar, without deposits and withdrawals."""
    factors = [1.0] + [(_value(now) - _deposit(old, now)) / _value(old) for old, now in itertools.pairwise(seen)]
    return [*itertools.accumulate(factors, lambda a, b: a * b)][: len(seen)]


def _value(point: Point) -> float:
    return point.equity or 0.0


def _deposit(before: Point, now: Point) -> float:
    return now.capital - before.capital if now.capital is not None and before.capital is not None else 0.0
