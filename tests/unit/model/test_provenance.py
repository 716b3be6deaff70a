"""Whose prices: the words in the files never change, and nothing but Yahoo's own daily rows is exact."""

import pytest

from qqqbot.model.provenance import Source


def test_the_words_in_the_files_never_change() -> None:
    assert [source.value for source in Source] == ["yahoo", "kept", "intraday", "ib", "seen"]
    assert [Source(source.value) for source in Source] == list(Source)


@pytest.mark.parametrize("source", Source)
def test_each_source_has_a_label_and_says_how_certain_it_is(source: Source) -> None:
    assert source.label
    assert (source.uncertainty == 0) == (source in (Source.YAHOO, Source.KEPT))
    assert source.uncertainty <= 0.02
