"""Callbacks folded into orders: whole, one by one, doubled, out of turn, and across connections."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qqqbot.adapters.ib.order_tracker import (
    Event,
    Execution,
    IncompleteExecution,
    Judgement,
    OrderTracker,
    Sent,
    Status,
)
from qqqbot.model.values import OrderStatus, Side, StatusFill
from tests.support.builders import NOW
from tests.support.ib_tapes import (
    ORDER_ID,
    OTHER_REF,
    PERM_ID,
    QUANTITY,
    REF,
    SENT,
    TAPES,
    Tape,
    commission,
    completed,
    execution,
    notice,
    opened,
    status,
)

each_tape = pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.name)


def play(events: tuple[Event, ...] | list[Event], alive: frozenset[str] | None = None) -> Judgement:
    tracker = OrderTracker()
    for event in events:
        tracker.take(event)
    return tracker.judge(REF, QUANTITY, alive)


@each_tape
def test_a_tape_ends_as_it_should(tape: Tape) -> None:
    judgement = play(tape.events, tape.alive)
    assert judgement.order is not None
    assert (judgement.order.status, judgement.order.filled, judgement.ask) == (tape.status, tape.filled, tape.ask)
    assert tuple(str(fill.price) for fill in judgement.order.fills) == tape.prices


@each_tape
def test_doubling_every_callback_changes_nothing(tape: Tape) -> None:
    doubled = [event for event in tape.events for _ in range(2)]
    assert play(doubled, tape.alive) == play(tape.events, tape.alive)
    assert play(tape.events + tape.events, tape.alive) == play(tape.events, tape.alive)


@each_tape
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_of_callbacks_gives_the_same_order(tape: Tape, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(tape.events + tape.events[: len(tape.events) // 2]))
    assert play(shuffled, tape.alive) == play(tape.events, tape.alive)


@each_tape
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_order_done_early_has_all_its_fills(tape: Tape, data: st.DataObject) -> None:
    """Judged after each callback, in any order: whoever acts on the first end does not act on half the truth."""
    whole_order = play(tape.events, tape.alive).order
    assert whole_order is not None
    shuffled = data.draw(st.permutations(tape.events))
    tracker = OrderTracker()
    for event in shuffled:
        tracker.take(event)
        seen = tracker.judge(REF, QUANTITY).order
        refused = seen is not None and seen.status is OrderStatus.REJECTED
        if seen is not None and seen.status.done and not refused and tape.name != "an execution corrected":
            assert seen.filled == whole_order.filled


def test_the_commission_of_a_fill_may_come_later_or_never() -> None:
    late = play((SENT, execution()))
    assert late.order is not None
    assert late.order.fills[0].commission is None
    told = play((SENT, execution(), commission(amount="1.25")))
    assert told.order is not None
    assert told.order.fills[0].commission == Decimal("1.25")


def test_a_corrected_execution_keeps_its_commission_if_no_new_one_is_reported() -> None:
    order = play((SENT, execution(), commission(), execution(price="449.50", revision=2))).order
    assert order is not None
    assert [(fill.price, fill.commission) for fill in order.fills] == [(Decimal("449.50"), Decimal("1.00"))]


def test_an_unreported_order_is_asked_for() -> None:
    assert play(()) == Judgement(None, ask=True)
    assert play((), frozenset()) == Judgement(None)


def test_a_live_order_missing_from_an_answer_is_gone_and_not_done() -> None:
    judgement = play((SENT, opened("Submitted"), status("Submitted", 40), execution(40)), frozenset())
    assert judgement.absent
    assert judgement.order is not None
    assert (judgement.order.status, judgement.order.filled) == (OrderStatus.UNKNOWN, 40)


def test_an_order_that_is_listed_as_open_is_not_done_whatever_was_said_before() -> None:
    judgement = play((SENT, status("Submitted"), status("Cancelled")), frozenset({REF}))
    assert judgement.order is not None
    assert (judgement.order.status, judgement.ask) == (OrderStatus.WORKING, True)


def test_after_a_reconnect_a_live_order_counts_only_when_it_is_reported_again() -> None:
    tracker = OrderTracker()
    for event in (SENT, opened("Submitted"), status("Submitted")):
        tracker.take(event)
    assert not tracker.judge(REF, QUANTITY).ask
    tracker.new_connection()
    assert tracker.judge(REF, QUANTITY).ask
    tracker.take(opened("Submitted", order_id=3))
    assert not tracker.judge(REF, QUANTITY).ask
    assert tracker.order_ids(REF) == (3,)


def test_an_order_id_that_is_given_out_again_belongs_to_the_new_order() -> None:
    tracker = OrderTracker()
    for event in (SENT, opened("Submitted"), execution(), commission()):
        tracker.take(event)
    tracker.new_connection()
    assert tracker.order_ids(REF) == ()
    tracker.take(Sent(OTHER_REF, ORDER_ID))
    tracker.take(notice(201, "no funds"))
    other, first = tracker.judge(OTHER_REF, QUANTITY).order, tracker.judge(REF, QUANTITY).order
    assert other is not None
    assert first is not None
    assert (other.status, first.status, first.message) == (OrderStatus.REJECTED, OrderStatus.FILLED, "")


def test_a_status_with_another_permanent_id_is_not_ours_even_with_the_same_order_id() -> None:
    """After a roll-back the old order's executions come with the id that the new order has now."""
    tracker = OrderTracker()
    tracker.take(execution())
    tracker.take(Sent(OTHER_REF, ORDER_ID))
    tracker.take(status("Filled", 100))
    other = tracker.judge(OTHER_REF, QUANTITY).order
    assert other is not None
    assert other.status is OrderStatus.SUBMITTED


