"""What the drill says at its end."""

import pytest

from drill.__main__ import counted


@pytest.mark.parametrize(("number", "said"), [(1, "1 scene"), (0, "0 scenes"), (11, "11 scenes")])
def test_one_is_not_many(number: int, said: str) -> None:
    assert counted(number, "scene") == said
