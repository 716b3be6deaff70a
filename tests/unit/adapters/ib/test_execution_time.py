"""An execution's time is understood whatever zone the gateway was set to, and none is lost or moved to another day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.adapters.ib.execution_time import execution_time
from qqqbot.model.new_york import NEW_YORK, new_york_date

SUMMER = datetime(2026, 7, 15, 14, 30, tzinfo=UTC)  # 10:30 in New York
WINTER = datetime(2026, 1, 14, 15, 30, tzinfo=UTC)
REF = {SUMMER: "qqqbot-20260715-1f2e-01", WINTER: "qqqbot-20260114-1f2e-01"}
SECONDS, HOURS = timedelta(seconds=2), timedelta(hours=9)


def text(moment: datetime, zone: str, name: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y%m%d %H:%M:%S} {name}"


NAMES = [
    ("America/New_York", "US/Eastern"),
    ("America/New_York", "America/New_York"),
    ("America/New_York", "EST"),  # also in July
    ("America/New_York", "EDT"),
    ("America/New_York", "EST5EDT"),
    ("America/New_York", "Eastern Daylight Time"),
    ("America/New_York", ""),
    ("America/Chicago", "CST"),
    ("America/Los_Angeles", "PDT"),
    ("Europe/Berlin", "CET"),
    ("Europe/Berlin", "CEST"),
    ("Europe/Berlin", "MET"),
    ("Europe/Berlin", "Central European Standard Time"),
    ("Europe/Berlin", "Central European Summer Time"),
    ("Europe/London", "BST"),
    ("Europe/London", "GB-Eire"),
    ("UTC", "UTC"),
    ("UTC", "Z"),
    ("UTC", "GMT"),
    ("UTC", "Coordinated Universal Time"),
    ("Asia/Hong_Kong", "HKT"),
    ("Asia/Hong_Kong", "Hongkong"),
    ("Asia/Hong_Kong", "Hong Kong Time"),
    ("Asia/Hong_Kong", "GMT+8"),
    ("Asia/Hong_Kong", "+08:00"),
    ("Asia/Tokyo", "JST"),
    ("Asia/Tokyo", "Japan Standard Time"),
    ("Asia/Shanghai", "CST"),
    ("Asia/Shanghai", "China Standard Time"),
    ("Asia/Kolkata", "IST"),
    ("Australia/Sydney", "AEST"),
]


@pytest.mark.parametrize(("zone", "name"), NAMES)
@pytest.mark.parametrize("moment", [SUMMER, WINTER])
@pytest.mark.parametrize("later", [SECONDS, HOURS])
def test_every_name_of_a_zone_is_understood(zone: str, name: str, moment: datetime, later: timedelta) -> None:
    assert execution_time(text(moment, zone, name).strip(), moment + later, REF[moment]) == moment


@pytest.mark.parametrize("told", ["20260715-14:30:00", "2026-07-15T14:30:00Z", "20260715 14:30:00.123 UTC"])
def test_other_forms(told: str) -> None:
    assert execution_time(told, SUMMER + SECONDS) == SUMMER


def test_a_time_without_a_zone_is_not_new_yorks_where_it_would_be_still_to_come() -> None:
    received = SUMMER + SECONDS
    assert execution_time("20260715 16:30:00", received) == received  # the gateway is in Berlin


def test_nor_where_the_exchange_would_have_been_closed() -> None:
    read_in_the_night = SUMMER + timedelta(hours=13)
    found = execution_time("20260715 21:50:00", read_in_the_night, REF[SUMMER])
    assert found == datetime(2026, 7, 15, 20, tzinfo=UTC), "the end of the order's session"


@pytest.mark.parametrize("zone", ["America/Denver", "America/Phoenix"])
def test_of_two_zones_of_one_name_it_is_that_of_now(zone: str) -> None:
    assert execution_time(text(SUMMER, zone, "MST"), SUMMER + SECONDS, REF[SUMMER]) == SUMMER


UNKNOWN = ["", "soon", "20260715 23:30:00 Mars/Base", "20260715 23:30:00 Asia", "20260715 16:30:00 XYZ", "20261399 1"]


@pytest.mark.parametrize("told", UNKNOWN)
def test_what_is_not_understood_has_the_time_of_its_receipt(told: str) -> None:
    assert execution_time(told, SUMMER + SECONDS, REF[SUMMER]) == SUMMER + SECONDS


@pytest.mark.parametrize("told", UNKNOWN)
def test_what_is_received_on_a_later_day_is_of_the_orders_own(told: str) -> None:
    """Otherwise yesterday's sale would be counted as one of today, which has not settled."""
    found = execution_time(told, SUMMER + timedelta(hours=20), REF[SUMMER])
    assert new_york_date(found) == date(2026, 7, 15)
    assert execution_time(told, SUMMER + timedelta(hours=20)) == SUMMER + timedelta(hours=20)


@given(
    minutes=st.integers(0, 6 * 60 + 29),
    day=st.sampled_from([date(2026, 7, 15), date(2026, 1, 14), date(2026, 3, 9), date(2026, 11, 2)]),
    named=st.sampled_from(NAMES) | st.text(max_size=12).map(lambda name: ("Asia/Tokyo", name)),
    later=st.integers(0, 60 * 60 * 30),
)
def test_a_fill_of_a_session_is_one_of_that_day_and_not_later_than_its_receipt(
    minutes: int, day: date, named: tuple[str, str], later: int
) -> None:
    moment = (datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK) + timedelta(minutes=minutes)).astimezone(
        UTC
    )
    received = moment + timedelta(seconds=later)
    found = execution_time(text(moment, *named).strip(), received, f"qqqbot-{day:%Y%m%d}-1f2e-01")
    assert found <= received + timedelta(minutes=10)
    if named in NAMES:
        assert new_york_date(found) == day


def test_a_zone_in_which_the_time_would_still_be_to_come_is_not_believed() -> None:
    """New York's time under another zone's name: the fill is dated by its receipt."""
    received = SUMMER + SECONDS
    assert execution_time(text(SUMMER, "America/New_York", "PDT"), received, REF[SUMMER]) == received
