"""No text breaks out of the page, whatever stands in it."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from qqqbot.display.markup import Markup, joined, table, tag


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(exclude_characters="\r\0", codec="utf-8")))
def test_any_text_stays_text(text: str) -> None:
    reader = Reader()
    reader.feed(tag("p", text, title=text, class_="x"))
    reader.close()
    assert reader.tags == [("p", {"title": text, "class": "x"})]
    assert reader.text == text


def test_children_are_joined_in_their_order_and_markup_is_kept() -> None:
    assert tag("p", "a<b", [tag("b", "c"), None, "&"]) == "<p>a&lt;b<b>c</b>&amp;</p>"
    assert joined([Markup("<i>"), ["<i>"]]) == "<i>&lt;i&gt;"


def test_an_element_without_an_end_has_none_and_names_are_translated() -> None:
    assert tag("meta", http_equiv="refresh", content=None) == '<meta http-equiv="refresh">'
    assert tag("line", x1=5) == '<line x1="5"></line>'  # HTML knows no void elements within SVG


def test_a_table_has_headings_and_rows_of_cells() -> None:
    assert table(("a", "<"), [("1", tag("b", "2"))]) == (
        "<table><tr><th>a</th><th>&lt;</th></tr><tr><td>1</td><td><b>2</b></td></tr></table>"
    )
