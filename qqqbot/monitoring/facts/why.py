"""Why: any decision ever made, with what became of its orders; and whether today's code would make it again.

As plain values from the files of the logs folder. A day is found in its file by halving, so that the first day of ten
years costs what the last one does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.monitoring.facts.replay import differences
from qqqbot.records.coerce import FIRST_YEAR, LAST_YEAR, mapping, moment, number, sequence, text
from qqqbot.records.folder import Folder, Identity, damage, identity, present, whose
from qqqbot.records.inputs import NotRecorded, inputs_at, reckoned
from qqqbot.records.tail import Row, RowReader, Rows, last_rows
from qqqbot.records.time_search import offset_of, rows_from

# A clock that was set back puts rows out of order; it is looked for this far around a day.
DISORDER = timedelta(hours=26)
# Rows behind a decision in which its orders, their ends and their fills are looked for: a day of rotations.
ROWS_OF_AN_ORDER = 500
# Checks of one minute are the rounds of one check.
ONE_MINUTE = timedelta(minutes=1)

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class When:
    """What is asked for: a New York date, a time of it, or neither: the last check. A time alone is of today."""

    day: date | None = None
    at: time | None = None

    @classmethod
    def parse(cls, words: Iterable[str]) -> "When":
        """'2026-11-25', '15:45', '2026-11-25 15:45', '2026-11-25T15:45' or nothing. Raises ValueError."""
        parts = [part for word in words for part in word.replace("T", " ").split()]
        match parts:
            case []:
                return cls()
            case [one] if ":" in one:
                return cls(at=time.fromisoformat(one).replace(second=0, microsecond=0, tzinfo=None))
            case [one]:
                return cls(day=_day(one))
            case [day, at]:
                return cls(_day(day), time.fromisoformat(at).replace(second=0, microsecond=0, tzinfo=None))
        raise ValueError(f"expected a date and a time at most, found {' '.join(parts)}")


def _day(text: str) -> date:
    """Raises ValueError, also outside of the years in which a record can be."""
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, found {text}")
    return day


def why(folder: Folder, when: When, now: datetime) -> Facts:
    """The decisions that `when` names, oldest first, each with its orders as they were made. Raises OSError."""
    found = _decisions(folder, when, now)
    rows = [{**row, "made": _made(folder, row, found.who)} for row in found.rows]
    return {**whose(found.who), "date": found.day, "time": found.time, "decisions": rows, "notes": found.notes}


def replay(folder: Folder, when: When, now: datetime) -> Facts:
    """Of each of the same decisions: whether today's code decides the same from its recorded inputs. Raises OSError."""
    found = _decisions(folder, when, now)
    again = [_again(folder, row, found.who) for row in found.rows]
    return {
        **whose(found.who),
        "date": found.day,
        "time": found.time,
        "decisions": again,
        "same": sum(row["same"] is True for row in again),
        "different": sum(row["same"] is False for row in again),
        "unknown": sum(row["same"] is None for row in again),
        "notes": found.notes,
    }


@dataclass(frozen=True, slots=True)
class Found:
    who: Identity
    rows: list[Row]
    notes: list[str]
    day: str | None
    time: str | None


def _decisions(folder: Folder, when: When, now: datetime) -> Found:
    status, _ = folder.status()
    who = identity(folder, status)
    day = when.day or (new_york_date(present(status, now)) if when.at else None)
    if day is None:
        newest = last_rows(folder.decisions, 1, who.owns)
        reader, rows = newest, list(newest.rows)
    else:
        reader, rows = _of_day(folder.decisions, day, who)
        rows = rows if when.at is None else _at(rows, datetime.combine(day, when.at, NEW_YORK))
    notes = [problem.text for problem in damage(folder.decisions, reader)]
    return Found(who, rows, notes, day.isoformat() if day else None, f"{when.at:%H:%M}" if when.at else None)


def _of_day(path: Path, day: date, who: Identity) -> tuple[Rows, list[Row]]:
    midnight = datetime.combine(day, time(), NEW_YORK)
    reader = RowReader()
    rows = [row for at, row in _between(path, midnight - DISORDER, midnight + 2 * DISORDER, reader)]
    wanted = [row for row in rows if who.owns(row) and _day_of(row) == day]
    return Rows((), reader.torn, reader.garbage), wanted


def _at(rows: list[Row], at: datetime) -> list[Row]:
    """The rounds of the last check at or before the minute `at`."""
    earlier = [row for row in rows if (moment(row.get("timestamp")) or at) < at + ONE_MINUTE]
    check = earlier[-1].get("check") if earlier else None
    return [row for row in earlier if row.get("check") == check] if check else earlier[-1:]


def _day_of(row: Row) -> date | None:
    at = moment(row.get("timestamp"))
    return new_york_date(at) if at else None


def _between(path: Path, first: datetime, last: datetime, reader: RowReader) -> Iterator[tuple[datetime, Row]]:
    """The rows with a time, from the first one at or after `first` to the one before the first after `last`."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for _, row in rows_from(file, offset_of(file, first), reader):
            at = moment(row.get("timestamp"))
            if at is None:
                continue
            if at > last:
                return
            yield at, row


def _made(folder: Folder, decision: Row, who: Identity) -> list[Facts]:
    """The orders of `decision` as the journal and the book tell them: intended, ended, filled."""
    at = moment(decision.get("timestamp"))
    if at is None or not sequence(decision.get("orders")):
        return []
    planned = [_shares(mapping(order)) for order in sequence(decision["orders"])]
    journal = [row for row in _following(folder.orders, at) if who.owns(row)]
    orders = {
        str(row.get("order_ref")): _order(row)
        for row in journal
        if row.get("event") == "intended" and moment(row.get("timestamp")) == at and _shares(row) in planned
    }
    for row in journal:
        if row.get("event") == "outcome" and (order := orders.get(str(row.get("order_ref")))):
            order.update(status=text(row.get("status")), filled=row.get("filled"), message=text(row.get("message")))
    if orders:
        for row in _following(folder.trades, at):
            if who.owns(row) and (order := orders.get(str(row.get("order_ref")))):
                order["fills"].append(row)
    return list(orders.values())


def _shares(order: Mapping[str, Any]) -> tuple[Any, ...]:
    return order.get("side"), order.get("symbol"), order.get("quantity")


def _order(row: Mapping[str, Any]) -> Facts:
    told = {key: row.get(key) for key in ("order_ref", "side", "symbol", "quantity", "order_type", "limit_price")}
    return {**told, "status": None, "filled": None, "message": None, "fills": []}


def _following(path: Path, at: datetime) -> list[Row]:
    """The rows from `at` on, not all of them."""
    rows = []
    for _, row in _between(path, at, at + DISORDER, RowReader()):
        rows.append(row)
        if len(rows) == ROWS_OF_AN_ORDER:
            break
    return rows


def _again(folder: Folder, row: Row, who: Identity) -> Facts:
    told = {key: row.get(key) for key in ("timestamp", "action", "target", "error", "sentence")}
    if row.get("action") == "FAILED":
        return {**told, "same": None, "problem": "the check failed before it could decide", "differences": []}
    at = moment(row.get("timestamp"))
    try:
        snapshot, rules = inputs_at(folder.inputs, at, who, number(row.get("round"))) if at else _no_time()
        found = reckoned(lambda: differences(row, snapshot, rules))
    except NotRecorded as problem:
        return {**told, "same": None, "problem": str(problem), "differences": []}
    return {**told, "same": not found, "problem": None, "differences": found}


def _no_time() -> Any:
    raise NotRecorded("its row has no time")
