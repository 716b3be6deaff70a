"""Why: any decision ever made, with its orders and how they ended; and whether today's code would make it again.

It reads the files of the logs folder. A day is found in a file by bisection, so the first day of ten years costs no
more than the last.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.model.sessions import LONGEST_PAUSE
from qqqbot.monitoring.facts.answer import MERGED, Answer
from qqqbot.monitoring.facts.replay import differences
from qqqbot.records.coerce import FIRST_YEAR, LAST_YEAR, mapping, moment, number, record, sequence, text
from qqqbot.records.folder import Folder, Identity, damage, identity, present
from qqqbot.records.inputs import NotRecorded, computed, inputs_at
from qqqbot.records.tail import Row, RowReader, Rows, last_rows
from qqqbot.records.time_search import offset_of
from qqqbot.regular_file import reading_if_there

# If the clock was set back, rows are out of order; so they are searched for this far around a day.
DISORDER = timedelta(hours=26)
# So many rows after a decision are searched for its orders, their outcomes and their fills: a day of rotations.
ROWS_OF_AN_ORDER = 500
# Rows within one minute are the rounds of one check.
ONE_MINUTE = timedelta(minutes=1)


class MadeOrder(NamedTuple):
    """An order according to the journal and the book; `fills` are rows of the book."""

    order_ref: str | None
    side: str | None
    symbol: str | None
    quantity: int | None
    order_type: str | None
    limit_price: float | None
    status: str | None
    filled: int | None
    message: str | None
    fills: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """A row of decisions.jsonl, and its orders with their outcomes."""

    row: Row = field(metadata=MERGED)
    made: tuple[MadeOrder, ...]


@dataclass(frozen=True, slots=True)
class Why(Answer):
    """The decisions of `date` at or before `time`, oldest first; the last decision if neither is given."""

    date: str | None
    time: str | None
    decisions: tuple[ExplainedDecision, ...]
    notes: tuple[str, ...]


class ReplayedDecision(NamedTuple):
    """`same` is None if today's code cannot be asked; `problem` then says why."""

    timestamp: str | None
    action: str | None
    target: str | None
    error: str | None
    sentence: str | None
    same: bool | None
    problem: str | None
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay(Answer):
    date: str | None
    time: str | None
    decisions: tuple[ReplayedDecision, ...]
    same: int
    different: int
    unknown: int
    notes: tuple[str, ...]


class When(NamedTuple):
    """What is asked for: a New York date, a time on it, or neither (the last check). A time alone means today."""

    day: date | None = None
    at: time | None = None

    @classmethod
    def parse(cls, words: Iterable[str], today: date | None = None) -> "When":
        """'2026-11-25', '15:45', '2026-11-25 15:45', '2026-11-25T15:45', 'yesterday' or nothing. Raises ValueError."""
        parts = [part for word in words for part in word.replace("T", " ").split()]
        match parts:
            case []:
                return cls()
            case [one] if ":" in one:
                return cls(at=time.fromisoformat(one).replace(second=0, microsecond=0, tzinfo=None))
            case [one]:
                return cls(day=_day(one, today))
            case [day, at]:
                return cls(_day(day, today), time.fromisoformat(at).replace(second=0, microsecond=0, tzinfo=None))
        raise ValueError(f"expected at most a date and a time, found {' '.join(parts)}")


def today(folder: Folder, now: datetime) -> date:
    """The date in New York; in a folder of simulated time, the date of the last sign of life there."""
    return new_york_date(present(folder.status()[0], now))


def _day(text: str, today: date | None) -> date:
    """The date that `text` names. Raises ValueError, also for a year that cannot have records."""
    if today is not None and text.lower() in ("today", "yesterday"):
        return today - timedelta(days=text.lower() == "yesterday")
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, found {text}")
    return day


def why(folder: Folder, when: When, now: datetime) -> Why:
    """The decisions that `when` names, oldest first, each with its orders as they were made. Raises OSError."""
    found = _decisions(folder, when, now)
    decisions = tuple(ExplainedDecision(row, _made(folder, row, found.who)) for row in found.rows)
    return Why(found.who, found.day, found.time, decisions, found.notes)


def replay(folder: Folder, when: When, now: datetime) -> Replay:
    """Whether today's code makes each of these decisions again from its recorded inputs. Raises OSError."""
    found = _decisions(folder, when, now)
    again = tuple(_again(folder, row, found.who) for row in found.rows)
    return Replay(
        who=found.who,
        date=found.day,
        time=found.time,
        decisions=again,
        same=sum(decision.same is True for decision in again),
        different=sum(decision.same is False for decision in again),
        unknown=sum(decision.same is None for decision in again),
        notes=found.notes,
    )


class Found(NamedTuple):
    who: Identity
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    day: str | None
    time: str | None


