"""The border: one answer of Yahoo's chart service as values of known types, or AnswerUnusable.

Only this module reads answers, and it reads the answer itself: the client's frame merges, sorts, drops and adds rows,
and one bad event from a year ago makes all of it fail. Nothing is repaired or judged here. Unreadable values are None.
A row or an event without a readable date is left out, because it belongs to no session.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from qqqbot.model.new_york import NEW_YORK

# 2100-01-01 in seconds. A larger time is in milliseconds, as in other answers from Yahoo.
LATEST_SECONDS = 4_102_444_800
# Part of Yahoo's page for planned maintenance, which comes with status 200.
DOWN = "Will be right back"
LONGEST_NAME = 12


class AnswerUnusable(Exception):
    """The answer cannot be used. `code` is one of asking.SENTENCES; the text quotes the answer, unwashed."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the answer; None for missing values. Prices are adjusted for splits, `adjusted` for dividends too."""

    time: datetime
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    adjusted: float | None

    @property
    def date(self) -> date:
        return self.time.date()


@dataclass(frozen=True, slots=True)
class Chart:
    """One answer, with its rows in its own order, and times in New York. `low` and `high` are of the price's day."""

    symbol: str | None
    currency: str | None
    price: float | None
    time: datetime | None
    low: float | None
    high: float | None
    rows: tuple[Row, ...]
    dividends: tuple[tuple[date, float], ...]
    splits: tuple[tuple[date, float], ...]
    """date and ratio; a ratio of 0 if the answer's cannot be read"""


def read_chart(text: str) -> Chart:
    """The chart that `text`, the body of an answer, contains. Raises AnswerUnusable."""
    result = _result(text)
    meta = _mapping(result.get("meta"))
    return Chart(
        symbol=_name(meta.get("symbol")),
        currency=_name(meta.get("currency")),
        price=number(meta.get("regularMarketPrice")),
        time=moment(meta.get("regularMarketTime")),
        low=number(meta.get("regularMarketDayLow")),
        high=number(meta.get("regularMarketDayHigh")),
        rows=_rows(result),
        dividends=_events(result, "dividends", lambda event: number(event.get("amount"))),
        splits=_events(result, "splits", _ratio),
    )


def number(value: Any) -> float | None:
    """A finite number, also from text or from an object with `raw`, as in other answers from Yahoo; else None."""
    if isinstance(value, dict):
        value = value.get("raw")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def moment(value: Any) -> datetime | None:
    """A time in New York, from seconds or milliseconds since 1970."""
    seconds = number(value)
    if seconds is not None and seconds > LATEST_SECONDS:
        seconds /= 1000
    if seconds is None or not 0 < seconds < LATEST_SECONDS:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK)


def _result(text: str) -> dict[str, Any]:
    if DOWN in text:
        raise AnswerUnusable("server_error", DOWN)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerUnusable("unreadable", f"no JSON: {error}") from None
    chart = _mapping(_mapping(answer).get("chart") or _mapping(answer).get("finance"))
    if failure := chart.get("error"):
        parts = _mapping(failure)
        found = f"{parts.get('code')}: {parts.get('description')}" if parts else str(failure)
        raise AnswerUnusable("server_error", found)
    results = chart.get("result")
    if "result" not in chart or not isinstance(results, list | None):
        raise AnswerUnusable("unreadable", f"no chart in {text[:80]}")
    if not results:
        raise AnswerUnusable("empty", "no result")
    if not isinstance(results[0], dict):
        raise AnswerUnusable("unreadable", f"no chart in {text[:80]}")
    return results[0]


def _rows(result: Mapping[str, Any]) -> tuple[Row, ...]:
    indicators = _mapping(result.get("indicators"))
    quote, adjusted = _first(indicators.get("quote")), _first(indicators.get("adjclose"))
    stamps = _column(result, "timestamp")
    columns = [_column(quote, name) for name in ("open", "high", "low", "close")] + [_column(adjusted, "adjclose")]
    rows = []
    for index, stamp in enumerate(stamps):
        time = moment(stamp)
        if time is not None:
            rows.append(Row(time, *(number(c[index]) if index < len(c) else None for c in columns)))
    return tuple(rows)


def _events(result: Mapping[str, Any], kind: str, value: Any) -> tuple[tuple[date, float], ...]:
    """The dated events of one kind, oldest first."""
    found = []
    for key, event in _mapping(_mapping(result.get("events")).get(kind)).items():
        parts = _mapping(event)
        time, size = moment(parts.get("date")) or moment(key), value(parts)
        if time is not None and size is not None:
            found.append((time.date(), size))
    return tuple(sorted(found))


def _ratio(event: Mapping[str, Any]) -> float:
    """New shares for each old one; 0 if the ratio cannot be read, so that the reader learns of the split."""
    new, old = number(event.get("numerator")), number(event.get("denominator"))
    ratio = new / old if new and old else 0.0
    return ratio if 0 < ratio < math.inf else 0.0


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> dict[str, Any]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}


def _column(parts: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = parts.get(name)
    return found if isinstance(found, list) else ()


def _name(value: Any) -> str | None:
    """`value` if it is a short name in plain letters, like a symbol or a currency; else None."""
    plain = isinstance(value, str) and value.isascii() and value.isprintable() and 0 < len(value) <= LONGEST_NAME
    return value if plain else None
