"""inputs.jsonl: the complete inputs of each decision, so that today's code can be asked what it would have decided.

Law of this file: it never prevents a decision. decisions.jsonl is the record that must succeed; this file is not
synced, and if the disk refuses it, that is logged once. The finished closes are written once in a session, compressed,
as a base; the rows that follow are differences from the base. With a check every 15 minutes the file grows by about
3 MB a year, so it is kept forever. Reading the inputs of one decision costs the same however large the file is.
"""

import functools
import itertools
import json
import logging
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from qqqbot.model.errors import BotError
from qqqbot.model.values import Rules, Snapshot
from qqqbot.records.codec import (
    UNREADABLE,
    Plain,
    difference,
    merged,
    packed,
    plain_inputs,
    snapshot_and_rules,
    unpacked,
)
from qqqbot.records.coerce import moment, text
from qqqbot.records.folder import Identity
from qqqbot.records.tail import Row, RowReader
from qqqbot.records.time_search import offset_of
from qqqbot.regular_file import append, descriptor, reading_if_there

log = logging.getLogger(__name__)

# A base is whole, or a difference from the base before it. A session has two bases, because its first check changes the
# kept window.
BASES_IN_A_ROW = 20
# How many rows to read back to a base: ten sessions with a check every minute.
ROWS_TO_A_BASE = 10_000
OF_THE_DECISION = ("schema", "timestamp", "round", "mode", "account")

Inputs = tuple[Snapshot, Rules]
Result = TypeVar("Result")


class Base(NamedTuple):
    """Later rows are differences from a base, and carry its `name`. It is the `number`th since a whole base."""

    name: str
    window: tuple[Any, ...]
    values: dict[str, Plain]
    number: int


class InputLog:
    """Appends to one file, and closes it after each row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: Base | None = None
        self._failing = False

    def record(self, snapshot: Snapshot, rules: Rules, decision: Mapping[str, Any]) -> None:
        """Write one row, and before it a base if the session or its finished closes are new. Never raises OSError.

        `decision` is the decision's own row; time, round and account are taken from it.
        """
        who = {key: decision.get(key) for key in OF_THE_DECISION}
        known = self._base
        base = known if known and known.window == _window(snapshot) else _base(snapshot, rules, known)
        rows = [] if base is known else [{**who, "kind": "base", "base": base.name, **_packed(base, known)}]
        rows.append({**who, "base": base.name, "change": _change(base, snapshot, rules)})
        try:
            _append(self._path, rows)
            self._base, self._failing = base, False
        except OSError as error:
            self._base = None  # no row may refer to a base that may be missing
            if not self._failing:
                log.error("%s cannot be written, so --replay will miss these checks: %s", self._path.name, error)
            self._failing = True


class NotRecorded(Exception):
    """The inputs were not recorded, or cannot be read; the text says which."""


def inputs_at(path: Path, when: datetime, who: Identity, number: float | None = None) -> Inputs:
    """The inputs of the decision at exactly `when`, in round `number`, or in the last round if `number` is None.

    Rounds within one clock tick have the same time. Raises NotRecorded, OSError.
    """
    found: list[tuple[int, Row]] = []
    with reading_if_there(path) as file:
        for offset, row in RowReader().placed(file, offset_of(file, when)):
            at = moment(row.get("timestamp"))
            if at is not None and at > when:
                break
            if at == when and who.owns(row) and "change" in row and number in (None, row.get("round")):
                found.append((offset, row))
        if found:
            return _rebuilt(file, *found[-1])
    raise NotRecorded("its inputs were not recorded")


def computed(compute: Callable[[], Result]) -> Result:
    """The result of `compute` on recorded inputs. Raises NotRecorded if they are complete but make no sense."""
    try:
        return compute()
    except (*UNREADABLE, BotError) as error:
        raise NotRecorded(f"its recorded inputs cannot be used: {type(error).__name__}: {error}") from None


def _rebuilt(file: BinaryIO, end: int, row: Row) -> Inputs:
    try:
        return snapshot_and_rules(merged(_base_before(file, end, row.get("base")), row["change"]))
    except UNREADABLE as error:
        raise NotRecorded(f"its recorded inputs cannot be read: {error}") from None


def _base_before(file: BinaryIO, end: int, name: Any) -> Any:
    """The values of the newest base of that name before the byte `end`. Raises one of UNREADABLE."""
    changes: list[Plain] = []
    for row in itertools.islice(RowReader().backwards(file, end), ROWS_TO_A_BASE):
        if row.get("kind") == "base" and row.get("base") == name and (pack := text(row.get("packed"))):
            changes.insert(0, unpacked(pack))
            if (name := row.get("onto")) is None:
                return functools.reduce(merged, changes)
    raise ValueError(f"there is no base {name}")


def _window(snapshot: Snapshot) -> tuple[Any, ...]:
    return snapshot.session, snapshot.expected, snapshot.market.bars, snapshot.market.fund_bars, snapshot.kept


def _base(snapshot: Snapshot, rules: Rules, known: Base | None) -> Base:
    values = plain_inputs(snapshot, rules)
    name = f"{zlib.crc32(_json(values).encode()):08x}"
    return Base(name, _window(snapshot), values, known.number % BASES_IN_A_ROW + 1 if known else 1)


def _packed(base: Base, known: Base | None) -> dict[str, Any]:
    if known is None or base.number == 1:
        return {"packed": packed(base.values)}
    return {"onto": known.name, "packed": packed(difference(known.values, base.values))}


def _change(base: Base, snapshot: Snapshot, rules: Rules) -> Plain:
    """The inputs as a difference from `base`. The window is known to be the base's and is not compared again."""
    light = replace(snapshot, expected=(), kept=None, market=replace(snapshot.market, bars=(), fund_bars=()))
    values = plain_inputs(light, rules)
    known, light_values = base.values["snapshot"], values["snapshot"]
    light_values["expected"], light_values["kept"] = known["expected"], known["kept"]
    for rows in ("bars", "tqqq_bars"):
        light_values["market"][rows] = known["market"][rows]
    return difference(base.values, values)


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    """Append all of `rows` or none. Raises OSError."""
    data = "".join(_json(row) + "\n" for row in rows).encode()
    file = descriptor(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            data = b"\n" + data  # a line that a power cut left unfinished stays a line of its own
        append(file, path, data)
    finally:
        os.close(file)


def _json(value: Plain) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
