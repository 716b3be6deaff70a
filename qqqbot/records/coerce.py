"""Values out of files that an older version may have written: what is missing is None, never an error."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from string import ascii_uppercase
from typing import Any

# Ids of Interactive Brokers: U1234567, F1234567, DU1234567, DUH123456 and their like.
_ACCOUNT = re.compile(r"\b(D?[UFI][A-Z]?)\d{2,}(\d{3})\b")
SIMULATED_ACCOUNT = "simulated"
# A time outside of these years is a mistake, and near the ends of what a datetime can be no day may be added to it.
FIRST_YEAR, LAST_YEAR = 1970, 9000


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number; texts, booleans, NaN and integers beyond all floats are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def text(value: Any) -> str | None:
    """`value` if it is a text of at least one character."""
    return value if isinstance(value, str) and value else None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time as aware UTC; one without an offset is taken as UTC, as all our files are.

    None outside of the years in which one can reckon with it.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        found = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def masked(account: str) -> str:
    """An account id for the eyes of whoever stands behind the owner: 'DU***567'; the simulated account as it is."""
    if account == SIMULATED_ACCOUNT:
        return account
    digits = account.lstrip(ascii_uppercase)
    prefix = account[: len(account) - len(digits)]
    return f"{prefix}***{digits[-3:] if len(digits) > 3 else ''}"


def without_accounts(line: str) -> str:
    """`line` with every account id in it masked."""
    return _ACCOUNT.sub(r"\1***\2", line)
