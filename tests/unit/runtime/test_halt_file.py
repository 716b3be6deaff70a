"""The kill switch is a file: its presence halts trading, whatever is in it."""

import os
from pathlib import Path

import pytest

from qqqbot.runtime.halt_file import HaltSwitch, is_by_owner


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "HALT"


def test_without_the_file_nothing_is_halted(path: Path) -> None:
    assert HaltSwitch(path).reason() is None


def test_a_halt_survives_a_restart(path: Path) -> None:
    HaltSwitch(path).halt("the account did not settle")
    assert HaltSwitch(path).reason() == "the account did not settle"
    path.unlink()
    assert HaltSwitch(path).reason() is None


def test_the_first_reason_is_kept(path: Path) -> None:
    HaltSwitch(path).halt("first")
    HaltSwitch(path).halt("second")
    assert HaltSwitch(path).reason() == "first"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   "])
def test_an_empty_file_halts_too(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert HaltSwitch(path).reason() == "no reason given"


def test_only_the_first_line_is_the_reason(path: Path) -> None:
    path.write_text("by hand\nwritten on Tuesday\n")
    assert HaltSwitch(path).reason() == "by hand"


def test_a_file_that_is_not_text_halts_too(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    assert HaltSwitch(path).reason()


def test_an_unreadable_halt_file_halts_too(path: Path) -> None:
    path.mkdir()
    assert "cannot be read" in str(HaltSwitch(path).reason())


def test_a_pipe_keeps_nobody_waiting_and_halts(path: Path) -> None:
    os.mkfifo(path)
    HaltSwitch(path).halt("the account did not settle")
    assert HaltSwitch(path).reason() == "no reason given"
    assert not is_by_owner(path)


def test_a_link_to_nothing_halts_also_where_a_halt_could_not_be_written(path: Path) -> None:
    path.symlink_to(path.with_name("away") / "HALT")
    HaltSwitch(path).halt("the account did not settle")
    assert HaltSwitch(path).reason() == "HALT is a link to nothing"
