"""The lines of the dashboard's charts, from the daemon's own records only, at a cost that does not grow with them.

The points of a long history are rows at even distances in the file, not every row. QQQ's last months are the finished
closes that the last decision used.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from qqqbot.model.new_york import new_york_date
from qqqbot.model.values import Rules, Side, Snapshot
from qqqbot.records.coerce import moment, number
from qqqbot.records.folder import Folder, Identity
from qqqbot.records.inputs import NotRecorded, inputs_at
from qqqbot.records.tail import Row, RowReader, last_rows
from qqqbot.records.time_search import offset_of, samples

POINTS = 300
NEWEST_ROWS = 30
TRADES_LOOKED_AT = 300

Points = list[tuple[datetime, float]]


class Sample(NamedTuple):
    """What one decision saw: the bot's value, QQQ's price, and the capital that had been put in."""

    at: datetime
    equity: float
    price: float
    capital: float | None


class TradeMark(NamedTuple):
    """A trade on the chart of QQQ: the index of its day, and QQQ's price then."""

    day: int
    price: float
    text: str
    is_buy: bool


class Months(NamedTuple):
    """`days` and `closes` end with the last price; `short` and `long` are (index of the day, value)."""

    days: list[date]
    closes: list[float]
    short: list[tuple[int, float]]
    long: list[tuple[int, float]]
    trades: list[TradeMark]


class Life(NamedTuple):
    """The bot's value, that of holding QQQ since the same day, and the distance below the highest value in per cent."""

    equity: Points
    held: Points
    drawdown: Points


def months(folder: Folder, who: Identity, seen_at: datetime | None) -> Months | None:
    """QQQ in the averaging window of the signal at `seen_at`, its averages and the trades in it.

    None if its inputs are not recorded, or hold prices that cannot be drawn. Raises OSError.
    """
    try:
        if seen_at is None:
            return None
        snapshot, rules = inputs_at(folder.inputs, seen_at, who)
    except NotRecorded:
        return None
    known = {bar.date: bar.close for bar in snapshot.market.bars}
    days = [day for day in snapshot.expected if day in known]
    closes = [known[day] for day in days]
    if not days or snapshot.session.date <= days[-1]:
        return None
    days.append(snapshot.session.date)
    closes.append(snapshot.market.qqq.price)
    if not math.isfinite(sum(map(abs, closes))):
        return None
    index = {day: n for n, day in enumerate(days)}
    return Months(
        days=days,
        closes=closes,
        short=_averages(closes, rules.short_period),
        long=_recorded_long(folder, who, index) or _long_now(snapshot, rules, closes),
        trades=[*_trades(folder, who, index)],
    )


def life(folder: Folder, who: Identity) -> Life:
    """The bot's whole recorded history; empty if nothing is recorded. Raises OSError."""
    seen = [*_samples(folder, who)]
    held, growth = _held(seen), _growth(seen)
    peaks = itertools.accumulate(growth, max)
    return Life(
        equity=[(sample.at, sample.equity) for sample in seen],
        held=[(sample.at, value) for sample, value in zip(seen, held, strict=True)],
        drawdown=[(s.at, (g / p - 1) * 100) for s, g, p in zip(seen, growth, peaks, strict=True)],
    )


def _averages(closes: list[float], period: int) -> list[tuple[int, float]]:
    sums = [0.0, *itertools.accumulate(closes)]
    return [(n - 1, (sums[n] - sums[n - period]) / period) for n in range(period, len(sums))]


def _recorded_long(folder: Folder, who: Identity, index: Mapping[date, int]) -> list[tuple[int, float]]:
    """The long average as the decisions of those days recorded it, one value a day."""
    first = datetime.combine(min(index), time(), UTC)
    found: dict[int, float] = {}
    for row in _sampled(folder, who, first):
        at, value = moment(row.get("timestamp")), number(row.get("long_ma"))
        if at and value is not None and (day := index.get(new_york_date(at))) is not None:
            found[day] = value
    return sorted(found.items())


def _long_now(snapshot: Snapshot, rules: Rules, closes: list[float]) -> list[tuple[int, float]]:
    if len(closes) < rules.long_period:
        return []
    return [(len(closes) - 1, sum(closes[-rules.long_period :]) / rules.long_period)]


def _trades(folder: Folder, who: Identity, index: Mapping[date, int]) -> Iterator[TradeMark]:
    for row in last_rows(folder.trades, TRADES_LOOKED_AT, who.owns).rows:
        at, price = moment(row.get("timestamp")), number(row.get("qqq_price"))
        day = index.get(new_york_date(at)) if at else None
        if day is not None and price is not None and row.get("kind", "trade") == "trade":
            text = " ".join(str(row.get(key)) for key in ("side", "quantity", "symbol", "timestamp"))
            yield TradeMark(day, price, text, row.get("side") == Side.BUY)


def _samples(folder: Folder, who: Identity) -> Iterator[Sample]:
    newest = None
    for row in _sampled(folder, who, None):
        at, equity, price = moment(row.get("timestamp")), number(row.get("equity")), number(row.get("price"))
        if number(row.get("short_ma")) is None:
            continue  # prices that a gate refused give no value
        if at and equity and price and equity > 0 and (newest is None or at > newest):
            newest = at
            yield Sample(at, equity, price, number(row.get("total_capital")))


def _sampled(folder: Folder, who: Identity, first: datetime | None) -> Iterator[Row]:
    """Decisions of this mode and account spread over the time from `first` on, and the newest ones, oldest first."""
    try:
        with folder.decisions.open("rb") as file:
            start = offset_of(file, first) if first else 0
            newest = [*itertools.islice(RowReader().backwards(file), NEWEST_ROWS)]
            rows: Iterable[Row] = [*samples(file, start, POINTS), *reversed(newest)]
    except FileNotFoundError:
        return
    yield from (row for row in rows if who.owns(row))


def _held(seen: list[Sample]) -> list[float]:
    """The value of QQQ bought with all the money at the start and with every deposit since; a withdrawal sells."""
    shares, values = 0.0, []
    for before, now in itertools.pairwise([None, *seen]):
        assert now is not None
        shares += (now.equity if before is None else _deposit(before, now)) / now.price
        values.append(shares * now.price)
    return values


def _growth(seen: list[Sample]) -> list[float]:
    """The value of one dollar, without deposits and withdrawals."""
    factors = [1.0] + [(now.equity - _deposit(before, now)) / before.equity for before, now in itertools.pairwise(seen)]
    return [*itertools.accumulate(factors, lambda a, b: a * b)][: len(seen)]


def _deposit(before: Sample, now: Sample) -> float:
    return now.capital - before.capital if now.capital is not None and before.capital is not None else 0.0
