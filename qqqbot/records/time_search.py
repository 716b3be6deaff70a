"""Finding rows by their time in a file of a million rows, by bisecting byte offsets instead of reading it.

Rows are in the order of their timestamps unless a clock was set back, so a search for a day starts a little early.
"""

import itertools
import os
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from qqqbot.records.coerce import moment
from qqqbot.records.tail import LONGEST_LINE_BYTES, Row, RowReader

# Over this many bytes, reading on is as quick as bisecting further.
NEAR_BYTES = 16 * 1024


def offset_of(file: BinaryIO, when: datetime) -> int:
    """Where the first row at or after `when` begins; the file's size if there is none."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > NEAR_BYTES:
        middle = (low + high) // 2
        start, at = _first_row_from(file, middle, high)
        if at is None or at >= when:
            high = middle
        else:
            low = start
    for start, row in RowReader().placed(file, low):
        if (at := moment(row.get("timestamp"))) is not None and at >= when:
            return start
    return file.seek(0, os.SEEK_END)


def samples(file: BinaryIO, start: int, count: int) -> Iterator[Row]:
    """At most `count` rows spread evenly over the bytes from `start` on, oldest first."""
    end = file.seek(0, os.SEEK_END)
    seen = -1
    for number in range(count):
        position = start + (end - start) * number // count
        file.seek(position)
        begins = position if position == start else position + len(file.readline(LONGEST_LINE_BYTES))
        if begins == seen:
            continue
        seen = begins
        yield from itertools.islice(RowReader().forwards(file, begins), 1)


def _first_row_from(file: BinaryIO, position: int, end: int) -> tuple[int, datetime | None]:
    """Offset and time of the first row with a time that begins after `position` and before `end`."""
    file.seek(position)
    begins = position + len(file.readline(LONGEST_LINE_BYTES))
    for start, row in RowReader().placed(file, begins):
        if start >= end:
            break
        if (at := moment(row.get("timestamp"))) is not None:
            return start, at
    return end, None
