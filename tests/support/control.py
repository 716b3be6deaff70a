"""What the commands find on a machine in tests: a daemon and a systemd that exist only as values."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.processes import Done, Processes

START = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
DAEMON_ARGUMENTS = "/venv/bin/python /bot/qqq_trading_bot.py"


class FakeJob:
    def __init__(self, pid: int, code: int | None = None) -> None:
        self.pid = pid
        self.code = code
        self.terminated = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.terminated = True


@dataclass
class FakeProcesses(Processes):
    """`answers` holds what a command prints, by its last words; others succeed and print nothing."""

    answers: dict[str, Done] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    arguments_of: dict[int, str] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    job: FakeJob = field(default_factory=lambda: FakeJob(4711))
    on_launch: Callable[[], None] = lambda: None
    on_signal: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    shown_on_stderr: list[str] = field(default_factory=list)
    lines: list[tuple[int, str]] = field(default_factory=list)
    """the processes of this user"""
    launched: list[tuple[Path, Path]] = field(default_factory=list)
    """folder and output of each"""
    sent: list[tuple[int, signal.Signals]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    became: list[tuple[str, ...]] = field(default_factory=list)
    """what this process would have become"""
    ran: list[tuple[str, ...]] = field(default_factory=list)
    """what would have run in this interpreter"""
    folder: str = ""

    def run(self, command: Sequence[str], **environment: str) -> Done:
        words = " ".join(command)
        self.asked.append(words)
        self.environments.append(environment)
        return next((done for end, done in self.answers.items() if words.endswith(end)), Done(0))

    def show(self, command: Sequence[str], on_stderr: bool = False) -> int:
        (self.shown_on_stderr if on_stderr else self.shown).append(" ".join(command[1:]))
        return self.run(command).code

    def begin(self, command: Sequence[str], **environment: str) -> FakeJob:
        self.asked.append(" ".join(command))
        self.environments.append(environment)
        self.on_launch()
        return self.job

    def launch(self, command: Sequence[str], folder: Path, output: Path) -> FakeJob:
        self.asked.append(" ".join(command))
        self.launched.append((folder, output))
        self.on_launch()
        return self.job

    def become(self, *arguments: str) -> int:
        self.became.append(arguments)
        self.folder = os.getcwd()
        return 0

    def run_script(self, script: Path, *arguments: str) -> int:
        self.ran.append((str(script), *arguments))
        return 0

    def run_module(self, module: str, *arguments: str) -> int:
        self.ran.append((module, *arguments))
        return 0

    def arguments(self, pid: int) -> str | None:
        return self.arguments_of.get(pid)

    def command_lines(self) -> list[tuple[int, str]]:
        return self.lines

    def send(self, pid: int, number: signal.Signals) -> bool:
        if pid in self.foreign:
            return False
        self.sent.append((pid, number))
        self.on_signal()
        return True

    def has(self, program: str) -> bool:
        return program in self.programs


class EventClock(VirtualClock):
    """A clock on which things happen while somebody waits."""

    def __init__(self) -> None:
        super().__init__(START)
        self._events: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        self._events.append((self.monotonic() + seconds, event))

    def wait(self, seconds: float) -> bool:
        stopping = super().wait(seconds)
        for due, event in [found for found in self._events if found[0] <= self.monotonic()]:
            self._events.remove((due, event))
            event()
        return stopping


@dataclass
class Machine:
    """The logs folder, the lock on it, and the clock."""

    logs: Path
    clock: EventClock = field(default_factory=EventClock)
    holder: int | None = None

    def write_status(self, state: str, pid: int, **more: str | None) -> None:
        self.logs.mkdir(exist_ok=True)
        (self.logs / "status.json").write_text(json.dumps({"state": state, "pid": pid, **more}))

    def find_holder(self, _: Path) -> int | None:
        return self.holder

    def run_daemon(self, pid: int, state: str = "running") -> None:
        self.holder = pid
        self.write_status(state, pid)
        (self.logs / "bot.pid").touch()

    def end_daemon(self) -> None:
        self.holder = None
