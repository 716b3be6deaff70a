"""Mistakes in the commands: what did not happen is confirmed, the wrong folder is meant, a service cannot be undone."""

from tests.support.mutants import Mutant

LIFECYCLE = ("unit/runtime/test_lifecycle.py",)
PAGE = ("unit/runtime/test_page_service.py",)

MUTANTS = (
    Mutant(
        "a reader that has gone ends a restart between its halves",
        "runtime/console.py::_print",
        "drop_unprinted(out)",
        "raise",
    ),
    Mutant(
        "a halt that nobody has read is confirmed",
        "runtime/kill_switch.py::_confirmed",
        'return refused("Nobody has read it. " + (elsewhere() or f"No daemon runs on {logs}."))',
        "return 0",
    ),
    Mutant(
        "a halt is confirmed though the daemon does not say so",
        "runtime/kill_switch.py::_confirmed",
        "if at is None:",
        "if not pid:",
    ),
    Mutant(
        "what an earlier daemon wrote confirms a halt",
        "runtime/daemon_process.py::DaemonProcess._written_by",
        'found.get("pid") == pid',
        "True",
        ("unit/runtime/test_daemon_process.py", "unit/runtime/test_kill_switch.py"),
    ),
    Mutant(
        "the command for the right folder forgets --dry-run",
        "runtime/control.py::Control.main",
        "shlex.join(arguments)",
        "word",
    ),
    Mutant(
        "a bot whose disk is full is called healthy",
        "monitoring/health.py::judge",
        "if evidence.disk_is_full and health is Health.HEALTHY:",
        "if evidence.disk_is_full and health is Health.DEAD:",
    ),
    Mutant(
        "a halt on a full disk is waited for as long as on any",
        "runtime/daemon_process.py::DaemonProcess.confirms_halt",
        "self.patience.full_disk_seconds if self.cannot_write() else self.patience.halt_seconds",
        "self.patience.halt_seconds",
        ("unit/runtime/test_kill_switch.py",),
    ),
    Mutant(
        "a halt that was over confirms the next one",
        "runtime/daemon_process.py::DaemonProcess._speaks_of_halt",
        "return self._status.stat().st_mtime_ns >= self._halt.lstat().st_mtime_ns",
        "return True",
        ("unit/runtime/test_kill_switch.py",),
    ),
    Mutant(
        "a link to nothing does not halt",
        "runtime/halt_file.py::HaltSwitch.reason",
        "if self._path.is_symlink() else None",
        "if False else None",
    ),
    Mutant(
        "a command speaks of a folder on which nobody runs",
        "runtime/elsewhere.py::Elsewhere.found",
        "daemon.logs is None or not _same(daemon.logs, here)",
        "False",
    ),
    Mutant(
        "the folder of the service does not count",
        "runtime/elsewhere.py::Elsewhere.found",
        "if (logs := self._service.other_logs()) is not None:",
        "if (logs := None) is not None:",
    ),
    Mutant(
        "the service of another copy is replaced",
        "runtime/service.py::Service._of_another",
        "program.exists() and self._is_used()",
        "False",
    ),
    Mutant(
        "a unit that systemd refuses stays",
        "runtime/service.py::Service.install",
        "self.roll_back()",
        "pass",
    ),
    Mutant(
        "a daemon without its lock outlives a stop",
        "runtime/lifecycle.py::Lifecycle.stop",
        "if code := self._stop_without_lock(others, force):",
        "if code := 0:",
        LIFECYCLE,
    ),
    Mutant(
        "a stop waits only for the daemon that has the lock",
        "runtime/lifecycle.py::Lifecycle.stop",
        "others.discard(pid or 0)",
        "others = others if pid is None else set()",
        LIFECYCLE,
    ),
    Mutant(
        "a second daemon is noticed a minute later",
        "trading/loop.py::_rest",
        "guard()",
        "pass",
    ),
    Mutant(
        "a mistyped answer stops the daemon",
        "runtime/lifecycle.py::Lifecycle.answer",
        "self.check(*options) or self.stop()",
        "self.check() or self.stop()",
        LIFECYCLE,
    ),
    Mutant(
        "a service that does not start stays",
        "runtime/lifecycle.py::Lifecycle.install_service",
        "service.roll_back()",
        "pass",
        LIFECYCLE,
    ),
    Mutant(
        "a bot that a service could not replace stays stopped",
        "runtime/lifecycle.py::Lifecycle.install_service",
        "if ran_alone and self._daemon.pid() is None:",
        "if False:",
        LIFECYCLE,
    ),
    Mutant(
        "a page that does not start stays",
        "runtime/page_service.py::install",
        "service.roll_back()",
        "pass",
        PAGE,
    ),
    Mutant(
        "the page that ran before stays stopped",
        "runtime/page_service.py::install",
        "if ran:",
        "if False:",
        PAGE,
    ),
    Mutant(
        "a child starts a thread for each processor",
        "runtime/child_process.py::run_child",
        "**ONE_THREAD, ",
        "",
        ("process/test_child_process.py",),
    ),
    Mutant(
        "a daemon whose lock cannot be read cannot be stopped",
        "runtime/lifecycle.py::Lifecycle.stop",
        "if not others:",
        "if True:",
        ("unit/runtime/test_control.py::test_a_daemon_whose_lock_cannot_be_read_is_stopped_all_the_same",),
    ),
    Mutant(
        "a daemon whose lock cannot be read is elsewhere",
        "runtime/elsewhere.py::Elsewhere._runs_here",
        "if self.here():",
        "if False:",
        ("unit/runtime/test_control.py::test_a_daemon_whose_lock_cannot_be_read_is_stopped_all_the_same",),
    ),
    Mutant(
        "a disk that does not answer for a moment ends the daemon",
        "runtime/lock.py::Lock.intact",
        "except OSError:",
        "except InterruptedError:",
    ),
)
