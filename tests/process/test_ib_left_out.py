"""The real Engine on a gateway that leaves out one field of one message, or of all messages of a kind.

In protobuf such a field is not there, and the client puts its own value for "none" in its place; in text it is empty.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ib_broker
from qqqbot.model.values import Holding
from standins.ib_gateway.codec import Message
from tests.support.ib_bench import QUICK
from tests.support.ib_trader import trading

# Orders that are waited for through many looks.
BRISK = replace(QUICK, news=0.002)

FIELDS = {
    "orderStatus": "orderId status filled remaining avgFillPrice permId clientId",
    "openOrder": "orderId order.account order.permId order.clientId order.orderRef orderState.status",
    "execDetails": "reqId execution.orderId execution.execId execution.time execution.acctNumber execution.side "
    "execution.shares execution.price execution.permId execution.clientId execution.orderRef",
}
CASES = [(kind, field) for kind, fields in FIELDS.items() for field in fields.split()]


def without_first(kind: str, field: str) -> Callable[[Message], Message]:
    """Leaves `field` out of the next message of this kind."""
    left, always = [kind], without(kind, field)

    def alter(message: Message) -> Message:
        if message.kind not in left:
            return message
        left.clear()
        return always(message)

    return alter


def without(kind: str, field: str) -> Callable[[Message], Message]:
    """Leaves `field` out of every message of this kind."""

    def alter(message: Message) -> Message:
        kept = {name: value for name, value in message.values.items() if name != field}
        return Message(kind, kept) if message.kind == kind else message

    return alter


@pytest.mark.parametrize(("kind", "field"), CASES)
def test_a_field_that_is_left_out_once_neither_halts_nor_confuses_the_bot(
    tmp_path: Path, kind: str, field: str
) -> None:
    with trading(tmp_path) as trader:
        trader.check(Holding.QQQ)
        trader.at.clock.move(300)
        trader.at.gateway.faults.alter = without_first(kind, field)
        trader.settle(Holding.TQQQ, checks=12)
        assert trader.records.switch.reason() is None
        assert trader.at.gateway.position("TQQQ") == 1583
        trader.assert_true_to_the_gateway()


@pytest.mark.parametrize("field", [field for kind, field in CASES if kind == "execDetails"])
def test_a_fact_that_all_executions_lack_neither_ends_the_connection_nor_stops_the_rotation(
    tmp_path: Path, field: str
) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        gateway = trader.at.gateway
        trader.check(Holding.QQQ)
        trader.at.clock.move(300)
        gateway.faults.alter = without("execDetails", field)
        trader.settle(Holding.TQQQ, checks=12)
        assert trader.records.switch.reason() is None
        assert trader.records.book.ledger.shares == {"QQQ": 0, "TQQQ": 1583}
        assert len(gateway.orders) == 3
        assert gateway.recording.connections == 1


def test_an_execution_whose_price_nobody_tells_is_named_with_its_cure(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        unpriced, no_average = without("execDetails", "execution.price"), without("orderStatus", "avgFillPrice")
        trader.at.gateway.faults.alter = lambda message: unpriced(no_average(message))
        for _ in range(7):
            trader.check(Holding.QQQ)
            trader.at.clock.move(60)
        said = trader.last_check().sentence
        assert "qqqbot-20261124-01 (the broker lists an execution that lacks a fact: id '" in said
        assert " shares, price 0.0; the account shows its shares: ./bot_control.sh adopt books it" in said
        assert len(trader.at.gateway.orders) == trader.at.gateway.recording.connections == 1


def test_a_complete_execution_that_comes_later_is_the_one_that_counts(tmp_path: Path) -> None:
    with trading(tmp_path, timing=BRISK) as trader:
        trader.at.gateway.faults.alter = without("execDetails", "execution.price")
        trader.check(Holding.QQQ)
        trader.at.gateway.faults.alter = lambda message: message
        trader.settle(Holding.QQQ)
        trader.assert_true_to_the_gateway()


@pytest.mark.skipif(
    not hasattr(ib_broker.IBGateway, "openOrderProtoBuf"),
    reason="in text an amount that is not known is the largest float",
)
def test_a_commission_that_is_left_out_is_not_known_yet_and_not_zero(tmp_path: Path) -> None:
    with trading(tmp_path) as trader:
        trader.at.gateway.faults.alter = without("commissionReport", "commissionAndFees")
        trader.check(Holding.QQQ)
        fills = [fill for order in trader.at.broker.recent_orders() for fill in order.fills]
        assert [fill.commission for fill in fills] == [None]
        trader.at.gateway.faults.alter = lambda message: message
        trader.at.clock.move(60)
        trader.settle(Holding.QQQ)
        trader.assert_true_to_the_gateway()
