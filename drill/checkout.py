"""A copy of the project in its own folder, controlled through bot_control.sh as its owner would do it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from qqqbot.runtime.lock import PID_FILE, holder

ROOT = Path(__file__).resolve().parents[1]
STANDINS = ROOT / "standins"
# No proxy answers there: a daemon that asks for prices is refused at once, and nothing needs the internet.
NOBODY = "http://127.0.0.1:9"


class Checkout:
    """`folder` holds the copy; `environment` is what its commands see, and may be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.script = folder / "bot_control.sh"
        folder.mkdir(parents=True)
        shutil.copytree(ROOT / "qqqbot", folder / "qqqbot", ignore=shutil.ignore_patterns("__pycache__"))
        for path in [
            *ROOT.glob("*.py"),
            *ROOT.glob("requirements*.txt"),
            ROOT / "config.json",
            ROOT / "bot_control.sh",
        ]:
            shutil.copy(path, folder)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {**kept, "HTTPS_PROXY": NOBODY, "NO_COLOR": "1"}

    def with_ready_environment(self) -> Self:
        """Use the running Python as if it had been set up here: nothing is installed."""
        environment = self.folder / ".venv"
        (environment / "bin").mkdir(parents=True)
        python = environment / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        wanted = (self.folder / "requirements.txt").read_text()
        version = "# Python {}.{}\n".format(*sys.version_info)
        (environment / ".installed-requirements.txt").write_text(version + wanted)
        return self

    def begin(self, *arguments: str, cwd: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
        """Start a command of the script and return at once."""
        return subprocess.Popen(
            [str(self.script), *arguments],
            cwd=cwd or self.folder.parent,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the script to its end."""
        process = self.begin(*arguments, cwd=cwd, **environment)
        return finished(process)

    def holder(self) -> int | None:
        return holder(self.logs / PID_FILE)

    def daemon(self) -> int:
        """The pid of the daemon, which must be running."""
        pid = self.holder()
        assert pid is not None, "no daemon runs"
        return pid

    def state(self) -> str:
        return str(json.loads((self.logs / "status.json").read_text())["state"])

    def clean_up(self) -> None:
        """Leave no daemon behind, whether it holds the lock or is about to take it."""
        # Only a test replaces the lock file by something else; then there is no daemon.
        pid = self.holder() if (self.logs / PID_FILE).is_file() else None
        if pid is not None:
            kill(pid)
        eventually(lambda: not sum(map(kill, self._processes())), f"nothing of {self.folder} runs")

    def _processes(self) -> list[int]:
        """The pids of the script and the daemon, whoever started them; their arguments name a file of this folder."""
        names = (f"{self.script} ", f"{self.folder / 'qqq_trading_bot.py'} ")
        return [pid for pid, command in commands() if any(name in f"{command} " for name in names)]


def commands() -> Iterator[tuple[int, str]]:
    """(pid, arguments) of every process on this machine."""
    if Path("/proc/self/cmdline").exists():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # the process has just ended
                yield int(path.parent.name), path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    else:
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        for pid, *command in (line.split(None, 1) for line in listed.stdout.splitlines()):
            yield int(pid), " ".join(command)


def finished(process: "subprocess.Popen[str]", timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def kill(pid: int) -> bool:
    """Kill a process; returns whether there was one."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def eventually(happened: Callable[[], bool], what: str, seconds: float = 30, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(pause)
