"""The dead man's switch: called while all is well, over a real server; silent when anything is not."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from qqqbot.notifications.dead_man_switch import ACCOUNT_NIGHT, IDLE_EVERY, DeadMan, Ping
from qqqbot.notifications.outbox import Outbox
from standins.receiver import receiving, until
from tests.support.builders import NOW

TOKEN = "hunter2hunter2"
CLOSED, OPEN = True, False


class Calls(Outbox[datetime]):
    def __init__(self) -> None:
        super().__init__("calls", lambda _: None, lambda: None, (), 1)
        self.made: list[datetime] = []

    def put(self, item: datetime) -> None:
        self.made.append(item)


def check(at: datetime = NOW, **values: Any) -> dict[str, Any]:
    return {"timestamp": at.isoformat(), "action": "HOLD", "error": None, **values}


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def test_each_good_check_is_one_call() -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    for minute in range(4):
        deadman.look(check(), OPEN, minutes(minute))
    deadman.look(check(minutes(15)), OPEN, minutes(15))
    assert calls.made == [NOW, minutes(15)]


@pytest.mark.parametrize(
    "bad",
    [
        {"action": "FAILED", "error": "BrokerUnavailable"},
        {"action": "FAILED", "error": None},
        {"action": "WAIT", "error": "TradingHalted"},
        {"action": "WAIT", "error": "StalePrices"},
    ],
)
def test_a_check_that_was_not_good_is_none(bad: dict[str, Any]) -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    deadman.look(check(**bad), OPEN, NOW)
    deadman.look(check(**bad), CLOSED, NOW + 5 * IDLE_EVERY)
    assert calls.made == []


def test_no_check_at_all_is_none() -> None:
    calls = Calls()
    DeadMan(calls).look(None, CLOSED, NOW)
    assert calls.made == []


def test_a_session_without_checks_is_silent_and_a_closed_exchange_is_not() -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    deadman.look(check(), OPEN, NOW)
    deadman.look(check(), OPEN, NOW + 3 * IDLE_EVERY)
    assert calls.made == [NOW]
    for minute in range(100, 200):
        deadman.look(check(), CLOSED, minutes(minute))
    assert calls.made == [NOW, minutes(100), minutes(130), minutes(160), minutes(190)]


@pytest.mark.parametrize("closed", [OPEN, CLOSED])
def test_a_halt_is_none_though_the_last_check_was_good(closed: bool) -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    deadman.look(check(), closed, NOW, halted=True)
    deadman.look(check(minutes(15)), closed, minutes(15), halted=True)
    assert calls.made == []
    deadman.look(check(minutes(15)), closed, minutes(16))
    assert calls.made == [minutes(16)], "resumed"


@pytest.mark.parametrize("closed", [OPEN, CLOSED])
def test_an_account_without_an_answer_is_none_once_its_longest_night_is_over(closed: bool) -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    moments = [NOW + timedelta(minutes=5 * number) for number in range(100)]
    for moment in moments:
        deadman.look(check(moment), closed, moment, down_since=NOW)
    assert calls.made == [moment for moment in moments if moment - NOW <= ACCOUNT_NIGHT]


def test_a_clock_that_was_set_back_does_not_silence_it() -> None:
    calls = Calls()
    deadman = DeadMan(calls)
    deadman.look(check(), CLOSED, NOW)
    deadman.look(check(), CLOSED, NOW - timedelta(days=400))
    assert len(calls.made) == 2


def test_the_address_is_called() -> None:
    with receiving() as receiver:
        outbox = Ping(receiver.url(TOKEN)).outbox()
        outbox.put(NOW)
        until(lambda: receiver.calls == [f"/{TOKEN}"])
        outbox.close(10)
        assert outbox.failure is None


def test_a_failed_call_is_made_again() -> None:
    with receiving() as receiver:
        receiver.statuses = [500]
        outbox = Ping(receiver.url(TOKEN)).outbox(pauses=(0.01,))
        outbox.put(NOW)
        until(lambda: len(receiver.calls) == 2)
        outbox.close(10)


def test_what_is_wrong_is_told_without_the_address() -> None:
    with receiving() as receiver:
        receiver.statuses = [404]
        assert Ping(receiver.url(TOKEN)).problem() == "answered with HTTP status 404"
        assert Ping(f"https://127.0.0.1:{receiver.port}/{TOKEN}").problem() == "its certificate is not valid"
    assert Ping(f"http://127.0.0.1:9/{TOKEN}").problem() == "cannot be reached"
    assert Ping(f"http://{TOKEN}.invalid/").problem() == "cannot be reached"
    assert Ping(f"http://[{TOKEN}/").problem() == "is not an address that can be called"


def test_a_host_that_hangs_is_given_up_at_the_deadline() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        begun = time.monotonic()
        assert Ping(receiver.url(TOKEN), deadline_seconds=3).problem() == "no answer in time"
        assert time.monotonic() - begun < 15


def test_closing_does_not_wait_for_a_host_that_hangs() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        outbox = Ping(receiver.url(TOKEN)).outbox()
        outbox.put(NOW)
        until(lambda: receiver.calls)
        begun = time.monotonic()
        DeadMan(outbox).close()
        assert time.monotonic() - begun < 5
