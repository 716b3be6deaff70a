"""The head of the answer of every view, and how --json prints an answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from qqqbot.records.folder import Identity, identity_values

MERGED = {"merged": True}
"""metadata of a field that --json merges into the object that holds it"""


@dataclass(frozen=True, slots=True)
class Answer:
    """`who` is the mode and account; in --json the keys schema, simulated_prices, mode and account."""

    who: Identity


def json_values(answer: Answer) -> dict[str, Any]:
    """`answer` as --json prints it: the fields by their names, times as ISO 8601 in UTC.

    A row is printed as it was written, except that a value without a JSON number (NaN in an edited file) becomes null.
    """
    return {**identity_values(answer.who), **_fields(answer)}


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(value):
        part = _plain(getattr(value, field.name))
        if field.metadata.get("merged"):
            found |= part
        elif field.name != "who":
            found[field.name] = part
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _fields(value)
    if hasattr(value, "_asdict"):  # a NamedTuple
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value
