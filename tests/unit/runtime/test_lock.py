"""The lock on logs/bot.pid: what the kernel says counts, what the file says does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drill.checkout import ROOT, eventually
from qqqbot.model.errors import AlreadyRunning, StartRefused
from qqqbot.runtime.lock import Lock, holder, main

# Takes the lock, says so, and keeps it; with a child that outlives it where asked to.
HOLD = """
import subprocess, sys, time
from pathlib import Path
from qqqbot.runtime.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.acquire()
if sys.argv[2:] == ["child"]:
    print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
print("held", flush=True)
time.sleep(60)
"""


def other_process(path: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(path), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_free_lock_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "bot.pid") is None


def test_the_holder_is_told_while_it_holds_and_not_after(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        assert holder(path) == os.getpid()
    assert holder(path) is None
    assert path.exists()


@pytest.mark.parametrize("left_behind", [f"{os.getppid()}\n", "", "garbage\n", "99999999999999999999999", "\0" * 100])
def test_a_file_left_behind_locks_nothing_whatever_is_in_it(tmp_path: Path, left_behind: str) -> None:
    path = tmp_path / "bot.pid"
    path.write_text(left_behind)
    assert holder(path) is None
    with Lock(path):
        assert holder(path) == os.getpid()
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_holder_is_refused_and_told_who_holds_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        with pytest.raises(AlreadyRunning) as refused:
            Lock(path).acquire()
        assert holder(path) == os.getpid()
    for part in (f"pid {os.getpid()}", str(path), "./bot_control.sh stop"):
        assert part in str(refused.value)


def test_a_reader_that_probes_at_that_moment_does_not_refuse_a_start(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    probing = subprocess.Popen(
        [sys.executable, "-c", PROBE_A_WHILE, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert probing.stdout is not None
    assert probing.stdout.readline() == "probing\n"
    with Lock(path):
        assert holder(path) == os.getpid()
    probing.communicate()


PROBE_A_WHILE = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT, 0o644)
fcntl.flock(file, fcntl.LOCK_SH)
print("probing", flush=True)
time.sleep(0.1)
"""


def test_a_killed_holder_holds_nothing_even_while_its_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    process = other_process(path, "child")
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert process.stdout.readline() == "held\n"
    try:
        assert holder(path) == process.pid
        process.kill()
        process.wait()
        assert holder(path) is None
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_removed_file_is_noticed_by_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    lock = Lock(path)
    assert not lock.intact()
    lock.acquire()
    assert lock.intact()
    path.unlink()
    assert not lock.intact()
    path.write_text("somebody else's\n")
    assert not lock.intact()
    lock.release()


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path) as lock:
        assert not lock.secure()
        path.unlink()
        assert lock.secure()
        assert lock.intact()
        assert holder(path) == os.getpid()
    assert holder(path) is None


def test_a_lock_that_somebody_else_has_meanwhile_is_not_taken_from_him(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path) as lock:
        path.unlink()
        process = other_process(path)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            with pytest.raises(AlreadyRunning, match=f"pid {process.pid}"):
                lock.secure()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.mark.parametrize("successor", [False, True], ids=["no folder", "another folder"])
def test_a_lock_is_not_taken_in_another_folder_than_that_of_the_records(tmp_path: Path, successor: bool) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with Lock(logs / "bot.pid") as lock:
        logs.rename(tmp_path / "old logs")
        if successor:
            logs.mkdir()
        with pytest.raises(StartRefused, match="was moved or removed while the daemon ran"):
            lock.secure()
        assert not (logs / "bot.pid").exists()


def test_a_lock_that_cannot_be_told_is_not_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bot.pid"
    path.mkdir()
    with pytest.raises(StartRefused, match=r"bot\.pid: cannot be opened"):
        Lock(path).acquire()
    loop = tmp_path / "loop" / "bot.pid"
    loop.parent.mkdir()
    loop.symlink_to(loop)
    with pytest.raises(StartRefused, match="cannot be opened"):
        holder(loop)
    assert main([str(loop.parent)]) == 2
    assert "cannot be opened" in capsys.readouterr().err


def test_a_locked_file_without_a_pid_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        path.write_text("12")  # as if its holder were cut off in the middle of writing
        with pytest.raises(StartRefused, match="no pid in it"):
            holder(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="there is no folder"):
        Lock(tmp_path / "nowhere" / "bot.pid").acquire()
    assert holder(tmp_path / "nowhere" / "bot.pid") is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_and_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    path.symlink_to("/dev/full")
    with pytest.raises(StartRefused, match="No space left on device"):
        Lock(path).acquire()


def test_the_command_line_says_pid_or_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 3
    with Lock(tmp_path / "bot.pid"):
        assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{os.getpid()}\n"
    assert main([]) == 2


def test_eight_simultaneous_starts_make_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    processes = [other_process(path) for _ in range(8)]
    try:
        eventually(lambda: sum(process.poll() is not None for process in processes) == 7, "seven of eight refused")
        survivor = [process for process in processes if process.poll() is None]
        assert [process.pid for process in survivor] == [holder(path)]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
