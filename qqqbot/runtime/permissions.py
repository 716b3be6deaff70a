"""Files of an account are their owner's alone: what the daemon makes from here on, and what lies there already."""

import logging
import os
import stat
from pathlib import Path

from qqqbot.runtime.daily_log import pairs

log = logging.getLogger(__name__)

OTHERS = 0o077


def from_now_on() -> None:
    """Whatever this process and its children make is closed to others, whichever code makes it."""
    os.umask(OTHERS)


def close_to_others(folder: Path) -> None:
    """Take from group and others what they may do with the files in `folder`: an earlier umask, a copy, a restore."""
    for path in folder.iterdir():
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or not found.st_mode & OTHERS:
            continue
        try:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        except OSError as error:
            log.warning(
                pairs(file=path.name, problem=f"others may read it, and that cannot be changed: {error.strerror}")
            )
        else:
            log.info(pairs(file=path.name, closed_to_others=True))
