"""What is opened in logs/ is a file, or an error at once."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qqqbot.model.errors import BotError
from qqqbot.records.channel_health import channels_in
from qqqbot.records.folder import Folder
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.last_run import last_end
from qqqbot.records.status_file import write_status
from qqqbot.records.tail import last_lines, last_rows
from qqqbot.regular_file import APPENDING, REPLACING, content, descriptor, free_bytes, json_object, object_in, reading
from qqqbot.runtime.lock import holder
from tests.support.builders import NOW

NO_FILES: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("/nowhere/at/all"),
    "link to itself": lambda path: path.symlink_to(path),
}
each_kind = pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)


@pytest.mark.parametrize("flags", [os.O_RDONLY, APPENDING, REPLACING, os.O_RDWR], ids=str)
@each_kind
def test_what_is_no_file_is_an_error_at_once(make: Callable[[Path], None], flags: int, tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    make(path)
    if path.is_char_device() and flags != os.O_RDONLY:
        pytest.skip("a device takes what is written at once")
    with pytest.raises(OSError, match=r"pipe or a device|directory|symbolic links"):
        descriptor(path, flags)


@pytest.mark.parametrize("data", [b"", b"[1]", b"null", b'{"a": 1', b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_only_a_json_object_is_one(data: bytes, tmp_path: Path) -> None:
    assert object_in(data) is None
    (tmp_path / "status.json").write_bytes(data)
    assert json_object(tmp_path / "status.json") == json_object(tmp_path / "none.json") == {}
    assert object_in(b' {"a": [1]} ') == {"a": [1]}


def test_a_file_is_read_and_written_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "trades.jsonl"
    for text in (b"one\n", b"two\n"):
        with os.fdopen(descriptor(path, APPENDING), "wb") as file:
            file.write(text)
    assert content(path) == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with reading(path) as file:
        assert file.readline() == b"one\n"
    with os.fdopen(descriptor(path, REPLACING), "wb") as file:
        file.write(b"3")
    assert content(path) == b"3"


READERS: dict[str, Callable[[Path], object]] = {
    "status": lambda path: Folder(path.parent, holder).status(),
    "rows": lambda path: last_rows(path, 3),
    "lines": lambda path: last_lines(path, 3),
    "journal": lambda path: [*AppendOnlyFile(path).rows()],
    "book": lambda path: AppendOnlyFile(path).open(NOW),
    "written": lambda path: write_status(path.with_suffix(""), {}),
    "channels": lambda path: channels_in(path.parent),
    "end": lambda path: last_end(path.parent),
    "lock": lambda path: holder(path),
}
NAMES = {"status": "status.json", "written": "a.new", "channels": "channels.json", "end": "last_end.json"}


@each_kind
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_of_the_folder_waits(make: Callable[[Path], None], reader: str, tmp_path: Path) -> None:
    path = tmp_path / NAMES.get(reader, "any.jsonl")
    make(path)
    with contextlib.suppress(OSError, BotError):  # each says what it found in tests of its own
        READERS[reader](path)


@pytest.mark.parametrize(
    ("files", "free_files", "free"),
    [(1000, 500, 4096 * 300), (1000, 0, 0), (0, 0, 4096 * 300)],
    ids=["room", "no room for another file", "files are not counted"],
)
def test_a_disk_that_takes_no_further_file_is_full(files: int, free_files: int, free: int, tmp_path: Path) -> None:
    """Many small files can fill a disk that has gigabytes left: no status, no HALT and no log of a new day fits."""
    disk = os.statvfs_result((4096, 4096, 1000, 400, 300, files, free_files, free_files, 0, 255))
    assert free_bytes(tmp_path, lambda _: disk) == free
