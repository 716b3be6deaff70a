"""Values from files that an older version may have written: a missing value is None, never an error."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

# A time outside these years is a mistake, and near the limits of datetime not even a day could be added to it.
FIRST_YEAR, LAST_YEAR = 1970, 9000

T = TypeVar("T")


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """`value` if it is a finite number; None for strings, booleans, NaN and integers too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def positive(value: Any) -> float:
    """`value` as a number above 0. Raises ValueError for anything else."""
    found = number(value)
    if found is None or found <= 0:
        raise ValueError(f"expected a number above 0, found {value!r}")
    return found


def text(value: Any) -> str | None:
    """`value` if it is a string of at least one character."""
    return value if isinstance(value, str) and value else None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time as aware UTC; without an offset it is treated as UTC, like all times in our files.

    None outside the years above.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        found = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def whole_numbers(value: Any) -> Mapping[str, int]:
    """The keys of an object whose values are whole numbers; anything else is left out."""
    found = {key: whole(n) for key, n in mapping(value).items()}
    return {key: n for key, n in found.items() if n is not None}


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    float | None: number,
    int | None: whole,
    str | None: text,
    datetime | None: moment,
    Mapping[str, int]: whole_numbers,
    Mapping[str, Any]: mapping,
}


def record(kind: type[T], row: Mapping[str, Any], **known: Any) -> T:
    """A named tuple of `kind`. Each field that is not in `known` is read from the key of its name, by its type."""
    read = {name: _READERS[hint](row.get(name)) for name, hint in kind.__annotations__.items() if name not in known}
    return kind(**known, **read)
