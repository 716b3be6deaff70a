"""Finds out whether the daemon works on another folder or configuration than a command: the command must say so.

A daemon has both on its command line, which the list of processes shows; a service has both in its unit.
"""

import os
import shlex
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.errors import StartRefused
from qqqbot.model.program import COMMAND
from qqqbot.runtime.daemon_process import DaemonProcess
from qqqbot.runtime.place import DAEMON, LOGS, Place
from qqqbot.runtime.processes import Processes
from qqqbot.runtime.service import NAME, Service

LOGS_OPTION, CONFIG_OPTION = " --logs ", " --config "


class Running(NamedTuple):
    """A daemon of this program; its paths are None if it was started without them on its command line."""

    pid: int
    logs: Path | None
    config: Path | None


class Elsewhere:
    def __init__(self, place: Place, daemon: DaemonProcess, service: Service, processes: Processes) -> None:
        self._place = place
        self._daemon = daemon
        self._service = service
        self._processes = processes

    def problem(self, command: str, starting: bool = False) -> str | None:
        """Why `command` would act on the wrong folder; None if it would not. Raises StartRefused.

        A folder that the caller named is right if a bot has run there, or is to be started there now.
        """
        chosen = self._place.logs_chosen and (starting or (self._place.logs / "status.json").exists())
        if chosen or self._runs_here() or (found := self.found()) is None:
            return None
        who, logs = found
        nobody = f"No daemon runs on {self._place.logs}, but"
        mine = "" if self._place.logs_chosen else f" For this folder: {_command(self._place.logs, command)}."
        if logs is None:
            return f"{nobody} {who} runs on another folder: set {LOGS} to that folder.{mine}"
        return f"{nobody} {who} uses {logs}. For that folder: {_command(logs, command)}.{mine}"

    def _runs_here(self) -> bool:
        try:
            return self._daemon.pid() is not None
        except StartRefused:
            if self.here():
                return True
            raise

    def found(self) -> tuple[str, Path | None] | None:
        """Who works on another folder, and the folder (None if it is not visible); None if nobody does."""
        if self._service.names_us():
            return None
        if (logs := self._service.other_logs()) is not None:
            return f"the service {NAME}", logs
        here = self._place.logs  # a daemon there hangs without its lock file, or is about to take the lock
        others = (daemon for daemon in self._running() if daemon.logs is None or not _same(daemon.logs, here))
        return next(((f"a daemon (pid {pid})", logs) for pid, logs, _ in others), None)

    def here(self) -> list[int]:
        """The daemons that were started on these logs, whether they hold the lock or not."""
        return [daemon.pid for daemon in self._running() if daemon.logs and _same(daemon.logs, self._place.logs)]

    def other_configuration(self) -> Path | None:
        """The configuration of the daemon that runs on these logs, if it differs from the command's."""
        pid = self._daemon.pid()
        theirs = next((daemon.config for daemon in self._running() if daemon.pid == pid), None)
        return theirs if theirs is not None and not _same(theirs, self._place.config) else None

    def _running(self) -> list[Running]:
        found = [(pid, _after(str(DAEMON), line)) for pid, line in self._processes.command_lines()]
        return [_running(pid, rest) for pid, rest in found if rest is not None]


def _after(script: str, line: str) -> str | None:
    """What follows `script` on a daemon's command line; None if it is no daemon's, as with --check-config."""
    _, found, rest = line.partition(f" {script}")
    return rest if found and (not rest or rest.startswith(LOGS_OPTION)) else None


def _running(pid: int, rest: str) -> Running:
    logs, _, config = rest.removeprefix(LOGS_OPTION).partition(CONFIG_OPTION)
    return Running(pid, Path(logs) if logs else None, Path(config) if config else None)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _command(logs: Path, command: str) -> str:
    return f"{LOGS}={shlex.quote(str(logs))} {COMMAND} {command}"
