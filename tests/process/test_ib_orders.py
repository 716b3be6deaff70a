"""The Broker port over real sockets, with the official client, against the gateway stand-in: orders."""

from decimal import Decimal

import pytest

from qqqbot.model.values import OrderStatus, OrderType, Side
from tests.support.builders import ACCOUNT, NOW
from tests.support.ib_bench import (
    bench,
    eventually,
    order,
)

FILLED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED


# Orders that are filled


def test_a_market_order_says_everything_and_is_filled() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, done.filled) == (FILLED, 100)
        assert [(f.symbol, f.side, f.price, f.commission) for f in done.fills] == [
            ("QQQ", Side.BUY, Decimal("450.01"), Decimal(1))
        ]
        assert abs((done.fills[0].time - NOW).total_seconds()) < 60
        placed = at.gateway.recording.requests("placeOrder")[0].request
        assert placed.text("order.orderRef") == intent.order_ref
        assert placed.text("order.tif") == "DAY"
        assert placed.text("order.account") == ACCOUNT
        assert placed.text("order.totalQuantity") == "100"
        assert placed.text("contract.exchange") == "SMART"
        assert placed.text("contract.primaryExch") == "NASDAQ"
        assert not placed.flag("order.outsideRth")


def test_a_limit_order_carries_its_collar() -> None:
    with bench() as at:
        intent = order(order_type=OrderType.LIMIT, limit_price=Decimal("450.90"))
        at.broker.submit(intent)
        assert at.done(intent).status is FILLED
        placed = at.gateway.recording.requests("placeOrder")[0].request
        assert placed.decimal("order.lmtPrice") == Decimal("450.90")


@pytest.mark.parametrize("sequence", ["usual", "status_first", "no_status", "commission_first"])
@pytest.mark.parametrize("disturbed", ["plain", "doubled", "shuffled"])
def test_the_order_is_the_same_however_the_callbacks_arrive(sequence: str, disturbed: str) -> None:
    with bench() as at:
        at.gateway.faults.doubled = disturbed == "doubled"
        at.gateway.faults.shuffled = 11 if disturbed == "shuffled" else None
        at.gateway.behave(sequence=sequence, slices=(40, 60))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, [fill.quantity for fill in done.fills]) == (FILLED, [40, 60])
        assert sum(fill.commission or 0 for fill in done.fills) == 1


def test_a_part_is_not_the_whole() -> None:
    with bench() as at:
        at.gateway.next_order(slices=(40,), keeps_rest_open=True)
        intent = order()
        at.broker.submit(intent)
        found = at.looked_for(intent, 8)
        assert (found.status, found.filled) == (OrderStatus.WORKING, 40)
        at.broker.cancel(intent)
        done = at.done(intent)
        assert (done.status, done.filled) == (CANCELLED, 40)


def test_an_order_reduced_at_the_broker_is_done_with_what_was_filled() -> None:
    with bench() as at:
        at.gateway.next_order(reduced_to=60, slices=(40,), notices=((481, "size reduced"),))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent, looks=40)
        assert (done.status, [fill.quantity for fill in done.fills]) == (CANCELLED, [40, 20])
        assert done.message == "the order was made smaller at the broker: 60 of 100"


def test_what_is_known_about_yesterdays_order_is_not_treated_as_complete() -> None:
    """The answer of the next day has none of its executions: the rest may have been filled."""
    with bench() as at:
        at.gateway.next_order(slices=(40,), keeps_rest_open=True)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 4) is OrderStatus.WORKING
        at.gateway.go_down()
        at.gateway.set_open(False)
        at.gateway.look()
        assert not at.gateway.open_orders
        at.clock.move(22 * 3600)
        at.gateway.come_up()
        at.reconnected()
        with pytest.raises(AssertionError, match="no outcome"):
            at.done(intent, looks=100)
        found = at.broker.find(intent)
        assert (found.status, found.filled) == (OrderStatus.UNKNOWN, 40)


def test_a_late_commission_is_waited_for() -> None:
    with bench() as at:
        at.gateway.next_order(commission="late", commission_delay=0.1)
        intent = order()
        at.broker.submit(intent)
        found = at.broker.find(intent)
        assert not found.status.done
        eventually(lambda: (now := at.broker.find(intent)) is not None and now.status.done)
        done = at.broker.find(intent)
        assert done is not None
        assert done.fills[0].commission == 1


def test_a_commission_that_never_arrives_is_not_waited_for_for_ever() -> None:
    with bench() as at:
        at.gateway.next_order(commission="never")
        intent = order()
        at.broker.submit(intent)
        began = at.clock.monotonic()
        done = at.done(intent)
        assert at.clock.monotonic() - began < 10
        assert (done.status, done.fills[0].commission) == (FILLED, None)


