"""Daily prices for the stand-in: rows as printed on their day, the exchange's hours, and seeded random markets."""

import csv
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SESSIONS_FILE = Path(__file__).resolve().parents[1] / "xnys_sessions.csv"
# TQQQ's expenses and financing as a loss per session, about 1 % a year.
FEE = 0.00004


@dataclass(frozen=True, slots=True)
class Row:
    """One session as printed on that day. `dividend` in dollars of that day; `split` new shares for one, 0 for none."""

    date: date
    open: float
    high: float
    low: float
    close: float
    volume: int = 40_000_000
    dividend: float = 0.0
    split: float = 0.0


@dataclass(frozen=True, slots=True)
class Hours:
    """Open and close of one session, in UTC."""

    open: datetime
    close: datetime


Series = Mapping[str, Sequence[Row]]
"""symbol -> rows, oldest first"""


@cache
def exchange_hours() -> Mapping[date, Hours]:
    """The exchange's sessions, from `xnys_sessions.csv`."""
    with SESSIONS_FILE.open() as file:
        lines = [line for line in file if not line.startswith("#")]
    found = {}
    for row in csv.DictReader(lines):
        day = date.fromisoformat(row["date"])
        found[day] = Hours(_utc(day, row["open"]), _utc(day, row["close"]))
    return found


def regular_hours(day: date) -> Hours:
    """09:30 to 16:00, for days after the end of that file."""
    return Hours(*(datetime.combine(day, t, NEW_YORK).astimezone(UTC) for t in (time(9, 30), time(16))))


def session_dates(first: date, last: date) -> list[date]:
    return [day for day in exchange_hours() if first <= day <= last]


def shaped_series(dates: Sequence[date], closes: Sequence[float], tqqq_start: float = 60.0) -> dict[str, list[Row]]:
    """QQQ with the given `closes`, and TQQQ with three times its daily return less fees."""
    return {"QQQ": rows_of(dates, closes), "TQQQ": rows_of(dates, following(closes, 3, tqqq_start), tqqq_start)}


def following(closes: Sequence[float], factor: int, start: float) -> list[float]:
    """The closes of a fund that stood at `start` and moves `factor` times as far as an index each day, less fees."""
    found, fee = [start], FEE if factor > 1 else 0.0
    for before, close in itertools.pairwise([closes[0], *closes]):
        found.append(found[-1] * (1 + factor * (close / before - 1) - fee))
    return found[1:]


def rows_of(dates: Sequence[date], closes: Sequence[float], before: float | None = None) -> list[Row]:
    """Sessions with the given `closes`; each opens halfway from the close before, the first from `before`."""
    steps = itertools.pairwise([closes[0] if before is None else before, *closes])
    return [_row(day, *step) for day, step in zip(dates, steps, strict=True)]


def market_series(
    seed: int, first: date, last: date, start: float = 450.0, drift: float = 0.0004, deviation: float = 0.012
) -> dict[str, list[Row]]:
    """A random walk of QQQ over the exchange's sessions, and its TQQQ."""
    rng = random.Random(seed)
    dates = session_dates(first, last)
    closes = [start]
    for _ in dates[1:]:
        closes.append(closes[-1] * math.exp(max(-0.08, min(0.08, rng.gauss(drift, deviation)))))
    return shaped_series(dates, closes)


def with_event(rows: Sequence[Row], day: date, *, split: float = 0.0, dividend: float = 0.0) -> list[Row]:
    """`rows` with a split or dividend on `day`: from that day on the printed prices are divided by the split."""
    factor = split or 1.0
    return [
        row
        if row.date < day
        else replace(
            _scaled(row, 1 / factor),
            split=split if row.date == day else row.split,
            dividend=dividend if row.date == day else row.dividend / factor,
        )
        for row in rows
    ]


def as_printed(rows: Sequence[Row]) -> list[Row]:
    """Turn rows whose prices and dividends are adjusted for all later splits into the rows printed on their days."""
    factor, printed = 1.0, []
    for row in reversed(rows):
        printed.append(replace(_scaled(row, factor), dividend=row.dividend * factor))
        factor *= row.split or 1.0
    return printed[::-1]


def read_daily_csv(path: Path, first: date | None = None) -> list[Row]:
    """Read a long history with columns date, open, high, low, close, volume, dividend (split-adjusted) and split."""
    with path.open(newline="") as file:
        rows = [
            Row(
                date.fromisoformat(r["date"]),
                open=float(r["open"]),
                high=float(r["high"]),
                low=float(r["low"]),
                close=float(r["close"]),
                volume=int(float(r["volume"])),
                dividend=float(r["dividend"] or 0),
                split=0.0 if float(r["split"] or 0) in (0.0, 1.0) else float(r["split"]),
            )
            for r in csv.DictReader(file)
        ]
    return [row for row in as_printed(rows) if first is None or row.date >= first]


def _row(day: date, before: float, close: float) -> Row:
    opened = (before + close) / 2
    return Row(day, opened, max(opened, close) * 1.002, min(opened, close) * 0.998, close)


def _scaled(row: Row, factor: float) -> Row:
    return replace(
        row,
        open=row.open * factor,
        high=row.high * factor,
        low=row.low * factor,
        close=row.close * factor,
        volume=round(row.volume / factor),
    )


def _utc(day: date, text: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), UTC)
