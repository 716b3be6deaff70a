"""install-service: what is refused before anything is installed, and what is done then."""

from pathlib import Path

import pytest

from qqqbot.runtime import place
from qqqbot.runtime.daemon_process import DaemonProcess, Patience
from qqqbot.runtime.install_service import install_service
from qqqbot.runtime.lifecycle import Lifecycle
from qqqbot.runtime.processes import Done
from qqqbot.runtime.service import Service
from tests.support.control import FakeProcesses, Machine


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses(programs={"systemctl"})


def install(tmp_path: Path, processes: FakeProcesses, **variables: str) -> int:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), **variables}
    where = place.checkout(tmp_path / "bot_control.sh", environment)
    machine = Machine(where.logs)
    service = Service(where, environment, processes)
    daemon = DaemonProcess(where.logs, machine.clock, Patience(), machine.find_holder)
    lifecycle = Lifecycle(where, daemon, service, processes, machine.clock)
    return install_service(where, environment, lifecycle, service, processes)


def asked(processes: FakeProcesses) -> list[str]:
    return [call.removeprefix("systemctl --user ") for call in processes.asked if "systemctl" in call]


def installed(tmp_path: Path) -> bool:
    return (tmp_path / "config/systemd/user/qqqbot.service").exists()


def test_it_is_enabled_and_started_by_systemd(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path, processes) == 0
    done = [call for call in asked(processes) if not call.startswith("is-")]
    assert done == ["daemon-reload", "enable qqqbot.service", "stop qqqbot.service", "restart qqqbot.service"]
    out = capsys.readouterr().out
    assert "qqqbot.service and started; systemd restarts it after a crash" in out
    assert "stop it: ./bot_control.sh stop" in out


def test_without_systemd_other_ways_are_named(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.programs.clear()
    assert install(tmp_path, processes) == 1
    assert "Docker: deploy/" in capsys.readouterr().err


def test_a_bad_configuration_installs_nothing(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.answers = {"--check-config": Done(2, "", "config.json: nonsense\n")}
    assert install(tmp_path, processes) == 2
    assert not installed(tmp_path)


def test_secrets_that_the_service_would_not_have_install_nothing(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path, processes, QQQBOT_PING_URL="https://hunter2") == 2
    err = capsys.readouterr().err
    assert err.startswith("Nothing was installed.\nQQQBOT_PING_URL is set")
    assert "hunter2" not in err
    assert not installed(tmp_path)


def test_a_systemd_that_refuses_is_named(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.answers = {"enable qqqbot.service": Done(1, "", "Failed to connect to bus")}
    assert install(tmp_path, processes) == 1
    assert "log in as that user (not with su or sudo)" in capsys.readouterr().err


def test_a_service_that_does_not_start_is_named(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.answers = {"restart qqqbot.service": Done(1)}
    assert install(tmp_path, processes) == 1
    assert "journalctl --user -u qqqbot" in capsys.readouterr().err


def test_lingering_that_needs_root_is_advised(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.answers = {"enable-linger": Done(1)}
    assert install(tmp_path, processes) == 0
    assert "sudo loginctl enable-linger" in capsys.readouterr().err
