"""A file of lines that only grows: whole lines or none, on disk, and nothing that it held is lost."""

import os
import resource
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.errors import BookDamaged
from qqqbot.model.values import Side
from qqqbot.records.jsonl import AppendOnlyFile
from tests.support.builders import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.fixture
def file(path: Path) -> Iterator[AppendOnlyFile]:
    opened = AppendOnlyFile(path)
    opened.open(NOW)
    yield opened
    opened.close()


def test_rows_come_back_in_their_order(file: AppendOnlyFile) -> None:
    rows = [{"n": n, "price": Decimal("450.25"), "text": "a\nb é"} for n in range(3)]
    for row in rows:
        file.append(row)
    assert list(file.rows()) == rows


def test_each_row_is_one_line(file: AppendOnlyFile, path: Path) -> None:
    file.append({"text": "line\nbreak\r\u2028"})
    assert path.read_bytes().count(b"\n") == 1


def test_existing_content_stays(path: Path) -> None:
    path.write_text('{"n":1}\n')
    file = AppendOnlyFile(path)
    assert file.open(NOW) is None
    file.append({"n": 2})
    assert path.read_text() == '{"n":1}\n{"n":2}\n'


def test_a_new_file_is_readable_by_its_owner_alone(file: AppendOnlyFile, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(file.rows()) == []


def test_a_missing_file_has_no_rows(path: Path) -> None:
    assert list(AppendOnlyFile(path).rows()) == []
    assert not path.exists()


def test_appending_needs_an_open_file(path: Path) -> None:
    with pytest.raises(RuntimeError, match="was not opened"):
        AppendOnlyFile(path).append({})


@pytest.mark.parametrize("torn", ['{"n":', '{"n":2}', "x", "\x00\x00", "é" * 100_000])
def test_a_torn_tail_is_set_aside_and_reported(path: Path, torn: str) -> None:
    path.write_text('{"n":1}\n' + torn)
    file = AppendOnlyFile(path)
    told = file.open(NOW)
    assert told is not None
    assert f"{len(torn.encode())} bytes was set aside in rows.jsonl.torn-20261124T170000" in told
    assert path.read_text() == '{"n":1}\n'
    assert (path.parent / "rows.jsonl.torn-20261124T170000").read_text() == torn
    file.append({"n": 2})
    assert [row["n"] for row in file.rows()] == [1, 2]


def test_a_file_with_only_a_torn_line_becomes_empty(path: Path) -> None:
    path.write_text('{"n"')
    file = AppendOnlyFile(path)
    assert file.open(NOW)
    assert path.read_bytes() == b""


def test_two_torn_tails_within_a_second_are_both_kept(path: Path) -> None:
    for torn in ("first", "second"):
        with path.open("a") as stream:
            stream.write(torn)
        file = AppendOnlyFile(path)
        file.open(NOW)
        file.close()
    kept = "".join(aside.read_text() for aside in path.parent.glob("rows.jsonl.torn-*"))
    assert kept == "firstsecond"


def test_reading_leaves_a_torn_tail_where_it_is(path: Path) -> None:
    path.write_text('{"n":1}\n{"n"')
    assert [row["n"] for row in AppendOnlyFile(path).rows()] == [1]
    assert path.read_text().endswith('{"n"')


@pytest.mark.parametrize("garbage", ["garbage", "{'n': 2}", "", "\x00\x00\x00", '{"n":2', "[1]", "2", "null"])
def test_garbage_in_the_middle_is_refused_with_its_line(path: Path, garbage: str) -> None:
    path.write_text(f'{{"n":1}}\n{garbage}\n{{"n":3}}\n')
    with pytest.raises(BookDamaged, match=r"rows\.jsonl, line 2: "):
        list(AppendOnlyFile(path).rows())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"n":"\xff\xfe"}', "not UTF-8 text"),
        (b"\0" * 512, "zero bytes, as a power cut or another encoding"),
        ('{"n":2}'.encode("utf-16-be"), "zero bytes, as a power cut or another encoding"),
        (b" \r", "an empty line"),
    ],
)
def test_bytes_that_are_not_utf8_text_are_named_with_their_line(path: Path, line: bytes, problem: str) -> None:
    """The JSON library guessed UTF-32 from the zeros of a power cut, and said so."""
    path.write_bytes(b'{"n":1}\n' + line + b"\n")
    with pytest.raises(BookDamaged, match=f"line 2: {problem}.*; repair or remove that line"):
        list(AppendOnlyFile(path).rows())


