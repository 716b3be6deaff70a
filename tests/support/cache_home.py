"""The folder that libraries may fill with their caches, for as long as a test module runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cache_home(folder: Path) -> Iterator[None]:
    """Set XDG_CACHE_HOME to `folder`, and restore it afterwards."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
