"""Other programs and processes, as the commands need them: run, become, start in the background, inspect, signal."""

import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from qqqbot.regular_file import APPENDING, descriptor
from qqqbot.runtime.console import refused


class Done(NamedTuple):
    """What a command that has ended printed, and its exit code."""

    code: int
    out: str = ""
    err: str = ""


class Job(Protocol):
    """A process that was started and may still run."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def terminate(self) -> None: ...


class Processes:
    """The processes of the operating system."""

    patience_seconds = 60.0
    """longer than the time that systemd gives a service to stop"""

    def run(self, command: Sequence[str], **environment: str) -> Done:
        """Run `command` to its end and keep what it prints; code 127 if it cannot be run, 124 if it does not end."""
        try:
            done = subprocess.run(
                command,
                env=_with(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.patience_seconds,
            )
        except OSError as error:
            return Done(127, err=f"{command[0]}: {error.strerror}")
        except subprocess.TimeoutExpired:
            return Done(124, err=f"{command[0]} did not end within {self.patience_seconds:g} s")
        return Done(done.returncode, done.stdout, done.stderr)

    def show(self, command: Sequence[str], on_stderr: bool = False) -> int:
        """Run `command` to its end, and let it print to our own output."""
        sys.stdout.flush()
        sys.stderr.flush()
        return exit_code(subprocess.run(command, stdout=sys.stderr if on_stderr else None).returncode)

    def begin(self, command: Sequence[str], **environment: str) -> Job:
        """Start `command` and return at once."""
        return subprocess.Popen(command, env=_with(environment), stdin=subprocess.DEVNULL)

    def launch(self, command: Sequence[str], folder: Path, output: Path) -> Job:
        """Start `command` so that it outlives this process, its terminal and its files."""
        with os.fdopen(descriptor(output, APPENDING), "ab") as out:
            return subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def run_script(self, script: Path, *arguments: str) -> int:
        """Run `script` in this interpreter: a second one would cost `status` its speed."""
        sys.argv = [str(script), *arguments]
        runpy.run_path(str(script), run_name="__main__")
        return 0

    def run_module(self, module: str, *arguments: str) -> int:
        """Run `python -m module` in this interpreter."""
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0

    def become(self, *arguments: str) -> int:
        """Replace this process: systemd watches its pid, and `stop` recognises the daemon by its command line.

        For a missing script Python ends with the exit code of a bad configuration, after which nothing is tried again.
        """
        if arguments[0].endswith(".py") and not os.path.isfile(arguments[0]):
            return refused(f"{arguments[0]} is not here: get the whole project again (git pull, git status).")
        sys.stdout.flush()
        return os.execv(sys.executable, [sys.executable, *arguments])

    def arguments(self, pid: int) -> str | None:
        """The command line of a process; None if it cannot be read, or if the process is ending and has none."""
        # -ww: a narrow COLUMNS, or macOS, would cut the line before the program's name.
        line = self.run(("ps", "-ww", "-p", str(pid), "-o", "args=")).out.strip()
        if line.startswith(("[", "(")):  # the name of a process without a command line, in the brackets of Linux, macOS
            return None
        if line:
            return line
        try:
            return (
                Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() or None
            )
        except OSError:
            return None

    def command_lines(self) -> list[tuple[int, str]]:
        """(pid, command line) of each process of this user; none if they cannot be listed."""
        done = self.run(("ps", "-ww", "-U", str(os.getuid()), "-o", "pid=,args="))
        lines = [line.split(maxsplit=1) for line in done.out.splitlines()]
        return [(int(line[0]), line[1]) for line in lines if len(line) == 2 and line[0].isdigit()]

    def send(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal. Returns True also if the process is gone, False if it belongs to another user."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def has(self, program: str) -> bool:
        """Whether `program` is on the PATH."""
        return shutil.which(program) is not None


def exit_code(code: int) -> int:
    """The exit code as a shell reports it: 128 plus the signal's number if a signal ended the process."""
    return 128 - code if code < 0 else code


def _with(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}
