"""What a command says, and where."""

import os
from contextlib import redirect_stderr, redirect_stdout

import pytest

from qqqbot.runtime.console import refused, say, warn


def test_results_and_problems_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    say("stopped")
    warn("two", "lines")
    assert refused("no") == 1
    assert refused("no", code=2) == 2
    assert tuple(capsys.readouterr()) == ("stopped\n", "two\nlines\nno\nno\n")


def test_a_reader_that_has_gone_ends_no_command() -> None:
    """`restart | head -1` would otherwise stop the bot and not start it."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone, redirect_stdout(gone), redirect_stderr(gone):
        say("stopped")
        say("started")
        assert refused("no") == 1
