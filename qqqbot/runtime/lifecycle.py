"""start, stop, restart, install-service: through systemd if it manages the daemon, else directly.

Each returns an exit code; if it is not 0, stderr says why. Each raises StartRefused if it cannot be determined who
holds the lock.
"""

import os
import signal
import sys

from qqqbot.model.errors import StartRefused
from qqqbot.model.program import COMMAND
from qqqbot.regular_file import content
from qqqbot.runtime.console import refused, say, warn
from qqqbot.runtime.daemon_process import DaemonProcess, Readiness
from qqqbot.runtime.elsewhere import Elsewhere
from qqqbot.runtime.place import DAEMON, MONITOR, Place, daemon_command
from qqqbot.runtime.processes import Processes, exit_code
from qqqbot.runtime.service import NAME, Service

LONGEST_OUTPUT_BYTES = 1_000_000
LINES_SHOWN = 20


class Lifecycle:
    def __init__(self, place: Place, daemon: DaemonProcess, service: Service, processes: Processes) -> None:
        self._place = place
        self._daemon = daemon
        self._service = service
        self._processes = processes
        self._elsewhere = Elsewhere(place, daemon, service, processes)
        self._output = place.logs / "nohup.log"

    def start(self) -> int:
        if code := self._check_configuration():
            return code
        if self._already_running():
            return 0
        if (code := self.check_config()) or (code := self._check_logs()):
            return code
        return self._start_service() if self._service.is_ours() else self._start_alone()

    def stop(self, force: bool = False) -> int:
        by_systemd = self._service.is_ours()
        ran, main_pid = self._stop_service() if by_systemd else (False, 0)
        others = set(self._elsewhere.here())
        try:
            pid = self._daemon.pid()
        except StartRefused:  # the folder cannot be read, or the disk is dead: the list of processes shows who runs
            if not others:
                raise
            pid = None
        others.discard(pid or 0)
        if pid is not None:
            if code := self._terminate(pid, asked=pid == main_pid):
                return code
            if not self._daemon.wait_until_gone(pid):
                return self._kill(pid, by_systemd) if force else self._not_stopped(pid, by_systemd=pid == main_pid)
        if code := self._stop_without_lock(others, force):
            return code
        say("stopped" if ran or pid is not None or others else "not running")
        return 0

    def _stop_without_lock(self, found: set[int], force: bool) -> int:
        """A daemon that has not taken the lock yet, or whose lock file was removed, must be stopped too."""
        for number in (signal.SIGTERM, signal.SIGKILL) if force else (signal.SIGTERM,):
            for pid in found.intersection(self._elsewhere.here()) if found else ():
                self._processes.send(pid, number)
            if not found or self._daemon.wait_until(lambda: found.isdisjoint(self._elsewhere.here())):
                return 0
        return self._not_stopped(min(found), by_systemd=False)

    def restart(self, force: bool = False) -> int:
        return self.check() or self.stop(force) or self.start()

    def answer(self, *options: str) -> int:
        """Record an answer. It needs the account and the book, which has one writer: the daemon is stopped meanwhile.

        With --dry-run the answer is only shown. Neither that nor a mistyped answer stops the daemon.
        """
        if "--dry-run" in options:
            return self._processes.show((sys.executable, str(DAEMON), *options))
        was_running = self._daemon.pid() is not None or (self._service.is_ours() and self._service.runs())
        if was_running and (code := self.check(*options) or self.stop()):
            return code
        code = self._processes.show((sys.executable, str(DAEMON), *options))
        return (self.start() or code) if was_running else code

    def install_service(self) -> int:
        """Make the daemon a service of the user's systemd; no root is needed unless nobody is logged in."""
        service = self._service
        if not self._processes.has("systemctl"):
            return refused(f"systemd is not available. macOS: {COMMAND} start from a login item; Docker: deploy/.")
        if code := self.check_config() or self._check_logs():
            return code
        if lost := service.lost_secrets():
            return refused("Nothing was installed.", *lost, code=2)
        if problem := service.install():
            return refused(
                f"The service could not be installed in {service.unit}: {problem}",
                "systemd's user manager must run for this user: log in as that user (not with su or sudo), then try "
                "again.",
            )
        ran_alone = self._daemon.pid() is not None
        if (code := self.stop()) or ((code := self._start_service()) and self._daemon.pid() is None):
            service.roll_back()
            warn("The service was not installed; everything is as it was before.")
            if ran_alone and self._daemon.pid() is None:
                self._start_alone()
            return code
        say(f"installed in {service.unit} and started; systemd restarts it after a crash")
        say(
            f"see it: systemctl --user status qqqbot   stop it: {COMMAND} stop   "
            "remove it: systemctl --user disable --now qqqbot"
        )
        service.linger()
        return code

    def check(self, *options: str) -> int:
        """Report why a start, or an answer with `options`, would be refused, before anything is stopped for it."""
        return self.check_config(*options) or self._check_configuration() or self._check_logs()

    def _check_configuration(self) -> int:
        if self._service.is_ours() and not self._service.has_our_configuration():
            return refused(
                f"The service was installed with a configuration other than {self._place.config}: set QQQBOT_CONFIG as "
                f"in {self._service.unit}, or run {COMMAND} install-service again."
            )
        if (other := self._elsewhere.other_configuration()) is not None:
            return refused(
                f"The running daemon uses {other}, and this command uses {self._place.config}: set QQQBOT_CONFIG to "
                f"the first, or {COMMAND} stop."
            )
        return 0

    def check_config(self, *options: str) -> int:
        done = self._processes.run((sys.executable, str(DAEMON), *options, "--check-config"))
        if done.code != 0:
            warn((done.out + done.err).rstrip("\n"))
        return exit_code(done.code)

    def _check_logs(self) -> int:
        """Report a folder that cannot be written, and why, here: the daemon would have no place to report it."""
        os.umask(0o077)  # the files hold account data; so may the daemon's output
        if (problem := self._daemon.cannot_write()) is None:
            return 0
        return refused(
            f"The bot cannot write in {self._place.logs}: {problem}.",
            "Free some space, make the folder writable, or set QQQBOT_LOGS to another one.",
        )

    def _already_running(self) -> bool:
        """Whether a daemon is running; waits for one that is starting or stopping."""
        pid = self._daemon.pid()
        if pid is None:
            return False
        waiting = self._daemon.state(pid) == "waiting"
        if not waiting:
            _, found = self._daemon.wait_until_ready(lambda: pid, lambda: self._daemon.holds_lock(pid))
            if found is Readiness.GONE:
                return False
        say(f"already running (pid {pid})")
        return True

    def _start_alone(self) -> int:
        seen = self._make_room_for_output()
        child = self._processes.launch((sys.executable, *daemon_command(self._place)), self._place.home, self._output)
        _, found = self._daemon.wait_until_ready(lambda: child.pid, lambda: child.poll() is None)
        if found is Readiness.READY:
            return self._started(child.pid)
        if found is Readiness.LATE:
            return self._still_trying(f"running (pid {child.pid})")
        if self._already_running():  # another start, at the same time, got the lock
            return 0
        text, code = content(self._output)[seen:].decode(errors="replace"), child.poll()
        warn(f"did not start{_how(code)}; the last lines of {self._output}:", *text.splitlines()[-LINES_SHOWN:])
        return exit_code(code or 1)

    def _make_room_for_output(self) -> int:
        """Set the output file aside if it is too large; returns the size of the current one."""
        size = self._output.stat().st_size if self._output.exists() else 0
        if size <= LONGEST_OUTPUT_BYTES:
            return size
        self._output.replace(self._output.with_name(self._output.name + ".1"))
        return 0

    def _start_service(self) -> int:
        job = self._service.start()
        pid, found = self._daemon.wait_until_ready(self._daemon.pid, lambda: not job.poll())
        if found is Readiness.READY and pid:
            return self._started(pid)
        if job.poll() is None:
            job.terminate()  # this process only waited; the start itself goes on
        if pid := self._daemon.pid():
            return self._still_trying(f"running under systemd (pid {pid})")
        warn(f"The daemon does not run yet; systemd may try again, until {COMMAND} stop. Its newest lines:")
        self._service.show_newest_lines()
        return 1

    def _started(self, pid: int) -> int:
        say(f"started (pid {pid})")
        self._processes.show((sys.executable, str(MONITOR), "--status"))
        return 0  # a bot that is halted has started, too

    def _still_trying(self, what: str) -> int:
        warn(f"{what}, but it has not finished its first check yet and is still trying. Its status:")
        self._processes.show((sys.executable, str(MONITOR), "--status"), on_stderr=True)
        return 1

    def _stop_service(self) -> tuple[bool, int]:
        """Whether the service ran (or was between a crash and the next attempt), and the process that systemd ends."""
        ran = self._service.runs()
        # While a daemon holds the lock, do not wait for systemd: its patience is longer than that of a stop.
        held = self._lock_is_held()
        main_pid = self._service.main_pid() if held else 0
        if not self._service.stop(wait=not held):
            warn(f"systemd was asked to stop {NAME} and refused; it may start the daemon again.")
        return ran, main_pid

    def _lock_is_held(self) -> bool:
        try:
            return self._daemon.pid() is not None
        except StartRefused:  # systemd must stop the daemon even so
            return False

    def _terminate(self, pid: int, asked: bool) -> int:
        # The pid in the lock may be one of another pid namespace: a container may share this folder.
        if "qqq_trading_bot" not in (self._processes.arguments(pid) or "qqq_trading_bot"):
            return refused(
                f"The lock is held by process {pid}, which is a different program here: the daemon runs in a container "
                "or on another machine. Stop it there."
            )
        if not asked and not self._processes.send(pid, signal.SIGTERM):
            return refused(f"Process {pid} belongs to another user; stop it as that user, or with sudo.")
        return 0

    def _not_stopped(self, pid: int, by_systemd: bool) -> int:
        warn(
            f"not stopped yet after {self._daemon.patience.stop_seconds:g} s (pid {pid}); "
            f"it may be finishing an order: see {COMMAND} status."
        )
        if by_systemd:
            warn("systemd kills it if it has not stopped 30 s after it was asked.")
        warn(f"Kill it with {COMMAND} stop --force; the next start looks for orders in flight.")
        return 1

    def _kill(self, pid: int, by_systemd: bool) -> int:
        if by_systemd:
            self._service.kill()
        self._processes.send(pid, signal.SIGKILL)
        if not self._daemon.wait_until_gone(pid):
            return refused(f"Process {pid} cannot be killed; it hangs in the operating system.")
        say(f"killed (pid {pid}); the next start looks for orders in flight")
        return 0


def _how(code: int | None) -> str:
    """How a daemon ended that gave no reason itself."""
    if code in (0, -signal.SIGTERM):
        return ": it was asked to stop before its first check had ended"
    if code == -signal.SIGKILL:
        return ": it was killed; if that was not you, memory ran out"
    return f": signal {-code} ended it" if code is not None and code < 0 else ""
