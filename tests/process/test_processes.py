"""Other processes, real ones: what the commands rely on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drill.checkout import eventually
from qqqbot.runtime.processes import Done, Processes


def test_a_missing_command_is_reported_and_not_raised() -> None:
    done = Processes().run(["/nowhere/systemctl", "start"])
    assert done == Done(127, err="/nowhere/systemctl: No such file or directory")


def test_a_command_that_hangs_is_ended_and_reported() -> None:
    processes = Processes()
    processes.patience_seconds = 0.2
    assert processes.run(["sleep", "60"]) == Done(124, err="sleep did not end within 0.2 s")


def test_a_script_that_is_not_there_does_not_end_with_the_code_of_a_bad_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert Processes().become("/nowhere/qqq_trading_bot.py", "--logs", "x") == 1
    assert capsys.readouterr().err.startswith("/nowhere/qqq_trading_bot.py is not here")


def test_a_commands_output_is_kept_with_its_exit_code() -> None:
    program = "import os, sys; print(os.environ['BUS']); print('no', file=sys.stderr); sys.exit(3)"
    assert Processes().run([sys.executable, "-c", program], BUS="here") == Done(3, "here\n", "no\n")


def test_a_shown_program_prints_to_the_terminal_and_its_exit_code_is_returned(
    capfd: pytest.CaptureFixture[str],
) -> None:
    program = [sys.executable, "-c", "print('status'); raise SystemExit(4)"]
    assert Processes().show(program) == 4
    assert capfd.readouterr().out == "status\n"


def test_a_launched_process_writes_to_its_file_and_is_recognized_by_its_arguments(tmp_path: Path) -> None:
    output = tmp_path / "nohup.log"
    output.write_text("before\n")
    program = "import os, time; print(os.getcwd(), flush=True); time.sleep(60)"
    processes = Processes()
    job = processes.launch([sys.executable, "-c", program, "a-name"], tmp_path, output)
    eventually(lambda: output.read_text() == f"before\n{tmp_path}\n", "it has begun")
    assert job.poll() is None
    assert "a-name" in str(processes.arguments(job.pid))
    job.terminate()
    eventually(lambda: job.poll() == -15, "it ends")


def test_a_job_is_not_waited_for() -> None:
    began = time.monotonic()
    job = Processes().begin([sys.executable, "-c", "import time; time.sleep(60)"])
    assert time.monotonic() - began < 10
    job.terminate()
    eventually(lambda: job.poll() is not None, "it ends")


def test_a_process_that_is_ending_has_no_arguments_and_is_not_taken_for_another_program() -> None:
    """A dead process keeps its pid until it is reaped; ps then shows its name in brackets."""
    processes = Processes()
    job = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)
        assert processes.arguments(job.pid) is None
    finally:
        job.wait()
