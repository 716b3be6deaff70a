"""The inputs of a recorded decision, rebuilt from inputs.jsonl at a cost that does not grow with the file."""

import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from qqqbot.model.errors import BotError
from qqqbot.model.values import Rules, Snapshot
from qqqbot.records.codec import UNREADABLE, merged, snapshot_and_rules, unpacked
from qqqbot.records.coerce import moment, text
from qqqbot.records.folder import Identity
from qqqbot.records.tail import Row, RowReader
from qqqbot.records.time_search import offset_of, rows_from

# A base is at most one session older than the rows that refer to it: a hundred checks with their rounds.
ROWS_TO_A_BASE = 2_000

Inputs = tuple[Snapshot, Rules]
Result = TypeVar("Result")


class NotRecorded(Exception):
    """The inputs are not there or cannot be read; the text says which."""


def inputs_at(path: Path, when: datetime, who: Identity, number: float | None = None) -> Inputs:
    """The inputs of the decision at exactly `when`, of the round `number`; of the last one where none is named.

    Rounds within one clock tick share their time. Raises NotRecorded, OSError.
    """
    found: list[tuple[int, Row]] = []
    try:
        with path.open("rb") as file:
            for offset, row in rows_from(file, offset_of(file, when), RowReader()):
                at = moment(row.get("timestamp"))
                if at is not None and at > when:
                    break
                if at == when and who.owns(row) and "change" in row and number in (None, row.get("round")):
                    found.append((offset, row))
            if found:
                return _rebuilt(file, *found[-1])
    except FileNotFoundError:
        pass
    raise NotRecorded("its inputs were not recorded")


def reckoned(reckon: Callable[[], Result]) -> Result:
    """What `reckon` makes of recorded inputs. Raises NotRecorded where they are complete, and yet make no sense."""
    try:
        return reckon()
    except (*UNREADABLE, BotError) as error:
        raise NotRecorded(f"its recorded inputs cannot be used: {type(error).__name__}: {error}") from None


def _rebuilt(file: BinaryIO, end: int, row: Row) -> Inputs:
    try:
        return snapshot_and_rules(merged(_base(file, end, row.get("base")), row["change"]))
    except UNREADABLE as error:
        raise NotRecorded(f"its recorded inputs cannot be read: {error}") from None


def _base(file: BinaryIO, end: int, name: Any) -> Any:
    """The values of the newest base of that name before the byte `end`. Raises one of UNREADABLE."""
    for row in itertools.islice(RowReader().backwards(file, end), ROWS_TO_A_BASE):
        if row.get("kind") == "base" and row.get("base") == name and (pack := text(row.get("packed"))):
            return unpacked(pack)
    raise ValueError(f"there is no base {name}")
