"""Reading the end of files: what is read, what is skipped, and that the cost does not depend on the size."""

import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from qqqbot.records.tail import (
    BLOCK_BYTES,
    LONGEST_LINE_BYTES,
    PATIENCE_ROWS,
    Row,
    RowReader,
    follow,
    last_lines,
    last_rows,
    last_rows_of,
    lines_backwards,
)


class CountingFile(io.BytesIO):
    """Counts the bytes that are read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def lines_of(count: int, width: int = 80) -> bytes:
    return b"".join(json.dumps({"n": n, "pad": "x" * width}).encode() + b"\n" for n in range(count))


def numbers(rows: Iterable[Row]) -> list[int]:
    return [row["n"] for row in rows]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 5000])
def test_the_newest_rows_come_oldest_first(count: int) -> None:
    found = last_rows_of(io.BytesIO(lines_of(count)), 10)
    assert numbers(found.rows) == list(range(count))[-10:]
    assert found.whole == (count <= 10)
    assert (found.torn, found.garbage) == (False, 0)


@pytest.mark.parametrize("width", [BLOCK_BYTES - 30, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_lines_longer_than_a_block_are_joined(width: int) -> None:
    content = lines_of(5, width)
    assert list(lines_backwards(io.BytesIO(content))) == [b"", *content.splitlines()[::-1]]


def test_a_million_rows_cost_as_many_bytes_as_two_thousand() -> None:
    rows = lines_of(1000, 40)
    small, large = CountingFile(rows * 2), CountingFile(rows * 1000)
    assert numbers(last_rows_of(small, 10).rows) == numbers(last_rows_of(large, 10).rows) == list(range(990, 1000))
    assert large.bytes_read == small.bytes_read == BLOCK_BYTES


def test_an_unfinished_last_line_is_set_aside_even_if_it_parses() -> None:
    found = last_rows_of(io.BytesIO(b'{"n": 1}\n{"n": 2}'), 10)
    assert numbers(found.rows) == [1]
    assert found.torn


def test_lines_that_are_not_objects_are_counted_and_skipped() -> None:
    content = b'{"n": 1}\nrubbish\n[1, 2]\n\xff\xfe\n\x00\x00{"n": 9}\n\n{"n": 2}\n' + b"[" * 100_000 + b"\n"
    found = last_rows_of(io.BytesIO(content), 10)
    assert numbers(found.rows) == [1, 2]
    assert found.garbage == 5


def test_a_run_of_zero_bytes_is_not_read_into_memory_at_once() -> None:
    hole = b"\0" * (3 * LONGEST_LINE_BYTES)
    longest = max(len(line) for line in lines_backwards(io.BytesIO(b'{"n": 1}\n' + hole + b"\n")))
    assert longest <= LONGEST_LINE_BYTES + BLOCK_BYTES
    assert numbers(last_rows_of(io.BytesIO(b'{"n": 1}\n' + hole + b'\n{"n": 2}\n'), 10).rows) == [1, 2]


def test_the_search_among_rows_of_other_accounts_is_bounded() -> None:
    content = b'{"n": 1, "mine": true}\n' + b'{"n": 2}\n' * (PATIENCE_ROWS + 1)
    found = last_rows_of(io.BytesIO(content), 10, lambda row: "mine" in row)
    assert found.rows == ()
    assert not found.whole


def test_forwards_and_backwards_agree() -> None:
    content = b'{"n": 1}\nrubbish\n{"n": 2}\n{"n": 3}\n{"n"'
    there, back = RowReader(), RowReader()
    forwards = list(there.forwards(io.BytesIO(content)))
    assert forwards == list(back.backwards(io.BytesIO(content)))[::-1]
    assert (there.torn, there.garbage) == (back.torn, back.garbage) == (True, 1)


def test_a_torn_line_is_reported_and_not_returned() -> None:
    reader = RowReader()
    assert numbers(reader.forwards(io.BytesIO(b'{"n": 1}\n{"timest'))) == [1]
    assert reader.torn


def test_a_row_is_found_at_its_offset() -> None:
    file = io.BytesIO(b'{"n": 1}\nrubbish\n{"n": 2}\n{"n": 3}\n')
    placed = [*RowReader().placed(file, 9)]
    assert [(offset, row["n"]) for offset, row in placed] == [(17, 2), (26, 3)]
    assert numbers(RowReader().forwards(file, placed[1][0])) == [3]


def test_a_hole_in_a_file_is_never_in_memory_as_a_whole() -> None:
    class Measured(io.BytesIO):
        longest = 0

        def readline(self, size: "int | None" = -1, /) -> bytes:
            found = super().readline(size)
            self.longest = max(self.longest, len(found))
            return found

    file = Measured(b'{"n": 1}\n' + b"\0" * 3 * LONGEST_LINE_BYTES + b'\n{"n": 2}\n')
    assert numbers(RowReader().forwards(file)) == [1, 2]
    assert file.longest == LONGEST_LINE_BYTES


def test_no_file_has_no_rows(tmp_path: Path) -> None:
    assert last_rows(tmp_path / "trades.jsonl", 10).rows == ()


@pytest.mark.parametrize(
    ("content", "count", "expected"),
    [
        (b"", 3, []),
        (b"a\n", 3, ["a"]),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nunfinished", 2, ["a", "unfinished"]),
        (b"\na\n", 3, ["", "a"]),
        (b"caf\xe9\n", 1, ["caf\\xe9"]),
    ],
)
def test_the_newest_lines_of_a_text_are_returned(
    tmp_path: Path, content: bytes, count: int, expected: list[str]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert last_lines(path, count) == expected


class Happenings:
    """Replaces the waits of a follower: the next event happens at each one; after the last one it is asked to stop."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self._left = list(happenings)

    def wait(self, seconds: float) -> bool:
        assert seconds > 0
        if not self._left:
            return True
        self._left.pop(0)()
        return False