def _decisions(folder: Folder, when: When, now: datetime) -> Found:
    status, _ = folder.status()
    who = identity(folder, status)
    day = when.day or (new_york_date(present(status, now)) if when.at else None)
    found = last_rows(folder.decisions, 1, who.owns) if day is None else _of_day(folder.decisions, day, who)
    rows = found.rows
    if day is not None and when.at is not None:
        rows = _at(rows, datetime.combine(day, when.at, NEW_YORK))
    notes = tuple(problem.text for problem in damage(folder.decisions, found))
    if day is not None and not rows and (nearest := _nearest(folder.decisions, day, who)):
        notes += (f"The nearest session with decisions is {nearest:%A} {nearest}.",)
    return Found(who, rows, notes, day.isoformat() if day else None, f"{when.at:%H:%M}" if when.at else None)


def _of_day(path: Path, day: date, who: Identity) -> Rows:
    midnight, reader = datetime.combine(day, time(), NEW_YORK), RowReader()
    rows = _between(path, midnight - DISORDER, midnight + 2 * DISORDER, reader)
    wanted = tuple(row for at, row in rows if who.owns(row) and new_york_date(at) == day)
    return Rows(wanted, reader.torn, reader.garbage)


def _nearest(path: Path, day: date, who: Identity) -> date | None:
    """The day nearest to `day` with a check of an open exchange; an earlier day rather than a later one."""
    midnight = datetime.combine(day, time(), NEW_YORK)
    rows = _between(path, midnight - LONGEST_PAUSE, midnight + LONGEST_PAUSE, RowReader())
    days = {new_york_date(at) for at, row in rows if who.owns(row) and row.get("exchange_open") is True} - {day}
    return min(sorted(days), key=lambda other: abs(other - day), default=None)


def _at(rows: tuple[Row, ...], at: datetime) -> tuple[Row, ...]:
    """The rounds of the last check at or before the minute `at`."""
    earlier = tuple(row for row in rows if (moment(row.get("timestamp")) or at) < at + ONE_MINUTE)
    check = earlier[-1].get("check") if earlier else None
    return tuple(row for row in earlier if row.get("check") == check) if check else earlier[-1:]


def _between(path: Path, first: datetime, last: datetime, reader: RowReader) -> Iterator[tuple[datetime, Row]]:
    """The rows with a time, from the first row at or after `first` up to the first row after `last`."""
    with reading_if_there(path) as file:
        for row in reader.forwards(file, offset_of(file, first)):
            at = moment(row.get("timestamp"))
            if at is None:
                continue
            if at > last:
                return
            yield at, row


def _made(folder: Folder, decision: Row, who: Identity) -> tuple[MadeOrder, ...]:
    """The orders of `decision` according to the journal and the book: intended, ended, filled."""
    at = moment(decision.get("timestamp"))
    if at is None or not sequence(decision.get("orders")):
        return ()
    planned = [_shares(mapping(order)) for order in sequence(decision["orders"])]
    journal = [row for row in _following(folder.orders, at) if who.owns(row)]
    intended = [row for row in journal if row.get("event") == "intended" and moment(row.get("timestamp")) == at]
    orders = {_reference(row): row for row in intended if _shares(row) in planned}
    ends = {_reference(row): row for row in journal if row.get("event") == "outcome"}
    fills = [row for row in _following(folder.trades, at) if who.owns(row)] if orders else []
    return tuple(
        record(
            MadeOrder,
            order | {key: ends.get(reference, {}).get(key) for key in ("status", "filled", "message")},
            fills=tuple(row for row in fills if _reference(row) == reference),
        )
        for reference, order in orders.items()
    )


def _reference(row: Row) -> str:
    return str(row.get("order_ref"))


def failed_gate(row: Row) -> str | None:
    """The name of the first gate that did not pass."""
    gates = (mapping(gate) for gate in sequence(row.get("gates")))
    return next((text(gate.get("name")) or "" for gate in gates if gate.get("passed") is False), None)


def _shares(order: Mapping[str, Any]) -> tuple[Any, ...]:
    return order.get("side"), order.get("symbol"), order.get("quantity")


def _following(path: Path, at: datetime) -> list[Row]:
    """Rows from `at` on, as many as an explanation needs."""
    return [row for _, row in islice(_between(path, at, at + DISORDER, RowReader()), ROWS_OF_AN_ORDER)]


def _again(folder: Folder, row: Row, who: Identity) -> ReplayedDecision:
    replayed = record(ReplayedDecision, row, same=None, problem=None, differences=())
    if row.get("action") == "FAILED":
        return replayed._replace(problem="the check failed before it could decide")
    try:
        at = moment(row.get("timestamp"))
        if at is None:
            raise NotRecorded("its row has no time")
        snapshot, rules = inputs_at(folder.inputs, at, who, number(row.get("round")))
        found = computed(lambda: differences(row, snapshot, rules))
    except NotRecorded as problem:
        return replayed._replace(problem=str(problem))
    return replayed._replace(same=not found, differences=tuple(found))
