"""The inputs of a decision as plain JSON values and back, exactly, so that the decision can be made again years later.

The code follows the fields of the classes: a field that is added to `Snapshot` or `Rules` later is recorded without
another change, and an older record is read with the field's default. Decimals are strings, since a double may not hold
all their digits. Whatever stays the same within a session is written once, as a base; each check is written as its
difference from the base.
"""

import base64
import json
import math
import types
import typing
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from qqqbot.model.values import Rules, Snapshot

WHOLE = "="
"""The only key of a difference that replaces an object instead of changing parts of it."""
MOVED = ">"
"""The only key of a difference of two lists that overlap: how many items to drop in front, and which to append."""

Plain = Any
"""JSON: None, bool, int, finite float, str, list, dict"""

UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, zlib.error)
"""The exceptions of `snapshot_and_rules`, `unpacked` and `merged` for anything that is not a record."""


def plain_inputs(snapshot: Snapshot, rules: Rules) -> dict[str, Plain]:
    """{"snapshot": ..., "rules": ...}"""
    return {"snapshot": to_plain(snapshot), "rules": to_plain(rules)}


def snapshot_and_rules(inputs: Mapping[str, Plain]) -> tuple[Snapshot, Rules]:
    """The inverse of `plain_inputs`. Raises one of UNREADABLE."""
    snapshot, rules = from_plain(Snapshot, inputs["snapshot"]), from_plain(Rules, inputs["rules"])
    assert isinstance(snapshot, Snapshot)
    assert isinstance(rules, Rules)
    if not 1 <= rules.short_period < rules.long_period:
        raise ValueError(f"averages of {rules.short_period} and {rules.long_period} days are not possible")
    return snapshot, rules


def packed(value: Plain) -> str:
    """Compressed and in base64: one JSON string."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> Plain:
    """The inverse of `packed`. Raises one of UNREADABLE."""
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))


def difference(base: Plain, value: Plain) -> Plain:
    """The change that turns `base` into `value`: for objects with the same keys, the keys whose values differ."""
    if isinstance(base, list) and isinstance(value, list) and value and value[0] in base:
        dropped = base.index(value[0])
        kept = len(base) - dropped
        if value[:kept] == base[dropped:]:
            return {MOVED: [dropped, value[kept:]]}
    if not (isinstance(base, dict) and isinstance(value, dict)):
        return value
    if base.keys() != value.keys():
        return {WHOLE: value}
    return {key: difference(base[key], value[key]) for key in value if base[key] != value[key]}


def merged(base: Plain, change: Plain) -> Plain:
    """The inverse of `difference`. Raises KeyError if the change belongs to another base."""
    if isinstance(change, dict) and isinstance(base, list) and change.keys() == {MOVED}:
        dropped, added = change[MOVED]
        return [*base[dropped:], *added]
    if not isinstance(change, dict) or not isinstance(base, dict):
        return change
    if change.keys() == {WHOLE}:
        return change[WHOLE]
    return {**base, **{key: merged(base[key], part) for key, part in change.items()}}


def keyed(value: Any) -> dict[str, Any]:
    """The fields of a dataclass or a named tuple under their names in files."""
    return {part.key: getattr(value, part.name) for part in _shape(value.__class__)}


def to_plain(value: Any) -> Plain:
    """`value`, of one of the model's types, as JSON. Raises TypeError for any other type."""
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return str(value)
        case date():  # a datetime is one too
            return value.isoformat()
        case Mapping():
            return {str(key): to_plain(item) for key, item in value.items()}
    if is_dataclass(value) or hasattr(value, "_fields"):
        return {key: to_plain(part) for key, part in keyed(value).items()}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be recorded")


def from_plain(kind: Any, value: Plain) -> Any:
    """The inverse of `to_plain` for a value of `kind`. Raises one of UNREADABLE."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType or origin is typing.Union:
        return None if value is None else from_plain(next(k for k in inner if k is not type(None)), value)
    if origin is tuple:
        return tuple(from_plain(inner[0], item) for item in value)
    if origin is Mapping:
        return {from_plain(inner[0], key): from_plain(inner[1], item) for key, item in value.items()}
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        return _object(typing.cast(type, kind), value)
    if kind is datetime:
        return _moment(value)
    if kind is date:
        return date.fromisoformat(value)
    if kind in (bool, str) and not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {value!r}")
    return kind(value)


def _moment(value: str) -> datetime:
    """An aware time: a naive one could not be compared with the others. Raises ValueError, TypeError."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(f"expected a time with its offset, found {value}")
    return found


def _object(kind: type, value: Mapping[str, Plain]) -> Any:
    """Fields that the record lacks get their defaults; a field without a default is required."""
    shape = _shape(kind)
    missing = [part.key for part in shape if part.key not in value and part.required]
    if missing:
        raise ValueError(f"the record lacks {', '.join(missing)} of {kind.__name__}")
    return kind(**{part.name: from_plain(part.hint, value[part.key]) for part in shape if part.key in value})


class Part(NamedTuple):
    """A field of a dataclass or a named tuple; `key` is its name in files."""

    name: str
    key: str
    hint: Any
    required: bool


@cache
def _shape(kind: Any) -> tuple[Part, ...]:
    hints = typing.get_type_hints(kind)
    if not is_dataclass(kind):
        return tuple(Part(name, name, hints[name], name not in kind._field_defaults) for name in kind._fields)
    return tuple(
        Part(f.name, f.metadata.get("key", f.name), hints[f.name], f.default is f.default_factory is MISSING)
        for f in fields(kind)
    )
