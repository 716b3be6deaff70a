"""The kill switch: HALT in the logs folder. While it is there nothing is traded; it survives every restart.

Its existence alone counts: an empty file halts, and so does a folder, a pipe or a dangling link of that name.
"""

import contextlib
import os
from pathlib import Path

FILE = "HALT"
NO_REASON = "no reason given"
"""the first line of a file that `halt` wrote without one; bot_control.sh has the same words"""
BY_OWNER = "halted by the owner's command"
"""the second line of a file that `halt` wrote, here or in bot_control.sh; a halt by the bot itself lacks it"""


class HaltSwitch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def reason(self) -> str | None:
        """Why trading is halted: the first line of the file; None if trading is not halted."""
        try:
            return _text(self._path).strip().partition("\n")[0] or NO_REASON
        except FileNotFoundError:
            return f"{self._path.name} is a link to nothing" if self._path.is_symlink() else None
        except OSError as error:
            return f"{self._path.name} cannot be read: {error}"

    def halt(self, reason: str) -> None:
        """Halt trading, keeping the reason of an earlier halt. Raises OSError."""
        with contextlib.suppress(FileExistsError), open(self._path, "x", encoding="utf-8") as file:
            file.write(reason + "\n")
            file.flush()
            os.fsync(file.fileno())


def is_by_owner(path: Path) -> bool:
    """Whether the owner's command wrote the file at `path`; False if that is not known."""
    try:
        return _text(path).splitlines()[1:2] == [BY_OWNER]
    except OSError:
        return False


def _text(path: Path) -> str:
    """The beginning of the file, read without waiting for a writer if it is a pipe. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(file, 64 * 1024).decode("utf-8", errors="replace")
    finally:
        os.close(file)
