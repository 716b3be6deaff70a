"""sd_notify over a real socket; what is expected comes from sd_notify(3)."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.checkout import ROOT
from qqqbot.runtime.systemd import LONGEST_STATUS, Supervisor


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """systemd's end, and its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        yield end, str(tmp_path / "notify")


def heard(end: socket.socket) -> list[str]:
    return end.recv(4096).decode().split("\n")


def test_ready_is_reported_once_and_every_call_is_a_sign_of_life(manager: tuple[socket.socket, str]) -> None:
    end, name = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": name})
    supervisor.report("starting", "not yet")
    assert heard(end) == ["WATCHDOG=1", "STATUS=not yet"]
    supervisor.report("running", "HOLD: all is well")
    assert heard(end) == ["WATCHDOG=1", "READY=1", "STATUS=HOLD: all is well"]
    supervisor.report("running", "HOLD: still")
    assert heard(end) == ["WATCHDOG=1", "STATUS=HOLD: still"]
    supervisor.report("stopped", "bye")
    assert heard(end) == ["STOPPING=1", "STATUS=bye"]


def test_a_daemon_that_waits_for_its_account_is_ready(manager: tuple[socket.socket, str]) -> None:
    end, name = manager
    Supervisor({"NOTIFY_SOCKET": name}).report("waiting", "for a login")
    assert "READY=1" in heard(end)


def test_a_status_is_one_short_line(manager: tuple[socket.socket, str]) -> None:
    """A line end in it would start another command."""
    end, name = manager
    Supervisor({"NOTIFY_SOCKET": name}).report("running", "a\nMAINPID=1\n" + "x" * 1000)
    lines = heard(end)
    assert len(lines) == 3
    assert lines[2].startswith("STATUS=a MAINPID=1 x")
    assert len(lines[2]) == len("STATUS=") + LONGEST_STATUS


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        try:
            end.bind("\0qqqbot-test-abstract")
        except OSError:
            pytest.skip("this system has no abstract addresses")
        end.setblocking(False)
        Supervisor({"NOTIFY_SOCKET": "@qqqbot-test-abstract"}).report("running", "here")
        assert "STATUS=here" in heard(end)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_systemd_nothing_is_sent(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    Supervisor(environment).report("running", "nobody listens")
    assert caplog.records == []


@pytest.mark.parametrize("name", ["/nowhere/notify", "vsock:2:1", "x" * 500, "@" + "x" * 500, "/a\0b"])
def test_an_unreachable_address_is_reported_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": name})
    for _ in range(3):
        supervisor.report("running", "nobody listens")
    assert len(caplog.records) == 1


def test_a_manager_that_does_not_read_is_not_waited_for(manager: tuple[socket.socket, str]) -> None:
    """A blocking send would hang here: the buffer is full. What systemd missed is sent again, above all READY."""
    end, name = manager
    flooding = Supervisor({"NOTIFY_SOCKET": name})
    for _ in range(2000):
        flooding.report("running", "x" * 200)
    late = Supervisor({"NOTIFY_SOCKET": name})
    late.report("running", "missed")
    while True:
        try:
            end.recv(4096)
        except BlockingIOError:
            break
    late.report("running", "heard")
    assert "READY=1" in heard(end)


HANGS = """
import sys, time
from qqqbot.runtime.systemd import Supervisor
supervisor = Supervisor({}, hang_seconds=1.5)
for _ in range(4):
    supervisor.report("running", "")
    time.sleep(0.4)
print("alive", flush=True)
time.sleep(60)
"""


def test_a_process_that_hangs_ends_itself_and_says_where() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "alive\n")
    assert 'File "<string>", line 9 in <module>' in done.stderr