def test_the_next_order_id_is_above_all_that_were_seen() -> None:
    tracker = OrderTracker()
    tracker.take(opened("Submitted", order_id=12))
    tracker.take(Execution("x.1", 5, 31, OTHER_REF, "QQQ", Side.SELL, 1, Decimal(1), NOW))
    tracker.new_connection()
    assert tracker.highest_order_id() == 31


def test_orders_of_other_clients_are_neither_kept_nor_mixed_up() -> None:
    tracker = OrderTracker()
    tracker.take(Execution("m.1", 99, 0, "", "QQQ", Side.BUY, 100, Decimal(450), NOW))
    tracker.take(Execution("m.2", 98, 0, "somebody-7", "QQQ", Side.BUY, 100, Decimal(450), NOW))
    tracker.take(Status(99, 0, "Filled", "", 100))
    tracker.take(SENT)
    assert tracker.with_executions() == ()
    assert tracker.judge(REF, QUANTITY).order == play((SENT,)).order


def test_an_execution_without_a_reference_is_found_by_its_permanent_id() -> None:
    bare = Execution("0000e0d5.69dd7401.01.01", PERM_ID, 0, "", "QQQ", Side.BUY, 100, Decimal("450.01"), NOW)
    for events in ((SENT, opened("Submitted"), bare), (bare, SENT, opened("Submitted"))):
        order = play(events).order
        assert order is not None
        assert order.status is OrderStatus.FILLED


def test_a_refusal_takes_precedence_over_a_notice() -> None:
    order = play((SENT, notice(399, "held"), notice(201, "no funds"), notice(2109, "ignored"))).order
    assert order is not None
    assert order.message.startswith("201: the broker rejected the order (no funds)")


KID = "Order rejected - reason:No Trading Permission. This product does not have a KID in English."
EMPTY = notice(202, "Order Canceled - reason:")
CANCELLED_STATUS = status("Cancelled")


@pytest.mark.parametrize(
    ("events", "begins"),
    [
        ((notice(201, KID), CANCELLED_STATUS, EMPTY), "201: "),
        ((notice(201, KID), notice(460, "No permissions")), "201: "),
        ((notice(354, "without having market data"), CANCELLED_STATUS, EMPTY), "354: "),
        ((notice(154, "halted security"), notice(10349, "TIF was set to DAY")), "154: "),
        ((notice(98765, "something new"), notice(10147, "not found"), notice(10349, "DAY")), "98765: "),
        ((notice(98765, "something new"), notice(202, "Order Canceled - reason:the price is far")), "202: "),
        ((notice(399, "held"), CANCELLED_STATUS, EMPTY), "202: "),
        ((opened("Inactive", text="MINIMUM OF 2000 USD"), CANCELLED_STATUS, EMPTY), "MINIMUM OF 2000"),
    ],
)
def test_the_reason_is_the_message_whatever_came_later(events: tuple[Event, ...], begins: str) -> None:
    for told in (events, events[::-1]):
        order = play((SENT, *told), frozenset()).order
        assert order is not None
        assert order.message.startswith(begins)


@pytest.mark.parametrize("alive", [frozenset(), frozenset({REF})])
def test_what_a_precaution_may_keep_must_be_cancelled_listed_or_not(alive: frozenset[str]) -> None:
    assert play((SENT, notice(383, "size")), alive).held
    assert play((SENT, opened("PreSubmitted"), notice(354, "blind")), alive).held


def test_an_unknown_code_about_a_listed_order_asks_for_no_cancel() -> None:
    assert not play((SENT, notice(98765, "new")), frozenset({REF})).held
    assert play((SENT, notice(98765, "new")), frozenset()).held
    assert not play((SENT, notice(399, "a note")), frozenset()).held


def test_a_rejected_order_that_stays_listed_as_inactive_counts_as_refused() -> None:
    tracker = OrderTracker()
    for event in (SENT, opened("PreSubmitted"), notice(201, "no funds")):
        tracker.take(event)
    assert not tracker.refused(REF)
    tracker.take(status("Inactive"))
    assert tracker.refused(REF)


def test_a_completed_order_quotes_the_broker_on_how_it_ended() -> None:
    order = play((completed("Cancelled", 0, "Cancelled by System:price band"),), frozenset()).order
    assert order is not None
    assert order.message == "Cancelled by System:price band"


