"""What a command says, and where."""

import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import pytest

from qqqbot.runtime.console import refused, say, warn


def test_results_and_problems_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    say("stopped")
    warn("two", "lines")
    assert refused("no") == 1
    assert refused("no", code=2) == 2
    assert tuple(capsys.readouterr()) == ("stopped\n", "two\nlines\nno\nno\n")


def output_without_a_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def output_on_a_full_disk() -> int:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("output", [output_without_a_reader, output_on_a_full_disk])
def test_output_that_cannot_be_written_ends_no_command(output: Callable[[], int]) -> None:
    """`restart | head -1`, or `restart >>` a full disk, would otherwise stop the bot and not start it."""
    with open(output(), "w") as gone, redirect_stdout(gone), redirect_stderr(gone):
        say("stopped")
        say("started")
        assert refused("no") == 1
