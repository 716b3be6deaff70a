"""Only their owner can read files about an account: files that the daemon will make, and files that exist already."""

import logging
import os
import stat
from pathlib import Path

from qqqbot.runtime.daily_log import pairs

log = logging.getLogger(__name__)

OTHERS = 0o077


def from_now_on() -> None:
    """Deny others access to every file that this process and its children make, whichever code makes it."""
    os.umask(OTHERS)


def close_to_others(folder: Path) -> None:
    """Take from group and others the rights on files in `folder` that an earlier umask, a copy or a restore gave."""
    for path in folder.iterdir():
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or not found.st_mode & OTHERS:
            continue
        try:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        except OSError as error:
            log.warning(
                pairs(file=path.name, problem=f"others can read it, and this cannot be changed: {error.strerror}")
            )
        else:
            log.info(pairs(file=path.name, closed_to_others=True))
