"""No unit test opens a connection or starts a process: those live in tests/process."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3  # noqa: F401 (it binds a socket when it is first imported, to find out about IPv6)

FORBIDDEN = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "socket.bind",
    "socket.connect",
    "subprocess.Popen",
}


class Guard:
    """What the running test did that it must not do. An audit hook cannot be removed, so it is switched off instead."""

    def __init__(self) -> None:
        self.watching = False
        self.seen: list[str] = []

    def __call__(self, event: str, _: tuple[Any, ...]) -> None:
        if self.watching and event in FORBIDDEN:
            self.seen.append(event)
            # Not an Exception, so that the code under test does not handle it as one of its own errors.
            raise pytest.fail.Exception(f"{event}: move this test to tests/process", pytrace=True)


GUARD = Guard()
sys.addaudithook(GUARD)


@pytest.fixture(autouse=True)
def no_connection_and_no_process() -> Iterator[None]:
    GUARD.watching, GUARD.seen = True, []
    yield
    GUARD.watching = False
    assert GUARD.seen == [], "move this test to tests/process: a unit test opens no connection and starts no process"
