"""Opening the files in logs/, for reading and for writing: it never waits.

Under the name of one there may be a pipe, which waits for its other end, or a device, whose reading never ends.
"""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND
REPLACING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def descriptor(path: Path, flags: int) -> int:
    """Of the file at `path`, which only its owner can read if it is made here. Raises OSError."""
    try:
        found = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, a socket
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


def content(path: Path) -> bytes:
    """Raises OSError."""
    with reading(path) as file:
        return file.read()


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file at `path`; an empty one if there is none, or if it is damaged."""
    try:
        found = json.loads(content(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _not_a_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is a pipe or a device; remove it", str(path))
