"""One job done by a short-lived child process: its input on stdin, its answer on stdout, an end at the deadline.

What talks to strangers runs there: a hang, a leak or a crash of it dies with it, and heavy libraries stay out of the
daemon. Secrets travel through the pipe; the command line, which every user of the machine can read, holds none.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The child also ends by itself this long after its deadline, should this process be killed while it hangs.
GRACE_SECONDS = 5


class JobFailed(Exception):
    """No answer. The text holds nothing of what the job was given."""


class ChildJobs:
    """Runs one job at a time, from one thread; `abort` may be called from another."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._aborted = False

    def run(self, module: str, job: Mapping[str, Any], deadline_seconds: float) -> dict[str, Any]:
        """What `python -m qqqbot.<module>` answers to `job`. Raises JobFailed."""
        child = self._started([sys.executable, "-P", "-m", f"qqqbot.{module}", str(_whole(deadline_seconds))])
        with child:
            try:
                output, _ = child.communicate(json.dumps(job).encode(), deadline_seconds)
            except subprocess.TimeoutExpired:
                raise JobFailed(f"no answer within {deadline_seconds:g} s") from None
            finally:
                self._end(child)
        return _document(output, child.returncode)

    def abort(self) -> None:
        """End the job that runs, and start none any more."""
        with self._guard:
            self._aborted = True
            if self._child is not None:
                _kill_group(self._child)

    def _started(self, command: list[str]) -> "subprocess.Popen[bytes]":
        # -P keeps the working directory out of the path; the package is found through its own folder.
        known = os.environ.get("PYTHONPATH")
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{known}" if known else str(ROOT)}
        with self._guard:
            if self._aborted:
                raise JobFailed("the daemon is stopping")
            try:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # libraries quote addresses there
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise JobFailed(f"the process cannot be started: {error.strerror}") from None
            return self._child

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        with self._guard:
            _kill_group(child)
            self._child = None


def answer(work: Any) -> int:
    """The child's side: read the job, do `work` on it, print the answer. The first argument is the deadline."""
    signal.alarm(int(sys.argv[1]) + GRACE_SECONDS if len(sys.argv) > 1 else 0)
    job = json.load(sys.stdin)
    # What a library prints must not end up in the answer.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        json.dump(work(job), output)
    return 0


def _document(output: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(output)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        ended = f"signal {-status}" if status < 0 else f"status {status}"
        raise JobFailed(f"the process ended with {ended} and without an answer")
    return found


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    """Before the child is reaped, while its number is still its own."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(child.pid, signal.SIGKILL)


def _whole(seconds: float) -> int:
    return math.ceil(seconds)
