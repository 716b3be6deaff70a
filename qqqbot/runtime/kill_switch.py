"""halt and resume, the owner's side of logs/HALT: the file itself counts, not the words in it."""

import os
from pathlib import Path

from qqqbot.model.program import COMMAND
from qqqbot.runtime.console import refused, say, warn

FILE = "HALT"
NO_REASON = "halted by its owner"
BY_OWNER = "halted by the owner's command"
"""The second line of a file that `halt` wrote, here or in bot_control.sh. Those of the bot itself lack it."""


def halt(logs: Path, reason: str) -> int:
    """Stop trading, keeping the reason of an earlier halt. Returns the exit code."""
    os.umask(0o077)
    path = logs / FILE
    try:
        logs.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        return refused(f"NOT halted: cannot make {path}: {error.strerror}. Use {COMMAND} stop.")
    if earlier := _text(path):
        say(f"already halted: {earlier}")
    else:
        _write(path, reason or NO_REASON)
        say(f"halted: no new orders until {COMMAND} resume")
    say("An order that is open at the broker is not touched: it can still be filled. The bot keeps what it holds.")
    return 0


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


def is_by_owner(path: Path) -> bool:
    """Whether the owner's command wrote the file at `path`; False if that is not known."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[1:2] == [BY_OWNER]
    except OSError:
        return False


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip().partition("\n")[0]


def _write(path: Path, reason: str) -> None:
    try:
        path.write_text(f"{reason}\n{BY_OWNER}\n", encoding="utf-8", errors="replace")
    except OSError:  # a full disk: the bot is halted nevertheless
        warn("The reason could not be written.")
