"""What Yahoo's chart endpoint knows at a given moment, in Yahoo's own shape.

At a moment it knows the rows of the sessions that have opened, the live row a few seconds behind, the splits and
dividends whose day has begun (04:00 New York), and `adjclose` on the basis of these. Prices are single precision,
printed as double.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from standins.yahoo.series import NEW_YORK, Hours, Row, Series, exchange_hours, regular_hours

Json = dict[str, Any]
LivePrice = Callable[[datetime], float]

RANGES: Mapping[str, int] = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120}
"""range -> months"""
VALID_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
EVENTS_KNOWN_AT = time(4)
# In the evening Yahoo replaces the last live row by the settled one, with the time of the open and a rounded volume.
SETTLED_AT = time(20)
LAG = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Exchange:
    """`series` covers all of time; the clock decides how much of it is known.

    `intraday` gives live prices, as printed, by symbol, in place of a straight line from open to close.
    """

    series: Series
    intraday: Mapping[str, LivePrice] | None = None
    lag: timedelta = LAG

    def chart(
        self,
        symbol: str,
        moment: datetime,
        query: Mapping[str, str],
        *,
        late: timedelta | None = None,
        split_late: bool = False,
        closed_on: Collection[str] = (),
    ) -> Json | None:
        """chart.result[0] for a daily request at `moment`; None for an unknown symbol.

        `late` makes the live price older than usual; `split_late` hides the split of the present day; on the dates
        `closed_on` the exchange was closed, whatever the calendars say.
        """
        if symbol not in self.series:
            return None
        seen = moment - (self.lag if late is None else late)
        every = [row for row in self.series[symbol] if row.date.isoformat() not in closed_on]
        rows = list(every[: bisect_right(every, seen, key=lambda row: hours(row.date).open)])
        if not rows:
            return {"meta": _meta(symbol, moment), "indicators": {"quote": [{}], "adjclose": [{}]}}
        today = moment.astimezone(NEW_YORK)
        known = today.date() if today.time() >= EVENTS_KNOWN_AT else today.date() - timedelta(days=1)
        splits = {row.date: row.split for row in every if row.split and row.date <= known}
        if split_late:
            splits.pop(today.date(), None)
        dividends = {row.date: row.dividend for row in every if row.dividend and row.date <= known}
        rows[-1] = self._live(symbol, rows[-1], seen)
        return _answer(symbol, moment, seen, rows, splits, dividends, query)

    def quarter_hours(self, symbol: str, moment: datetime) -> Json:
        """chart.result[0] for 15-minute bars of the last 60 days, on a straight line from each open to its close."""
        seen, quarter = moment - self.lag, timedelta(minutes=15)
        stamps, opens, closes = [], [], []
        for row in self.series[symbol]:
            span = hours(row.date)
            begins = span.open
            while moment - span.open < timedelta(days=60) and begins < min(span.close, seen):
                part = (min(begins + quarter, seen) - span.open) / (span.close - span.open)
                stamps.append(int(begins.timestamp()))
                opens.append(
                    _single(row.open + (row.close - row.open) * (begins - span.open) / (span.close - span.open))
                )
                closes.append(_single(row.open + (row.close - row.open) * part))
                begins += quarter
        quote = {"open": opens, "high": opens, "low": opens, "close": closes, "volume": [0] * len(opens)}
        return {"meta": _meta(symbol, moment), "timestamp": stamps, "indicators": {"quote": [quote]}}

    def _live(self, symbol: str, row: Row, seen: datetime) -> Row:
        """The last row as far as its session has gone at `seen`."""
        span = hours(row.date)
        if seen >= span.close:
            return row
        part = (seen - span.open) / (span.close - span.open)
        price = row.open + (row.close - row.open) * part
        if self.intraday and symbol in self.intraday:
            price = self.intraday[symbol](seen)
        high, low = max(row.open, price), min(row.open, price)
        return Row(row.date, row.open, high, low, price, int(row.volume * part) + 1, row.dividend, row.split)


def hours(day: date) -> Hours:
    return exchange_hours().get(day) or regular_hours(day)


def _answer(
    symbol: str,
    moment: datetime,
    seen: datetime,
    rows: Sequence[Row],
    splits: Mapping[date, float],
    dividends: Mapping[date, float],
    query: Mapping[str, str],
) -> Json:
    split_factors = _split_factors([row.date for row in rows], splits)
    closes = [row.close / f for row, f in zip(rows, split_factors, strict=True)]
    adjusted = _dividend_adjusted([row.date for row in rows], closes, split_factors, dividends, splits)
    first = _first_index(rows, query, moment)
    last_time = min(seen, hours(rows[-1].date).close + timedelta(seconds=1))
    stamps = [int(hours(row.date).open.timestamp()) for row in rows]
    if not _settled(rows[-1].date, moment):
        stamps[-1] = int(last_time.timestamp())
    quote: Json = {
        name: [_single(getattr(row, name) / f) for row, f in zip(rows[first:], split_factors[first:], strict=True)]
        for name in ("open", "high", "low", "close")
    }
    quote["volume"] = [round(row.volume * f) for row, f in zip(rows[first:], split_factors[first:], strict=True)]
    meta = _meta(symbol, moment)
    meta.update(
        regularMarketTime=int(last_time.timestamp()),
        regularMarketPrice=round(closes[-1], 4),
        regularMarketDayHigh=round(rows[-1].high / split_factors[-1], 4),
        regularMarketDayLow=round(rows[-1].low / split_factors[-1], 4),
        regularMarketVolume=rows[-1].volume,
        chartPreviousClose=round(closes[max(0, first - 1)], 3),
        range=query.get("range", ""),
    )
    answer: Json = {
        "meta": meta,
        "timestamp": stamps[first:],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [_single(a) for a in adjusted[first:]]}]},
    }
    if events := _events(rows[first].date, splits, dividends, split_factors, rows):
        answer["events"] = events
    return answer


def _split_factors(days: Sequence[date], splits: Mapping[date, float]) -> list[float]:
    """What a price printed on each day is divided by: the product of the known splits after it."""
    factor, factors = 1.0, []
    remaining = sorted(splits.items())
    for day in reversed(days):
        while remaining and remaining[-1][0] > day:
            factor *= remaining.pop()[1]
        factors.append(factor)
    return factors[::-1]


def _dividend_adjusted(
    days: Sequence[date],
    closes: Sequence[float],
    split_factors: Sequence[float],
    dividends: Mapping[date, float],
    splits: Mapping[date, float],
) -> list[float]:
    """Closes adjusted for the dividends after them: each is a factor of 1 - dividend / close of the day before."""
    factor, adjusted = 1.0, []
    remaining = sorted(dividends.items())
    for i in range(len(days) - 1, -1, -1):
        while remaining and remaining[-1][0] > days[i]:
            paid_on, paid = remaining.pop()
            later = _split_factors([paid_on], splits)[0]
            factor *= 1 - paid / later / closes[i]
        adjusted.append(closes[i] * factor)
    return adjusted[::-1]


def _events(
    first: date,
    splits: Mapping[date, float],
    dividends: Mapping[date, float],
    split_factors: Sequence[float],
    rows: Sequence[Row],
) -> Json:
    """Events by the epoch of their day's open at 09:30; dividends are on the basis of the known splits."""
    basis = {row.date: f for row, f in zip(rows, split_factors, strict=True)}
    paid = {_epoch(d): {"amount": a / basis.get(d, 1.0), "date": _epoch(d)} for d, a in dividends.items() if d >= first}
    split = {_epoch(d): _split_event(d, ratio) for d, ratio in splits.items() if d >= first}
    found = {"dividends": paid, "splits": split}
    return {name: {str(k): v for k, v in events.items()} for name, events in found.items() if events}


