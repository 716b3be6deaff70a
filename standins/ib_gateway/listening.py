"""What the tests of this gateway share: a connected client, and what it received, as lines to compare."""

from datetime import UTC, datetime

from standins.ib_gateway.gateway import IBGateway
from standins.ib_gateway.trader import Trader

NOON = datetime(2026, 4, 6, 16, 0, tzinfo=UTC)
"""noon in New York, on the Monday after Easter"""
UNSET = 1.7976931348623157e308


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def connected(gateway: IBGateway, client_id: int = 1) -> Trader:
    trader = Trader().start(gateway.port, client_id)
    trader.wait("nextValidId")
    trader.wait_error(2158)
    return trader


def settle(trader: Trader) -> list[str]:
    """What `trader` has received about orders. An answered request proves that everything before it has arrived."""
    answers = len(trader.all("currentTime"))
    trader.reqCurrentTime()
    trader.wait("currentTime", answers + 1)
    return order_talk(trader)


def order_talk(trader: Trader) -> list[str]:
    lines = []
    for name, values in list(trader.heard):
        if name == "openOrder":
            paid = values[3].commission < UNSET
            lines.append(f"openOrder {values[3].status}" + (" with commission" if paid else ""))
        elif name == "orderStatus":
            lines.append(f"orderStatus {values[1]} {values[2]:g}")
        elif name == "execDetails":
            lines.append(f"execDetails {values[2].shares:g}")
        elif name == "commissionReport":
            lines.append("commissionReport")
        elif name == "error" and values[1] not in (2104, 2106, 2158):
            lines.append(f"error {values[1]}")
    return lines
