"""The commands of ./bot_control.sh and of `qqqbot`: one table from a command's word to its code.

Only the standard library and light modules of ours are imported here, so that `stop`, `halt`, `resume` and `status`
work with any Python 3.11, before anything is installed and when the environment is broken.
"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qqqbot.model.errors import StartRefused
from qqqbot.model.program import COMMAND
from qqqbot.runtime import kill_switch, page_service, place
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.console import refused, say, warn
from qqqbot.runtime.daemon_process import DaemonProcess, Patience
from qqqbot.runtime.elsewhere import Elsewhere
from qqqbot.runtime.help_text import help_text
from qqqbot.runtime.lifecycle import Lifecycle
from qqqbot.runtime.place import DAEMON, MONITOR, Place, daemon_command
from qqqbot.runtime.processes import Processes
from qqqbot.runtime.service import Service

if TYPE_CHECKING:  # a command must not wait for imports that it does not need
    from qqqbot.model.ports import Clock

# `live` is gone; the monitor names the view that replaces it.
VIEWS = ("status", "trades", "logs", "tail", "performance", "drift", "why", "replay", "web", "live")
MODULES = {
    "notify-test": "qqqbot.notifications.try_channels",
    "demo": "qqqbot.demo",
    "backtest": "qqqbot.backtest",
}
WITHOUT_ARGUMENTS = ("start", "resume", "init", "update", "notify-test")
ANSWERS = ("adopt", "leave", "undo")
STARTING = ("start", "once")
ABOUT_THE_DAEMON = (*STARTING, "stop", "restart", "resume", *ANSWERS, *VIEWS)
USAGE = 2
OTHER_WORDS = {"page": "web", "dashboard": "web", "check": "once", "pause": "halt"}


class Control:
    def __init__(
        self,
        where: Place,
        environment: Mapping[str, str],
        processes: Processes,
        clock: "Clock | None" = None,
    ) -> None:
        self.place = where
        self._environment = environment
        self._processes = processes
        self._daemon = DaemonProcess(where.logs, clock or SystemClock(), Patience.of(environment))
        service = Service(where, environment, processes)
        self._lifecycle = Lifecycle(where, self._daemon, service, processes)
        self._elsewhere = Elsewhere(where, self._daemon, service, processes)
        self.commands: dict[str, Callable[..., int]] = {
            "start": self._lifecycle.start,
            "stop": lambda *options: self._lifecycle.stop(force="--force" in options),
            "restart": lambda *options: self._lifecycle.restart(force="--force" in options),
            "halt": self._halt,
            "resume": lambda: kill_switch.resume(where.logs),
            **{word: partial(self._answer, word) for word in ANSWERS},
            "install-service": self._install_service,
            "init": self._init,
            "run": partial(processes.become, *daemon_command(where)),
            "once": partial(processes.become, str(DAEMON), "--once"),
            "drill": self._drill,
            "test": self._test,
            "update": self._updated,
            "help": self._help,
            **{view: partial(processes.run_script, MONITOR, f"--{view}") for view in VIEWS},
            **{word: partial(processes.run_module, module) for word, module in MODULES.items()},
        }

    def main(self, arguments: Sequence[str]) -> int:
        """Run one command; returns its exit code."""
        if not arguments:
            return self._bad_usage("a command is missing")
        word, *rest = arguments
        command = self.commands.get("help" if word in ("--help", "-h") else word)
        if command is None:
            near = get_close_matches(word, [*OTHER_WORDS, *(known for known in self.commands if known != "live")], 1)
            hint = f"; did you mean {OTHER_WORDS.get(near[0], near[0])}?" if near else ""
            return self._bad_usage(f"unknown command: {word}{hint}")
        asks_for_help = rest[:1] in (["--help"], ["-h"])
        if asks_for_help and word not in (*VIEWS, *MODULES, "drill", "test", "run", "once"):
            return self._help()
        forced = word in ("stop", "restart")
        if rest and (word in WITHOUT_ARGUMENTS or (forced and rest != ["--force"])):
            takes = "only --force" if forced else "no arguments"
            return self._bad_usage(f"{word} takes {takes}, was given: {' '.join(rest)}")
        try:
            about = word in ABOUT_THE_DAEMON and not asks_for_help
            if about and (problem := self._elsewhere.problem(shlex.join(arguments), word in STARTING)):
                return refused(problem)
            return command(*rest)
        except StartRefused as reason:  # it cannot be determined who holds the lock
            return refused(str(reason))
        except OSError as error:  # a disk that fails, a folder in a file's place, too many processes
            where = f"{error.filename}: " if error.filename else ""
            return refused(f"{word} did not come to its end: {where}{error.strerror}. See {COMMAND} status.")

    def _halt(self, *reason: str) -> int:
        return kill_switch.halt(
            self.place.logs, " ".join(reason), self._daemon, lambda: self._elsewhere.problem("halt")
        )

    def _answer(self, word: str, *arguments: str) -> int:
        """Mistyped arguments are found here, before the daemon is stopped for the answer."""
        rest = [argument for argument in arguments if argument != "--dry-run"]
        names, values = rest[::2], rest[1::2]
        if names and (word != "adopt" or set(names) != {"--price"} or len(names) != len(values)):
            return self._bad_usage(f"{word} does not take: {' '.join(rest)}")
        return self._lifecycle.answer(f"--{word}", *arguments)

    def _install_service(self, *options: str) -> int:
        if not options:
            return self._lifecycle.install_service()
        names, values = options[1::2], options[2::2]
        if options[0] != "--page" or not set(names) <= {"--port", "--bind"} or len(names) != len(values):
            return self._bad_usage(f"install-service does not take: {' '.join(options)}")
        return page_service.install(self.place, self._environment, self._processes, options[1:])

    def _init(self) -> int:
        from qqqbot.runtime.config import write_defaults

        path = self.place.config
        try:
            write_defaults(path)
        except FileExistsError:
            return refused(f"{path} already exists; nothing was changed.")
        except OSError as error:
            return refused(f"{path} cannot be written: {error.strerror}.")
        say(f"wrote {path}: a simulated account and real prices; {COMMAND} start begins")
        return 0

    def _drill(self, *arguments: str) -> int:
        folder = place.PROGRAM_FOLDER
        if not (folder / "drill").is_dir():
            return refused("The drill needs the folder drill/, which is not here: run it in a whole checkout.")
        os.chdir(folder)
        return self._processes.become("-m", "drill", *arguments)

    def _test(self, *arguments: str) -> int:
        if not self.place.in_checkout:
            return refused("The tests are in a checkout of the project; run ./bot_control.sh test there.")
        chosen = ["tests/unit", *arguments[1:]] if arguments[:1] == ("unit",) else arguments
        os.chdir(self.place.home)
        # One process more than there are cores: many tests wait for other processes and sockets.
        return self._processes.become("-m", "pytest", "-n", str((os.cpu_count() or 2) + 1), *chosen)

    def _updated(self) -> int:
        """The end of `update`: bot_control.sh has already installed the new releases."""
        if not self.place.in_checkout:
            return refused("Update it with the program that installed it: pip install --upgrade, or pipx upgrade.")
        say("The libraries are up to date.")
        if self._daemon.pid() is not None:
            say(f"The running daemon keeps the old ones until {COMMAND} restart.")
        return 0

    def _help(self, *_: str) -> int:
        say(help_text(self.place).rstrip())
        return 0

    def _bad_usage(self, problem: str) -> int:
        warn(problem, f"usage: {COMMAND} COMMAND; {COMMAND} help lists the commands")
        return USAGE


def main(arguments: Sequence[str], where: Place) -> int:
    caller = Path(os.path.abspath("."))
    os.environ.update(place.environment_for(where, os.environ, caller))
    try:
        return Control(where, os.environ, Processes()).main(arguments)
    except KeyboardInterrupt:
        return 130


def from_script(script: str, *arguments: str) -> int:
    """`script` is the path of bot_control.sh."""
    return main(arguments, place.checkout(Path(script), os.environ))


def from_console() -> int:
    """The console script `qqqbot`."""
    command = Path(os.path.abspath(sys.argv[0]))
    return main(sys.argv[1:], place.installed(command, Path(os.path.abspath(".")), os.environ))
