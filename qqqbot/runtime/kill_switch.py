"""halt and resume, the owner's side of logs/HALT.

`halt` succeeds only if a daemon has read the file and says so: a file that no daemon reads stops nothing.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from qqqbot.model.errors import StartRefused
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.program import COMMAND
from qqqbot.runtime.console import refused, say, warn
from qqqbot.runtime.daemon_process import DaemonProcess
from qqqbot.runtime.foreign_text import washed
from qqqbot.runtime.halt_file import BY_OWNER, FILE, NO_REASON, HaltSwitch


def halt(logs: Path, reason: str, daemon: DaemonProcess, elsewhere: Callable[[], str | None]) -> int:
    """Stop trading, keeping the reason of an earlier halt, and wait until the daemon says so. Returns the exit code.

    `elsewhere` says where another daemon runs, if one does.
    """
    return _write_halt(logs, reason) or _confirmed(logs, daemon, elsewhere)


def _write_halt(logs: Path, reason: str) -> int:
    os.umask(0o077)
    path = logs / FILE
    try:
        logs.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            path.touch()
    except OSError as error:
        return refused(f"NOT halted: cannot make {path}: {error.strerror}. Use {COMMAND} stop.")
    if path.is_file() and not path.stat().st_size:
        _write(path, reason or NO_REASON)
    # bot_control.sh has already written the file in these words, unless there was one before.
    elif (found := HaltSwitch(path).reason()) != (reason or NO_REASON) or not path.is_file():
        say(f"already halted: {washed(found or '')}")
        return 0
    say(f"{path} is written: no new orders until {COMMAND} resume")
    return 0


def _confirmed(logs: Path, daemon: DaemonProcess, elsewhere: Callable[[], str | None]) -> int:
    try:
        pid = daemon.pid()
        if pid is None:
            return refused("Nobody has read it. " + (elsewhere() or f"No daemon runs on {logs}."))
        at = daemon.confirms_halt(pid)
    except StartRefused as reason:
        return refused(f"It is not known whether a daemon has read it. {reason}")
    if at is None and (problem := daemon.cannot_write()):
        return refused(
            f"The daemon (pid {pid}) cannot confirm it: nothing can be written in {logs}: {problem}. It reads the file "
            f"before each order even so; {COMMAND} stop is certain to end it."
        )
    if at is None:
        return refused(
            f"The daemon (pid {pid}) has not confirmed it within {daemon.patience.halt_seconds:g} s. It reads the file "
            f"before each order; if it hangs: {COMMAND} stop --force. See {COMMAND} status."
        )
    say(f"The daemon (pid {pid}) confirms it, {_clock_time(at)}.")
    say("An order that is open at the broker is not touched: it can still be filled. The bot keeps what it holds.")
    return 0


def _clock_time(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at).astimezone(NEW_YORK):%H:%M:%S} ET"
    except ValueError:
        return "at an unknown time"


def resume(logs: Path) -> int:
    """Trade again. Returns the exit code."""
    path = logs / FILE
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        say("not halted")
    except OSError as error:
        return refused(f"STILL halted: cannot remove {path}: {error.strerror}.")
    else:
        say("resumed: the next check may trade")
    return 0


def _write(path: Path, reason: str) -> None:
    try:
        path.write_text(f"{reason}\n{BY_OWNER}\n", encoding="utf-8", errors="replace")
    except OSError:  # a full disk: the bot is halted all the same
        warn("The reason could not be written.")
