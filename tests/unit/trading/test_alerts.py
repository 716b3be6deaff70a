"""A lasting problem is reported when it begins and when it is over; the newest events are kept for the status page."""

from datetime import timedelta

import pytest

from qqqbot.model.reasons import AlertKind
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.alerts import KEPT, Alerts, Event, LogNotifier, Outage
from tests.support.builders import NOW
from tests.support.fakes import FakeNotifier

LATER = NOW + timedelta(minutes=15)


def test_the_log_has_every_notice_and_the_status_the_newest(caplog: pytest.LogCaptureFixture) -> None:
    notifier = LogNotifier(VirtualClock(NOW))
    for number in range(KEPT + 1):
        notifier.notify(AlertKind.TRADE, f"number {number}")
    assert len(caplog.records) == KEPT + 1
    assert len(notifier.recent) == KEPT
    assert notifier.recent[-1] == Event(AlertKind.TRADE, f"number {KEPT}", NOW)


def test_a_problem_is_reported_when_it_begins_and_when_it_is_over() -> None:
    told = FakeNotifier()
    alerts = Alerts(told)
    alerts.begin(AlertKind.BROKER, "no answer", NOW)
    alerts.begin(AlertKind.BROKER, "still no answer", LATER)
    assert alerts.lasting() == (Event(AlertKind.BROKER, "still no answer", NOW),)
    alerts.end(AlertKind.BROKER)
    alerts.end(AlertKind.BROKER)
    assert told.told == [("broker", "no answer"), ("broker", "over: still no answer")]
    assert alerts.lasting() == ()


def test_an_outage_lasts_from_the_first_problem_until_there_is_none() -> None:
    outage = Outage()
    outage.update("no answer", NOW)
    outage.update("still no answer", LATER)
    assert (outage.problem, outage.since) == ("still no answer", NOW)
    outage.update(None, LATER)
    assert (outage.problem, outage.since) == (None, None)
    outage.update("again", LATER)
    assert outage.since == LATER
