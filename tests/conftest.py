"""Fixtures that several test files use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.checkout import Checkout

# How long one example takes says more about what else the machine is doing than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Iterator[Checkout]:
    """The project in a folder with a space in its name, not yet set up."""
    checkout = Checkout(tmp_path / "trading bot")
    yield checkout
    checkout.clean_up()


@pytest.fixture
def checkout(fresh_checkout: Checkout) -> Checkout:
    """The same, set up."""
    return fresh_checkout.with_ready_environment()
