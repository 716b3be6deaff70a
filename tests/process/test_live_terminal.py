"""--live on a real terminal: drawn, redrawn, left by q, Ctrl-C or a stop, and the terminal as it was."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qqqbot.display.terminal import plain
from qqqbot.monitoring.facts.dashboard import Dashboard
from qqqbot.monitoring.screens import live as live_screen
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, book, decision_row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    found.rows("decisions.jsonl", [decision_row()])
    found.text("trading_bot_20261124.log", "".join(f"line {n}\n" for n in range(100)))
    found.status()
    return found


class Terminal:
    def __init__(self, controller: int, process: "subprocess.Popen[bytes]") -> None:
        self._controller, self._process, self.shown = controller, process, ""

    def press(self, key: bytes) -> None:
        os.write(self._controller, key)

    def until(self, text: str, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read()

    def ends(self) -> int:
        deadline = time.monotonic() + 20
        while self._process.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            self._read()
        self._read()
        return self._process.returncode

    def kill(self, number: int) -> None:
        self._process.send_signal(number)

    def _read(self) -> None:
        waiting = select.poll()
        waiting.register(self._controller, select.POLLIN)
        if waiting.poll(100):
            self.shown += os.read(self._controller, 65536).decode(errors="replace")


@contextmanager
def live(logs: LogsFolder, height: int = 40) -> Iterator[Terminal]:
    """The real process on a terminal of 80 columns, which must be as before in the end."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, 80, 0, 0))
    before = termios.tcgetattr(terminal)
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm-256color"}
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--live"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
    ) as process:
        found = Terminal(controller, process)
        try:
            found.until("q quits")
            yield found
            assert found.ends() == 0
        finally:
            process.kill()
    assert termios.tcgetattr(terminal) == before
    assert found.shown.startswith("\x1b[?1049h")
    assert found.shown.rstrip().endswith("\x1b[?25h\x1b[?1049l")
    os.close(terminal)
    os.close(controller)


def test_q_leaves_it_and_the_terminal_is_as_it_was(logs: LogsFolder) -> None:
    with live(logs) as terminal:
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.shown)
        assert "DRY RUN" in text
        assert "Decisions, newest last" in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
        terminal.press(b"q")


def test_another_key_redraws_at_once(logs: LogsFolder) -> None:
    with live(logs) as terminal:
        logs.text("HALT", "a look first\n")
        terminal.press(b" ")
        terminal.until("a look first", seconds=4.0)  # sooner than the next drawing by itself
        terminal.press(b"Q")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_gives_the_terminal_back(logs: LogsFolder, number: int) -> None:
    with live(logs) as terminal:
        terminal.kill(number)


def test_into_a_pipe_it_is_refused_with_what_to_do(logs: LogsFolder) -> None:
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--live"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "use --status" in done.stderr


@pytest.mark.parametrize(("height", "lists"), [(24, 0), (30, 1), (40, 2), (70, 3)])
def test_the_lists_take_the_room_that_the_window_has(logs: LogsFolder, height: int, lists: int) -> None:
    logs.rows("decisions.jsonl", [decision_row()] * 20)
    lines = plain(live_screen.live(Dashboard(logs.folder).glance(NOW), height)).splitlines()
    assert len(lines) <= height
    assert sum(line in ("Decisions, newest last", "Trades, newest last", "Log") for line in lines) == lists
    assert lines[-1] == "12:00:00 ET; q quits"
