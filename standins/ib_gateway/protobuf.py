"""The protobuf wire format as far as the TWS API uses it, with the tables of `protobuf_messages`.

Values are flat dictionaries with dotted keys: `{"orderId": 7, "contract.symbol": "QQQ"}`. A key that is absent,
or None, or an empty string is not written, which is how the gateway itself says "no value".
"""

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from standins.ib_gateway.protobuf_messages import MESSAGES, Field

Values = dict[str, Any]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
INTEGERS = ("int32", "int64", "bool")


class ProtobufError(ValueError):
    """Bytes that are not a protobuf message of the expected kind."""


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers travel as ten bytes of two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ProtobufError("varint does not end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _delimited(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | LENGTH) + varint(len(payload)) + payload


def encode(message: str, values: Values) -> bytes:
    return b"".join(_encode_field(field, values) for field in MESSAGES[message])


def _encode_field(field: Field, values: Values) -> bytes:
    if field.kind in MESSAGES and not field.repeated:
        inner = _below(field.name, values)
        return _delimited(field.number, encode(field.kind, inner)) if inner is not None else b""
    value = values.get(field.name)
    if value is None or value == "":
        return b""
    if field.kind == "map":
        entries = (_delimited(1, str(k).encode()) + _delimited(2, str(v).encode()) for k, v in value.items())
        return b"".join(_delimited(field.number, entry) for entry in entries)
    if field.kind in MESSAGES:
        return b"".join(_delimited(field.number, encode(field.kind, item)) for item in value)
    if field.repeated:
        return _delimited(field.number, b"".join(varint(int(item)) for item in value))
    return _encode_scalar(field, value)


def _below(name: str, values: Values) -> Values | None:
    """The part of `values` that belongs to the sub-message `name`; None if it is absent altogether."""
    prefix = name + "."
    inner = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
    return inner if inner or name in values else None


def _encode_scalar(field: Field, value: Any) -> bytes:
    if field.kind in INTEGERS:
        return varint(field.number << 3 | VARINT) + varint(int(value))
    if field.kind == "double":
        return varint(field.number << 3 | FIXED64) + struct.pack("<d", float(value))
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return _delimited(field.number, text.encode())


def raw_fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of every field, known or not."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, at = read_varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ProtobufError(f"wire type {wire}")
        if at + size > len(data):
            raise ProtobufError("field runs over the end")
        yield number, wire, data[at : at + size]
        at += size


def decode(message: str, data: bytes) -> Values:
    """The flat values of `data`; unknown field numbers are an error, so that a test notices them."""
    fields = {field.number: field for field in MESSAGES[message]}
    values: Values = {}
    for number, wire, raw in raw_fields(data):
        if number not in fields:
            raise ProtobufError(f"{message} has no field {number}")
        _decode_field(fields[number], wire, raw, values)
    return values


def _decode_field(field: Field, wire: int, raw: Any, values: Values) -> None:
    if (field.kind in MESSAGES or field.kind == "map") and wire != LENGTH:
        raise ProtobufError(f"{field.name}: wire type {wire} for a message")
    if field.kind == "map":
        pair = {number: _string(value) for number, _, value in raw_fields(raw)}
        values.setdefault(field.name, {})[pair.get(1, "")] = pair.get(2, "")
    elif field.kind in MESSAGES and field.repeated:
        values.setdefault(field.name, []).append(decode(field.kind, raw))
    elif field.kind in MESSAGES:
        values[field.name] = True  # present, perhaps empty
        values.update({f"{field.name}.{key}": value for key, value in decode(field.kind, raw).items()})
    elif field.repeated:
        values.setdefault(field.name, []).extend(_integers(wire, raw))
    else:
        values[field.name] = _decode_scalar(field, wire, raw)


def _integers(wire: int, raw: Any) -> Iterator[int]:
    if wire == VARINT:
        yield raw
        return
    if wire != LENGTH:
        raise ProtobufError(f"wire type {wire} for a list of integers")
    at = 0
    while at < len(raw):
        value, at = read_varint(raw, at)
        yield value


def _decode_scalar(field: Field, wire: int, raw: Any) -> Any:
    expected = VARINT if field.kind in INTEGERS else FIXED64 if field.kind == "double" else LENGTH
    if wire != expected:
        raise ProtobufError(f"{field.name}: wire type {wire} for {field.kind}")
    if field.kind == "bool":
        return bool(raw)
    if field.kind in INTEGERS:
        return raw - (1 << 64) if raw >= 1 << 63 else raw
    if field.kind == "double":
        return struct.unpack("<d", raw)[0]
    return _string(raw) if field.kind == "string" else raw


def _string(raw: Any) -> str:
    if not isinstance(raw, bytes):
        raise ProtobufError("a number for a string")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ProtobufError(str(error)) from None