def test_a_reduced_order_says_so_and_takes_precedence_over_any_notice() -> None:
    order = play((SENT, notice(481, "size reduced"), execution(40), status("Filled", 40)), frozenset()).order
    assert order is not None
    assert order.message == "the order was made smaller at the broker: 40 of 100"


def test_old_orders_are_forgotten_in_the_end() -> None:
    tracker = OrderTracker()
    for number in range(600):
        tracker.take(
            Execution(f"a{number}.1", number + 1, 0, f"qqqbot-x-{number}", "QQQ", Side.BUY, 1, Decimal(1), NOW)
        )
    assert len(tracker.with_executions()) == 500


def said_filled(filled: int = QUANTITY, average: str | None = "450.02") -> Status:
    price = None if average is None else Decimal(average)
    return Status(PERM_ID, ORDER_ID, "Filled", "", filled, average=price)


@pytest.mark.parametrize("known", [(), (execution(40),)])
def test_a_status_tells_of_a_fill_whose_executions_a_complete_answer_lacks(known: tuple[Event, ...]) -> None:
    events = (SENT, opened("Submitted"), *known, said_filled())
    unasked, answered = play(events), play(events, frozenset())
    assert unasked.order is not None
    assert answered.order is not None
    assert (unasked.order.told, unasked.ask) == (None, True)
    assert answered.order.told == StatusFill(QUANTITY, Decimal("450.02"))
    assert answered.order.status is OrderStatus.UNKNOWN


@pytest.mark.parametrize("status_", [said_filled(60), said_filled(average=None)])
def test_a_status_of_a_part_or_without_a_price_tells_of_no_fill(status_: Status) -> None:
    order = play((SENT, opened("Submitted"), status_), frozenset()).order
    assert order is not None
    assert order.told is None
    # Nothing is booked, and the cure is told: the executions must be listed.
    assert order.message.startswith("it is filled, and the broker lists no execution: in the gateway: ")
    unasked = play((SENT, opened("Submitted"), status_)).order
    assert unasked is not None
    assert unasked.message == ""


@pytest.mark.parametrize("known", [(), (execution(40),)])
def test_the_status_of_a_cancelled_order_tells_of_the_part_whose_executions_are_lacking(
    known: tuple[Event, ...],
) -> None:
    cancelled = Status(PERM_ID, ORDER_ID, "Cancelled", filled=60, average=Decimal("450.02"))
    events = (SENT, opened("Submitted"), *known, cancelled)
    unasked, answered = play(events).order, play(events, frozenset()).order
    assert unasked is not None
    assert answered is not None
    assert (unasked.told, answered.told) == (None, StatusFill(60, Decimal("450.02")))
    assert answered.status is OrderStatus.UNKNOWN


def test_a_fill_whose_executions_come_is_not_told_of_by_its_status() -> None:
    order = play((SENT, said_filled(), execution()), frozenset()).order
    assert order is not None
    assert (order.status, order.told) == (OrderStatus.FILLED, None)


def incomplete(exec_id: str = execution().exec_id) -> IncompleteExecution:
    return IncompleteExecution(exec_id, PERM_ID, ORDER_ID, REF, "price 0.0")


@pytest.mark.parametrize("exec_id", [execution().exec_id, ""])
@pytest.mark.parametrize(
    "events",
    [
        (),
        (opened("Submitted"), status("Submitted")),
        (notice(201, "Order rejected"),),
        (opened("Inactive"), notice(201, "Order rejected")),
        (status("Cancelled"), notice(202)),
        (completed("Cancelled", 0, "Cancelled by Trader"),),
    ],
)
def test_an_order_with_an_incomplete_execution_is_never_refused_absent_or_cancelled_unfilled(
    events: tuple[Event, ...], exec_id: str
) -> None:
    judgement = play((SENT, *events, incomplete(exec_id)), frozenset())
    assert judgement.order is not None
    assert judgement.order.status is OrderStatus.UNKNOWN
    assert (judgement.ask, judgement.absent, judgement.held) == (True, False, False)
    assert judgement.order.message == "the broker lists an execution that lacks a fact: price 0.0"


@pytest.mark.parametrize("number", [1, 2])
def test_an_execution_that_is_complete_in_any_revision_lacks_nothing(number: int) -> None:
    known = execution(40, revision=number)
    for events in ((incomplete(), known), (known, incomplete())):
        judgement = play((SENT, *events, status("Cancelled", 40)), frozenset())
        assert judgement.order is not None
        assert (judgement.order.status, judgement.order.filled) == (OrderStatus.CANCELLED, 40)


def test_a_status_tells_of_a_fill_whose_execution_lacks_a_fact() -> None:
    filled = Status(PERM_ID, ORDER_ID, "Filled", "", QUANTITY, average=Decimal("450.02"))
    judgement = play((SENT, incomplete(), filled), frozenset())
    assert judgement.order is not None
    assert judgement.order.told == StatusFill(QUANTITY, Decimal("450.02"))
    assert "lacks a fact" in judgement.order.message
