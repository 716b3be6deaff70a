"""Values out of damaged or older files, and account ids on screens."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from qqqbot.records.coerce import mapping, moment, number, record, sequence, text, whole

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


class Seen(NamedTuple):
    at: datetime | None
    price: float | None
    quantity: int | None
    name: str | None
    shares: Mapping[str, int]
    config: Mapping[str, Any]
    extra: bool


def test_a_record_is_read_as_the_types_of_its_fields_say() -> None:
    row = {"at": "2026-11-24T17:00:00Z", "price": 1, "quantity": 2.0, "name": "x", "shares": {"QQQ": 3.0, "A": "many"}}
    found = record(Seen, {**row, "config": {"a": []}}, extra=True)
    assert found == Seen(datetime(2026, 11, 24, 17, tzinfo=UTC), 1.0, 2, "x", {"QQQ": 3}, {"a": []}, True)
    assert (type(found.price), type(found.quantity)) == (float, int)


@pytest.mark.parametrize("row", [{}, dict.fromkeys(Seen._fields), {name: [{}] for name in Seen._fields}])
def test_a_record_of_a_damaged_row_knows_nothing(row: dict[str, Any]) -> None:
    assert record(Seen, row, extra=False) == Seen(None, None, None, None, {}, {}, False)
    assert whole(row.get("quantity")) is None
