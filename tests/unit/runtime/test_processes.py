"""What the operating system says about processes; the rest of it needs real ones: tests/process/test_processes.py."""

import os
import signal
from pathlib import Path

import pytest

from qqqbot.runtime.processes import SystemProcesses, exit_code


@pytest.mark.parametrize(("code", "shown"), [(0, 0), (7, 7), (-9, 137), (-15, 143)])
def test_a_death_by_signal_is_numbered_as_in_a_shell(code: int, shown: int) -> None:
    assert exit_code(code) == shown


def test_a_process_that_has_ended_needs_no_signal() -> None:
    limit = Path("/proc/sys/kernel/pid_max")
    nobody = int(limit.read_text()) + 1 if limit.exists() else 99_999_999
    assert SystemProcesses().send(nobody, signal.SIGTERM)
    assert SystemProcesses().send(os.getpid(), signal.Signals(signal.SIGCONT))


def test_it_finds_programs_on_the_path() -> None:
    assert SystemProcesses().has("sh")
    assert not SystemProcesses().has("a-program-that-nobody-has")
