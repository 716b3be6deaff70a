"""The lock on logs/bot.pid between processes: what the kernel says counts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drill.checkout import ROOT, eventually
from qqqbot.model.errors import AlreadyRunning, StartRefused
from qqqbot.runtime.lock import PID_FILE, Lock, holder

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


def test_a_killed_process_holds_no_lock_even_while_its_child_lives(tmp_path: Path) -> None:
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


def test_a_lock_acquired_by_another_process_meanwhile_is_not_taken_from_it(tmp_path: Path) -> None:
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search every folder")
def test_a_folder_that_may_not_be_searched_is_not_read_as_nobody_runs(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(StartRefused, match="Permission denied"):
            holder(tmp_path / PID_FILE)
    finally:
        tmp_path.chmod(0o700)


def test_a_pipe_or_a_missing_folder_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PID_FILE)
    with pytest.raises(StartRefused, match="a pipe or a device"):
        holder(tmp_path / PID_FILE)
    assert holder(tmp_path / PID_FILE / "no folder") is None
    assert holder(tmp_path / "nothing" / PID_FILE) is None
