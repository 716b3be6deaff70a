"""The terminal's blocks as HTML."""

from qqqbot.display.terminal import Field, Fields, Line, Table, Tone
from qqqbot.monitoring.web.blocks import drawn, fields


def test_each_block_has_its_element_and_its_texts_stay_texts() -> None:
    table = Table(("Time", "Price"), (("10:00", "<b>"), ("11:00", "-")), frozenset({1}), (Tone.BAD, Tone.PLAIN))
    found = drawn([Line("a <i>", Tone.WARNING), Line(""), Fields((Field("held", "QQQ", Tone.GOOD),)), table])
    assert found == (
        '<p class="warning">a &lt;i&gt;</p>'
        '<dl><dt>Held</dt><dd class="good">QQQ</dd></dl>'
        '<table class="cards"><thead><tr><th>Time</th><th class="number">Price</th></tr></thead><tbody>'
        '<tr class="bad"><td data-name="Time">10:00</td><td data-name="Price" class="number">&lt;b&gt;</td></tr>'
        '<tr><td data-name="Time">11:00</td><td data-name="Price" class="number none">-</td></tr>'
        "</tbody></table>"
    )


def test_a_label_is_chosen_with_all_its_lines() -> None:
    rows = [Field("Flip", "a"), Field("", "b"), Field("Next", "c"), Field("", "d")]
    assert fields(rows, ["Next"]) == "<dl><dt>Next</dt><dd>c</dd><dt></dt><dd>d</dd></dl>"
    assert fields(rows, []) == ""
