"""What the operating system says about processes; the rest of it needs real ones: tests/process/test_processes.py."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.runtime.processes import Processes, exit_code


@pytest.mark.parametrize(("code", "shown"), [(0, 0), (7, 7), (-9, 137), (-15, 143)])
def test_a_death_by_signal_is_numbered_as_in_a_shell(code: int, shown: int) -> None:
    assert exit_code(code) == shown


def test_a_process_that_has_ended_needs_no_signal() -> None:
    limit = Path("/proc/sys/kernel/pid_max")
    nobody = int(limit.read_text()) + 1 if limit.exists() else 99_999_999
    assert Processes().send(nobody, signal.SIGTERM)
    assert Processes().send(os.getpid(), signal.Signals(signal.SIGCONT))


def test_it_finds_programs_on_the_path() -> None:
    assert Processes().has("sh")
    assert not Processes().has("a-program-that-nobody-has")


@pytest.fixture(autouse=True)
def same_arguments() -> Iterator[None]:
    before = sys.argv
    yield
    sys.argv = before


def test_a_script_sees_its_arguments_and_its_exit_code_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "monitor.py"
    script.write_text("import sys\nif __name__ == '__main__':\n    print(*sys.argv[1:])\n    sys.exit(4)\n")
    with pytest.raises(SystemExit) as ended:
        Processes().run_script(script, "--status", "--json")
    assert ended.value.code == 4
    assert capsys.readouterr().out == "--status --json\n"


def test_a_module_is_run_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Processes().run_module("json.tool", "--help")
    assert "json" in capsys.readouterr().out
