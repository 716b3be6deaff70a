"""halt and resume: the file is what counts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.records.halt import HaltSwitch
from qqqbot.runtime.kill_switch import halt, is_by_owner, resume


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_halt_makes_the_folder_and_closes_both_to_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = tmp_path / "new" / "logs"
    assert halt(logs, "I smell smoke") == 0
    assert (logs / "HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"
    assert (logs.stat().st_mode & 0o777, (logs / "HALT").stat().st_mode & 0o777) == (0o700, 0o600)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "halted: no new orders until ./bot_control.sh resume"
    assert second.startswith("An order that is open at the broker is not touched")


def test_the_reason_of_an_earlier_halt_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "HALT").write_text("did not settle\n")
    assert halt(tmp_path, "another") == 0
    assert capsys.readouterr().out.startswith("already halted: did not settle\n")
    assert (tmp_path / "HALT").read_text() == "did not settle\n"


def test_an_empty_file_gets_the_reason(tmp_path: Path) -> None:
    """The script makes it before Python has started."""
    (tmp_path / "HALT").touch()
    assert halt(tmp_path, "") == 0
    assert (tmp_path / "HALT").read_text() == "halted by its owner\nhalted by the owner's command\n"


def test_a_halt_that_fails_says_so_loudly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    assert halt(tmp_path / "logs", "") == 1
    assert "NOT halted" in capsys.readouterr().err


def test_resume_removes_the_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "HALT").touch()
    assert (resume(tmp_path), resume(tmp_path)) == (0, 0)
    assert capsys.readouterr().out == "resumed: the next check may trade\nnot halted\n"


def test_a_failed_resume_says_that_the_halt_is_still_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "HALT").mkdir()
    assert resume(tmp_path) == 1
    assert "STILL halted" in capsys.readouterr().err


def test_only_a_file_of_the_owners_command_is_theirs(tmp_path: Path) -> None:
    halt(tmp_path, "vacation")
    assert is_by_owner(tmp_path / "HALT")
    for other in ("the account did not reach the target\n", "", "vacation"):
        (tmp_path / "HALT").write_text(other)
        assert not is_by_owner(tmp_path / "HALT")
    assert not is_by_owner(tmp_path / "nothing")


def test_a_halt_by_the_bot_stays_the_bots_when_the_owner_halts_too(tmp_path: Path) -> None:
    HaltSwitch(tmp_path / "HALT").halt("the account did not reach the target")
    halt(tmp_path, "vacation")
    assert not is_by_owner(tmp_path / "HALT")
