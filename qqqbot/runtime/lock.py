"""One daemon for each logs folder: flock on `bot.pid`, with the holder's pid inside.

Only the lock decides; the kernel releases it when its process ends. The number in the file only says which process to
signal, and is read only while the lock is held. So a file that a crash left behind means nothing, nor does
a pid that now belongs to another program.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from qqqbot.model.errors import AlreadyRunning, BotError, StartRefused
from qqqbot.model.program import COMMAND
from qqqbot.regular_file import descriptor

PID_FILE = "bot.pid"

# A probe holds its shared lock for microseconds, and a new holder writes its pid at once: 0.3 s is plenty.
TRIES = 150
PAUSE_SECONDS = 0.002

Flock = Callable[[int, int], None]


class Lock:
    """Held from `acquire` until `release` or the end of the process; children do not inherit it."""

    def __init__(self, path: Path, flock: Flock = fcntl.flock) -> None:
        self._path = path
        self._flock = flock
        self._file: int | None = None
        self._folder: tuple[int, int] | None = None
        """device and inode of the folder in which the lock was taken"""

    def acquire(self) -> None:
        """Raises AlreadyRunning, or StartRefused if the file cannot be made or written."""
        file = _opened(self._path, os.O_RDWR | os.O_CREAT)
        try:
            self._lock(file)
            _write_pid(file, self._path)
        except BaseException:
            os.close(file)
            raise
        self._file, self._folder = file, _identity_of(self._path.parent)

    def _lock(self, file: int) -> None:
        for _ in range(TRIES):
            if _locked(file, fcntl.LOCK_EX, self._path, self._flock):
                return
            time.sleep(PAUSE_SECONDS)
        pid = holder(self._path)
        raise AlreadyRunning(
            f"another daemon{f' (pid {pid})' if pid else ''} holds {self._path}; "
            f"see {COMMAND} status, and stop it with {COMMAND} stop"
        )

    def intact(self) -> bool:
        """False once the file has been removed or replaced: a second daemon could then lock its successor."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # permissions, or a disk that does not answer for a while: nobody else gets in either
            return True

    def secure(self) -> bool:
        """Take the lock again if its file was removed or replaced; returns whether it had to.

        Raises AlreadyRunning if a second daemon was faster, BotError if the folder is gone or was replaced.
        """
        if self.intact():
            return False
        if not self._in_its_folder():
            raise BotError(
                f"{self._path.parent} was moved or removed while the daemon ran, and its records with it; "
                f"put it back, or start again: {COMMAND} start"
            )
        successor = Lock(self._path, self._flock)
        successor.acquire()
        self.release()
        self._file, self._folder = successor._file, successor._folder
        return True

    def _in_its_folder(self) -> bool:
        try:
            return self._folder == _identity_of(self._path.parent)
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock. The file is left: removing it could remove the successor's."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def holder(path: Path, flock: Flock = fcntl.flock) -> int | None:
    """The pid of the process that holds the lock, or None. Raises StartRefused if that cannot be determined."""
    try:
        file = _opened(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        for _ in range(TRIES):
            if _locked(file, fcntl.LOCK_SH, path, flock):
                return None
            pid = _read_pid(file)
            time.sleep(PAUSE_SECONDS)
            # Read the same number twice: one reading may see the last holder's, just before the new one is written.
            if pid is not None and pid == _read_pid(file):
                return pid
    finally:
        os.close(file)
    raise StartRefused(f"{path}: locked, but it contains no pid; find the process that holds it with: lsof {path}")


def _opened(path: Path, flags: int) -> int:
    try:
        return descriptor(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        if flags & os.O_CREAT:
            raise StartRefused(
                f"{path}: the folder {path.parent} does not exist; make it, or name another one"
            ) from None
        raise
    except OSError as error:
        expected = "expected a file, or nothing: remove what is there"
        if isinstance(error, PermissionError):
            expected = "the user who runs the daemon must be able to write in its folder"
        raise StartRefused(f"{path}: cannot be opened: {error.strerror}; {expected}") from None


def _locked(file: int, kind: int, path: Path, flock: Flock) -> bool:
    try:
        flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network disks
        raise StartRefused(
            f"{path}: cannot be locked: {error.strerror}; two daemons could trade at once. Name a folder on a disk of "
            "this machine with QQQBOT_LOGS"
        ) from None
    return True


def _identity_of(folder: Path) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _write_pid(file: int, path: Path) -> None:
    """Overwrite in place, then truncate: a reader always finds a complete first line."""
    line = f"{os.getpid()}\n".encode()
    try:
        os.pwrite(file, line, 0)
        os.ftruncate(file, len(line))
    except OSError as error:
        raise StartRefused(f"{path}: cannot be written: {error.strerror}; free some space, then start again") from None


def _read_pid(file: int) -> int | None:
    line, newline, _ = os.pread(file, 32, 0).partition(b"\n")
    return int(line) if newline and line.isdigit() else None
