"""Runs one child process to its end: its input on stdin, its answer on stdout; it is killed at the deadline.

Code that talks to the outside world runs in such a child: a hang, a leak or a crash ends with the child, and the daemon
need not load heavy libraries. Secrets travel through the pipe, never on the command line, which every user of the
machine can read.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qqqbot.regular_file import object_in
from qqqbot.runtime.foreign_text import washed

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.2
# The largest answer, two years of two symbols and three years of sessions, is 85 kB.
LARGEST_OUTPUT_BYTES = 4 * 1024 * 1024
LAST_WORDS_BYTES = 2000
# A write of no more than this does not block on a pipe that is ready for it.
PIECE_BYTES = 512
# Without these, numpy starts a thread for each processor: more than a service or a container may have.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# A child also ends itself this long after its deadline, in case this process is killed while the child hangs.
GRACE_SECONDS = 5


class ChildFailed(Exception):
    """The child did not answer. The text quotes nothing of what the child was given."""


class ChildStopped(ChildFailed):
    """A stop request ended the child before it answered, or prevented its start."""


class ChildOutput(NamedTuple):
    """What a child process left behind. `status` is negative if a signal ended it."""

    status: int
    output: bytes
    last_words: str
    """The end of its standard error, washed. Libraries quote their input there: not to be used if that has secrets."""

    @property
    def ended(self) -> str:
        return f"ended with {f'signal {-self.status}' if self.status < 0 else f'status {self.status}'}"

    def document(self) -> dict[str, Any]:
        """The output as a JSON object. Raises ChildFailed."""
        if (found := object_in(self.output)) is None:
            raise ChildFailed(f"the process {self.ended} and without an answer")
        return found


def module_command(module: str) -> tuple[str, ...]:
    """The command that runs `qqqbot.<module>`. -P keeps the working directory out of the path."""
    return (sys.executable, "-P", "-m", f"qqqbot.{module}")


def run_child(
    command: Sequence[str], deadline_seconds: float, stopping: Callable[[], bool], given: bytes = b""
) -> ChildOutput:
    """Run `command` to its end. Raises ChildFailed, and ChildStopped soon after `stopping` says so.

    The child's whole process group is gone when this returns or raises. The deadline is in real seconds.
    """
    if stopping():
        raise ChildStopped("the daemon is stopping")
    # Python finds the package through its own folder, whatever the working directory is.
    known = os.environ.get("PYTHONPATH")
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": f"{ROOT}{os.pathsep}{known}" if known else str(ROOT)}
    deadline = time.monotonic() + deadline_seconds
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)
    except OSError as error:
        raise ChildFailed(f"the process cannot be started: {error.strerror}") from None
    with child:
        try:
            with contextlib.closing(_Exchange(child, given)) as exchange:
                while not exchange.done():
                    if stopping():
                        raise ChildStopped("the daemon is stopping")
                    if time.monotonic() >= deadline:
                        raise ChildFailed(f"no answer within {deadline_seconds:g} s")
                    exchange.step()
        finally:
            # Before the child is reaped its pid cannot be reused; if the child has ended, this does no harm.
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
                os.killpg(child.pid, signal.SIGKILL)
        status = child.wait()
    return ChildOutput(status, bytes(exchange.output), exchange.last_words())


class _Exchange:
    """The three pipes of a child, served side by side so that none of them fills up."""

    def __init__(self, child: "subprocess.Popen[bytes]", given: bytes) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        self._stdin, self._given = child.stdin, given
        self.output, self._words = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(child.stdin, selectors.EVENT_WRITE)
        self._selector.register(child.stdout, selectors.EVENT_READ, self.output)
        self._selector.register(child.stderr, selectors.EVENT_READ, self._words)

    def done(self) -> bool:
        return not self._selector.get_map()

    def step(self) -> None:
        """Wait briefly, then read and write as much as possible. Raises ChildFailed if the answer is too large."""
        for key, _ in self._selector.select(POLL_SECONDS):
            if key.data is None:
                self._write()
            elif piece := os.read(key.fd, 65536):
                key.data.extend(piece)
            else:
                self._selector.unregister(key.fileobj)
        del self._words[:-LAST_WORDS_BYTES]
        if len(self.output) > LARGEST_OUTPUT_BYTES:
            raise ChildFailed(f"the answer is larger than {LARGEST_OUTPUT_BYTES:,} bytes")

    def _write(self) -> None:
        try:
            written = os.write(self._stdin.fileno(), self._given[:PIECE_BYTES]) if self._given else 0
            self._given = self._given[written:]
        except BrokenPipeError:
            self._given = b""  # the child has closed its stdin
        if not self._given:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def close(self) -> None:
        self._selector.close()

    def last_words(self) -> str:
        lines = self._words.decode("utf-8", "replace").strip().splitlines()
        return washed(lines[-1]) if lines else ""


class ChildJobs:
    """Runs one job at a time; `abort`, from any thread, ends it and prevents any further one."""

    def __init__(self) -> None:
        self._aborted = threading.Event()

    def run(self, module: str, job: Mapping[str, Any], deadline_seconds: float) -> dict[str, Any]:
        """What `python -m qqqbot.<module>` answers to `job`. Raises ChildFailed."""
        command = (*module_command(module), str(math.ceil(deadline_seconds)))
        return run_child(command, deadline_seconds, self._aborted.is_set, json.dumps(job).encode()).document()

    def abort(self) -> None:
        self._aborted.set()


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """The child's side: read the job, do the work, print the answer. The first argument is the deadline in seconds."""
    signal.alarm(int(sys.argv[1]) + GRACE_SECONDS if len(sys.argv) > 1 else 0)
    job = json.load(sys.stdin)
    # The output of a library must not get into the answer.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        json.dump(work(job), output)
    return 0
