"""What a command says, and where."""

import pytest

from qqqbot.runtime.console import refused, say, warn


def test_results_and_problems_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    say("stopped")
    warn("two", "lines")
    assert refused("no") == 1
    assert refused("no", code=2) == 2
    assert tuple(capsys.readouterr()) == ("stopped\n", "two\nlines\nno\nno\n")