def appended(path: Path, text: str) -> Callable[[], object]:
    def append() -> None:
        with path.open("a") as file:
            file.write(text)

    return append


def followed(folder: Path, *happenings: Callable[[], object], backlog: int = 10) -> list[str]:
    def newest() -> Path | None:
        return max(folder.glob("bot_*.log"), default=None)

    return [line for _, line in follow(newest, Happenings(*happenings).wait, backlog)]


def test_lines_are_followed_as_they_are_written(tmp_path: Path) -> None:
    log = tmp_path / "bot_1.log"
    log.write_text("one\ntwo\nthree\n")
    written = appended(log, "four\nfi"), appended(log, "ve\n")
    assert followed(tmp_path, *written, backlog=2) == ["two", "three", "four", "five"]


def test_the_next_days_log_takes_over_after_the_last_lines_of_the_old_one(tmp_path: Path) -> None:
    old, new = tmp_path / "bot_1.log", tmp_path / "bot_2.log"
    old.write_text("")

    def midnight() -> None:
        appended(old, "last of the day\n")()
        appended(new, "first of the next\n")()

    assert followed(tmp_path, midnight, appended(new, "second\n")) == [
        "last of the day",
        "first of the next",
        "second",
    ]


def test_a_log_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    assert followed(tmp_path, appended(tmp_path / "bot_1.log", "hello\n"), lambda: None) == ["hello"]


def test_a_truncated_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "bot_1.log"
    log.write_text("a long first line\n")
    assert followed(tmp_path, lambda: log.write_text("new\n"), backlog=0) == ["new"]


def test_a_log_replaced_by_another_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "bot_1.log"
    log.write_text("old\n")

    def rotate() -> None:
        (tmp_path / "fresh").write_text("a new file, longer than the old one\n")
        os.replace(tmp_path / "fresh", log)

    assert followed(tmp_path, rotate, backlog=0) == ["a new file, longer than the old one"]


def test_an_older_log_is_not_followed_again_when_the_newest_is_deleted(tmp_path: Path) -> None:
    old, new = tmp_path / "bot_1.log", tmp_path / "bot_2.log"
    old.write_text("yesterday\n")
    new.write_text("today\n")
    assert followed(tmp_path, new.unlink, appended(new, "today again\n")) == ["today", "today again"]
