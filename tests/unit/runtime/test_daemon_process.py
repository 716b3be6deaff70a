"""The daemon seen from outside: the lock, its state, and how long a command waits for it."""

from pathlib import Path

import pytest

from qqqbot.model.errors import StartRefused
from qqqbot.runtime.daemon_process import DaemonProcess, Patience, Readiness
from tests.support.control import Machine

PID, OTHER = 4711, 4712
PATIENCE = Patience(ready_seconds=60, account_seconds=5, stop_seconds=10)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "logs")


def daemon(machine: Machine) -> DaemonProcess:
    return DaemonProcess(machine.logs, machine.clock, PATIENCE, machine.find_holder)


def ready(machine: Machine) -> Readiness:
    pid, found = daemon(machine).wait_until_ready(lambda: PID, lambda: True)
    assert pid == PID
    return found


def test_without_a_lock_file_or_a_folder_nobody_runs(tmp_path: Path) -> None:
    for logs in (tmp_path, tmp_path / "logs"):
        assert DaemonProcess(logs, Machine(tmp_path).clock, PATIENCE).pid() is None


def test_an_unreadable_lock_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "bot.pid").symlink_to(tmp_path / "bot.pid")
    with pytest.raises(StartRefused):
        DaemonProcess(tmp_path, Machine(tmp_path).clock, PATIENCE).pid()


def test_the_state_counts_only_if_it_is_of_that_process(machine: Machine) -> None:
    machine.run_daemon(PID)
    assert daemon(machine).state(PID) == "running"
    assert daemon(machine).state(OTHER) is None
    assert daemon(machine).state(None) is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"pid": 471', '{"pid": 47111, "state": "running"}', "[" * 100_000])
def test_a_damaged_or_foreign_status_says_nothing(machine: Machine, text: str) -> None:
    machine.logs.mkdir()
    (machine.logs / "status.json").write_text(text)
    assert daemon(machine).state(PID) is None


@pytest.mark.parametrize("name", ["status.json", "status.json.new"])
def test_a_folder_in_the_place_of_the_status_is_named(machine: Machine, name: str) -> None:
    """The daemon ran, and no command could ever learn how it was: `start` waited two minutes for nothing."""
    assert daemon(machine).cannot_write() is None
    (machine.logs / name).mkdir()
    assert daemon(machine).cannot_write() == f"{name} is a folder; remove it"


def test_it_waits_until_the_first_check_is_complete(machine: Machine) -> None:
    machine.run_daemon(PID, "starting")
    machine.clock.after(3, lambda: machine.run_daemon(PID))
    assert ready(machine) is Readiness.READY
    assert machine.clock.monotonic() == pytest.approx(3, abs=0.2)


def test_the_wait_ends_when_the_process_does(machine: Machine) -> None:
    machine.run_daemon(PID, "starting")
    machine.clock.after(2, machine.end_daemon)
    found = daemon(machine).wait_until_ready(lambda: PID, lambda: machine.holder == PID)
    assert found == (PID, Readiness.GONE)
    assert machine.clock.monotonic() == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(("state", "seconds"), [("starting", 60), ("waiting", 5)])
def test_an_account_that_does_not_answer_is_not_waited_for_as_long_as_a_start(
    machine: Machine, state: str, seconds: float
) -> None:
    machine.run_daemon(PID, state)
    assert ready(machine) is Readiness.LATE
    assert machine.clock.monotonic() == pytest.approx(seconds, abs=0.2)


def test_it_waits_until_the_lock_is_free_or_another_has_it(machine: Machine) -> None:
    machine.run_daemon(PID)
    machine.clock.after(4, lambda: machine.run_daemon(OTHER))
    assert daemon(machine).wait_until_gone(PID)
    assert machine.clock.monotonic() == pytest.approx(4, abs=0.2)


def test_it_does_not_wait_for_ever_for_the_lock(machine: Machine) -> None:
    machine.run_daemon(PID)
    assert not daemon(machine).wait_until_gone(PID)
    assert machine.clock.monotonic() == pytest.approx(10, abs=0.2)


def test_patience_comes_from_the_environment_or_is_the_default() -> None:
    assert Patience.of({}) == Patience()
    assert Patience.of({"QQQBOT_READY_SECONDS": "7", "QQQBOT_ACCOUNT_SECONDS": ""}) == Patience(ready_seconds=7)


@pytest.mark.parametrize("nonsense", ["abc", "", "nan", "inf", "-5", "2 minutes"])
def test_a_patience_that_is_no_number_of_seconds_is_the_default(nonsense: str) -> None:
    assert Patience.of({"QQQBOT_READY_SECONDS": nonsense, "QQQBOT_ACCOUNT_SECONDS": nonsense}) == Patience()
