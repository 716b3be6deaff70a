"""What most tests of this room begin with."""

from pathlib import Path

import pytest

from tests.support.fakes import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
