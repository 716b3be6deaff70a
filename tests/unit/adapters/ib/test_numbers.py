"""What counts as a number, of all that the official client gives for one."""

from decimal import Decimal
from typing import Any

import pytest

from qqqbot.adapters.ib.numbers import id_of, number_of, whole

FOREIGN = ["1.234,56", "1,234.56", "x1", "<b>1</b>"]


@pytest.mark.parametrize(
    "nothing",
    [
        1.7976931348623157e308,
        "1.7976931348623157E308",
        Decimal(2**127 - 1),
        float("nan"),
        None,
        "",
        float("inf"),
        *FOREIGN,
    ],
)
def test_every_placeholder_for_no_number_is_none(nothing: Any) -> None:
    assert number_of(nothing) is None


@pytest.mark.parametrize("huge", ["1000000000000", "-1e12", "9" * 32])
def test_a_number_with_which_the_book_could_not_compute_to_the_cent_is_none(huge: str) -> None:
    assert number_of(huge) is None


@pytest.mark.parametrize(("told", "count"), [(100.0, 100), (Decimal("100"), 100), ("40", 40), (0, 0), ("-7", -7)])
def test_quantities_of_every_client_are_whole_numbers(told: Any, count: int) -> None:
    assert whole(told) == count


@pytest.mark.parametrize(("told", "known"), [(0, 0), (-1, 0), (2**31 - 1, 0), (2**63 - 1, 0), (5, 5), (2**31, 2**31)])
def test_an_id_that_is_not_set_is_none_at_all(told: int, known: int) -> None:
    assert id_of(told) == known
