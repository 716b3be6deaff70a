"""HTML and SVG that no text can break: every text in them is escaped unless it is Markup already. Pure."""

import html
from collections.abc import Iterable, Sequence

VOID = {"meta", "link", "br"}
"""HTML elements without an end tag; every SVG element needs one"""


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """<name ...>children</name>. In attribute names `class_` is class and `_` is -; None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    start = f"<{name}{written}>"
    return Markup(start if name in VOID and not children else f"{start}{joined(children)}</{name}>")


def joined(children: Child) -> Markup:
    """`children` one after the other, with texts escaped."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(html.escape(children))
    return Markup("".join(joined(child) for child in children))


def table(headings: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    """A table with one row of headings and rows of cells."""
    lines = [tag("tr", [tag("td", cell) for cell in row]) for row in rows]
    return tag("table", tag("tr", [tag("th", heading) for heading in headings]), lines)
