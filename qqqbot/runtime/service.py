"""The daemon, and the page, as services of the user's systemd, which would undo what is done without it.

The daemon's service is ours if its unit names this command and these logs; systemd then starts and stops the daemon.
"""

import contextlib
import getpass
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from qqqbot.regular_file import replace
from qqqbot.runtime.console import warn
from qqqbot.runtime.place import CONFIG, LOGS, Place
from qqqbot.runtime.processes import Done, Job, Processes
from qqqbot.runtime.secret_files import NOTIFY, PING
from qqqbot.runtime.systemd import exec_line, lost_secrets, quoted, unit, unquoted

NAME = "qqqbot.service"
_FIRST_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Service:
    def __init__(
        self,
        place: Place,
        environment: Mapping[str, str],
        processes: Processes,
        name: str = NAME,
        words: Sequence[str] = ("run",),
    ) -> None:
        self._place = place
        self._name = name
        self._words = words
        self._environment = environment
        self._processes = processes
        self._warned = False
        self._before: str | None = None
        """the unit that `install` replaced"""
        home = environment.get("HOME") or os.path.expanduser("~")
        folder = environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        self.unit = Path(folder) / "systemd" / "user" / name

    def is_ours(self) -> bool:
        """Whether systemd manages this daemon: its unit is installed, and enabled or running."""
        if not self.names_us():
            return False
        enabled = self._systemctl("is-enabled", self._name)
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
        """Whether the service runs; also if it waits after a crash ("activating") and nobody holds the lock."""
        state = self._systemctl("is-active", self._name).out.strip()
        return state in ("active", "activating", "deactivating", "reloading")

    def has_our_configuration(self) -> bool:
        return self._named(CONFIG, "config.json") == self._place.config

    def main_pid(self) -> int:
        """The process that systemd regards as the daemon; 0 if there is none."""
        found = self._property("MainPID")
        return int(found) if found.isdigit() else 0

    def start(self) -> Job:
        """Ask systemd to start the daemon; the job ends when systemd regards it as started.

        Between a crash and the next attempt, a start would wait up to ten minutes for that attempt; a restart does not.
        """
        verb = "restart" if self._property("SubState").startswith("auto-restart") else "start"
        return self._processes.begin(("systemctl", "--user", verb, self._name), **self._bus())

    def restart(self) -> str | None:
        """Restart the service and wait until systemd counts it as started. Returns what went wrong, or None."""
        return self._done("restart", self._name)

    def said(self) -> str:
        """The status that the daemon last reported to systemd."""
        return self._property("StatusText")

    def linger(self) -> None:
        """Keep the user's services running after the last logout."""
        if self._processes.run(("loginctl", "enable-linger")).code != 0:
            warn(f"To run while you are not logged in: sudo loginctl enable-linger {getpass.getuser()}")

    def stop(self, wait: bool) -> bool:
        """Ask systemd to end the daemon and the attempts to start it; returns whether it agreed."""
        return self._systemctl("stop", self._name, *(() if wait else ("--no-block",))).code == 0

    def kill(self) -> None:
        self._systemctl("kill", "-s", "KILL", self._name)

    def lost_secrets(self) -> list[str]:
        """Each secret of the caller that the service would not see, with what to do instead."""
        return lost_secrets(self._place.config.parent, self._environment, NOTIFY, PING)

    def install(self) -> str | None:
        """Write the unit and enable it. Returns what went wrong, after putting everything back; None if nothing did."""
        if (other := self._of_another()) is not None:
            return f"it is in use for {other}; to replace it, first: systemctl --user disable --now {self._name}"
        self._before = "\n".join(self._lines()) or None
        template = Path(__file__).with_name(self._name).read_text(encoding="utf-8")
        text = unit(template, self._words, self._place, self._environment)
        if (problem := self._written(text)) is not None:
            return problem
        if problem := self._done("daemon-reload") or self._unusable() or self._done("enable", self._name):
            self.roll_back()
        return problem

    def roll_back(self) -> None:
        """Undo `install`."""
        if self._before is None:
            self._systemctl("disable", self._name)
            with contextlib.suppress(OSError):
                self.unit.unlink()
        else:
            self._written(self._before + "\n")
        self._systemctl("daemon-reload")

    def _written(self, text: str) -> str | None:
        """Replace the unit, for its owner only: its proxies may have passwords. Returns what went wrong."""
        try:
            self.unit.parent.mkdir(parents=True, exist_ok=True)
            replace(self.unit, text)
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        return None

    def _done(self, *command: str) -> str | None:
        done = self._systemctl(*command)
        return None if done.code == 0 else (done.out + done.err).strip() or "systemctl failed and said nothing"

    def _unusable(self) -> str | None:
        """Why systemd could not start the unit that it has just read."""
        if (state := self._property("LoadState")) not in ("bad-setting", "error", "masked", "not-found"):
            return None
        return f"systemd reads it as {state}: {self._property('LoadError') or f'systemd-analyze verify {self.unit}'}"

    def show_newest_lines(self) -> None:
        command = ("journalctl", "--user", "-u", self._name, "-n", "20", "--no-pager", "-o", "cat")
        if not self._processes.has("journalctl") or self._processes.show(command, on_stderr=True) != 0:
            warn(f"journalctl --user -u {self._name}")

    def names_us(self) -> bool:
        """Whether the unit is installed for this command and these logs."""
        return self._names_command() and self._named(LOGS, "logs") == self._place.logs

    def _of_another(self) -> str | None:
        """The other copy of the program, or the other logs, that the unit in use serves; None if it may be replaced."""
        if (logs := self.other_logs()) is not None:
            return str(logs)
        command = _FIRST_QUOTED.search(self._line("ExecStart="))
        program = Path(unquoted(command[1]).replace("$$", "$")) if command and not self._names_command() else None
        return str(program) if program is not None and program.exists() and self._is_used() else None

    def _is_used(self) -> bool:
        return self.runs() or self._systemctl("is-enabled", self._name).code == 0

    def other_logs(self) -> Path | None:
        """The logs of the unit if it is in use, and is for this command but for other logs."""
        others = self._names_command() and not self.names_us() and self._is_used()
        return self._named(LOGS, "logs") if others else None

    def _names_command(self) -> bool:
        if not self._processes.has("systemctl"):
            return False
        earlier = " ".join((quoted(str(self._place.command)), *self._words))  # written by earlier versions
        return self._line("ExecStart=") in (exec_line(self._place, self._words), earlier)

    def _property(self, name: str) -> str:
        return self._systemctl("show", "-p", name, self._name).out.strip().removeprefix(f"{name}=")

    def _named(self, variable: str, default: str) -> Path:
        """The unit's value of `variable`; if it has none, the path of `default` in the owner's folder."""
        value = self._line(f'Environment="{variable}=')[:-1]
        return Path(unquoted(value)) if value else self._place.home / default

    def _line(self, start: str) -> str:
        """The rest of the unit's line that begins with `start`; empty if no line does."""
        return next((line.removeprefix(start) for line in self._lines() if line.startswith(start)), "")

    def _lines(self) -> list[str]:
        try:
            return self.unit.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def _systemctl(self, *arguments: str) -> Done:
        return self._processes.run(("systemctl", "--user", *arguments), **self._bus())

    def _bus(self) -> dict[str, str]:
        """XDG_RUNTIME_DIR, the folder of the user's systemd, which su and cron do not set."""
        return {"XDG_RUNTIME_DIR": self._environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"}
