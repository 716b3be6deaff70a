"""A corrected execution counts once, as its newest revision."""

from dataclasses import replace

from qqqbot.model.executions import (
    forget_oldest,
    is_from_status,
    newest_revisions,
    revision,
    status_exec_id,
    stem,
)
from qqqbot.model.values import Fill
from tests.support.builders import fill, intent


def part(name: str, quantity: int, number: int = 1) -> Fill:
    return fill(intent(), exec_id=f"0000e0d5.{name}.01.{number:02d}", quantity=quantity)


def test_only_the_newest_revision_of_an_execution_counts() -> None:
    first, second, other = part("a", 10, 1), part("a", 9, 2), part("b", 1)
    assert newest_revisions((second, first, other)) == newest_revisions((first, second, other)) == (second, other)
    plain = replace(first, exec_id="no-dots")
    assert newest_revisions((plain, plain)) == (plain,)


def test_an_exec_id_is_a_stem_and_a_revision() -> None:
    assert (stem("0000e0d5.69b2.01.02"), revision("0000e0d5.69b2.01.02")) == ("0000e0d5.69b2.01", 2)
    assert (stem("no-dots"), revision("no-dots")) == ("no-dots", 0)


def test_the_newest_are_remembered() -> None:
    known = dict.fromkeys("abcd", 1)
    forget_oldest(known, 2)
    assert list(known) == ["c", "d"]


def test_what_only_a_status_tells_of_is_marked_as_such() -> None:
    assert is_from_status(status_exec_id("qqqbot-20261124-01"))
    assert not is_from_status("0000e0d5.69b2.01.02")
