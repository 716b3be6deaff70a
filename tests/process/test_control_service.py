"""bot_control.sh when the daemon is a service: every command asks systemd, which would undo what is done without it."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from drill.checkout import STANDINS, eventually
from tests.support.checkout import Checkout

QUERIES = ("is-enabled", "is-active", "show")


@pytest.fixture
def machine(checkout: Checkout) -> Checkout:
    """A machine with a systemd that starts and ends processes, on which nothing is installed yet."""
    tools = checkout.folder.parent / "tools"
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDINS / "systemctl.py"}" "$@"\n')
    for name in ("loginctl", "journalctl"):
        (tools / name).write_text("#!/bin/sh\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    checkout.environment |= {
        "PATH": f"{tools}:{checkout.environment['PATH']}",
        "SYSTEMD": str(tools),
        "XDG_CONFIG_HOME": str(checkout.folder.parent / "config"),
        "QQQBOT_READY_SECONDS": "20",
    }
    return checkout.with_standin_daemon()


@pytest.fixture
def service(machine: Checkout) -> Checkout:
    """Installed, and running."""
    done = machine.run("install-service")
    assert done.returncode == 0, done.stderr
    eventually(lambda: (machine.logs / "status.json").exists() and machine.state() == "running", "the service runs")
    forget(machine)
    return machine


def tools(bot: Checkout) -> Path:
    return Path(bot.environment["SYSTEMD"])


def asked(bot: Checkout) -> list[str]:
    """What systemd was asked to do."""
    path = tools(bot) / "calls"
    calls = path.read_text().splitlines() if path.exists() else []
    return [call for call in calls if not call.removeprefix("--user ").startswith(QUERIES)]


def forget(bot: Checkout) -> None:
    (tools(bot) / "calls").unlink(missing_ok=True)


def is_systemds(bot: Checkout) -> bool:
    """Whether the daemon that runs is the one that systemd watches."""
    return str(bot.daemon()) == (tools(bot) / "pid").read_text()


STOP, STOP_SOON, START = (
    "--user stop qqqbot.service",
    "--user stop qqqbot.service --no-block",
    "--user start qqqbot.service",
)


def crash(bot: Checkout) -> None:
    """Kill the daemon; systemd now waits before its next attempt, and nobody holds the lock."""
    os.kill(bot.daemon(), signal.SIGKILL)
    eventually(lambda: bot.holder() is None, "the lock is free")
    (tools(bot) / "waiting").touch()


def test_systemd_handles_stop_and_start(service: Checkout) -> None:
    stopped = service.run("stop")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "stopped\n", "")
    assert service.holder() is None
    started = service.run("start")
    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout == f"started (pid {service.daemon()})\nmonitor --status\n"
    assert is_systemds(service)
    assert asked(service) == [STOP_SOON, START]
    assert service.run("start").stdout == f"already running (pid {service.daemon()})\n"


def test_start_waits_for_the_first_check_of_the_service(service: Checkout) -> None:
    service.run("stop")
    assert service.run("start", STANDIN_SECONDS="0.7").returncode == 0
    assert service.state() == "running"


@pytest.mark.parametrize("command", ["restart", "adopt", "leave"])
def test_the_new_daemon_is_run_by_systemd_again(service: Checkout, command: str) -> None:
    old = service.daemon()
    done = service.run(command)
    assert (done.returncode, done.stderr) == (0, "")
    assert service.daemon() != old
    assert is_systemds(service)
    assert asked(service) == [STOP_SOON, START]


def test_a_stop_between_a_crash_and_the_next_attempt_ends_the_attempts(service: Checkout) -> None:
    crash(service)
    assert service.run("stop").stdout == "stopped\n"
    assert asked(service) == [STOP]
    assert not (tools(service) / "waiting").exists()
    assert service.run("stop").stdout == "not running\n"


def test_an_answer_between_a_crash_and_the_next_attempt_has_the_book_for_itself_and_ends_with_a_daemon(
    service: Checkout,
) -> None:
    crash(service)
    assert service.run("adopt").returncode == 0
    assert asked(service) == [STOP, START]
    assert service.calls()[1:] == ["--adopt", "daemon"]


def test_force_asks_systemd_to_stop_before_it_kills(service: Checkout) -> None:
    """A daemon that was killed without that would be started again."""
    service.run("stop")
    service.run("start", STANDIN_STOP="never")
    forget(service)
    killed = service.run("stop", "--force")
    assert killed.returncode == 0
    assert killed.stdout.startswith("killed (pid ")
    assert asked(service) == [STOP_SOON, "--user kill -s KILL qqqbot.service"]
    assert service.holder() is None


def test_a_daemon_beside_the_service_is_stopped_too_and_restart_hands_it_to_systemd(service: Checkout) -> None:
    service.run("stop")
    (tools(service) / "enabled").unlink()
    service.run("start")
    (tools(service) / "enabled").touch()
    assert not (tools(service) / "pid").exists() or not is_systemds(service)
    done = service.run("restart")
    assert (done.returncode, done.stderr) == (0, "")
    assert is_systemds(service)


def test_a_service_that_dies_at_its_start_is_reported(service: Checkout) -> None:
    service.run("stop")
    started = service.run("start", STANDIN_DIES="7", QQQBOT_READY_SECONDS="3")
    assert started.returncode == 1
    assert "The daemon does not run yet; systemd may try again, until ./bot_control.sh stop." in started.stderr


def test_a_configuration_that_the_service_does_not_have_is_refused_before_anything_is_stopped(
    service: Checkout,
) -> None:
    other = service.folder / "other.json"
    shutil.copy(service.folder / "config.json", other)
    pid = service.daemon()
    for command in ("restart", "adopt"):
        refused = service.run(command, QQQBOT_CONFIG=str(other))
        assert refused.returncode == 1
        assert "The service was installed with a configuration other than" in refused.stderr
    assert service.daemon() == pid
    assert asked(service) == []


def test_a_bad_config_stops_no_service(service: Checkout) -> None:
    pid = service.daemon()
    (service.folder / "config.json").write_text('{"check_interval_minutes": 0}')
    assert service.run("restart").returncode == 2
    assert service.daemon() == pid


def test_a_command_run_by_the_unit_itself_does_not_ask_systemd(service: Checkout) -> None:
    service.run("stop")
    forget(service)
    foreground = service.begin("run")
    eventually(lambda: service.holder() == foreground.pid, "it runs")
    foreground.terminate()
    foreground.communicate()
    assert not (tools(service) / "calls").exists()


def test_other_logs_and_other_copies_do_not_concern_the_service(service: Checkout, tmp_path: Path) -> None:
    pid = service.daemon()
    other = Checkout(tmp_path / "copy").with_ready_environment().with_standin_daemon()
    other.environment = dict(service.environment)
    try:
        for bot, logs in ((service, tmp_path / "logs"), (other, other.logs)):
            for command in ("start", "stop"):
                assert bot.run(command, QQQBOT_LOGS=str(logs)).returncode == 0
    finally:
        other.clean_up()
    assert service.daemon() == pid
    assert asked(service) == []


def test_a_service_that_is_not_enabled_is_left_alone(service: Checkout) -> None:
    service.run("stop")
    (tools(service) / "enabled").unlink()
    forget(service)
    started = service.run("start")
    assert (started.returncode, started.stderr) == (0, "")
    assert service.run("stop").stdout == "stopped\n"
    assert asked(service) == []


def test_a_systemd_that_does_not_answer_is_reported_and_the_bot_runs_all_the_same(service: Checkout) -> None:
    service.run("stop")
    (tools(service) / "deaf").touch()
    started = service.run("start")
    assert started.returncode == 0
    assert "systemd's user manager does not answer here" in started.stderr
    assert service.run("stop").stdout == "stopped\n"


def test_a_machine_without_the_unit_is_not_queried(machine: Checkout) -> None:
    assert machine.run("start").returncode == 0
    assert machine.run("stop").stdout == "stopped\n"
    assert not (tools(machine) / "calls").exists()


def test_unusual_folder_names_are_recognised_in_the_unit(machine: Checkout) -> None:
    """The unit escapes what systemd would read as something else."""
    logs = machine.folder.parent / '50% of "the" logs'
    machine.environment["QQQBOT_LOGS"] = str(logs)
    assert machine.run("install-service").returncode == 0
    forget(machine)
    machine.run("stop")
    assert asked(machine)[-1].startswith(STOP)
