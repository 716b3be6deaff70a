"""Where the daemon works that a command is meant for, if not on the command's own folder."""

from pathlib import Path

import pytest

from qqqbot.runtime import place
from qqqbot.runtime.daemon_process import DaemonProcess, Patience
from qqqbot.runtime.elsewhere import Elsewhere
from qqqbot.runtime.place import DAEMON
from qqqbot.runtime.processes import Done
from qqqbot.runtime.service import Service
from tests.support.control import FakeProcesses, Machine

PID = 4711


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


def elsewhere(tmp_path: Path, processes: FakeProcesses, holder: int | None = None, **variables: str) -> Elsewhere:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), **variables}
    where = place.checkout(tmp_path / "bot_control.sh", environment)
    machine = Machine(where.logs, holder=holder)
    if holder:
        machine.run_daemon(holder)
    daemon = DaemonProcess(where.logs, machine.clock, Patience(), machine.find_holder)
    return Elsewhere(where, daemon, Service(where, environment, processes), processes)


def installed(tmp_path: Path, processes: FakeProcesses, logs: str) -> None:
    processes.programs.add("systemctl")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "QQQBOT_LOGS": logs}
    where = place.checkout(tmp_path / "bot_control.sh", environment)
    assert Service(where, environment, processes).install() is None


def test_where_nothing_runs_nothing_is_elsewhere(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.lines = [(1, "/sbin/init"), (2, f"python {DAEMON} --check-config"), (3, f"vi {DAEMON}.orig")]
    assert elsewhere(tmp_path, processes).problem("stop") is None


@pytest.mark.parametrize("logs", ["/srv/50% of the bot's logs", '/srv/it\'s \\ "here"'])
def test_the_folder_of_the_service_is_named(tmp_path: Path, processes: FakeProcesses, logs: str) -> None:
    installed(tmp_path, processes, logs)
    problem = elsewhere(tmp_path, processes).problem("stop")
    assert problem is not None
    assert (
        f"No daemon runs on {tmp_path}/logs, but the service qqqbot.service uses {logs}. For that folder: QQQBOT_LOGS="
        in problem
    )


def test_a_service_that_is_neither_enabled_nor_runs_is_not_meant(tmp_path: Path, processes: FakeProcesses) -> None:
    installed(tmp_path, processes, "/srv")
    processes.answers = {"is-enabled qqqbot.service": Done(1, "disabled\n"), "is-active qqqbot.service": Done(3)}
    assert elsewhere(tmp_path, processes).problem("stop") is None


def test_the_folder_of_the_service_may_be_without_a_daemon(tmp_path: Path, processes: FakeProcesses) -> None:
    """The service is stopped, and another bot of this checkout runs."""
    installed(tmp_path, processes, str(tmp_path / "logs"))
    processes.lines = [(PID, f"python {DAEMON} --logs /srv/other --config /srv/config.json")]
    assert elsewhere(tmp_path, processes).problem("start", starting=True) is None


def test_the_folder_of_a_daemon_that_was_started_alone_is_named(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.lines = [(PID, f"/v/bin/python {DAEMON} --logs /srv/my bot --config /srv/config.json")]
    problem = elsewhere(tmp_path, processes).problem("halt")
    assert problem == (
        f"No daemon runs on {tmp_path}/logs, but a daemon (pid {PID}) uses /srv/my bot. For that folder: "
        "QQQBOT_LOGS='/srv/my bot' ./bot_control.sh halt. "
        f"For this folder: QQQBOT_LOGS={tmp_path}/logs ./bot_control.sh halt."
    )


def test_a_daemon_of_this_folder_is_not_elsewhere(tmp_path: Path, processes: FakeProcesses) -> None:
    """It is about to take its lock, or it hangs and somebody has deleted the lock file."""
    here, there = (f"python {DAEMON} --logs {logs} --config /srv/c" for logs in (f"{tmp_path}/./logs", "/srv/other"))
    processes.lines = [(PID, here)]
    assert elsewhere(tmp_path, processes).problem("start", starting=True) is None
    processes.lines = [(PID, here), (PID + 1, there)]
    assert f"a daemon (pid {PID + 1}) uses /srv/other" in str(elsewhere(tmp_path, processes).problem("stop"))


def test_a_daemon_started_by_hand_may_have_any_folder(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.lines = [(PID, f"python {DAEMON}")]
    problem = elsewhere(tmp_path, processes).problem("stop")
    assert "runs on another folder: set QQQBOT_LOGS to that folder" in str(problem)
    assert elsewhere(tmp_path, processes, holder=PID).problem("stop") is None


def test_a_chosen_folder_is_believed_where_a_bot_has_run_or_is_to_run(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.lines = [(PID, f"python {DAEMON} --logs /srv --config /srv/config.json")]
    chosen = elsewhere(tmp_path, processes, QQQBOT_LOGS=str(tmp_path / "chosen"))
    assert chosen.problem("start", starting=True) is None
    assert "uses /srv." in str(chosen.problem("stop"))
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen/status.json").touch()
    assert chosen.problem("stop") is None


def test_the_configuration_of_the_daemon_is_compared_as_a_file(tmp_path: Path, processes: FakeProcesses) -> None:
    def other(configuration: str) -> Path | None:
        processes.lines = [(PID, f"python {DAEMON} --logs {tmp_path}/logs --config {configuration}")]
        return elsewhere(tmp_path, processes, holder=PID).other_configuration()

    assert other(f"{tmp_path}/logs/../config.json") is None
    assert other("/srv/config.json") == Path("/srv/config.json")
