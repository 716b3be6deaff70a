"""The track record: the sums over the valuations of all checks. Each row of decisions.jsonl carries them.

So every reader finds the sums for the whole life of the bot in the newest row; the rows of earlier versions are added
up once. Only a check whose prices passed its gates is a valuation. Deposits and withdrawals are not growth.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from qqqbot.model.market import Market
from qqqbot.model.new_york import new_york_date
from qqqbot.records.coerce import mapping, moment, number, positive, sequence, text
from qqqbot.records.folder import Identity
from qqqbot.records.ledger import SAME_EVENT
from qqqbot.records.row_prices import prices_of, symbols_of
from qqqbot.records.tail import Row, RowReader
from qqqbot.regular_file import reading_if_there

# A dividend that is reported later than this counts neither in the book nor here.
LATEST_EVENT = timedelta(days=60)
EVENTS_REMEMBERED = 4
DIVIDEND, SPLIT = "dividend", "split"
VALUES = ("timestamp", "equity", "price", "tqqq_price", "prices", "total_capital", "short_ma", "qqq_events")


class Event(NamedTuple):
    """A dividend of the signal in USD a share, or the new shares for each old one of a split."""

    kind: str
    day: date
    amount: float


class Track(NamedTuple):
    """The sums as of the check at `at`.

    `growth` is what one dollar has become and `peak` its highest value. `worst` is the deepest fall from a peak, as a
    fraction, and `worst_at` its time. `signal` is the rule's index fund. `shares` is how many of its shares the first
    value and every deposit would have bought, with dividends reinvested; `counted` has the newest events in that
    number. When the rule moves to another index, these shares are exchanged for shares of the new fund.
    """

    since: datetime
    at: datetime
    equity: float
    signal: str
    prices: Mapping[str, float]
    capital: float | None
    shares: float
    growth: float = 1.0
    peak: float = 1.0
    worst: float = 0.0
    worst_at: datetime | None = None
    counted: tuple[Event, ...] = ()

    @property
    def drawdown(self) -> float:
        """How far the value is below its peak, as a fraction."""
        return self.growth / self.peak - 1

    @property
    def held(self) -> float:
        """The value of the index held instead."""
        return self.shares * self.prices[self.signal]

    def values(self) -> dict[str, Any]:
        """The sums as values for a row."""
        return {
            "since": self.since.isoformat(),
            "growth": self.growth,
            "peak": self.peak,
            "worst": self.worst,
            "worst_at": self.worst_at.isoformat() if self.worst_at else None,
            "qqq": self.shares,
            "counted": [[kind, day.isoformat(), amount] for kind, day, amount in self.counted],
        }


def extended(before: Track | None, row: Mapping[str, Any]) -> Track | None:
    """The track after one more row of decisions.jsonl; unchanged if the row is no valuation."""
    at, equity = moment(row.get("timestamp")), number(row.get("equity"))
    prices, index = prices_of(row), symbols_of(row)[0]
    price, checked = prices.get(index, 0.0), number(row.get("short_ma")) is not None
    if at is None or equity is None or equity <= 0 or price <= 0 or not checked:
        return before
    capital, events = number(row.get("total_capital")), _events(row.get("qqq_events"))
    if before is None:
        return Track(at, at, equity, index, prices, capital, equity / price, counted=events)
    counted, shares = _with_events(before, events)
    if index != before.signal:
        counted, shares = events, before.held / price
    put_in = deposit(before, capital)
    growth = before.growth * max(equity - put_in, 0.0) / before.equity
    peak = max(before.peak, growth)
    worst, worst_at = min((before.worst, before.worst_at), (growth / peak - 1, at), key=lambda found: found[0])
    shares += put_in / price
    return Track(before.since, at, equity, index, prices, capital, shares, growth, peak, worst, worst_at, counted)


def deposit(before: Track, capital: float | None) -> float:
    """The money put in since `before`; negative if it was taken out."""
    return capital - before.capital if capital is not None and before.capital is not None else 0.0


def _with_events(before: Track, found: tuple[Event, ...]) -> tuple[tuple[Event, ...], float]:
    """The events counted and the shares after `found`. A dividend buys more shares at the price before it."""
    counted, shares = before.counted, before.shares
    for event in found:
        known = any(one.kind == event.kind and abs(one.day - event.day) <= SAME_EVENT for one in counted)
        if not known and event.day > new_york_date(before.since):
            shares *= event.amount if event.kind == SPLIT else 1 + event.amount / before.prices[before.signal]
            counted = (*counted, event)[-EVENTS_REMEMBERED:]
    return counted, shares


def event_values(market: Market, session: date) -> list[tuple[str, str, float]]:
    """The signal's newest dividends and splits, for a row of decisions.jsonl."""
    found = [Event(DIVIDEND, each.date, each.amount) for each in market.dividends if each.symbol == market.signal]
    found += [Event(SPLIT, each.date, each.ratio) for each in market.splits if each.symbol == market.signal]
    return [(e.kind, e.day.isoformat(), e.amount) for e in found if session - LATEST_EVENT <= e.day <= session]


def _events(values: Any) -> tuple[Event, ...]:
    found = []
    for value in sequence(values):
        try:
            kind, day, amount = value
            found.append(Event(str(kind), date.fromisoformat(day), positive(amount)))
        except (TypeError, ValueError):
            continue
    return tuple(found)


def kept(row: Mapping[str, Any]) -> Track | None:
    """The track that `row` carries; None if it carries none."""
    values, start = mapping(row.get("track")), extended(None, row)
    shares, worst = number(values.get("qqq")), number(values.get("worst"))
    if start is None or shares is None or worst is None:
        return None
    try:
        return start._replace(
            since=moment(values["since"]) or start.since,
            shares=shares,
            growth=positive(values["growth"]),
            peak=positive(values["peak"]),
            worst=worst,
            worst_at=moment(values["worst_at"]),
            counted=_events(values["counted"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def track_of(path: Path, who: Identity) -> Track | None:
    """The track at the newest valuation of `who` in the file at `path`; None if there is none. Raises OSError.

    Rows of earlier versions carry no track: the file is then read back to a row that does, or to the first row.
    """
    rows: list[Row] = []
    found = None
    with reading_if_there(path) as file:
        for row in RowReader().backwards(file):
            if not who.owns(row) or text(row.get("timestamp")) is None:
                continue
            if (found := kept(row)) is not None:
                break
            rows.append({key: row.get(key) for key in VALUES})
    for row in reversed(rows):
        found = extended(found, row)
    return found
