"""What the drill says at its end."""

import pytest

from drill.__main__ import counted


@pytest.mark.parametrize(("number", "said"), [(1, "1 scene"), (0, "0 scenes"), (11, "11 scenes")])
def test_singular_and_plural_are_distinguished(number: int, said: str) -> None:
    assert counted(number, "scene") == said