def test_a_commission_that_arrives_after_the_order_ended_is_in_recent_orders() -> None:
    with bench() as at:
        at.gateway.next_order(commission="never")
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        for execution in at.gateway.book.executions:
            execution.commission_reported = True
        at.clock.move(5)
        eventually(lambda: at.broker.recent_orders()[0].fills[0].commission == 1)


def test_what_the_broker_still_reports_is_recent_however_long_a_weekend_was() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        at.clock.move(4 * 24 * 3600)
        assert [found.order_ref for found in at.broker.recent_orders()] == [intent.order_ref]


def test_a_corrected_execution_is_the_corrected_one() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        first = at.done(intent).fills[0].exec_id
        at.gateway.correct(first, "449.50")
        eventually(lambda: at.broker.recent_orders()[0].fills[0].price == Decimal("449.50"))
        assert at.broker.recent_orders()[0].filled == 100


# Orders that are not


@pytest.mark.parametrize("code", [201, 203, 321, 320, 154, 460, 463, 10243, 10268])
def test_a_refusal_ends_an_order_that_was_never_open(code: int) -> None:
    with bench() as at:
        at.gateway.next_order(reject=(code, "because"))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert done.status is REJECTED
        assert done.message.startswith(f"{code}: ")
        assert "because" in done.message


@pytest.mark.parametrize("status", ["Inactive", "Cancelled"])
def test_a_refusal_also_reported_as_a_status_counts_once(status: str) -> None:
    with bench() as at:
        at.gateway.next_order(reject=(201, "no funds"), reject_status=status)
        intent = order()
        at.broker.submit(intent)
        assert at.done(intent).status is REJECTED
        assert at.broker.snapshot().open_order_refs == ()


BLIND = (354, "You are trying to submit an order without having market data. Precautionary Settings of Presets.<br>")


@pytest.mark.parametrize("how", ["usual", "silent"])
@pytest.mark.parametrize("notice", [BLIND, (383, "exceeds the Size Limit of 500")])
def test_an_order_that_a_precaution_keeps_is_cancelled_and_refused_in_its_words(
    notice: tuple[int, str], how: str
) -> None:
    with bench() as at:
        at.gateway.next_order(precaution=notice, on_cancel=how)
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent, looks=20)
        assert (done.status, done.message[:5]) == (REJECTED, f"{notice[0]}: ")
        assert "Bypass Order Precautions" in done.message
        assert "<br>" not in done.message
        at.gateway.confirm_dialogs()
        assert at.gateway.position("QQQ") == 0


@pytest.mark.parametrize("code", [354, 383, 98765])
def test_an_order_that_left_only_a_code_is_refused_in_its_words(code: int) -> None:
    """The gateway does not have it: a cancel is answered with 10147."""
    with bench() as at:
        at.gateway.next_order(reject=(code, "because"))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent, looks=20)
        assert (done.status, done.message.split(": ")[0]) == (REJECTED, str(code))
        assert "because" in done.message
        assert len(at.gateway.recording.requests("cancelOrder")) == 1


def test_an_order_that_a_precaution_keeps_does_not_end_while_its_cancel_is_unanswered() -> None:
    with bench() as at:
        at.gateway.next_order(precaution=BLIND, on_cancel="ignored")
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 8)
        at.clock.move(1200)
        for _ in range(40):
            found = at.broker.find(intent)
            assert found.status is OrderStatus.UNKNOWN
            assert found.message.startswith("354: ")
            at.clock.wait(0.25)
        assert len(at.gateway.recording.requests("cancelOrder")) == 1
        at.gateway.confirm_dialogs()
        assert at.done(intent).status is FILLED


def test_after_a_reconnect_such_an_order_keeps_its_words_when_it_is_given_up() -> None:
    with bench() as at:
        at.gateway.next_order(precaution=BLIND, on_cancel="ignored")
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 8)
        at.gateway.drop_clients()
        at.reconnected()
        gone = at.absent(intent)
        assert gone.message.startswith("354: ")
        assert gone.taken, "it may still be there, and be sent"


def test_an_order_rejected_after_it_was_accepted_is_refused_at_once_in_the_brokers_words() -> None:
    """PreSubmitted, 201, Inactive, and still listed: the usual way of a margin refusal."""
    with bench() as at:
        at.gateway.next_order(refused_late=(201, "YOUR ORDER IS NOT ACCEPTED<br>MINIMUM OF 2000 USD"))
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent, looks=4)
        assert done.status is REJECTED
        assert "YOUR ORDER IS NOT ACCEPTED MINIMUM" in done.message
        assert at.broker.snapshot().open_order_refs == ()


@pytest.mark.parametrize("code", [399, 404, 2109, 2137, 10311, 10329, 10349, 2102, 161])
def test_a_notice_ends_nothing(code: int) -> None:
    with bench() as at:
        at.gateway.next_order(notices=((code, "by the way"),), fills=False)
        intent = order()
        at.broker.submit(intent)
        found = at.looked_for(intent, 12)
        assert not found.status.done
        assert len(at.gateway.open_orders) == 1


