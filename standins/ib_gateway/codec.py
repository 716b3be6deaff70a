"""Frames: from a message's name and values to bytes on the wire and back, for every server version.

Up to server version 200 a message consists of text fields, each ended by NUL; the first is the number of the message.
From 201 on the number is a raw 4-byte integer. Protobuf follows if the number is above 200, text fields otherwise.
"""

import struct
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from standins.ib_gateway import protobuf
from standins.ib_gateway.layouts import (
    INCOMING,
    INCOMING_BY_NUMBER,
    OUTGOING_BY_NUMBER,
    PROTOBUF_OFFSET,
    RAW_INT_IDS,
    UNSET_INTEGER,
    Layout,
    Token,
)

Values = dict[str, Any]

UNSET_TEXT = ("", UNSET_INTEGER, "9223372036854775807", "-9223372036854775808")


class Malformed(ValueError):
    """A message whose shape does not match its number."""

    def __init__(self, text: str, kind: str = "", values: Values | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.values = values or {}


@dataclass(frozen=True)
class Message:
    """A message from the gateway: `Message("orderStatus", {"orderId": 7, ...})`."""

    kind: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A client's request. Values are text or typed, as received; the readers below accept both."""

    kind: str
    values: Values = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        raw = self.text(name)
        if raw in UNSET_TEXT:
            return default
        try:
            number = int(raw)
        except ValueError:
            raise Malformed(f'Error reading request. For input string: "{raw}"', self.kind, self.values) from None
        if not -(2**31) <= number < 2**31:
            raise Malformed(f'Error reading request. For input string: "{raw}"', self.kind, self.values)
        return number

    def decimal(self, name: str) -> Decimal | None:
        raw = self.text(name)
        if raw in UNSET_TEXT:
            return None
        try:
            number = Decimal(raw)
        except InvalidOperation:
            raise Malformed(f'Error reading request. For input string: "{raw}"', self.kind, self.values) from None
        return None if abs(number) > Decimal("1e300") or number == 2**127 - 1 else number

    def flag(self, name: str) -> bool:
        return self.text(name) not in ("", "0", "False", "false")


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def text_fields(payload: bytes) -> list[str]:
    """The fields of a text payload; every field ends in NUL, so the last piece is empty."""
    pieces = payload.decode(errors="replace").split("\0")
    if pieces[-1]:
        raise Malformed("text that does not end in NUL")
    return pieces[:-1]


BAR = ("date", "open", "high", "low", "close", "volume", "WAP", "barCount")


def as_text(value: Any) -> str:
    if value is True or value is False:
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def text_values(layout: Layout, message: Message, version: int) -> list[str]:
    """The text fields of a message. For a list of bars, the layout has only their number; the bars follow."""
    bars = [as_text(bar[name]) for bar in message.values.get("historicalDataBars", ()) for name in BAR]
    return [_text_of(token, message.values) for token in layout.at(version)] + bars


def _text_of(token: Token, values: Values) -> str:
    value = values.get(token.name)
    return token.default if value is None else as_text(value)


def encode(message: Message, version: int) -> bytes:
    """The whole frame of a message to a client of this server version."""
    layout = INCOMING[message.kind]
    if version >= layout.protobuf_since:
        body = protobuf.encode(layout.protobuf, message.values)
        return frame(struct.pack(">I", layout.number + PROTOBUF_OFFSET) + body)
    fields = "".join(text + "\0" for text in text_values(layout, message, version)).encode()
    if version >= RAW_INT_IDS:
        return frame(struct.pack(">I", layout.number) + fields)
    return frame(f"{layout.number}\0".encode() + fields)


def decode_request(payload: bytes, version: int) -> Request:
    """Decode a client's frame. Raises Malformed, with as many of the values as could be read."""
    number, fields, body = _open(payload, version)
    layout = OUTGOING_BY_NUMBER.get(number)
    if layout is None:
        return Request(f"unknown {number}")
    if body is None:
        return Request(layout.kind, read_text(layout, fields, version))
    return Request(layout.kind, _read_protobuf(layout, body))


def decode_message(payload: bytes, version: int) -> Message:
    """Decode a gateway's frame; for tests that compare real frames with this codec."""
    number, fields, body = _open(payload, version)
    layout = INCOMING_BY_NUMBER[number]
    values = read_text(layout, fields, version) if body is None else _read_protobuf(layout, body)
    return Message(layout.kind, values)


def _open(payload: bytes, version: int) -> tuple[int, list[str], bytes | None]:
    """(number, text fields, protobuf body or None)"""
    if version < RAW_INT_IDS:
        head, *fields = text_fields(payload) or [""]
        if not head.isdigit():
            raise Malformed(f"message number {head!r}")
        return int(head), fields, None
    if len(payload) < 4:
        raise Malformed("frame without a message number")
    number = int(struct.unpack(">I", payload[:4])[0])
    if number > PROTOBUF_OFFSET:
        return number - PROTOBUF_OFFSET, [], payload[4:]
    return number, text_fields(payload[4:]) if payload[4:] else [], None


def _read_protobuf(layout: Layout, body: bytes) -> Values:
    try:
        return protobuf.decode(layout.protobuf, body)
    except protobuf.ProtobufError as error:
        raise Malformed(str(error), layout.kind) from None


def read_text(layout: Layout, fields: list[str], version: int) -> Values:
    """Field names -> values. Strict: with one field too few or too many, the message is malformed."""
    values: Values = {}
    left = iter(fields)
    try:
        for token in layout.at(version):
            values[token.name] = next(left)
            if layout.kind in ("placeOrder", "reqExecutions"):
                _read_section(token.name, values, left)
    except StopIteration:
        raise Malformed("too few fields", layout.kind, values) from None
    except ValueError:
        raise Malformed("a count that is not a number", layout.kind, values) from None
    if (rest := sum(1 for _ in left)) > 0:
        raise Malformed(f"{rest} fields too many", layout.kind, values)
    return values


def _read_section(name: str, values: Values, left: Any) -> None:
    """Read the optional fields that follow some fields of placeOrder if these are filled in."""
    skipped = 0
    if name == "order.deltaNeutralAuxPrice" and values["order.deltaNeutralOrderType"]:
        skipped = 8
    elif name == "order.scalePriceIncrement" and values[name] and float(values[name]) < 1e300:
        skipped = 7 if float(values[name]) > 0 else 0
    elif name == "order.hedgeType" and values[name]:
        skipped = 1
    elif name == "deltaNeutralContract" and values[name] == "1":
        skipped = 3
    elif name == "order.algoStrategy" and values[name]:
        values["order.algoParams"] = {next(left): next(left) for _ in range(int(next(left)))}
    elif name == "executionFilter.specificDates":
        values[name] = [next(left) for _ in range(int(values[name] or 0))]
    for _ in range(skipped):
        next(left)
