"""A gateway stand-in, unless a file has its own, and its clients; and a folder for caches."""

import os
from collections.abc import Iterator

import pytest

from standins.ib_gateway import IBGateway
from standins.ib_gateway.listening import Clock, connected
from standins.ib_gateway.raw_client import RawClient
from standins.ib_gateway.trader import Trader


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway(clock: Clock) -> Iterator[IBGateway]:
    with IBGateway(clock=clock) as gateway:
        yield gateway


@pytest.fixture
def trader(gateway: IBGateway) -> Iterator[Trader]:
    with connected(gateway) as trader:
        yield trader


@pytest.fixture
def raw(gateway: IBGateway) -> Iterator[RawClient]:
    with RawClient(gateway) as raw:
        for _ in range(5):
            raw.read_frame()
        yield raw


@pytest.fixture(scope="module")
def cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder that libraries may fill with their caches, for as long as a test module runs."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["XDG_CACHE_HOME"]
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before
