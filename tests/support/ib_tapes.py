"""Callback tapes: what a gateway says in the course of an order's life, and what became of the order.

The sequences are those that gateways were seen to send: duplicates, statuses before and after executions, statuses that
never come, codes that end nothing. Quantities are shares of QQQ; every tape is about an order to buy 100.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from qqqbot.adapters.ib.order_tracker import CommissionReport, Event, Execution, Notice, Sent, Status
from qqqbot.model.values import OrderStatus, Side
from tests.support.builders import NOW

REF = "qqqbot-20261124-01"
OTHER_REF = "qqqbot-20261124-02"
QUANTITY = 100
ORDER_ID = 7
PERM_ID = 1_426_086_045
STEM = "0000e0d5.69dd7411.01"

SENT = Sent(REF, ORDER_ID)


def opened(status: str, text: str = "", ref: str = REF, perm_id: int = PERM_ID, order_id: int = ORDER_ID) -> Status:
    """An openOrder callback."""
    return Status(perm_id, order_id, status, ref, None, text)


def status(name: str, filled: int = 0, perm_id: int = PERM_ID, order_id: int = ORDER_ID) -> Status:
    """An orderStatus callback."""
    return Status(perm_id, order_id, name, "", filled)


def completed(name: str, filled: int, text: str) -> Status:
    """A completedOrder callback."""
    return Status(PERM_ID, 0, name, REF, filled, text)


def execution(shares: int = QUANTITY, number: int = 1, price: str = "450.01", revision: int = 1) -> Execution:
    return Execution(
        exec_id=f"0000e0d5.69dd74{number:02d}.01.{revision:02d}",
        perm_id=PERM_ID,
        order_id=ORDER_ID,
        order_ref=REF,
        symbol="QQQ",
        side=Side.BUY,
        shares=shares,
        price=Decimal(price),
        time=NOW + timedelta(seconds=number),
    )


def commission(number: int = 1, amount: str = "1.00", revision: int = 1) -> CommissionReport:
    return CommissionReport(f"0000e0d5.69dd74{number:02d}.01.{revision:02d}", Decimal(amount))


def notice(number: int, text: str = "") -> Notice:
    return Notice(ORDER_ID, number, text)


@dataclass(frozen=True)
class Tape:
    name: str
    events: tuple[Event, ...]
    status: OrderStatus
    filled: int
    alive: frozenset[str] | None = None
    """the answer of a query made after all events; None for none"""
    ask: bool = False
    prices: tuple[str, ...] = ("450.01",)


PARTS = (execution(40, 1), execution(60, 2), commission(1), commission(2))

TAPES = (
    Tape(
        "market order with one fill",
        (
            SENT,
            opened("PreSubmitted"),
            status("PreSubmitted"),
            execution(),
            opened("Filled"),
            status("Filled", 100),
            opened("Filled"),
            status("Filled", 100),
            commission(),
        ),
        OrderStatus.FILLED,
        100,
    ),
    Tape(
        "partial fills",
        (
            SENT,
            opened("Submitted"),
            status("Submitted"),
            execution(40, 1),
            status("Submitted", 40),
            commission(1),
            execution(60, 2),
            status("Filled", 100),
            commission(2),
        ),
        OrderStatus.FILLED,
        100,
        prices=("450.01", "450.01"),
    ),
    Tape("no status at all", (SENT, execution(), commission()), OrderStatus.FILLED, 100),
    Tape(
        "status before the execution", (SENT, status("Filled", 100), execution(), commission()), OrderStatus.FILLED, 100
    ),
    Tape("commission before the execution", (SENT, commission(), execution()), OrderStatus.FILLED, 100),
    Tape(
        "said to be filled, executions missing",
        (SENT, opened("Submitted"), status("Filled", 100), execution(40)),
        OrderStatus.UNKNOWN,
        40,
        ask=True,
    ),
    Tape(
        "cancelled without a fill",
        (SENT, opened("Submitted"), status("PendingCancel"), status("Cancelled"), notice(202, "Order Canceled")),
        OrderStatus.CANCELLED,
        0,
        prices=(),
    ),
    Tape(
        "cancelled after a part was filled",
        (SENT, status("Submitted", 40), execution(40), status("Cancelled", 40), notice(202), commission()),
        OrderStatus.CANCELLED,
        40,
    ),
    Tape(
        "cancelled, an execution missing",
        (SENT, status("Submitted"), status("Cancelled", 40), notice(202)),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape(
        "cancelled, an execution missing even in the answer",
        (SENT, status("Submitted"), status("Cancelled", 40), notice(202)),
        OrderStatus.UNKNOWN,
        0,
        alive=frozenset(),
        ask=True,
        prices=(),
    ),
    Tape(
        "cancelled by code alone, then asked",
        (SENT, opened("Submitted"), notice(202), execution(40), commission()),
        OrderStatus.CANCELLED,
        40,
        alive=frozenset(),
    ),
    Tape(
        "filled while it was being cancelled",
        (SENT, opened("Submitted"), status("PendingCancel"), execution(), status("Filled", 100), commission()),
        OrderStatus.FILLED,
        100,
    ),
    Tape(
        "cancel refused because it is filled",
        (SENT, opened("Submitted"), notice(10148, "state: Filled"), execution(), commission()),
        OrderStatus.FILLED,
        100,
    ),
    Tape(
        "cancel that found nothing",
        (SENT, opened("Submitted"), status("Submitted"), notice(10147)),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape("rejected by code alone", (SENT, notice(201, "no funds")), OrderStatus.REJECTED, 0, prices=()),
    Tape(
        "rejected and listed as inactive",
        (SENT, opened("Inactive"), status("Inactive"), notice(201, "no funds")),
        OrderStatus.REJECTED,
        0,
        alive=frozenset({REF}),
        prices=(),
    ),
    Tape(
        "rejected and cancelled",
        (SENT, opened("Cancelled"), status("Cancelled"), notice(201, "no funds")),
        OrderStatus.REJECTED,
        0,
        prices=(),
    ),
    Tape(
        "rejected after it was acknowledged",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(201, "no funds")),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape(
        "rejected after it was acknowledged, and asked",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(201, "no funds")),
        OrderStatus.REJECTED,
        0,
        alive=frozenset(),
        prices=(),
    ),
    Tape(
        "rejected after it was acknowledged, then inactive",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(201, "no funds"), opened("Inactive")),
        OrderStatus.REJECTED,
        0,
        prices=(),
    ),
    Tape(
        "rejected after it was acknowledged, then inactive and still listed",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(201, "no funds"), status("Inactive")),
        OrderStatus.REJECTED,
        0,
        alive=frozenset({REF}),
        prices=(),
    ),
    *(
        Tape(
            f"refused with {number} after it was acknowledged, then inactive and still listed",
            (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(number, "not for you"), status("Inactive")),
            OrderStatus.REJECTED,
            0,
            alive=frozenset({REF}),
            prices=(),
        )
        for number in (203, 460, 10345)
    ),
    Tape("stopped by a precaution", (SENT, notice(354, "blind")), OrderStatus.UNKNOWN, 0, ask=True, prices=()),
    Tape(
        "stopped by a precaution, and not listed",
        (SENT, notice(383, "size")),
        OrderStatus.UNKNOWN,
        0,
        alive=frozenset(),
        prices=(),
    ),
    Tape(
        "stopped by a precaution, and the gateway has no such order to cancel",
        (SENT, notice(354, "blind"), notice(10147)),
        OrderStatus.REJECTED,
        0,
        alive=frozenset(),
        prices=(),
    ),
    Tape(
        "stopped by a precaution, then cancelled",
        (SENT, opened("PreSubmitted"), notice(354, "blind"), status("Cancelled"), notice(202, "reason:")),
        OrderStatus.REJECTED,
        0,
        prices=(),
    ),
    Tape(
        "stopped by a precaution, and filled all the same",
        (SENT, notice(354, "blind"), opened("Submitted"), execution(), commission()),
        OrderStatus.FILLED,
        100,
    ),
    Tape(
        "a code that nobody knows, and the gateway has no such order to cancel",
        (SENT, notice(98765, "something new"), notice(10147)),
        OrderStatus.REJECTED,
        0,
        alive=frozenset(),
        prices=(),
    ),
    Tape(
        "inactive, nobody says why",
        (SENT, opened("Inactive"), status("Inactive")),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape(
        "acknowledged, then inactive",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), opened("Inactive"), status("Inactive")),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape(
        "inactive and still listed",
        (SENT, opened("Inactive"), status("Inactive")),
        OrderStatus.WORKING,
        0,
        alive=frozenset({REF}),
        prices=(),
    ),
    Tape(
        "informed of its time in force, and filled",
        (SENT, notice(10349, "TIF was set to DAY"), opened("Submitted"), execution(), commission()),
        OrderStatus.FILLED,
        100,
    ),
    Tape(
        "held until the open",
        (SENT, opened("PreSubmitted"), status("PreSubmitted"), notice(399, "not until the open"), notice(2109)),
        OrderStatus.WORKING,
        0,
        prices=(),
    ),
    Tape(
        "a code that nobody knows",
        (SENT, notice(98765, "something new")),
        OrderStatus.UNKNOWN,
        0,
        ask=True,
        prices=(),
    ),
    Tape("silence", (SENT,), OrderStatus.SUBMITTED, 0, ask=True, prices=()),
    Tape(
        "filled while we were away",
        (execution(40, 1), commission(1), execution(60, 2), commission(2), completed("Filled", 100, "")),
        OrderStatus.FILLED,
        100,
        alive=frozenset(),
        prices=("450.01", "450.01"),
    ),
    Tape(
        "cancelled while we were away",
        (execution(40), commission(), completed("Cancelled", 40, "Cancelled by Trader")),
        OrderStatus.CANCELLED,
        40,
        alive=frozenset(),
    ),
    Tape(
        "refused while we were away",
        (completed("Cancelled", 0, "no funds"),),
        OrderStatus.CANCELLED,
        0,
        alive=frozenset(),
        prices=(),
    ),
    Tape(
        "alive after a reconnect, under another client's eyes",
        (opened("Submitted", order_id=0), status("Submitted", 40, order_id=0), execution(40), commission()),
        OrderStatus.WORKING,
        40,
        alive=frozenset({REF}),
    ),
    Tape(
        "made smaller at the broker, not asked yet",
        (SENT, opened("Submitted"), notice(481, "size reduced"), execution(40), opened("Filled"), status("Filled", 40)),
        OrderStatus.UNKNOWN,
        40,
        ask=True,
    ),
    Tape(
        "made smaller at the broker, and asked",
        (SENT, opened("Submitted"), notice(481, "size reduced"), execution(40), opened("Filled"), status("Filled", 40)),
        OrderStatus.CANCELLED,
        40,
        alive=frozenset(),
    ),
    Tape(
        "made smaller at the broker while we were away",
        (execution(30, 1), execution(10, 2), commission(1), commission(2), completed("Filled", 40, "")),
        OrderStatus.CANCELLED,
        40,
        alive=frozenset(),
        prices=("450.01", "450.01"),
    ),
    Tape(
        "made smaller at the broker, an execution missing even in the answer",
        (SENT, opened("Submitted"), execution(30), status("Filled", 40), completed("Filled", 40, "")),
        OrderStatus.UNKNOWN,
        30,
        alive=frozenset(),
        ask=True,
    ),
    Tape(
        "said to be filled, executions missing even in the answer",
        (SENT, opened("Submitted"), status("Submitted", 40), execution(40), status("Filled", 100)),
        OrderStatus.UNKNOWN,
        40,
        alive=frozenset(),
        ask=True,
    ),
    Tape(
        "said to be filled, and nobody says with how many shares",
        (SENT, opened("Submitted"), status("Submitted", 40), execution(40), opened("Filled")),
        OrderStatus.UNKNOWN,
        40,
        alive=frozenset(),
        ask=True,
    ),
    Tape(
        "said to be filled with no share at all",
        (SENT, opened("Submitted"), status("Filled", 0), completed("Filled", 0, "")),
        OrderStatus.UNKNOWN,
        0,
        alive=frozenset(),
        ask=True,
        prices=(),
    ),
    Tape(
        "said to be filled with fewer shares, and still listed",
        (SENT, opened("Submitted"), execution(40), status("Filled", 40)),
        OrderStatus.WORKING,
        40,
        alive=frozenset({REF}),
        ask=True,
    ),
    Tape(
        "an execution corrected",
        (SENT, execution(), commission(), execution(price="449.50", revision=2), commission(revision=2)),
        OrderStatus.FILLED,
        100,
        prices=("449.50",),
    ),
)
