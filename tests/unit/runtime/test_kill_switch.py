"""halt and resume: the file is what counts."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qqqbot.runtime import kill_switch
from qqqbot.runtime.daemon_process import DaemonProcess, Patience
from qqqbot.runtime.halt_file import HaltSwitch, is_by_owner
from qqqbot.runtime.kill_switch import resume
from tests.support.control import Machine

PID = 4711


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def halt(logs: Path, reason: str, machine: Machine | None = None, elsewhere: str | None = None) -> int:
    machine = machine or Machine(logs)
    daemon = DaemonProcess(logs, machine.clock, Patience(), machine.find_holder)
    return kill_switch.halt(logs, reason, daemon, lambda: elsewhere)


def a_daemon(logs: Path) -> Machine:
    machine = Machine(logs)
    machine.run_daemon(PID)
    return machine


def test_a_halt_waits_until_the_daemon_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = a_daemon(tmp_path)
    at = "2026-11-25T15:00:20+00:00"
    machine.clock.after(20, lambda: machine.write_status("running", PID, halted="smoke", heartbeat_at=at))
    assert halt(tmp_path, "smoke", machine) == 0
    assert 20 <= machine.clock.monotonic() < 21
    written, confirmed, orders = capsys.readouterr().out.splitlines()
    assert written == f"{tmp_path}/HALT is written: no new orders until ./bot_control.sh resume"
    assert confirmed == f"The daemon (pid {PID}) confirms it, 10:00:20 ET."
    assert orders.startswith("An order that is open at the broker is not touched")


def test_a_halt_that_no_daemon_reads_fails_and_is_written_nevertheless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert halt(tmp_path, "smoke", elsewhere="another one runs elsewhere") == 1
    assert (tmp_path / "HALT").exists()
    assert capsys.readouterr().err == "Nobody has read it. another one runs elsewhere\n"


@pytest.mark.parametrize("pid", [PID, PID + 1])
def test_a_daemon_that_does_not_confirm_is_named(tmp_path: Path, pid: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One hangs; of the other only an earlier daemon's status says that it is halted."""
    machine = a_daemon(tmp_path)
    machine.write_status("running", pid, halted=None if pid == PID else "long ago")
    assert halt(tmp_path, "smoke", machine) == 1
    assert f"The daemon (pid {PID}) has not confirmed it within 75 s." in capsys.readouterr().err


def test_a_daemon_that_cannot_write_is_not_waited_for_long_and_the_cause_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_daemon(tmp_path)
    (tmp_path / ".write-test").mkdir()  # stands for a full disk
    assert halt(tmp_path, "smoke", machine) == 1
    assert machine.clock.monotonic() < 6
    said = capsys.readouterr().err
    assert f"cannot confirm it: nothing can be written in {tmp_path}: Is a directory." in said
    assert "before each order" in said


def test_a_daemon_that_could_still_write_its_status_confirms_on_a_full_disk(tmp_path: Path) -> None:
    machine = a_daemon(tmp_path)
    (tmp_path / ".write-test").mkdir()
    at = "2026-11-25T15:00:02+00:00"
    machine.clock.after(2, lambda: machine.write_status("running", PID, halted="smoke", heartbeat_at=at))
    assert halt(tmp_path, "smoke", machine) == 0


def test_an_earlier_halt_that_was_ended_confirms_no_later_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_daemon(tmp_path)
    machine.write_status("running", PID, halted="smoke", heartbeat_at="2026-11-25T15:00:20+00:00")
    os.utime(tmp_path / "status.json", ns=(0, 0))
    assert halt(tmp_path, "smoke", machine) == 1
    assert f"The daemon (pid {PID}) has not confirmed it" in capsys.readouterr().err


def test_a_daemon_that_ends_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    machine = a_daemon(tmp_path)
    machine.clock.after(1, machine.end_daemon)
    assert halt(tmp_path, "smoke", machine) == 1
    assert machine.clock.monotonic() < 2


def test_a_halt_makes_the_folder_and_closes_both_to_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = tmp_path / "new" / "logs"
    assert halt(logs, "I smell smoke") == 1, "no daemon"
    assert (logs / "HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"
    assert (logs.stat().st_mode & 0o777, (logs / "HALT").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "HALT is written: no new orders until ./bot_control.sh resume" in capsys.readouterr().out


def test_the_reason_of_an_earlier_halt_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "HALT").write_text("did not settle\n")
    halt(tmp_path, "another")
    assert capsys.readouterr().out.startswith("already halted: did not settle\n")
    assert (tmp_path / "HALT").read_text() == "did not settle\n"


def test_a_file_that_the_script_has_just_written_is_no_earlier_halt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "HALT").write_text("I smell smoke\nhalted by the owner's command\n")
    halt(tmp_path, "I smell smoke")
    assert "HALT is written: no new orders until ./bot_control.sh resume" in capsys.readouterr().out


def test_an_empty_file_gets_the_reason(tmp_path: Path) -> None:
    """The script makes it so on a full disk, and so does `touch`."""
    (tmp_path / "HALT").touch()
    halt(tmp_path, "")
    assert (tmp_path / "HALT").read_text() == "no reason given\nhalted by the owner's command\n"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/nowhere/HALT", path)])
def test_whatever_stands_in_for_the_file_halts_already(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "HALT")
    halt(tmp_path, "smoke", a_daemon(tmp_path))
    assert capsys.readouterr().out.startswith("already halted: ")


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
