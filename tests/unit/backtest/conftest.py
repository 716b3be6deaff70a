"""A book written by the real Engine near each close, for all files that compare it with something."""

from pathlib import Path

import pytest

from tests.support.daily_bars import BOOK_BEGINS, BOOK_PRICES, BOOK_RULES, drive


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only."""
    folder = tmp_path_factory.mktemp("logs")
    drive(folder, BOOK_PRICES, BOOK_RULES, BOOK_BEGINS)
    return folder
