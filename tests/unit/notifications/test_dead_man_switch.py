"""The dead man's switch calls while all is well and is silent when anything is not."""

from datetime import datetime, timedelta

import pytest

from qqqbot.model.reasons import Reason
from qqqbot.notifications.dead_man_switch import ACCOUNT_NIGHT, IDLE_EVERY, DeadManSwitch
from qqqbot.notifications.outbox import Outbox
from qqqbot.trading.engine import Check
from tests.support.builders import NOW

CLOSED, OPEN = True, False


class Calls(Outbox[datetime]):
    def __init__(self) -> None:
        super().__init__("calls", lambda _: None, lambda: None, (), 1)
        self.made: list[datetime] = []

    def put(self, item: datetime, urgent: bool = False, subject: str = "") -> None:  # noqa: ARG002 (only the time counts)
        self.made.append(item)


def check(at: datetime = NOW) -> Check:
    return Check(at, "HOLD", "QQQ is held already", None, {})


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def test_each_good_check_is_one_ping() -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    for minute in range(4):
        deadman.look(check(), OPEN, minutes(minute))
    deadman.look(check(minutes(15)), OPEN, minutes(15))
    assert calls.made == [NOW, minutes(15)]


@pytest.mark.parametrize(
    "bad",
    [
        check()._replace(action="FAILED", error=Reason.BROKER_UNAVAILABLE),
        check()._replace(action="FAILED"),
        check()._replace(action="WAIT", error=Reason.TRADING_HALTED),
        check()._replace(action="WAIT", error=Reason.STALE_PRICES),
    ],
)
def test_a_check_that_was_not_good_is_none(bad: Check) -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    deadman.look(bad, OPEN, NOW)
    deadman.look(bad, CLOSED, NOW + 5 * IDLE_EVERY)
    assert calls.made == []


def test_no_check_at_all_is_not_a_good_check() -> None:
    calls = Calls()
    DeadManSwitch(calls).look(None, CLOSED, NOW)
    assert calls.made == []


def test_a_session_without_checks_is_silent_and_a_closed_exchange_is_not() -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    deadman.look(check(), OPEN, NOW)
    deadman.look(check(), OPEN, NOW + 3 * IDLE_EVERY)
    assert calls.made == [NOW]
    for minute in range(100, 200):
        deadman.look(check(), CLOSED, minutes(minute))
    assert calls.made == [NOW, minutes(100), minutes(130), minutes(160), minutes(190)]


@pytest.mark.parametrize("closed", [OPEN, CLOSED])
def test_a_halt_is_not_healthy_although_the_last_check_was_good(closed: bool) -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    deadman.look(check(), closed, NOW, halted=True)
    deadman.look(check(minutes(15)), closed, minutes(15), halted=True)
    assert calls.made == []
    deadman.look(check(minutes(15)), closed, minutes(16))
    assert calls.made == [minutes(16)], "resumed"


@pytest.mark.parametrize("closed", [OPEN, CLOSED])
def test_an_account_without_an_answer_is_lost_once_its_longest_night_is_over(closed: bool) -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    moments = [NOW + timedelta(minutes=5 * number) for number in range(100)]
    for moment in moments:
        deadman.look(check(moment), closed, moment, down_since=NOW)
    assert calls.made == [moment for moment in moments if moment - NOW <= ACCOUNT_NIGHT]


def test_a_clock_set_back_does_not_silence_it() -> None:
    calls = Calls()
    deadman = DeadManSwitch(calls)
    deadman.look(check(), CLOSED, NOW)
    deadman.look(check(), CLOSED, NOW - timedelta(days=400))
    assert len(calls.made) == 2
