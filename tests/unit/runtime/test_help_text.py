"""The help speaks of the command that was called."""

from pathlib import Path

from qqqbot.runtime import place
from qqqbot.runtime.help_text import help_text


def test_the_help_of_a_checkout_names_the_script_and_its_environment() -> None:
    text = help_text(place.checkout(Path("/bot/bot_control.sh"), {}))
    assert text.startswith("usage: ./bot_control.sh COMMAND\n")
    assert "(.venv beside this script)" in text
    assert "pip" not in text.partition("environment:")[2]


def test_the_help_of_an_installed_program_says_where_its_files_are() -> None:
    text = help_text(place.installed(Path("/venv/bin/qqqbot"), Path("/home/me"), {}))
    assert "config.json in this folder" in text
    assert "Your files are in the folder from which you run" in text


def test_no_line_is_wider_than_a_terminal_that_is_wide() -> None:
    text = help_text(place.checkout(Path("/bot/bot_control.sh"), {}))
    assert max(map(len, text.splitlines())) <= 120
