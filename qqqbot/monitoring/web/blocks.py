"""The blocks of a terminal's screen as HTML, so that the page and the terminal use the same words. Pure."""

from collections.abc import Container, Iterable

from qqqbot.display.formatting import NONE, words
from qqqbot.display.markup import Markup, joined, tag
from qqqbot.display.terminal import Block, Field, Fields, Line, Table, Tone

TONES = {Tone.GOOD: "good", Tone.WARNING: "warning", Tone.BAD: "bad", Tone.FAINT: "faint", Tone.TITLE: "strong"}
"""tone -> CSS class"""


def drawn(blocks: Iterable[Block]) -> Markup:
    return joined(_drawn(block) for block in blocks)


def fields(rows: Iterable[Field], only: Container[str] | None = None) -> Markup:
    """Labels with their values: all rows, or only the rows under one of the labels `only`."""
    label, items = "", []
    for row in rows:
        label = row.label or label
        if only is None or label in only:
            items += [tag("dt", words(row.label)), tag("dd", row.text, class_=TONES.get(row.tone))]
    return tag("dl", items) if items else Markup()


def table(block: Table) -> Markup:
    """A table. On a narrow screen each row becomes a card, whose cells name their columns."""
    tones = block.tones or (Tone.PLAIN,) * len(block.rows)
    body = [
        tag("tr", [_cell(block, n, text) for n, text in enumerate(row)], class_=TONES.get(tone))
        for row, tone in zip(block.rows, tones, strict=True)
    ]
    sides = ("number" if n in block.right else None for n in range(len(block.headings)))
    heads = [tag("th", heading, class_=side) for heading, side in zip(block.headings, sides, strict=True)]
    head = tag("thead", tag("tr", heads))
    return tag("table", head, tag("tbody", body), class_="cards")


def _drawn(block: Block) -> Markup:
    match block:
        case Line(text, tone):
            return tag("p", text, class_=TONES.get(tone)) if text else Markup()
        case Fields(rows):
            return fields(rows)
        case Table():
            return table(block)


def _cell(block: Table, column: int, text: str) -> Markup:
    css = f"{'number' if column in block.right else ''}{' none' if text == NONE else ''}".strip()
    return tag("td", text, data_name=block.headings[column] or None, class_=css or None)