def _split_event(day: date, ratio: float) -> Json:
    numerator, denominator = (ratio, 1.0) if ratio >= 1 else (1.0, round(1 / ratio, 6))
    return {
        "date": _epoch(day),
        "numerator": numerator,
        "denominator": denominator,
        "splitRatio": f"{numerator:g}:{denominator:g}",
    }


def _first_index(rows: Sequence[Row], query: Mapping[str, str], moment: datetime) -> int:
    span = query.get("range", "max")
    if "period1" in query:
        begin = datetime.fromtimestamp(max(0, int(query["period1"])), UTC).astimezone(NEW_YORK).date()
    elif span in ("1d", "5d"):
        return max(0, len(rows) - int(span[0]))
    elif span in RANGES:
        begin = _months_before(moment.astimezone(NEW_YORK).date(), RANGES[span])
    else:
        begin = date.min
    return next((i for i, row in enumerate(rows) if row.date >= begin), len(rows) - 1)


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))


def _settled(day: date, moment: datetime) -> bool:
    local = moment.astimezone(NEW_YORK)
    return local.date() > day or local.time() >= SETTLED_AT


def _meta(symbol: str, moment: datetime) -> Json:
    local = moment.astimezone(NEW_YORK)
    offset = local.utcoffset() or timedelta(0)
    zone = {"timezone": local.tzname(), "gmtoffset": int(offset.total_seconds())}
    return {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NGM",
        "fullExchangeName": "NasdaqGM",
        "instrumentType": "ETF",
        "firstTradeDate": 921076200,
        "hasPrePostMarketData": True,
        **zone,
        "exchangeTimezoneName": "America/New_York",
        "longName": f"{symbol} (stand-in)",
        "shortName": symbol,
        "priceHint": 2,
        "currentTradingPeriod": _trading_period(local, zone),
        "dataGranularity": "1d",
        "validRanges": VALID_RANGES,
    }


def _trading_period(local: datetime, zone: Json) -> Json:
    """The pre, regular and post periods of the present session or, if there is none, of the next one."""
    day = next((d for d in exchange_hours() if d >= local.date()), local.date())
    span = hours(day)
    early = int(datetime.combine(day, EVENTS_KNOWN_AT, NEW_YORK).timestamp())
    late = int(datetime.combine(day, SETTLED_AT, NEW_YORK).timestamp())
    opens, closes = int(span.open.timestamp()), int(span.close.timestamp())
    bounds = {"pre": (early, opens), "regular": (opens, closes), "post": (closes, late)}
    return {name: {**zone, "start": start, "end": end} for name, (start, end) in bounds.items()}


def _epoch(day: date) -> int:
    return int(hours(day).open.timestamp())


def _single(price: float) -> float:
    """`price` in single precision, printed as double, as Yahoo does."""
    return float(struct.unpack("f", struct.pack("f", price))[0])
