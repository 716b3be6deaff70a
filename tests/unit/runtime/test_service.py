"""The service of the user's systemd: when it is this daemon's, and what it is asked."""

from pathlib import Path

import pytest

from qqqbot.runtime import place
from qqqbot.runtime.place import Place
from qqqbot.runtime.processes import Done
from qqqbot.runtime.service import Service
from tests.support.control import FakeProcesses

DISABLED, DEAF = Done(1, "disabled\n"), Done(1, "", "Failed to connect to bus\n")


def a_place(tmp_path: Path, **variables: str) -> Place:
    return place.checkout(tmp_path / "bot" / "bot_control.sh", variables)


def service(tmp_path: Path, processes: FakeProcesses, where: Place | None = None, **variables: str) -> Service:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_RUNTIME_DIR": "/run/me", **variables}
    return Service(where or a_place(tmp_path), environment, processes)


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses(programs={"systemctl"}, answers={"is-enabled qqqbot.service": Done(0, "enabled\n")})


def test_an_installed_unit_is_ours(tmp_path: Path, processes: FakeProcesses) -> None:
    found = service(tmp_path, processes)
    assert not found.is_ours()
    assert found.install() is None
    did = [call for call in processes.asked if " show " not in call]
    assert did == ["systemctl --user daemon-reload", "systemctl --user enable qqqbot.service"]
    assert found.unit.stat().st_mode & 0o777 == 0o600, "a proxy's password is in it"
    assert found.is_ours()
    assert found.unit == tmp_path / "config/systemd/user/qqqbot.service"


def test_other_copies_and_other_logs_have_no_service(tmp_path: Path, processes: FakeProcesses) -> None:
    assert service(tmp_path, processes).install() is None
    other = place.checkout(tmp_path / "copy" / "bot_control.sh", {})
    elsewhere = a_place(tmp_path, QQQBOT_LOGS=str(tmp_path / "logs"))
    processes.asked.clear()
    assert not service(tmp_path, processes, other).is_ours()
    assert not service(tmp_path, processes, elsewhere).is_ours()
    assert processes.asked == [], "systemd is not asked about them"


def test_unusual_folder_names_are_recognised_in_the_unit(tmp_path: Path, processes: FakeProcesses) -> None:
    logs = str(tmp_path / '50% of "the" logs')
    where = a_place(tmp_path, QQQBOT_LOGS=logs)
    found = service(tmp_path, processes, where, QQQBOT_LOGS=logs)
    assert found.install() is None
    assert found.is_ours()


def test_without_systemctl_there_is_no_service(tmp_path: Path, processes: FakeProcesses) -> None:
    assert service(tmp_path, processes).install() is None
    processes.programs.clear()
    assert not service(tmp_path, processes).is_ours()


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "reloading"])
def test_a_disabled_service_that_runs_is_ours(tmp_path: Path, processes: FakeProcesses, state: str) -> None:
    assert service(tmp_path, processes).install() is None
    processes.answers = {"is-enabled qqqbot.service": DISABLED, "is-active qqqbot.service": Done(3, state + "\n")}
    assert service(tmp_path, processes).is_ours()


