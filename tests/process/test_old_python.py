"""What the programs say to a Python that cannot run them: a sentence, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In an owner's checkout .venv has the libraries: with it, this would start his bot.
NO_ENVIRONMENT = {"QQQBOT_VENV": os.devnull}
PROGRAMS = ("monitor.py", "qqq_trading_bot.py", "test_ib_connection.py")


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-c", f"import runpy, sys; sys.path.insert(0, '.'); {script}"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **NO_ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_old_python_is_told_which_one_is_needed(program: str) -> None:
    result = run(f"sys.version_info = (3, 10, 12); runpy.run_path('{program}', run_name='__main__')")
    assert result.returncode == 1
    assert result.stderr.startswith("qqqbot needs Python 3.11 or later, and this is 3.10: run .venv/bin/python")
    assert len(result.stderr.splitlines()) == 1


def test_a_python_without_zone_files_is_told_what_is_missing() -> None:
    result = run("runpy.run_path('monitor.py', run_name='__main__')", PYTHONTZPATH="")
    assert result.returncode == 1
    assert result.stderr.startswith("this Python does not know New York's time: it has no time-zone files.")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("program", ["qqq_trading_bot.py", "test_ib_connection.py"])
def test_a_python_without_the_libraries_is_told_how_to_set_them_up(program: str) -> None:
    result = run(f"runpy.run_path('{program}', run_name='__main__')")
    assert result.returncode == 1
    assert result.stderr.startswith("not set up yet (pydantic")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("view", ["--web", "--drift"])
def test_a_view_that_needs_a_library_says_how_to_get_it(view: str) -> None:
    start = f"sys.argv = ['monitor.py', '{view}']; runpy.run_path('monitor.py', run_name='__main__')"
    result = run(start, QQQBOT_STARTED_AGAIN="1")
    assert result.returncode == 1
    assert "./bot_control.sh start sets everything up" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("lacks", ["the libraries", "a version"])
def test_the_monitor_starts_again_with_the_projects_own_python(tmp_path: Path, lacks: str) -> None:
    own = tmp_path / "bin/python"
    own.parent.mkdir()
    own.write_text('#!/bin/sh\necho "own $@"\n')
    own.chmod(0o755)
    older = "sys.version_info = (3, 10, 12); " if lacks == "a version" else ""
    start = f"{older}sys.argv = ['monitor.py', '--status']; runpy.run_path('monitor.py', run_name='__main__')"
    done = run(start, QQQBOT_VENV=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "own monitor.py --status\n", "")
    once = run(start, QQQBOT_VENV=str(tmp_path), QQQBOT_STARTED_AGAIN="1", QQQBOT_LOGS=str(tmp_path / "logs"))
    assert "own" not in once.stdout, "once is enough"
