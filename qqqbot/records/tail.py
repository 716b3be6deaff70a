"""Reading the end of a file at a cost that does not grow with the file, and following one that grows.

Files are read backwards in blocks. Text after the last newline is an unfinished line: it is left out and reported. A
line that is not a JSON object is counted and skipped, because a view must not fail on it. (The daemon must not guess,
so it refuses to start instead.)
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from qqqbot.regular_file import object_in, reading, reading_if_there

BLOCK_BYTES = 64 * 1024
# A row has a few kilobytes. A longer line is damage (a hole of zeros after a power cut) and is returned in pieces.
LONGEST_LINE_BYTES = 1024 * 1024
# A search gives up after skipping this many rows of other modes and accounts.
PATIENCE_ROWS = 20_000
POLL_SECONDS = 0.5

Row = dict[str, Any]


class Rows(NamedTuple):
    """The newest rows of a file, oldest first, and what was wrong with it.

    `whole` says that the file's beginning was reached: there are no older rows than these.
    """

    rows: tuple[Row, ...] = ()
    torn: bool = False
    garbage: int = 0
    whole: bool = True


class RowReader:
    """Reads the JSON objects of a file line by line, and counts the lines that are none."""

    def __init__(self) -> None:
        self.torn = False
        self.garbage = 0

    def backwards(self, file: BinaryIO, end: int | None = None) -> Iterator[Row]:
        """The rows, newest first. If the byte `end` is given, a line must begin there, and only earlier rows count."""
        lines = lines_backwards(file, end)
        self.torn = bool(next(lines, b"").strip())
        for line in lines:
            if (row := self.parsed(line)) is not None:
                yield row

    def forwards(self, file: BinaryIO, start: int = 0) -> Iterator[Row]:
        """The rows from the byte `start` on, where a line must begin, oldest first."""
        return (row for _, row in self.placed(file, start))

    def placed(self, file: BinaryIO, start: int) -> Iterator[tuple[int, Row]]:
        """Like `forwards`, each row with its offset. One line is in memory at a time."""
        file.seek(start)
        while line := file.readline(LONGEST_LINE_BYTES):
            if not line.endswith(b"\n") and len(line) < LONGEST_LINE_BYTES:
                self.torn = True
                return
            if (row := self.parsed(line)) is not None:
                yield start, row
            start += len(line)

    def parsed(self, line: bytes) -> Row | None:
        """The object in `line`; None for an empty line, and for a damaged line, which is counted."""
        if not line.strip():
            return None
        row = object_in(line)
        self.garbage += row is None
        return row


def lines_backwards(file: BinaryIO, end: int | None = None) -> Iterator[bytes]:
    """Lines without their newlines, the last one first; only those before the byte `end` if it is given.

    The first result is what follows the last newline: empty if the file ends with one.
    """
    position = file.seek(0, os.SEEK_END) if end is None else end
    rest = b""
    while position:
        size = min(BLOCK_BYTES, position)
        position -= size
        file.seek(position)
        rest, *lines = (file.read(size) + rest).split(b"\n")
        yield from reversed(lines)
        if len(rest) > LONGEST_LINE_BYTES:
            yield rest
            rest = b""
    yield rest


def any_row(row: Row) -> bool:
    return True


def last_rows(path: Path, count: int, wanted: Callable[[Row], bool] = any_row) -> Rows:
    """The newest `count` rows that are `wanted`; none if there is no file. Raises OSError."""
    with reading_if_there(path) as file:
        return last_rows_of(file, count, wanted)


def last_rows_of(file: BinaryIO, count: int, wanted: Callable[[Row], bool] = any_row) -> Rows:
    """Like `last_rows`, for an open file."""
    reader = RowReader()
    found: list[Row] = []
    passed_over, whole = 0, True
    for row in reader.backwards(file):
        if len(found) == count or passed_over == PATIENCE_ROWS:
            whole = False
            break
        if wanted(row):
            found.append(row)
        else:
            passed_over += 1
    return Rows(tuple(reversed(found)), reader.torn, reader.garbage, whole)


def last_lines(path: Path, count: int) -> list[str]:
    """The newest `count` lines of a text file, oldest first, including an unfinished one. Raises OSError."""
    found: list[bytes] = []
    with reading(path) as file:
        for ordinal, line in enumerate(lines_backwards(file)):
            if len(found) == count:
                break
            if line or ordinal:  # an empty first result is not a line: the file ends with a newline
                found.append(line)
    return [line.decode(errors="backslashreplace") for line in reversed(found)]


def follow(
    newest: Callable[[], Path | None], wait: Callable[[float], bool], backlog: int
) -> Iterator[tuple[Path, str]]:
    """Lines of the newest file as they are written, after the last `backlog` existing ones; ends when `wait` says so.

    A file with a later name takes over once the file before it has been read to its end. A file that has become
    shorter, or was replaced under the same name, is read from its beginning.
    """
    current = newest()
    mark = _Mark()
    if current is not None:
        mark, lines = _Mark.at_end(current), last_lines(current, backlog)
        yield from ((current, line) for line in lines)
    while True:
        latest = newest()
        if current is not None:
            yield from ((current, line) for line in mark.new_lines(current))
        if latest is not None and (current is None or latest.name > current.name):
            current, mark = latest, _Mark()
        elif wait(POLL_SECONDS):
            return


class _Mark:
    """How far a growing file has been read."""

    def __init__(self, inode: int = 0, position: int = 0) -> None:
        self._inode, self._position, self._unfinished = inode, position, b""

    @classmethod
    def at_end(cls, path: Path) -> "_Mark":
        found = path.stat()
        return cls(found.st_ino, found.st_size)

    def new_lines(self, path: Path) -> list[str]:
        try:
            with reading(path) as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._position:
                    self._inode, self._position, self._unfinished = found.st_ino, 0, b""
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            self._inode, self._position, self._unfinished = 0, 0, b""  # the next file may get the same inode
            return []
        self._position += len(data)
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        return [line.decode(errors="backslashreplace") for line in lines]
