"""The dead man's switch calls while all is well and is silent when anything is not."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from qqqbot.model.reasons import Reason
from qqqbot.notifications.dead_man_switch import IDLE_EVERY, Call, DeadManSwitch, failing, takes_words
from qqqbot.notifications.outbox import Outbox
from qqqbot.trading.engine import Check
from tests.support.builders import NOW

CLOSED, OPEN = True, False


class Calls(Outbox[Call]):
    def __init__(self) -> None:
        super().__init__("calls", lambda _: None, lambda: None, (), 1)
        self.made: list[datetime] = []
        self.calls: list[Call] = []
        self.now = NOW

    def put(self, item: Call, urgent: bool = False, subject: str = "") -> None:  # noqa: ARG002
        self.calls.append(item)
        if item.code == 0:
            self.made.append(self.now)


class Switch(DeadManSwitch):
    """Notes when it was looked."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.calls = calls

    def look(self, last_check: Check | None, exchange_closed: bool, now: datetime, *rest: Any, **more: Any) -> None:
        self.calls.now = now
        super().look(last_check, exchange_closed, now, *rest, **more)


def check(at: datetime = NOW) -> Check:
    return Check(at, "HOLD", "QQQ is held already", None, {})


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def test_each_good_check_is_one_ping() -> None:
    calls = Calls()
    deadman = Switch(calls)
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
    deadman = Switch(calls)
    deadman.look(bad, OPEN, NOW)
    deadman.look(bad, CLOSED, NOW + 5 * IDLE_EVERY)
    assert calls.made == []


def test_no_check_at_all_is_not_a_good_check() -> None:
    calls = Calls()
    Switch(calls).look(None, CLOSED, NOW)
    assert calls.made == []


def test_a_session_without_checks_is_silent_and_a_closed_exchange_is_not() -> None:
    calls = Calls()
    deadman = Switch(calls)
    deadman.look(check(), OPEN, NOW)
    deadman.look(check(), OPEN, NOW + 3 * IDLE_EVERY)
    assert calls.made == [NOW]
    for minute in range(100, 200):
        deadman.look(check(), CLOSED, minutes(minute))
    assert calls.made == [NOW, minutes(100), minutes(130), minutes(160), minutes(190)]


def test_a_clock_set_back_does_not_silence_it() -> None:
    calls = Calls()
    deadman = Switch(calls)
    deadman.look(check(), CLOSED, NOW)
    deadman.look(check(), CLOSED, NOW - timedelta(days=400))
    assert len(calls.made) == 2


@pytest.mark.parametrize(
    ("url", "rings"),
    [
        ("https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", "/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/fail"),
        ("https://hc-ping.com/key/slug?create=1", "/key/slug/fail?create=1"),
        ("https://hc.example.org/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/", "82ea278/fail"),
        ("https://uptime.example.org/api/push/abc?status=up", None),
        ("https://example.org/ping", None),
    ],
)
def test_an_address_of_the_kind_that_takes_words_is_known_by_its_form(url: str, rings: str | None) -> None:
    assert takes_words(url) is (rings is not None)
    assert rings is None or failing(url).endswith(rings)


def test_it_rings_once_for_each_trouble_and_again_after_all_was_well() -> None:
    calls = Calls()
    deadman = Switch(calls)
    for code in (4, 4, 5):
        deadman.ring(code, Call(code, "trading is halted"))
    deadman.look(check(), OPEN, NOW)
    deadman.ring(5, Call(5, "checks are failing"))
    assert [call.code for call in calls.calls] == [4, 5, 0, 5]
    assert calls.calls[0].body == "exit code 4: trading is halted"
    assert calls.calls[2].body == "exit code 0: QQQ is held already"
