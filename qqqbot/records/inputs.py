"""inputs.jsonl: what each decision rested on, whole, so that today's code can be asked what it would have decided.

Law of this file: it never stands in the way of a decision. decisions.jsonl is the record that must succeed; this one is
not synced, and a disk that refuses it is told once in the log. The finished closes are told once in a session,
compressed. About 4 MB a year at a check every 15 minutes, so it is kept for ever.
"""

import errno
import json
import logging
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qqqbot.model.values import Rules, Snapshot
from qqqbot.records.codec import Plain, difference, packed, plain_inputs

log = logging.getLogger(__name__)

OF_THE_DECISION = ("schema", "timestamp", "round", "mode", "account")


@dataclass(frozen=True)
class Base:
    """What later rows are told as differences from. `name` is told in them."""

    name: str
    window: tuple[Any, ...]
    values: dict[str, Plain]


class InputLog:
    """Appends to one file; nothing is open between two rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: Base | None = None
        self._failing = False

    def record(self, snapshot: Snapshot, rules: Rules, decision: Mapping[str, Any]) -> None:
        """One row, and before it a base where the session or its finished closes are new. Never raises OSError.

        `decision` is the decision's own row, whose time, round and account it shares.
        """
        who = {key: decision.get(key) for key in OF_THE_DECISION}
        known = self._base
        base = known if known and known.window == _window(snapshot) else _base(snapshot, rules)
        rows = [] if base is known else [{**who, "kind": "base", "base": base.name, "packed": packed(base.values)}]
        rows.append({**who, "base": base.name, "change": _change(base, snapshot, rules)})
        try:
            _append(self._path, rows)
            self._base, self._failing = base, False
        except OSError as error:
            self._base = None  # nothing may refer to a base that is perhaps not there
            if not self._failing:
                log.error("%s cannot be written, so --replay will miss these checks: %s", self._path.name, error)
            self._failing = True


def _window(snapshot: Snapshot) -> tuple[Any, ...]:
    return snapshot.session, snapshot.expected, snapshot.market.bars


def _base(snapshot: Snapshot, rules: Rules) -> Base:
    values = plain_inputs(snapshot, rules)
    name = f"{zlib.crc32(_json(values).encode()):08x}"
    return Base(name, _window(snapshot), values)


def _change(base: Base, snapshot: Snapshot, rules: Rules) -> Plain:
    """As a difference; the window is not looked through again, it is known to be the base's."""
    light = replace(snapshot, expected=(), market=replace(snapshot.market, bars=()))
    values = plain_inputs(light, rules)
    known = base.values["snapshot"]
    values["snapshot"]["expected"] = known["expected"]
    values["snapshot"]["market"]["bars"] = known["market"]["bars"]
    return difference(base.values, values)


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    """All of `rows` or none. Raises OSError."""
    data = "".join(_json(row) + "\n" for row in rows).encode()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            data = b"\n" + data  # what a power cut left unfinished stays a line of its own
        if os.write(file, data) != len(data):
            os.ftruncate(file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(file)


def _json(value: Plain) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
