"""Showing a screen: plain text in a pipe, rich's tables and colours on a terminal.

A screen is a sequence of blocks. Plain text has one line for each row, however long, so that grep and cut
work on it; on a terminal long texts are wrapped. Nearly all of a view's time is spent on imports and on making classes:
that is why rich is imported only if there is a terminal to draw on, and why blocks are named tuples.
"""

import os
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TextIO

from qqqbot.display.masking import printable

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


class Tone(StrEnum):
    """What a text means; the terminal decides how it looks."""

    PLAIN = ""
    TITLE = "bold"
    GOOD = "green"
    WARNING = "yellow"
    BAD = "bold red"
    FAINT = "dim"


class Line(NamedTuple):
    text: str
    tone: Tone = Tone.PLAIN


class Field(NamedTuple):
    """A value with its label. Further lines under the same label have an empty label."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN


class Fields(NamedTuple):
    rows: tuple[Field, ...]


def under(label: str, texts: Iterable[str], tone: Tone = Tone.PLAIN) -> list[Field]:
    """A field for each of `texts`; only the first shows the label."""
    return [Field("" if n else label, text, tone) for n, text in enumerate(texts)]


class Table(NamedTuple):
    """`right` has the indices of the columns of numbers, which are aligned right; `tones` colours whole rows."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    tones: tuple[Tone, ...] = ()


Block = Line | Fields | Table
Screen = Sequence[Block]


def show(screen: Screen, out: TextIO) -> None:
    """Print `screen` as it suits `out`. Raises OSError, for example if nobody reads the pipe any more."""
    screen = [_quiet(block) for block in screen]
    if not is_terminal(out) or not _show_rich(screen, out):
        out.write(plain(screen))
    out.flush()


def _quiet(block: Block) -> Block:
    """`block` without characters that would control a terminal: its texts may quote anything."""
    match block:
        case Line(text):
            return block._replace(text=printable(text))
        case Fields(rows):
            return Fields(tuple(row._replace(text=printable(row.text)) for row in rows))
        case Table(_, rows):
            return block._replace(rows=tuple(tuple(map(printable, row)) for row in rows))


def is_terminal(out: TextIO) -> bool:
    return out.isatty() and os.environ.get("TERM") != "dumb"


def plain(screen: Screen) -> str:
    """`screen` as text without colours, boxes or wrapping."""
    lines: list[str] = []
    for block in screen:
        match block:
            case Line(text):
                lines.append(text)
            case Fields(rows):
                width = max(len(row.label) for row in rows)
                lines += [f"{row.label:<{width}}  {row.text}".rstrip() for row in rows]
            case Table(headings, rows, right):
                lines += _aligned([headings, *rows], right)
    return "\n".join(lines) + "\n"


def _aligned(rows: Sequence[tuple[str, ...]], right: frozenset[int]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def cell(text: str, i: int) -> str:
        return text.rjust(widths[i]) if i in right else text.ljust(widths[i])

    return ["  ".join(cell(text, i) for i, text in enumerate(row)).rstrip() for row in rows]


def _show_rich(screen: Screen, out: TextIO) -> bool:
    """Print with rich; returns False if rich is not installed: a status must not depend on it."""
    try:
        from rich.console import Console  # 60 ms that a pipe and --json need not pay
    except ModuleNotFoundError:
        return False
    Console(file=out, highlight=False, markup=False, emoji=False).print(drawn(screen))
    return True


def drawn(screen: Screen) -> "Group":
    """`screen` as blocks that rich can draw."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    blocks: list[RenderableType] = []
    for block in screen:
        match block:
            case Line(text, tone):
                blocks.append(Text(text, style=tone.value))
            case Fields(rows):
                grid = RichTable.grid(padding=(0, 2))
                grid.add_column(style="bold", no_wrap=True)
                grid.add_column(overflow="fold")
                for row in rows:
                    grid.add_row(Text(row.label), Text(row.text, style=row.tone.value))
                blocks.append(grid)
            case Table(headings, lines, right, tones):
                table = RichTable(
                    box=SIMPLE_HEAD, border_style="dim", padding=(0, 1, 0, 0), show_edge=False, header_style="bold"
                )
                for i, heading in enumerate(headings):
                    table.add_column(heading, justify="right" if i in right else "left", overflow="fold")
                for line, tone in zip(lines, tones or (Tone.PLAIN,) * len(lines), strict=True):
                    table.add_row(*map(Text, line), style=tone.value)
                blocks.append(table)
    return Group(*blocks)
