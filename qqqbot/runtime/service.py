"""The daemon as a service of the user's systemd, which would undo what is done behind its back.

The service is ours if its unit names this command and these logs; systemd then starts and stops the daemon.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from qqqbot.runtime.console import warn
from qqqbot.runtime.place import CONFIG, LOGS, Place
from qqqbot.runtime.processes import Done, Job, Processes
from qqqbot.runtime.systemd import TEMPLATE, assignment, lost_secrets, quoted, unit

NAME = "qqqbot.service"


class Service:
    def __init__(self, place: Place, environment: Mapping[str, str], processes: Processes) -> None:
        self._place = place
        self._environment = environment
        self._processes = processes
        self._warned = False
        folder = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", ""), ".config")
        self.unit = Path(folder) / "systemd" / "user" / NAME

    def is_ours(self) -> bool:
        """Whether systemd manages this daemon: its unit is installed, and enabled or running."""
        if not self._names_us():
            return False
        enabled = self._systemctl("is-enabled", NAME)
        if enabled.code == 0 or self.runs():
            return True
        if not enabled.out.strip() and not self._warned:
            self._warned = True
            warn(
                f"{NAME} is installed, but systemd's user manager does not answer here, so this is done without it. "
                "To have systemd do it, log in as that user (not with su or sudo)."
            )
        return False

    def runs(self) -> bool:
        """Whether it runs, or is between a crash and the next attempt ("activating") and nobody holds the lock."""
        state = self._systemctl("is-active", NAME).out.strip()
        return state in ("active", "activating", "deactivating", "reloading")

    def has_our_configuration(self) -> bool:
        return self._sets(CONFIG, self._place.config, self._place.home / "config.json")

    def main_pid(self) -> int:
        """The process that systemd regards as the daemon; 0 if there is none."""
        found = self._systemctl("show", "-p", "MainPID", NAME).out.strip().removeprefix("MainPID=")
        return int(found) if found.isdigit() else 0

    def start(self) -> Job:
        """Ask systemd to start the daemon; the job ends when systemd regards it as started."""
        return self._processes.begin(("systemctl", "--user", "start", NAME), **self._bus())

    def stop(self, wait: bool) -> bool:
        """Whether systemd agreed to end the daemon and its attempts to start it."""
        return self._systemctl("stop", NAME, *(() if wait else ("--no-block",))).code == 0

    def kill(self) -> None:
        self._systemctl("kill", "-s", "KILL", NAME)

    def restart(self) -> bool:
        return self._systemctl("restart", NAME).code == 0

    def lost_secrets(self) -> list[str]:
        """The caller's secrets that the service would not see, each with what to do instead."""
        return lost_secrets(self._place.config.parent, self._environment)

    def install(self) -> str | None:
        """Write the unit and enable it. Returns what went wrong, None if nothing did."""
        fresh = self.unit.with_name(NAME + ".new")
        try:
            self.unit.parent.mkdir(parents=True, exist_ok=True)
            text = unit(TEMPLATE.read_text(encoding="utf-8"), self._place.command, self._place.home, self._environment)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.unit)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            return f"{error.filename}: {error.strerror}"
        for command in (("daemon-reload",), ("enable", NAME)):
            done = self._systemctl(*command)
            if done.code != 0:
                return (done.out + done.err).strip() or "systemctl failed and said nothing"
        return None

    def show_newest_lines(self) -> None:
        command = ("journalctl", "--user", "-u", NAME, "-n", "20", "--no-pager", "-o", "cat")
        if not self._processes.has("journalctl") or self._processes.show(command, on_stderr=True) != 0:
            warn(f"journalctl --user -u {NAME}")

    def _names_us(self) -> bool:
        if not self._processes.has("systemctl"):
            return False
        command = f"ExecStart={quoted(str(self._place.command))} run"
        return command in self._lines() and self._sets(LOGS, self._place.logs, self._place.home / "logs")

    def _sets(self, variable: str, value: Path, default: Path) -> bool:
        """Whether the unit gives `variable` this value, or leaves it out and the value is the default."""
        lines = self._lines()
        if any(line.startswith(f'Environment="{variable}=') for line in lines):
            return assignment(variable, str(value)) in lines
        return value == default

    def _lines(self) -> list[str]:
        try:
            return self.unit.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def _systemctl(self, *arguments: str) -> Done:
        return self._processes.run(("systemctl", "--user", *arguments), **self._bus())

    def _bus(self) -> dict[str, str]:
        """The variable that names the folder of the user's systemd, which su and cron do not set."""
        return {"XDG_RUNTIME_DIR": self._environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"}
