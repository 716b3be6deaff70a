"""Opens the files in logs/ without ever waiting, and writes them: all or nothing.

A pipe may have the name of such a file, and opening it would wait for its other end; so may a device, and reading it
would never end.
"""

import contextlib
import errno
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND
REPLACING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def descriptor(path: Path, flags: int) -> int:
    """The descriptor of the file at `path`; a file that is made here is readable by its owner only. Raises OSError."""
    try:
        found = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise _not_a_file(path) from None
        raise
    mode = os.fstat(found).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and flags & os.O_ACCMODE != os.O_RDONLY):
        return found
    os.close(found)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise _not_a_file(path)


def reading(path: Path) -> BinaryIO:
    """Raises OSError."""
    return os.fdopen(descriptor(path, os.O_RDONLY), "rb")


def reading_if_there(path: Path) -> BinaryIO:
    """The file at `path`; an empty one if there is none: a file that was never written has no rows. Raises OSError."""
    try:
        return reading(path)
    except FileNotFoundError:
        return io.BytesIO()


def content(path: Path) -> bytes:
    """Raises OSError."""
    with reading(path) as file:
        return file.read()


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file at `path`; an empty one if there is none, or if it is damaged."""
    try:
        return object_in(content(path)) or {}
    except OSError:
        return {}


def object_in(data: bytes) -> dict[str, Any] | None:
    """The JSON object that `data` is; None if it is anything else."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def append(file: int, path: Path, data: bytes, synced: bool = False) -> None:
    """Write all of `data` to the open `file`, or nothing: half a line would swallow the next one. Raises OSError."""
    before = os.fstat(file).st_size
    try:
        if os.write(file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if synced:
            os.fdatasync(file) if hasattr(os, "fdatasync") else os.fsync(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.ftruncate(file, before)
        raise OSError(error.errno, error.strerror, str(path)) from None


def replace(path: Path, text: str) -> None:
    """Replace the file at `path`; a reader sees the whole old file or the whole new one. Raises OSError."""
    written = fresh(path)
    try:
        with os.fdopen(descriptor(written, REPLACING), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(written, path)
    except OSError:
        with contextlib.suppress(OSError):
            written.unlink()
        raise


def fresh(path: Path) -> Path:
    """Where `replace` writes the new file, before it takes the place of the one at `path`."""
    return path.with_name(path.name + ".new")


def free_bytes(folder: Path, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> int:
    """The free space for the files of `folder`: none if its disk can take no further file, small as that may be.

    A disk that does not count its files (btrfs, for one) says that it has none. Raises OSError.
    """
    disk = statvfs(folder)
    takes_files = disk.f_favail > 0 or disk.f_files == 0
    return disk.f_bavail * disk.f_frsize if takes_files else 0


def _not_a_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is a pipe or a device; remove it", str(path))
