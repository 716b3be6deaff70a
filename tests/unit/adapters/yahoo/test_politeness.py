"""How long Yahoo is left alone, and that two tries are left before the last decision of a session."""

import math
import random
from datetime import date, datetime, timedelta

import pytest

from qqqbot.adapters.yahoo.politeness import Backoff, longest_pause
from qqqbot.model.sessions import Timetable
from tests.support.builders import HALF_DAYS, new_york, table
from tests.support.yahoo_documents import DAY, NOON

QUIET = timedelta(minutes=5)


def test_pauses_double_up_to_a_limit_and_differ_by_jitter() -> None:
    pauses = []
    backoff = Backoff(random.Random(3))
    for _ in range(10):
        backoff.failed(1000.0, NOON, "", "why")
        pauses.append(backoff.left(1000.0, NOON))
    assert 15 <= pauses[0] <= 20
    assert 30 <= pauses[1] <= 40
    assert all(225 <= pause <= 300 for pause in pauses[5:])
    assert len(set(pauses[5:])) == 5


def test_a_429_is_given_more_time_than_other_failures() -> None:
    backoff = Backoff(random.Random(3))
    backoff.failed(0.0, NOON, "rate_limited", "why")
    assert 90 <= backoff.left(0.0, NOON) <= 120
    for _ in range(2000):
        backoff.failed(0.0, NOON, "rate_limited", "why")
    assert 675 <= backoff.left(0.0, NOON) <= 900


def test_a_success_ends_the_pauses() -> None:
    backoff = Backoff(random.Random(3))
    for _ in range(5):
        backoff.failed(0.0, NOON, "", "why")
    backoff.succeeded()
    assert backoff.left(0.0, NOON) == 0
    backoff.failed(0.0, NOON, "", "why")
    assert backoff.left(0.0, NOON) <= 20


def test_a_pause_is_no_longer_than_its_limit() -> None:
    backoff = Backoff(random.Random(3))
    for _ in range(5):
        backoff.failed(0.0, NOON, "rate_limited", "why", limit=45.0)
    assert backoff.left(0.0, NOON) == 45


def test_a_pause_goes_on_while_the_machine_sleeps_and_does_not_grow_with_a_clock_that_is_set_back() -> None:
    backoff = Backoff(random.Random(3))
    backoff.failed(0.0, NOON, "rate_limited", "why")
    assert backoff.left(1.0, NOON + timedelta(hours=8)) == 0
    assert backoff.left(60.0, NOON - timedelta(hours=8)) <= 60


def every(minutes: int, window: int | None = None) -> Timetable:
    return Timetable(timedelta(minutes=minutes), QUIET, timedelta(minutes=window) if window else None)


@pytest.mark.parametrize(
    ("times", "now", "until"),
    [
        (every(15), (15, 15, 3), (15, 30)),
        (every(15), (15, 30, 3), (15, 45)),
        (every(15), (15, 45, 3), None),
        (every(15), (12, 0, 3), (15, 30)),
        (every(5), (15, 40, 3), (15, 50)),
        (every(1), (15, 40, 3), (15, 58)),
        (every(60), (12, 0, 3), (14, 30)),
        (every(390), (12, 0, 3), None),
        (every(15, 15), (15, 15, 3), (15, 55)),
        (every(15, 2), (15, 15, 3), (15, 58)),
        (every(15, 15), (15, 54, 30), (15, 55, 15)),
        (every(15, 15), (15, 57), (15, 57, 45)),
    ],
)
def test_two_tries_are_left(times: Timetable, now: tuple[int, ...], until: tuple[int, ...] | None) -> None:
    moment = new_york(DAY, *now)
    limit = longest_pause(table(), times, moment)
    assert limit == ((new_york(DAY, *until) - moment).total_seconds() if until else math.inf)


def test_a_half_day_ends_earlier() -> None:
    noon = new_york(HALF_DAYS[0], 12)
    assert longest_pause(table(), every(15, 15), noon) == timedelta(minutes=55).total_seconds()


@pytest.mark.parametrize("moment", [new_york(DAY, 8), new_york(DAY, 17), new_york(date(2026, 11, 26), 12)])
def test_a_closed_exchange_and_an_unknown_one_have_no_deadline(moment: datetime) -> None:
    assert longest_pause(table(), every(15), moment) == math.inf
    assert longest_pause(None, every(15), NOON) == longest_pause(table(), None, NOON) == math.inf
    assert longest_pause(table(), every(15), table().ends()) == math.inf