def test_an_unknown_code_makes_the_bot_look_the_order_up() -> None:
    with bench() as at:
        at.gateway.next_order(notices=((98765, "something new"),), fills=False)
        intent = order()
        at.broker.submit(intent)
        asked = len(at.gateway.recording.requests("reqAllOpenOrders"))
        found = at.looked_for(intent, 12)
        assert not found.status.done
        assert len(at.gateway.recording.requests("reqAllOpenOrders")) > asked


@pytest.mark.parametrize("how", ["usual", "silent"])
def test_a_cancelled_order_is_cancelled(how: str) -> None:
    with bench() as at:
        at.gateway.next_order(fills=False, on_cancel=how)
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 2)
        at.broker.cancel(intent)
        assert at.done(intent).status is CANCELLED


def test_a_fill_may_come_while_an_order_is_cancelled() -> None:
    with bench() as at:
        at.gateway.next_order(delay=30.0, on_cancel="fills")
        intent = order()
        at.broker.submit(intent)
        at.broker.cancel(intent)
        assert at.done(intent).status is FILLED


@pytest.mark.parametrize("how", ["ignored", "pending"])
def test_a_cancel_that_is_not_answered_is_not_a_cancellation(how: str) -> None:
    with bench() as at:
        at.gateway.next_order(fills=False, on_cancel=how)
        intent = order()
        at.broker.submit(intent)
        at.looked_for(intent, 2)
        at.broker.cancel(intent)
        assert at.status(intent, 20) is OrderStatus.WORKING


def test_a_cancel_of_a_filled_order_changes_nothing() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        at.done(intent)
        at.broker.cancel(intent)
        at.gateway.wait_for(lambda: at.gateway.recording.messages("error"))
        assert at.done(intent).status is FILLED


def test_the_exchange_may_cancel_on_its_own() -> None:
    with bench() as at:
        at.gateway.next_order(cancelled_by_system="price band", fills=False)
        intent = order()
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, "price band" in done.message) == (CANCELLED, True)


def test_an_order_held_until_the_open_is_still_working() -> None:
    with bench() as at:
        at.gateway.set_open(False)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 12) is OrderStatus.WORKING
        at.gateway.set_open(True)
        assert at.done(intent).status is FILLED


def test_an_order_held_by_a_dialog_was_taken_though_nobody_knows_it() -> None:
    with bench() as at:
        at.gateway.next_order(silent=True)
        intent = order()
        at.broker.submit(intent)
        assert at.status(intent, 1) is OrderStatus.SUBMITTED
        assert at.absent(intent).taken
        at.broker.cancel(intent)
        at.gateway.wait_for(lambda: at.gateway.recording.messages("error"))
        assert at.absent(intent).taken, "10147 says nothing of what a window holds"
        at.gateway.confirm_dialogs()
        assert at.done(intent).status is FILLED


def test_an_order_that_was_never_sent_is_absent_and_was_not_taken() -> None:
    with bench() as at:
        assert not at.absent(order()).taken


def test_a_reconnect_restarts_the_search_for_a_missing_order() -> None:
    """The gateway may have kept the order while it was off-line, and send it now."""
    with bench() as at:
        since = at.absent(order()).since
        at.gateway.drop_clients()
        at.reconnected()
        assert at.absent(order()).since > since


def test_two_orders_under_one_reference_are_noticed() -> None:
    with bench() as at:
        intent = order()
        at.broker.submit(intent)
        assert not at.done(intent).twins
        at.gateway.foreign_order("QQQ", 100, order_ref=intent.order_ref)
        at.clock.move(120)
        assert at.broker.recent_orders()[0].twins


def test_an_order_id_that_was_used_before_refuses_and_the_next_is_far_above() -> None:
    with bench() as at:
        at.gateway.book.next_ids[1] = 50
        intent, again = order(), order(number=2)
        at.broker.submit(intent)
        done = at.done(intent)
        assert (done.status, done.message[:4], done.again) == (REJECTED, "103:", True)
        at.broker.submit(again)
        assert at.done(again).status is FILLED


def test_ids_that_roll_back_in_the_night_are_not_used_twice() -> None:
    with bench() as at:
        for number in (1, 2, 3):
            intent = order(number=number)
            at.broker.submit(intent)
            at.done(intent)
        at.gateway.restart(roll_back_ids=3)
        at.reconnected()
        fourth = order(number=4)
        at.broker.submit(fourth)
        assert at.done(fourth).status is FILLED
        ids = [r.request.integer("orderId") for r in at.gateway.recording.requests("placeOrder")]
        assert len(set(ids)) == 4