@pytest.mark.parametrize("monster", ["[" * 100_000, "1" * 5000])
def test_monstrous_lines_are_refused_with_their_line(path: Path, monster: str) -> None:
    path.write_text(f"{monster}\n")
    with pytest.raises(BookDamaged, match="line 1"):
        list(AppendOnlyFile(path).rows())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), Decimal("NaN")])
def test_values_json_cannot_express_are_not_written(file: AppendOnlyFile, path: Path, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        file.append({"n": value})
    assert path.read_bytes() == b""


@pytest.mark.parametrize("room", [0, 1, 7, 8])
def test_a_disk_that_fills_up_leaves_the_file_whole(file: AppendOnlyFile, path: Path, room: int) -> None:
    """The limit on a file's size stands for a full disk: the system writes a part of the line, then nothing."""
    file.append({"n": 1})
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, hard))
    try:
        with pytest.raises(OSError):
            file.append({"n": 22})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    file.append({"n": 3})
    assert [row["n"] for row in file.rows()] == [1, 3]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_device_is_an_error() -> None:
    file = AppendOnlyFile(Path("/dev/full"))
    file.open(NOW)
    with pytest.raises(OSError):
        file.append({"n": 1})


numbers = st.decimals(-1_000_000, 1_000_000, places=4)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | numbers))
def test_a_row_is_read_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, row: dict[str, object]) -> None:
    file = AppendOnlyFile(tmp_path_factory.mktemp("row") / "rows.jsonl")
    file.open(NOW)
    assert file.append(row) == row
    assert list(file.rows()) == [row]
    file.close()


def test_days_moments_and_members_are_written_as_texts(tmp_path: Path) -> None:
    file = AppendOnlyFile(tmp_path / "rows.jsonl")
    file.open(NOW)
    read = file.append({"day": NOW.date(), "at": NOW, "side": Side.BUY, "price": Decimal("450.10")})
    assert read == {"day": "2026-11-24", "at": NOW.isoformat(), "side": "BUY", "price": Decimal("450.10")}
    assert list(file.rows()) == [read]


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_damage_and_never_lost(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / "rows.jsonl"
    path.write_bytes(content)
    file = AppendOnlyFile(path)
    file.open(NOW)
    file.close()
    aside = b"".join(torn.read_bytes() for torn in folder.glob("*.torn-*"))
    assert path.read_bytes() + aside == content
    try:
        rows = list(file.rows())
    except BookDamaged:
        return
    assert len(rows) == path.read_bytes().count(b"\n")


class TestRowsThatBelongTogether:
    def test_they_are_read_one_after_the_other(self, tmp_path: Path) -> None:
        file = AppendOnlyFile(tmp_path / "rows.jsonl")
        file.open(NOW)
        assert [row["n"] for row in file.append_all([{"n": 1}, {"n": 2}, {"n": 3}])] == [1, 2, 3]
        assert [row["n"] for row in file.rows()] == [1, 2, 3]

    @pytest.mark.parametrize("kept", range(1, 4))
    def test_without_the_last_one_none_is_read_and_all_are_set_aside(self, tmp_path: Path, kept: int) -> None:
        path = tmp_path / "rows.jsonl"
        file = AppendOnlyFile(path)
        file.open(NOW)
        file.append({"n": 0})
        file.append_all([{"n": 1}, {"n": 2}, {"n": 3}])
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:kept]) + b'{"n":')
        assert [row["n"] for row in AppendOnlyFile(path).rows()] == [0]
        again = AppendOnlyFile(path)
        assert "set aside" in (again.open(NOW) or "")
        again.append({"n": 4})
        assert [row["n"] for row in again.rows()] == [0, 4]

    def test_a_file_of_nothing_else_is_empty_then(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text('{"n":1,"continued":true}\n')
        file = AppendOnlyFile(path)
        file.open(NOW)
        assert list(file.rows()) == []
        assert path.read_bytes() == b""

    def test_a_last_line_that_is_no_row_is_not_theirs(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text("nonsense\n")
        assert AppendOnlyFile(path).open(NOW) is None
