"""A file of JSON lines that only grows. Each line is on disk before anything depends on it.

Why append and fsync: a power cut loses at most the line being written, and that line is recognised as torn. Why nothing
is rewritten: a file that only grows cannot lose its lines. A torn last line, with the rows that belong to it, is moved
to a file of its own and reported when the file is opened for writing. A complete line that does not parse stops the
start, and the message names its number.
"""

import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.model.errors import BookDamaged
from qqqbot.model.program import COMMAND
from qqqbot.regular_file import APPENDING, append, descriptor, reading_if_there

SCHEMA = 1
UNUSABLE = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
"""The exceptions of reading a line that is valid JSON but not a row."""
Row = Mapping[str, Any]
CONTINUED = "continued"
"""the key of a row that is complete only together with the next row"""


class AppendOnlyFile:
    """One file of JSON lines. Use `open` before `append`; reading needs neither."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def open(self, now: datetime) -> str | None:
        """Make the file ready for appending. Returns what was set aside, None if nothing was. Raises OSError."""
        self._descriptor = descriptor(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._give_back = weakref.finalize(self, os.close, self._descriptor)
        _sync_folder(self.path.parent)
        return self._set_torn_tail_aside(now)

    def append(self, row: Row) -> Row:
        """Write one line, which is on disk when this returns. Returns the row as it will be read back.

        If it raises OSError, the file is as it was before. It also raises if another file has taken its place, such as
        a restored backup.
        """
        return self.append_all([row])[0]

    def append_all(self, rows: Sequence[Row]) -> list[Row]:
        """Append `rows` that belong together: after a power cut the file has all of them or none."""
        self.verify()
        assert self._descriptor is not None
        lines = _lines(rows)
        append(self._descriptor, self.path, b"".join(lines), synced=True)
        return [_parsed(line) for line in lines]

    def verify(self) -> None:
        """Raises OSError if the file was replaced or removed meanwhile: anything written to it would be lost."""
        if self._descriptor is None:
            raise RuntimeError(f"{self.path} was not opened")
        try:
            same = os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        except FileNotFoundError:
            same = False
        if not same:
            raise OSError(
                f"{self.path} was replaced or removed while the bot was running: put the right one there, "
                f"then {COMMAND} restart"
            )

    def rows(self) -> Iterator[Row]:
        """All complete rows, oldest first, as a stream. Raises BookDamaged for a complete line that is not a row."""
        together: list[Row] = []
        with reading_if_there(self.path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.endswith(b"\n"):
                    together.append(self._parse(line, number))
                    if not together[-1].get(CONTINUED):
                        yield from together
                        together.clear()

    def close(self) -> None:
        if self._descriptor is not None:
            self._give_back()
            self._descriptor = None

    def _parse(self, line: bytes, number: int) -> Row:
        try:
            row = _parsed(line)
        except (ValueError, RecursionError) as error:
            problem = _damage(line) or f"not JSON ({error})"
            raise BookDamaged(f"{self.path}, line {number}: {problem}; repair or remove that line") from None
        if not isinstance(row, dict):
            raise BookDamaged(f"{self.path}, line {number}: expected an object, found {type(row).__name__}")
        return row

    def _set_torn_tail_aside(self, now: datetime) -> str | None:
        assert self._descriptor is not None
        size = os.fstat(self._descriptor).st_size
        start = _start_of_last_line(self._descriptor, size)
        while start and self._continues(before := _start_of_last_line(self._descriptor, start - 1), start):
            start = before
        if start == size:
            return None
        torn = os.pread(self._descriptor, size - start, start)
        aside = self.path.with_name(f"{self.path.name}.torn-{now:%Y%m%dT%H%M%S}")
        with os.fdopen(
            descriptor(aside, APPENDING), "ab"
        ) as kept:  # not "wb": another line may have been set aside in the same second
            kept.write(torn)
        os.ftruncate(self._descriptor, start)
        os.fsync(self._descriptor)
        return f"{self.path.name}: an incomplete last line of {len(torn)} bytes was set aside in {aside.name}"

    def _continues(self, start: int, end: int) -> bool:
        """Whether the bytes from `start` to `end` are a row that belongs to the next row."""
        assert self._descriptor is not None
        try:
            return bool(_parsed(os.pread(self._descriptor, end - start, start)).get(CONTINUED))
        except (*UNUSABLE, RecursionError):
            return False


class Nowhere(AppendOnlyFile):
    """Takes rows as a file does but writes none; the rows in the file can be read."""

    def open(self, now: datetime) -> str | None:  # noqa: ARG002 (the file's own)
        return None

    def append_all(self, rows: Sequence[Row]) -> list[Row]:
        return [_parsed(line) for line in _lines(rows)]


def _lines(rows: Sequence[Row]) -> list[bytes]:
    return [_line({**row, CONTINUED: True}) for row in rows[:-1]] + [_line(row) for row in rows[-1:]]


def _line(row: Row) -> bytes:
    return (json.dumps(row, default=_plain, separators=(",", ":"), allow_nan=False) + "\n").encode()


def _parsed(line: bytes) -> Row:
    row: Row = json.loads(line, parse_float=Decimal)
    return row


def _damage(line: bytes) -> str | None:
    """What the JSON library has no words for in `line`: it guesses an encoding from the first bytes."""
    if not line.strip():
        return "an empty line"
    if b"\0" in line:
        return "zero bytes, as a power cut or another encoding (UTF-16) leaves them"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not UTF-8 text"
    return None


def _sync_folder(folder: Path) -> None:
    """Sync `folder`. Without this a new file can lose its folder entry, even if the file itself was synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _start_of_last_line(descriptor: int, size: int) -> int:
    """The offset after the last newline; `size` if the file ends with one or is empty."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _plain(value: Any) -> Any:
    """`value` for JSON. A Decimal becomes a number: the shortest double has every digit that money and prices use."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be recorded")
