"""Rows are found by their time as by reading all of them, at a cost that hardly grows."""

import io
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.records.tail import RowReader
from qqqbot.records.time_search import offset_of, samples
from tests.support.builders import NOW

SECOND = timedelta(seconds=1)


def line(second: int, size: int = 0) -> bytes:
    return json.dumps({"timestamp": (NOW + second * SECOND).isoformat(), "fill": "x" * size}).encode() + b"\n"


GARBAGE = [b"{\n", b"\n", b'{"no": "time"}\n', b'{"timestamp": "yesterday"}\n', b"\0" * 3000 + b"\n"]


class CountingFile(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def readline(self, size: "int | None" = -1, /) -> bytes:
        found = super().readline(size)
        self.taken += len(found)
        return found


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3000)), max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(GARBAGE)), max_size=5),
    st.integers(-1, 51),
    st.sampled_from(
        [b"", b'{"timestamp": "2026-'],
    ),
)
def test_the_first_row_from_a_moment_on_is_found_whatever_lies_between(
    rows: list[tuple[int, int]], garbage: list[tuple[int, bytes]], when: int, torn: bytes
) -> None:
    lines = [line(second, size) for second, size in sorted(rows)]
    for at, text in garbage:
        lines.insert(at, text)
    file = io.BytesIO(b"".join(lines) + torn)
    found = [*RowReader().forwards(file, offset_of(file, NOW + when * SECOND))]
    wanted = [second for second, _ in sorted(rows) if second >= when]
    timed = [row["timestamp"] for row in found if len(row.get("timestamp", "")) > 10]
    assert timed == [(NOW + second * SECOND).isoformat() for second in wanted]


def test_an_oversized_file_is_not_read() -> None:
    lines = b"".join(line(second, 400) for second in range(50_000))
    file = CountingFile(lines)
    offset = offset_of(file, NOW + 31_415 * SECOND)
    row = next(RowReader().forwards(file, offset))
    assert row["timestamp"] == (NOW + 31_415 * SECOND).isoformat()
    assert file.taken < 100_000 < len(lines) / 100


def test_the_first_of_many_rows_with_one_time_is_found() -> None:
    file = io.BytesIO(b"".join(line(second) for second in [0] * 100 + [1] * 5000 + [2] * 100))
    assert offset_of(file, NOW + SECOND) == 100 * len(line(0))


def test_samples_are_spread_over_the_file_oldest_first() -> None:
    file = io.BytesIO(b"".join(line(second, second % 100) for second in range(10_000)))
    found = [row["timestamp"] for row in samples(file, 0, 100)]
    assert found[0] == NOW.isoformat()
    assert len(found) == 100
    assert found == sorted(set(found))
    assert found[-1] > (NOW + 9_000 * SECOND).isoformat()


@pytest.mark.parametrize("count", [0, 1, 5, 9])
def test_each_of_a_few_rows_is_sampled_at_most_once(count: int) -> None:
    file = io.BytesIO(b"".join(line(second, 10) for second in range(count)))
    found = [row["timestamp"] for row in samples(file, 0, 500)]
    assert found == [(NOW + second * SECOND).isoformat() for second in range(count)]
