"""Clients of the gateway stand-in that a file calls `gateway`."""

from collections.abc import Iterator

import pytest

from standins.ib_gateway import IBGateway
from standins.ib_gateway.listening import connected
from standins.ib_gateway.raw_client import RawClient
from standins.ib_gateway.trader import Trader


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
