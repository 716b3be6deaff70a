"""The gateway stand-in's bytes: field counts of every version, the protobuf codec, frames of a real gateway."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.ib_gateway import codec, protobuf
from standins.ib_gateway.codec import Malformed, Message, Request
from standins.ib_gateway.faults import Fault, filler, mangler, padded
from standins.ib_gateway.layouts import INCOMING, OUTGOING
from standins.ib_gateway.protobuf_messages import MESSAGES

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "ib"

# Counted in IBKR's client packages 9.81, 10.19, 10.30 and 10.46, and in live frames at 165, 173 to 176 and 200.
FIELDS = {
    "openOrder": {157: 127, 165: 130, 176: 135, 187: 137, 200: 155},
    "completedOrder": {157: 95, 165: 95, 176: 100, 187: 101, 200: 102},
    "execDetails": {157: 30, 176: 30, 187: 31, 200: 32},
    "contractDetails": {157: 38, 163: 39, 165: 39, 176: 39, 187: 41, 200: 41},
    "error": {157: 4, 176: 5, 187: 5, 200: 5},
    "orderStatus": {157: 11, 200: 11},
    "commissionReport": {157: 7, 200: 7},
    "position": {157: 15, 200: 15},
    "positionMulti": {157: 17, 200: 17},
    "portfolioValue": {157: 19, 200: 19},
    "tickPrice": {157: 6, 200: 6},
    "tickReqParams": {157: 4, 200: 4},
    "placeOrder": {157: 109, 176: 114, 187: 117, 200: 118},
    "cancelOrder": {157: 2, 176: 3, 187: 6, 191: 3, 192: 4, 200: 4},
    "reqGlobalCancel": {157: 1, 187: 1, 192: 2, 200: 2},
}
COUNTS = [(kind, version, count) for kind, row in FIELDS.items() for version, count in row.items()]


@pytest.mark.parametrize(("kind", "version", "count"), COUNTS)
def test_a_message_has_as_many_fields_as_its_version_requires(kind: str, version: int, count: int) -> None:
    assert len((INCOMING | OUTGOING)[kind].at(version)) == count


def test_every_layout_names_a_protobuf_message_that_exists() -> None:
    named = {layout.protobuf for layout in [*INCOMING.values(), *OUTGOING.values()]} - {"none"}
    assert named <= MESSAGES.keys()


@pytest.mark.parametrize("message", MESSAGES)
def test_field_numbers_of_a_message_are_distinct_and_ascending(message: str) -> None:
    numbers = [field.number for field in MESSAGES[message]]
    assert numbers == sorted(set(numbers))


def test_numbers_are_written_as_the_protobuf_specification_shows() -> None:
    # protobuf.dev/programming-guides/encoding: field 1 as varint 150 is 08 96 01, field 2 as "testing" is 12 07 ...
    assert protobuf.varint(1 << 3) + protobuf.varint(150) == bytes.fromhex("089601")
    assert protobuf.encode("AccountSummary", {"account": "testing"}) == bytes.fromhex("120774657374696e67")


def test_a_negative_integer_takes_ten_bytes_and_is_read_back() -> None:
    data = protobuf.encode("ErrorMessage", {"id": -1})
    assert len(data) == 11
    assert protobuf.decode("ErrorMessage", data) == {"id": -1}


def test_submessages_maps_and_lists_are_read_back() -> None:
    values = {
        "orderId": 7,
        "contract": True,
        "contract.symbol": "QQQ",
        "contract.strike": 0.0,
        "order": True,
        "order.algoParams": {"adaptivePriority": "Normal"},
        "order.transmit": True,
    }
    assert protobuf.decode("PlaceOrderRequest", protobuf.encode("PlaceOrderRequest", values)) == values
    dates = {"reqId": 1, "executionFilter": True, "executionFilter.specificDates": [20260406, 20260407]}
    assert protobuf.decode("ExecutionRequest", protobuf.encode("ExecutionRequest", dates)) == dates


SCALARS = {
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "double": st.floats(allow_nan=False),
    "string": st.text(min_size=1),
}


@settings(deadline=None)
@given(st.data())
def test_whatever_is_written_can_be_read(data: st.DataObject) -> None:
    fields = [field for field in MESSAGES["Execution"] if data.draw(st.booleans())]
    values = {field.name: data.draw(SCALARS[field.kind]) for field in fields}
    assert protobuf.decode("Execution", protobuf.encode("Execution", values)) == values


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_protobuf_error(data: bytes) -> None:
    try:
        protobuf.decode("OpenOrder", data)
    except protobuf.ProtobufError:
        return


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([157, 176, 187, 200, 203, 226]))
def test_any_payload_is_a_request_or_malformed(payload: bytes, version: int) -> None:
    try:
        codec.decode_request(payload, version)
    except Malformed:
        return


@pytest.mark.parametrize("version", [157, 176, 187, 200, 201, 203, 204, 206, 208, 226])
@pytest.mark.parametrize("kind", [kind for kind in INCOMING if not kind.startswith("accountUpdateMulti")])
def test_the_codec_reads_back_what_it_writes(kind: str, version: int) -> None:
    data = codec.encode(Message(kind, {"reqId": 5, "orderId": 6}), version)
    assert int.from_bytes(data[:4]) == len(data) - 4
    assert codec.decode_message(data[4:], version).kind == kind


def test_a_text_request_with_one_field_too_few_or_too_many_is_malformed() -> None:
    for fields in (b"63\x001\x00", b"63\x001\x0055\x00again\x00"):
        with pytest.raises(Malformed):
            codec.decode_request(fields, 157)


def test_unset_numbers_are_not_numbers() -> None:
    request = Request("x", {"a": "1.7976931348623157e+308", "b": "", "c": str(2**127 - 1), "d": "12.5"})
    assert [request.decimal(name) for name in "abcd"] == [None, None, None, Decimal("12.5")]
    assert request.integer("b", -1) == -1


@pytest.mark.parametrize("raw", ["x", "1.5", str(2**31), "99999999999"])
def test_a_number_that_is_not_an_int32_is_malformed(raw: str) -> None:
    with pytest.raises(Malformed, match="For input string"):
        Request("x", {"orderId": raw}).integer("orderId")


@pytest.mark.parametrize("version", [157, 176, 200, 226])
@pytest.mark.parametrize("size", [100, 167, 168, 169, 170, 171, 1000, 4095, 4096])
def test_filler_has_exactly_the_requested_size(version: int, size: int) -> None:
    data = filler(size, version)
    assert len(data) == size
    while data:
        length = int.from_bytes(data[:4])
        assert codec.decode_message(data[4 : 4 + length], version).values["errorCode"] in (2119, "2119")
        data = data[4 + length :]


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=3000), max_size=4))
def test_a_padded_answer_ends_exactly_on_the_boundary(frames: list[bytes]) -> None:
    (piece,) = padded(frames, 4096, 200)
    assert len(piece) % 4096 == 0
    assert piece.endswith(b"".join(frames))


def test_a_corrupted_number_affects_only_text() -> None:
    spoil = mangler(Fault("", "bad_number"), 157)
    assert spoil is not None
    assert spoil([codec.frame(b"9\x001\x00345\x00")]) == [codec.frame(b"9\x00x1\x00x1\x00")]


def test_an_unknown_fault_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="the known ones are drop_before"):
        Fault("placeOrder", "explode")


# Frames of real gateways; they are not part of this project, and the tests say so if they are not available.


def recorded(name: str) -> tuple[int, list[tuple[str, str, bytes]]]:
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"no recordings of a real gateway at {path}")
    recording = json.loads(path.read_text())
    frames = [(f["from"], f["kind"], base64.b64decode(f["frame_b64"])) for f in recording["frames"]]
    return recording["server_version"], frames


def test_frames_of_a_real_gateway_at_version_200_are_read_and_written_back_unchanged() -> None:
    version, frames = recorded("sv200_market_fill.json")
    for _, kind, data in frames:
        message = codec.decode_message(data[4:], version)
        assert kind.startswith(message.kind)
        assert codec.encode(message, version) == data


def test_our_defaults_are_those_of_a_real_gateway_at_version_200() -> None:
    version, frames = recorded("sv200_market_fill.json")
    data = next(data for _, kind, data in frames if kind.startswith("openOrder"))
    real = codec.decode_message(data[4:], version).values
    ours: dict[str, Any] = {token.name: token.default for token in INCOMING["openOrder"].at(version)}
    given_by_orders = {
        "orderId",
        "sharesAllocation",
        "order.action",
        "order.totalQuantity",
        "order.orderType",
        "order.tif",
        "order.account",
        "order.orderRef",
        "order.clientId",
        "order.permId",
        "order.submitter",
        "orderState.status",
        "contract.conId",
        "contract.symbol",
        "contract.secType",
        "contract.exchange",
        "contract.currency",
        "contract.localSymbol",
        "contract.tradingClass",
        "contract.strike",
    }
    assert {name: real[name] for name in ours.keys() - given_by_orders} == {
        name: ours[name] for name in ours.keys() - given_by_orders
    }


def test_frames_of_a_real_gateway_and_its_client_at_version_203_are_read() -> None:
    version, frames = recorded("sv203_order_lifecycle.json")
    for sender, kind, data in frames:
        if sender == "client":
            assert codec.decode_request(data[4:], version).kind == kind
        else:
            message = codec.decode_message(data[4:], version)
            assert message.kind == kind
            assert codec.encode(message, version) == data


def test_the_real_version_203_order_carries_what_ours_does() -> None:
    version, frames = recorded("sv203_order_lifecycle.json")
    requests = [codec.decode_request(data[4:], version) for sender, _, data in frames if sender == "client"]
    placed = requests[0]
    assert (placed.integer("orderId"), placed.text("contract.symbol"), placed.decimal("order.lmtPrice")) == (
        448,
        "AAPL",
        Decimal("50.0"),
    )
    assert requests[1].integer("orderId") == 448
