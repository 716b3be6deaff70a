"""Screens as text for a pipe and as colours for a terminal."""

import io
import os
import pty

import pytest

from qqqbot.display.terminal import Field, Fields, Line, Table, Tone, is_terminal, plain, show, under

LONG = "a sentence of more than eighty characters " * 3
SCREEN = (
    Line("PAPER", Tone.TITLE),
    Fields((Field("Running", "yes", Tone.GOOD), Field("", LONG.strip()), Field("Next one", "12:00 ET"))),
    Table(("Time", "Price", "Note"), (("12:00", "9.50", ""), ("12:15", "1,009.50", "late")), frozenset({1})),
)


def test_plain_text_has_one_line_for_each_row_and_no_space_at_its_end() -> None:
    assert plain(SCREEN).split("\n") == [
        "PAPER",
        "Running   yes",
        f"          {LONG.strip()}",
        "Next one  12:00 ET",
        "Time      Price  Note",
        "12:00      9.50",
        "12:15  1,009.50  late",
        "",
    ]


def test_only_the_first_of_several_lines_shows_their_label() -> None:
    lines = under("Notices", ["one", "two"], Tone.FAINT)
    assert lines == [Field("Notices", "one", Tone.FAINT), Field("", "two", Tone.FAINT)]
    assert under("Notices", []) == []


def test_anything_but_a_terminal_gets_plain_text() -> None:
    out = io.StringIO()
    show(SCREEN, out)
    assert out.getvalue() == plain(SCREEN)


@pytest.mark.parametrize("foreign", ["\x1b]0;title\x07", "\x1b[2J", "a\rb", "\x9b31m", "\u202eabc", "a\nb", "\ud800"])
def test_no_text_steers_the_terminal(foreign: str) -> None:
    screen = (Line(foreign), Fields((Field("Label", foreign),)), Table(("Head", "Other"), ((foreign, "x"),)))
    for out in (io.StringIO(), Terminal()):
        show(screen, out)
        assert not {*foreign} - {*"abc]0;title[2J31m"} & {*out.getvalue()} - {"\n", "\x1b"}
        assert foreign not in out.getvalue()
        assert len([line for line in out.getvalue().splitlines() if "x" in line]) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours_and_a_dumb_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    show(SCREEN, out)
    assert "\x1b[" in out.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(out)


def test_a_terminal_of_eighty_columns_is_never_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    show(SCREEN, out)
    text = out.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "1,009.50" in text


def test_brackets_in_a_text_are_not_markup() -> None:
    out = Terminal()
    show((Line("[red]not red[/red] :smile:"),), out)
    assert "[red]not red[/red] :smile:" in out.getvalue()


def test_a_real_terminal_is_recognised() -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as out:
        assert is_terminal(out) or os.environ.get("TERM") == "dumb"
    os.close(controller)
