"""Values out of damaged or older files, and account ids on screens."""

from datetime import UTC, datetime
from typing import Any

import pytest

from qqqbot.records.coerce import mapping, moment, number, sequence, text

TOO_FAR = (
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00+00:00",
    "1969-12-31T23:59:59+00:00",
    "1970-01-01T00:00:00+14:00",
    "9001-01-01T00:00:00",
    "9999-12-31T23:59:59+00:00",
)


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_anything_but_an_object_is_an_empty_one(value: Any) -> None:
    assert mapping(value) == {}


@pytest.mark.parametrize("value", [None, {}, "x", 1])
def test_anything_but_a_list_is_an_empty_one(value: Any) -> None:
    assert sequence(value) == []


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), 10**400, -(10**400), [], {}])
def test_anything_but_a_number_is_none(value: Any) -> None:
    assert number(value) is None


@pytest.mark.parametrize("value", [None, 1, "", [], {}])
def test_anything_but_a_text_is_none(value: Any) -> None:
    assert text(value) is None


@pytest.mark.parametrize("value", [None, 1, "", "yesterday", "2026-13-01T00:00:00", *TOO_FAR])
def test_anything_but_a_time_is_none(value: Any) -> None:
    assert moment(value) is None


@pytest.mark.parametrize(
    "value", ["2026-11-24T17:00:00+00:00", "2026-11-24T17:00:00", "2026-11-24T17:00:00Z", "2026-11-24T12:00:00-05:00"]
)
def test_a_time_is_utc(value: str) -> None:
    assert moment(value) == datetime(2026, 11, 24, 17, tzinfo=UTC)
