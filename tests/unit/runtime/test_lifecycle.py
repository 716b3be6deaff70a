"""start, stop, restart, adopt and leave over a machine that exists only as values."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from qqqbot.runtime import place
from qqqbot.runtime.daemon_process import DaemonProcess, Patience
from qqqbot.runtime.lifecycle import Lifecycle
from qqqbot.runtime.place import DAEMON, MONITOR
from qqqbot.runtime.processes import Done
from qqqbot.runtime.service import Service
from tests.support.control import DAEMON_ARGUMENTS, FakeProcesses, Machine

PID, OTHER = 4711, 4712
Captured = pytest.CaptureFixture[str]
STATUS = f"{MONITOR} --status"


@dataclass
class Bot:
    lifecycle: Lifecycle
    machine: Machine
    processes: FakeProcesses
    service: Service

    def asked(self) -> list[str]:
        """What systemd was asked to do."""
        calls = [
            call.removeprefix("systemctl --user ") for call in self.processes.asked if call.startswith("systemctl")
        ]
        return [call for call in calls if not call.startswith(("is-", "show"))]

    def by_systemd(self) -> "Bot":
        """Installed as a service, which runs the daemon if one runs."""
        self.processes.programs.add("systemctl")
        assert self.service.install() is None
        self.processes.asked.clear()
        self.processes.answers |= {
            "is-active qqqbot.service": Done(0, "active\n"),
            "show -p MainPID qqqbot.service": Done(0, f"MainPID={PID}\n"),
        }
        return self


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    before = os.umask(0o022)
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    where = place.checkout(tmp_path / "bot_control.sh", environment)
    machine, processes = Machine(where.logs), FakeProcesses(arguments_of={PID: DAEMON_ARGUMENTS})
    service = Service(where, environment, processes)
    daemon = DaemonProcess(where.logs, machine.clock, Patience(), machine.find_holder)
    yield Bot(Lifecycle(where, daemon, service, processes), machine, processes, service)
    os.umask(before)


class TestStart:
    def test_it_waits_for_the_first_check_and_shows_the_status(self, bot: Bot, capsys: Captured) -> None:
        bot.processes.on_launch = lambda: bot.machine.clock.after(2, lambda: bot.machine.run_daemon(PID))
        assert bot.lifecycle.start() == 0
        assert capsys.readouterr().out == f"started (pid {PID})\n"
        assert bot.processes.shown == [STATUS]
        assert bot.processes.launched == [(bot.machine.logs.parent, bot.machine.logs / "nohup.log")]

    def test_a_running_daemon_is_left_alone(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        assert bot.lifecycle.start() == 0
        assert capsys.readouterr().out == f"already running (pid {PID})\n"
        assert bot.processes.asked == []

    def test_a_daemon_that_waits_for_its_account_counts_as_running(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID, "waiting")
        assert bot.lifecycle.start() == 0
        assert bot.machine.clock.monotonic() == 0
        assert "already running" in capsys.readouterr().out

    def test_one_that_is_stopping_is_waited_for_and_a_new_one_started(self, bot: Bot) -> None:
        bot.machine.run_daemon(OTHER, "stopping")
        bot.machine.clock.after(3, bot.machine.end_daemon)
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.start() == 0
        assert len(bot.processes.launched) == 1

    def test_a_bad_configuration_starts_nothing(self, bot: Bot, capsys: Captured) -> None:
        bot.processes.answers = {"--check-config": Done(2, "", "one problem\nanother\n")}
        assert bot.lifecycle.start() == 2
        assert capsys.readouterr().err == "one problem\nanother\n"
        assert not bot.machine.logs.exists()

    def test_logs_that_cannot_be_written_start_nothing(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.logs.write_text("a file where the folder should be")
        assert bot.lifecycle.start() == 1
        assert f"The bot cannot write in {bot.machine.logs}: File exists." in capsys.readouterr().err
        assert bot.processes.launched == []

    def test_one_that_dies_is_quoted_from_where_it_began_with_its_own_exit_code(
        self, bot: Bot, capsys: Captured
    ) -> None:
        output = bot.machine.logs / "nohup.log"
        bot.machine.logs.mkdir()
        output.write_text("an older failure\n")

        def die() -> None:
            output.write_text(output.read_text() + "".join(f"line {n}\n" for n in range(30)))
            bot.processes.job.code = 7

        bot.processes.on_launch = die
        assert bot.lifecycle.start() == 7
        heading, *lines = capsys.readouterr().err.splitlines()
        assert heading == f"did not start; the last lines of {output}:"
        assert lines == [f"line {n}" for n in range(10, 30)]

    @pytest.mark.parametrize(("code", "shown"), [(0, 1), (-15, 143), (-9, 137), (-6, 134)])
    def test_an_end_without_its_own_exit_code_is_a_failure_too_and_its_cause_is_named(
        self, bot: Bot, code: int, shown: int, capsys: Captured
    ) -> None:
        bot.processes.job.code = code
        bot.processes.on_launch = (bot.machine.logs / "nohup.log").touch
        assert bot.lifecycle.start() == shown
        how = {-9: "it was killed; if that was not you, memory ran out", -6: "signal 6 ended it"}
        cause = how.get(code, "it was asked to stop before its first check had ended")
        assert f"did not start: {cause}; the last lines" in capsys.readouterr().err

    def test_the_loser_of_two_starts_at_once_succeeds(self, bot: Bot, capsys: Captured) -> None:
        def lose() -> None:
            bot.machine.run_daemon(OTHER)
            bot.processes.job.code = 1

        bot.processes.on_launch = lose
        assert bot.lifecycle.start() == 0
        assert capsys.readouterr().out == f"already running (pid {OTHER})\n"

    def test_one_that_is_late_is_left_running_and_shown(self, bot: Bot, capsys: Captured) -> None:
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID, "starting")
        assert bot.lifecycle.start() == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert f"running (pid {PID}), but it has not finished its first check yet" in told.err
        assert bot.processes.shown_on_stderr == [STATUS]
        assert bot.processes.sent == []

    def test_old_output_is_moved_aside_when_it_is_long(self, bot: Bot) -> None:
        bot.machine.logs.mkdir()
        (bot.machine.logs / "nohup.log").write_text("x" * 1_000_001)
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.start() == 0
        assert (bot.machine.logs / "nohup.log.1").stat().st_size == 1_000_001


class TestStop:
    def test_without_a_daemon_nothing_is_done(self, bot: Bot, capsys: Captured) -> None:
        assert bot.lifecycle.stop() == 0
        assert capsys.readouterr().out == "not running\n"

    @pytest.mark.parametrize("force", [False, True])
    def test_a_daemon_without_its_lock_is_stopped_too(
        self, bot: Bot, capsys: Captured, tmp_path: Path, force: bool
    ) -> None:
        mine = f"/venv/bin/python {DAEMON} --logs {tmp_path / 'logs'} --config {tmp_path / 'config.json'}"
        bot.processes.lines = [
            (PID, mine),
            (OTHER, mine.replace("/logs", "/other")),
            (OTHER, f"/venv/bin/python {DAEMON} --once"),
        ]

        def end() -> None:
            if not force or bot.processes.sent[-1] == (PID, signal.SIGKILL):
                bot.processes.lines.pop(0)

        bot.processes.on_signal = end
        assert bot.lifecycle.stop(force) == 0
        assert {pid for pid, _ in bot.processes.sent} == {PID}
        assert capsys.readouterr().out == "stopped\n"

    def test_one_without_its_lock_that_does_not_stop_is_named(self, bot: Bot, capsys: Captured) -> None:
        bot.processes.lines = [(PID, f"/venv/bin/python {DAEMON} --logs {bot.machine.logs}")]
        assert bot.lifecycle.stop() == 1
        assert f"not stopped yet after 10 s (pid {PID})" in capsys.readouterr().err

    def test_it_asks_and_waits(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.on_signal = lambda: bot.machine.clock.after(5, bot.machine.end_daemon)
        assert bot.lifecycle.stop() == 0
        assert bot.processes.sent == [(PID, signal.SIGTERM)]
        assert capsys.readouterr().out == "stopped\n"

    def test_one_whose_lock_file_was_removed_is_stopped_beside_the_one_that_has_the_lock(self, bot: Bot) -> None:
        """It would take the lock again, and trade on after "stopped"."""
        bot.machine.run_daemon(PID)
        bot.processes.lines = [(pid, f"python {DAEMON} --logs {bot.machine.logs}") for pid in (PID, OTHER)]

        def end() -> None:
            bot.machine.end_daemon()
            if bot.processes.sent[-1][0] == OTHER:
                bot.processes.lines.pop()

        bot.processes.on_signal = end
        assert bot.lifecycle.stop() == 0
        assert bot.processes.sent == [(PID, signal.SIGTERM), (OTHER, signal.SIGTERM)]

    def test_another_program_is_never_signalled(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.arguments_of = {PID: "sleep 60"}
        assert bot.lifecycle.stop(force=True) == 1
        assert "container or on another machine" in capsys.readouterr().err
        assert bot.processes.sent == []

    def test_a_process_whose_arguments_are_not_shown_is_believed_to_be_the_daemon(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.arguments_of = {}
        bot.processes.on_signal = bot.machine.end_daemon
        assert bot.lifecycle.stop() == 0

    def test_a_process_of_another_user_is_named(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.foreign = {PID}
        assert bot.lifecycle.stop() == 1
        assert f"Process {PID} belongs to another user" in capsys.readouterr().err

    def test_one_that_does_not_stop_is_not_killed(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        assert bot.lifecycle.stop() == 1
        assert bot.processes.sent == [(PID, signal.SIGTERM)]
        told = capsys.readouterr().err
        assert "not stopped yet after 10 s" in told
        assert "stop --force" in told

    def test_force_kills_it_after_asking_it_to_stop(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)

        def end_when_killed() -> None:
            if bot.processes.sent[-1] == (PID, signal.SIGKILL):
                bot.machine.end_daemon()

        bot.processes.on_signal = end_when_killed
        assert bot.lifecycle.stop(force=True) == 0
        assert [number for _, number in bot.processes.sent] == [signal.SIGTERM, signal.SIGKILL]
        assert capsys.readouterr().out.startswith(f"killed (pid {PID})")

    def test_one_that_cannot_be_killed_is_named(self, bot: Bot, capsys: Captured) -> None:
        bot.machine.run_daemon(PID)
        assert bot.lifecycle.stop(force=True) == 1
        assert "hangs in the operating system" in capsys.readouterr().err


class TestRestart:
    def test_a_bad_configuration_stops_nothing(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.answers = {"--check-config": Done(2)}
        assert bot.lifecycle.restart() == 2
        assert bot.processes.sent == []

    def test_the_old_daemon_is_gone_before_the_new_one_starts(self, bot: Bot) -> None:
        bot.machine.run_daemon(OTHER)
        bot.processes.arguments_of[OTHER] = DAEMON_ARGUMENTS
        bot.processes.on_signal = bot.machine.end_daemon
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.restart() == 0
        assert bot.processes.sent == [(OTHER, signal.SIGTERM)]
        assert bot.machine.holder == PID


class TestAnswer:
    def test_without_a_daemon_none_is_started(self, bot: Bot) -> None:
        assert bot.lifecycle.answer("--adopt") == 0
        assert bot.processes.shown == [f"{DAEMON} --adopt"]
        assert bot.processes.launched == []

    def test_what_is_only_shown_stops_nothing(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        assert bot.lifecycle.answer("--adopt", "--dry-run") == 0
        assert bot.processes.shown == [f"{DAEMON} --adopt --dry-run"]
        assert bot.machine.holder == PID

    def test_its_options_are_handed_on(self, bot: Bot) -> None:
        assert bot.lifecycle.answer("--adopt", "--dry-run", "--price", "60") == 0
        assert bot.processes.shown == [f"{DAEMON} --adopt --dry-run --price 60"]

    def test_the_daemon_is_stopped_meanwhile(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.on_signal = bot.machine.end_daemon
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.answer("--leave") == 0
        assert bot.processes.shown == [f"{DAEMON} --leave", STATUS]

    def test_what_is_mistyped_stops_nothing(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.answers = {"--adopt --price many --check-config": Done(2)}
        assert bot.lifecycle.answer("--adopt", "--price", "many") == 2
        assert bot.processes.sent == []

    def test_an_answer_that_fails_is_reported_after_the_daemon_runs_again(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.on_signal = bot.machine.end_daemon
        bot.processes.on_launch = lambda: bot.machine.run_daemon(PID)
        bot.processes.answers = {"--adopt": Done(1)}
        assert bot.lifecycle.answer("--adopt") == 1
        assert bot.machine.holder == PID

    def test_a_daemon_that_cannot_be_stopped_keeps_the_book_for_itself(self, bot: Bot) -> None:
        bot.machine.run_daemon(PID)
        assert bot.lifecycle.answer("--adopt") == 1
        assert bot.processes.shown == []


class TestService:
    def test_systemd_handles_start(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.start() == 0
        assert bot.asked() == ["start qqqbot.service"]
        assert bot.processes.launched == []
        assert capsys.readouterr().out == f"started (pid {PID})\n"

    def test_a_start_that_systemd_gave_up_is_reported(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().processes.job.code = 1
        assert bot.lifecycle.start() == 1
        assert "The daemon does not run yet; systemd may try again" in capsys.readouterr().err

    def test_a_slow_start_is_left_to_systemd(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().processes.on_launch = lambda: bot.machine.run_daemon(PID, "starting")
        assert bot.lifecycle.start() == 1
        assert bot.processes.job.terminated, "only the wait"
        assert f"running under systemd (pid {PID})" in capsys.readouterr().err

    def test_another_configuration_is_refused_before_anything_is_stopped(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().machine.run_daemon(PID)
        text = bot.service.unit.read_text()
        bot.service.unit.write_text(text + 'Environment="QQQBOT_CONFIG=/other.json"\n')
        assert (bot.lifecycle.restart(), bot.lifecycle.answer("--adopt")) == (1, 1)
        assert "The service was installed with a configuration other than" in capsys.readouterr().err
        assert bot.asked() == []

    def test_a_daemon_with_another_configuration_is_not_restarted_with_this_one(
        self, bot: Bot, capsys: Captured
    ) -> None:
        bot.machine.run_daemon(PID)
        bot.processes.lines = [(PID, f"python {DAEMON} --logs {bot.machine.logs} --config /srv/mine.json")]
        assert (bot.lifecycle.start(), bot.lifecycle.restart(), bot.lifecycle.answer("--adopt")) == (1, 1, 1)
        assert "The running daemon uses /srv/mine.json" in capsys.readouterr().err
        assert bot.processes.sent == []

    def test_between_a_crash_and_the_next_attempt_a_start_does_not_wait(self, bot: Bot) -> None:
        bot.by_systemd().processes.on_launch = lambda: bot.machine.run_daemon(PID)
        bot.processes.answers["show -p SubState qqqbot.service"] = Done(0, "SubState=auto-restart\n")
        assert bot.lifecycle.start() == 0
        assert bot.asked() == ["restart qqqbot.service"]

    def test_systemd_ends_its_daemon_and_nobody_else_signals_it(self, bot: Bot) -> None:
        bot.by_systemd().machine.run_daemon(PID)
        bot.machine.clock.after(2, bot.machine.end_daemon)
        assert bot.lifecycle.stop() == 0
        assert bot.asked() == ["stop qqqbot.service --no-block"]
        assert bot.processes.sent == []

    def test_a_daemon_beside_the_service_is_signalled(self, bot: Bot) -> None:
        bot.by_systemd().machine.run_daemon(OTHER)
        bot.processes.arguments_of[OTHER] = DAEMON_ARGUMENTS
        bot.processes.on_signal = bot.machine.end_daemon
        assert bot.lifecycle.stop() == 0
        assert bot.processes.sent == [(OTHER, signal.SIGTERM)]

    def test_between_a_crash_and_the_next_attempt_systemd_is_waited_for(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().processes.answers["is-active qqqbot.service"] = Done(3, "activating\n")
        assert bot.lifecycle.stop() == 0
        assert bot.asked() == ["stop qqqbot.service"]
        assert capsys.readouterr().out == "stopped\n"

    def test_a_refusal_by_systemd_is_reported_and_the_daemon_is_still_stopped(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().machine.run_daemon(OTHER)
        bot.processes.arguments_of[OTHER] = DAEMON_ARGUMENTS
        bot.processes.answers["stop qqqbot.service --no-block"] = Done(1)
        bot.processes.on_signal = bot.machine.end_daemon
        assert bot.lifecycle.stop() == 0
        assert "it may start the daemon again" in capsys.readouterr().err

    def test_force_goes_through_systemd_too(self, bot: Bot) -> None:
        bot.by_systemd().machine.run_daemon(PID)
        bot.processes.on_signal = bot.machine.end_daemon
        assert bot.lifecycle.stop(force=True) == 0
        assert bot.asked() == ["stop qqqbot.service --no-block", "kill -s KILL qqqbot.service"]
        assert bot.processes.sent == [(PID, signal.SIGKILL)]

    def test_without_force_systemds_own_patience_is_named(self, bot: Bot, capsys: Captured) -> None:
        bot.by_systemd().machine.run_daemon(PID)
        assert bot.lifecycle.stop() == 1
        assert "systemd kills it if it has not stopped 30 s after it was asked." in capsys.readouterr().err

    def test_an_answer_between_a_crash_and_the_next_attempt_has_the_book_for_itself(self, bot: Bot) -> None:
        bot.by_systemd().processes.on_launch = lambda: bot.machine.run_daemon(PID)
        assert bot.lifecycle.answer("--adopt") == 0
        assert bot.asked() == ["stop qqqbot.service", "start qqqbot.service"]


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses(programs={"systemctl"})


def install(tmp_path: Path, processes: FakeProcesses, starts: bool = True, **variables: str) -> int:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), **variables}
    where = place.checkout(tmp_path / "bot_control.sh", environment)
    machine = Machine(where.logs)
    service = Service(where, environment, processes)
    daemon = DaemonProcess(where.logs, machine.clock, Patience(), machine.find_holder)
    processes.on_launch = lambda: machine.run_daemon(PID) if starts else None
    return Lifecycle(where, daemon, service, processes).install_service()


def asked(processes: FakeProcesses) -> list[str]:
    return [call.removeprefix("systemctl --user ") for call in processes.asked if "systemctl" in call]


def installed(tmp_path: Path) -> bool:
    return (tmp_path / "config/systemd/user/qqqbot.service").exists()


class TestInstallService:
    def test_it_is_enabled_and_started_by_systemd(
        self, tmp_path: Path, processes: FakeProcesses, capsys: Captured
    ) -> None:
        assert install(tmp_path, processes) == 0
        done = [call for call in asked(processes) if not call.startswith("is-")]
        asked_only = ("show",)
        did = [call for call in done if not call.startswith(asked_only)]
        assert did == ["daemon-reload", "enable qqqbot.service", "stop qqqbot.service", "start qqqbot.service"]
        out = capsys.readouterr().out
        assert "started (pid 4711)\n" in out, "with its first status"
        assert "qqqbot.service and started; systemd restarts it after a crash" in out
        assert "stop it: ./bot_control.sh stop" in out

    def test_without_systemd_other_ways_are_named(
        self, tmp_path: Path, processes: FakeProcesses, capsys: Captured
    ) -> None:
        processes.programs.clear()
        assert install(tmp_path, processes) == 1
        assert "Docker: deploy/" in capsys.readouterr().err

    def test_a_bad_configuration_installs_nothing(self, tmp_path: Path, processes: FakeProcesses) -> None:
        processes.answers = {"--check-config": Done(2, "", "config.json: nonsense\n")}
        assert install(tmp_path, processes) == 2
        assert not installed(tmp_path)

    def test_secrets_that_the_service_would_not_have_install_nothing(
        self, tmp_path: Path, processes: FakeProcesses, capsys: Captured
    ) -> None:
        assert install(tmp_path, processes, QQQBOT_PING_URL="https://hunter2") == 2
        err = capsys.readouterr().err
        assert err.startswith("Nothing was installed.\nQQQBOT_PING_URL is set")
        assert "hunter2" not in err
        assert not installed(tmp_path)

    def test_a_systemd_that_refuses_is_named(self, tmp_path: Path, processes: FakeProcesses, capsys: Captured) -> None:
        processes.answers = {"enable qqqbot.service": Done(1, "", "Failed to connect to bus")}
        assert install(tmp_path, processes) == 1
        assert "log in as that user (not with su or sudo)" in capsys.readouterr().err

    def test_a_service_that_does_not_start_is_named(
        self, tmp_path: Path, processes: FakeProcesses, capsys: Captured
    ) -> None:
        processes.job.code = 1
        assert install(tmp_path, processes, starts=False) == 1
        told = capsys.readouterr().err
        assert "journalctl --user -u qqqbot" in told
        assert told.endswith("The service was not installed; everything is as it was before.\n")
        assert not installed(tmp_path)
        assert asked(processes)[-2:] == ["disable qqqbot.service", "daemon-reload"]

    def test_a_unit_that_systemd_cannot_read_stops_nothing_and_is_taken_back(self, bot: Bot, capsys: Captured) -> None:
        bot.processes.programs.add("systemctl")
        bot.machine.run_daemon(PID)
        bot.processes.answers["show -p LoadState qqqbot.service"] = Done(0, "LoadState=bad-setting\n")
        assert bot.lifecycle.install_service() == 1
        assert "systemd reads it as bad-setting" in capsys.readouterr().err
        assert (bot.machine.holder, bot.service.unit.exists()) == (PID, False)

    def test_a_daemon_that_the_service_cannot_replace_runs_on_without_it(self, bot: Bot) -> None:
        bot.processes.programs.add("systemctl")
        bot.machine.run_daemon(PID)
        bot.processes.on_signal = bot.machine.end_daemon
        bot.processes.job.code = 1  # of systemctl
        launches = iter((lambda: None, lambda: bot.machine.run_daemon(bot.processes.job.pid)))
        bot.processes.on_launch = lambda: next(launches)()
        assert bot.lifecycle.install_service() == 1
        assert len(bot.processes.launched) == 1
        assert bot.machine.holder is not None
        assert not bot.service.unit.exists()

    def test_lingering_that_needs_root_is_advised(
        self, tmp_path: Path, processes: FakeProcesses, capsys: Captured
    ) -> None:
        processes.answers = {"enable-linger": Done(1)}
        assert install(tmp_path, processes) == 0
        assert "sudo loginctl enable-linger" in capsys.readouterr().err
