"""The real Engine on a gateway that leaves out one field of one message.

In protobuf such a field is not there, and the client puts its own value for "none" in its place; in text it is empty.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from qqqbot.model.values import Holding
from standins.ib_gateway.codec import Message
from tests.support.ib_trader import trading

FIELDS = {
    "orderStatus": "orderId status filled remaining avgFillPrice permId clientId",
    "openOrder": "orderId order.account order.permId order.clientId order.orderRef orderState.status",
    "execDetails": "reqId execution.orderId execution.execId execution.time execution.acctNumber execution.side "
    "execution.shares execution.price execution.permId execution.clientId execution.orderRef",
}
CASES = [(kind, field) for kind, fields in FIELDS.items() for field in fields.split()]


def without_first(kind: str, field: str) -> Callable[[Message], Message]:
    """Leaves `field` out of the next message of this kind."""
    left = [kind]

    def alter(message: Message) -> Message:
        if message.kind not in left:
            return message
        left.clear()
        return Message(kind, {name: value for name, value in message.values.items() if name != field})

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