def test_a_disabled_service_that_does_not_run_is_quietly_left_alone(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service(tmp_path, processes).install() is None
    processes.answers = {"is-enabled qqqbot.service": DISABLED, "is-active qqqbot.service": Done(3, "inactive\n")}
    assert not service(tmp_path, processes).is_ours()
    assert capsys.readouterr().err == ""


def test_a_systemd_that_does_not_answer_is_named_once(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    found = service(tmp_path, processes)
    assert found.install() is None
    processes.answers = {"is-enabled qqqbot.service": DEAF, "is-active qqqbot.service": DEAF}
    assert (found.is_ours(), found.is_ours()) == (False, False)
    assert capsys.readouterr().err.count("systemd's user manager does not answer here") == 1


def test_a_unit_with_another_configuration_is_noticed(tmp_path: Path, processes: FakeProcesses) -> None:
    assert service(tmp_path, processes).install() is None
    assert service(tmp_path, processes).has_our_configuration(), "none is the default one"
    other = a_place(tmp_path, QQQBOT_CONFIG="/etc/bot.json")
    assert not service(tmp_path, processes, other).has_our_configuration()
    assert service(tmp_path, processes, other, QQQBOT_CONFIG="/etc/bot.json").install() is None
    assert service(tmp_path, processes, other).has_our_configuration()


@pytest.mark.parametrize(("answer", "pid"), [("MainPID=4711\n", 4711), ("MainPID=0\n", 0), ("", 0), ("MainPID=\n", 0)])
def test_the_main_pid_is_that_of_the_process_systemd_watches(
    tmp_path: Path, processes: FakeProcesses, answer: str, pid: int
) -> None:
    processes.answers = {"show -p MainPID qqqbot.service": Done(0, answer)}
    assert service(tmp_path, processes).main_pid() == pid


def test_a_login_without_a_runtime_folder_gets_the_usual_one(tmp_path: Path, processes: FakeProcesses) -> None:
    Service(a_place(tmp_path), {"HOME": str(tmp_path)}, processes).runs()
    assert processes.environments[-1]["XDG_RUNTIME_DIR"].startswith("/run/user/")


def test_a_login_without_a_home_has_the_one_of_its_user(tmp_path: Path, processes: FakeProcesses) -> None:
    """It was written below the caller's folder, where systemd never looks."""
    assert Service(a_place(tmp_path), {}, processes).unit.is_absolute()


def test_a_refusal_by_systemd_is_passed_on(tmp_path: Path, processes: FakeProcesses) -> None:
    processes.answers = {"daemon-reload": DEAF}
    assert service(tmp_path, processes).install() == "Failed to connect to bus"


def test_a_failed_installation_leaves_the_unit_of_the_one_before(tmp_path: Path, processes: FakeProcesses) -> None:
    found = service(tmp_path, processes)
    assert found.install() is None
    before = found.unit.read_text()
    processes.answers["enable qqqbot.service"] = DEAF
    again = service(tmp_path, processes, HTTPS_PROXY="http://proxy")
    assert again.install() is not None
    assert found.unit.read_text() == before


def test_the_service_of_another_copy_or_of_other_logs_is_not_replaced_while_it_is_in_use(
    tmp_path: Path, processes: FakeProcesses
) -> None:
    """It would stop a bot that trades, and start one with another book in its place."""
    found = service(tmp_path, processes)
    found.unit.parent.mkdir(parents=True)
    first = tmp_path / 'fir$t "copy"' / "bot_control.sh"
    first.parent.mkdir()
    first.touch()
    assert service(tmp_path, processes, place.checkout(first, {})).install() is None
    before = found.unit.read_text()
    assert str(found.install()).startswith(f"it is in use for {first}; to replace it, first: systemctl --user disable")
    elsewhere = place.checkout(first, {"QQQBOT_LOGS": "/srv"})
    assert f"for {first.parent / 'logs'};" in str(service(tmp_path, processes, elsewhere, QQQBOT_LOGS="/srv").install())
    assert found.unit.read_text() == before
    processes.answers["is-enabled qqqbot.service"] = DISABLED
    assert found.install() is None, "nobody uses it any more"
    first.unlink()
    processes.answers["is-enabled qqqbot.service"] = Done(0, "enabled\n")
    found.unit.write_text(before)
    assert found.install() is None, "that copy was moved or removed"


def test_a_unit_of_an_earlier_version_is_ours_too(tmp_path: Path, processes: FakeProcesses) -> None:
    found = service(tmp_path, processes)
    assert found.install() is None
    found.unit.write_text(found.unit.read_text().replace("/usr/bin/env bash ", ""))
    assert found.is_ours()


def test_a_folder_that_cannot_hold_the_unit_gets_no_half_written_one(tmp_path: Path, processes: FakeProcesses) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    assert "config" in str(service(tmp_path, processes).install())
    assert processes.asked == []


def test_its_newest_lines_are_shown_or_how_to_see_them(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    service(tmp_path, processes).show_newest_lines()
    assert capsys.readouterr().err == "journalctl --user -u qqqbot.service\n"
    processes.programs.add("journalctl")
    service(tmp_path, processes).show_newest_lines()
    assert processes.shown_on_stderr[-1].startswith("--user -u qqqbot.service")
