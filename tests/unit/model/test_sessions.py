"""Sessions from a table, and the moments of checks: holidays, half-days, both DST weeks, any host zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.sessions import SessionTable, Timetable, session_rows, sessions_from_rows
from tests.support.builders import HALF_DAYS, HOLIDAYS, new_york, session, table

TABLE = table()
MINUTE = timedelta(minutes=1)
QUARTERLY = Timetable(15 * MINUTE)
WEDNESDAY, THANKSGIVING, HALF_DAY = date(2026, 11, 25), date(2026, 11, 26), date(2026, 11, 27)
MONDAY = date(2026, 11, 30)

moments = st.integers(0, 700 * 24 * 3600).map(lambda s: datetime(2026, 1, 3, tzinfo=UTC) + timedelta(seconds=s))
timetables = st.builds(
    Timetable,
    interval=st.integers(1, 390).map(lambda m: m * MINUTE),
    quiet=st.integers(0, 180).map(lambda m: m * MINUTE),
    window=st.none() | st.integers(2, 180).map(lambda m: m * MINUTE),
    always=st.booleans(),
)


def test_open_is_inclusive_and_close_exclusive() -> None:
    day = session(WEDNESDAY)
    assert TABLE.open_session(day.open) == day
    assert TABLE.open_session(day.close - timedelta(microseconds=1)) == day
    assert TABLE.open_session(day.close) is None
    assert TABLE.open_session(day.open - timedelta(microseconds=1)) is None


@pytest.mark.parametrize("holiday", sorted(HOLIDAYS)[:-1])
def test_a_holiday_has_no_session(holiday: date) -> None:
    noon = new_york(holiday, 12)
    assert TABLE.open_session(noon) is None
    assert TABLE.last_closed(noon).date < holiday < TABLE.next_open(noon).date


@pytest.mark.parametrize("half_day", HALF_DAYS)
def test_a_half_day_ends_at_one(half_day: date) -> None:
    assert TABLE.open_session(new_york(half_day, 12, 59)) == session(half_day)
    assert TABLE.open_session(new_york(half_day, 13)) is None
    assert TABLE.last_closed(new_york(half_day, 13)).date == half_day


@pytest.mark.parametrize(
    ("day", "opens_utc"),
    [
        # Clocks change on 2026-03-08 and 2026-11-01 in New York, on 2026-03-29 and 2026-10-25 in London.
        (date(2026, 3, 6), 14),
        (date(2026, 3, 9), 13),
        (date(2026, 3, 30), 13),
        (date(2026, 10, 26), 13),
        (date(2026, 10, 30), 13),
        (date(2026, 11, 2), 14),
    ],
)
def test_the_open_follows_new_yorks_clock_changes(day: date, opens_utc: int) -> None:
    opening = datetime(day.year, day.month, day.day, opens_utc, 30, tzinfo=UTC)
    opened = TABLE.open_session(opening)
    assert opened is not None
    assert opened.open == opening
    assert TABLE.next_open(opening - timedelta(hours=2)).open == opening


def test_the_week_of_thanksgiving_has_its_half_day() -> None:
    evening = new_york(WEDNESDAY, 20)
    assert TABLE.last_closed(evening).date == WEDNESDAY
    assert TABLE.next_open(evening) == session(HALF_DAY)
    assert TABLE.next_half_day(evening) == session(HALF_DAY)
    assert TABLE.next_half_day(new_york(HALF_DAY, 12)) == session(HALF_DAY)
    assert TABLE.next_half_day(new_york(HALF_DAY, 13)) == session(date(2026, 12, 24))


def test_without_a_half_day_there_is_none() -> None:
    assert table(date(2026, 1, 2), date(2026, 3, 31)).next_half_day(new_york(date(2026, 1, 5), 12)) is None


def test_at_the_open_the_next_open_is_tomorrows() -> None:
    assert TABLE.next_open(session(WEDNESDAY).open).date == HALF_DAY


def test_before_gives_the_sessions_before_a_day_oldest_first() -> None:
    assert TABLE.before(MONDAY, 3) == (date(2026, 11, 24), WEDNESDAY, HALF_DAY)
    assert TABLE.before(THANKSGIVING, 2) == (date(2026, 11, 24), WEDNESDAY)
    assert len(TABLE.before(MONDAY, 119)) == 119


def test_before_gives_fewer_if_the_table_begins_later() -> None:
    assert TABLE.before(date(2025, 7, 3), 5) == (date(2025, 7, 1), date(2025, 7, 2))
    assert TABLE.before(date(2025, 1, 6), 5) == ()


def test_an_early_close_ends_the_session_its_checks_and_its_window() -> None:
    close = new_york(WEDNESDAY, 13)
    built = SessionTable.build(TABLE.sessions, {WEDNESDAY: close})
    assert built.open_session(close) is None
    assert built.last_closed(close).date == WEDNESDAY
    assert built.next_half_day(new_york(WEDNESDAY, 10)) == replace(session(WEDNESDAY), close=close)
    before_close = Timetable(timedelta(hours=6), window=15 * MINUTE)
    assert before_close.next_check(built, new_york(WEDNESDAY, 10)) == new_york(WEDNESDAY, 12, 45)
    assert built.before(MONDAY, 2) == (WEDNESDAY, HALF_DAY), "its row is a row of the averages"


@pytest.mark.parametrize(
    ("hour", "minute", "close"), [(9, 30, None), (9, 31, (9, 31)), (13, 1, (13, 0)), (15, 0, (13, 0))]
)
def test_no_entry_makes_a_session_longer_or_of_no_length(hour: int, minute: int, close: tuple[int, int] | None) -> None:
    built = SessionTable.build([session(HALF_DAY)], {HALF_DAY: new_york(HALF_DAY, hour, minute)})
    assert [s.close for s in built.sessions] == ([new_york(HALF_DAY, *close)] if close else [])


def test_the_owners_closures_are_left_out_and_the_order_does_not_matter() -> None:
    built = SessionTable.build(reversed(TABLE.sessions), closed_on={WEDNESDAY: None})
    assert WEDNESDAY not in {s.date for s in built.sessions}
    assert len(built.sessions) == len(TABLE.sessions) - 1
    assert built.open_session(new_york(WEDNESDAY, 12)) is None
    assert list(built.sessions) == sorted(built.sessions, key=lambda s: s.date)


class TestEndOfTheTable:
    LAST = date(2026, 12, 31)
    SHORT = table(date(2026, 11, 2), LAST)

    def test_the_last_session_in_the_table_still_answers(self) -> None:
        assert self.SHORT.open_session(new_york(self.LAST, 15, 59)) == session(self.LAST)

    @pytest.mark.parametrize("question", ["open_session", "last_closed", "next_open"])
    def test_nothing_is_known_from_the_last_close_on(self, question: str) -> None:
        with pytest.raises(CalendarEnded):
            getattr(self.SHORT, question)(new_york(self.LAST, 16))

    def test_the_message_says_where_it_ends_and_what_to_do(self) -> None:
        with pytest.raises(CalendarEnded, match=r"ends on 2026-12-31.*Thu 2026-12-31 16:00 ET.*update"):
            self.SHORT.open_session(new_york(self.LAST, 16))

    def test_no_session_after_the_last_open_is_an_end_too(self) -> None:
        with pytest.raises(CalendarEnded):
            self.SHORT.next_open(new_york(self.LAST, 12))

    def test_no_check_is_invented_beyond_the_end(self) -> None:
        with pytest.raises(CalendarEnded):
            QUARTERLY.next_check(self.SHORT, new_york(self.LAST, 15, 50))

    def test_nothing_has_closed_before_the_first(self) -> None:
        with pytest.raises(CalendarEnded, match="begins after"):
            self.SHORT.last_closed(new_york(date(2026, 11, 1), 12))

    def test_an_empty_table_knows_nothing(self) -> None:
        for question in (SessionTable(()).open_session, SessionTable(()).last_closed, SessionTable(()).next_open):
            with pytest.raises(CalendarEnded):
                question(new_york(WEDNESDAY, 12))


class TestNextCheck:
    def at(self, day: date, hour: int, minute: int, second: int = 0, timetable: Timetable = QUARTERLY) -> datetime:
        return timetable.next_check(TABLE, new_york(day, hour, minute, second))

    def test_the_grid_counts_from_the_open(self) -> None:
        assert self.at(WEDNESDAY, 9, 30) == new_york(WEDNESDAY, 9, 45)
        assert self.at(WEDNESDAY, 9, 44, 59) == new_york(WEDNESDAY, 9, 45)
        assert self.at(WEDNESDAY, 9, 45) == new_york(WEDNESDAY, 10)
        assert self.at(WEDNESDAY, 15, 30) == new_york(WEDNESDAY, 15, 45)

    def test_missed_checks_are_skipped(self) -> None:
        # A check that took from 10:00 to 11:07 is followed by the one of 11:15, not by four at once.
        assert self.at(WEDNESDAY, 11, 7) == new_york(WEDNESDAY, 11, 15)

    def test_before_the_open_it_is_the_open(self) -> None:
        assert self.at(WEDNESDAY, 9, 29, 59) == new_york(WEDNESDAY, 9, 30)

    def test_after_the_last_check_it_is_the_next_sessions_open_over_the_holiday(self) -> None:
        assert self.at(WEDNESDAY, 15, 45) == new_york(HALF_DAY, 9, 30)
        assert self.at(WEDNESDAY, 16, 0) == new_york(HALF_DAY, 9, 30)
        assert self.at(THANKSGIVING, 12, 0) == new_york(HALF_DAY, 9, 30)

    def test_a_half_day_has_its_own_last_check(self) -> None:
        assert self.at(HALF_DAY, 12, 30) == new_york(HALF_DAY, 12, 45)
        assert self.at(HALF_DAY, 12, 45) == new_york(MONDAY, 9, 30)

    def test_the_quiet_minutes_have_no_check(self) -> None:
        timetable = Timetable(15 * MINUTE, quiet=20 * MINUTE)
        assert self.at(WEDNESDAY, 9, 0, timetable=timetable) == new_york(WEDNESDAY, 10)
        assert self.at(WEDNESDAY, 9, 45, timetable=timetable) == new_york(WEDNESDAY, 10)

    def test_the_end_of_the_quiet_minutes_is_a_check_if_it_is_on_the_grid(self) -> None:
        assert self.at(WEDNESDAY, 9, 0, timetable=Timetable(15 * MINUTE, quiet=15 * MINUTE)) == new_york(
            WEDNESDAY, 9, 45
        )

    def test_the_decision_window_begins_with_a_check(self) -> None:
        timetable = Timetable(60 * MINUTE, window=20 * MINUTE)
        assert self.at(WEDNESDAY, 15, 30, timetable=timetable) == new_york(WEDNESDAY, 15, 40)
        assert self.at(HALF_DAY, 12, 31, timetable=timetable) == new_york(HALF_DAY, 12, 40)

    def test_the_window_counts_from_a_half_days_close(self) -> None:
        timetable = Timetable(390 * MINUTE, window=180 * MINUTE)
        assert self.at(HALF_DAY, 9, 31, timetable=timetable) == new_york(HALF_DAY, 10)

    def test_an_interval_longer_than_the_session_checks_once_a_day(self) -> None:
        timetable = Timetable(390 * MINUTE)
        assert self.at(WEDNESDAY, 9, 30, timetable=timetable) == new_york(HALF_DAY, 9, 30)
        assert self.at(HALF_DAY, 9, 30, timetable=timetable) == new_york(MONDAY, 9, 30)

    def test_always_continues_through_the_night_and_the_weekend(self) -> None:
        timetable = Timetable(15 * MINUTE, always=True)
        assert self.at(WEDNESDAY, 15, 45, timetable=timetable) == new_york(WEDNESDAY, 16)
        assert self.at(THANKSGIVING, 3, 1, timetable=timetable) == new_york(THANKSGIVING, 3, 15)
        assert self.at(date(2026, 11, 28), 23, 59, timetable=timetable) == new_york(date(2026, 11, 29), 0)

    def test_always_meets_the_open_whatever_the_interval(self) -> None:
        timetable = Timetable(7 * MINUTE, always=True)
        assert self.at(HALF_DAY, 9, 28, timetable=timetable) == new_york(HALF_DAY, 9, 30)

    @given(timetables, moments)
    def test_there_is_always_a_next_check(self, timetable: Timetable, now: datetime) -> None:
        assert timetable.next_check(TABLE, now) > now

    @given(timetables, moments)
    def test_a_check_is_inside_a_session_and_after_its_quiet_minutes(self, timetable: Timetable, now: datetime) -> None:
        tick = timetable.next_check(TABLE, now)
        day = TABLE.open_session(tick)
        assert day is not None or timetable.always
        if day is not None:
            assert tick - day.open >= timetable.quiet or tick == day.close - (timetable.window or timedelta(0))

    @given(timetables, moments)
    def test_a_check_is_on_the_grid_or_begins_the_window(self, timetable: Timetable, now: datetime) -> None:
        tick = timetable.next_check(TABLE, now)
        day = TABLE.open_session(tick)
        if day is None:
            return
        on_grid = (tick - day.open) % timetable.interval == timedelta(0)
        begins_window = timetable.window is not None and tick == day.close - timetable.window
        ends_quiet = tick == day.open + timetable.quiet
        assert on_grid or begins_window or ends_quiet

    @given(timetables, moments)
    def test_every_session_has_its_checks(self, timetable: Timetable, now: datetime) -> None:
        """Following the checks through two sessions meets each grid moment and each window, once and in order."""
        day = TABLE.next_open(now)
        met: list[datetime] = []
        at = timetable.next_check(TABLE, day.open - timedelta(microseconds=1))
        while at < day.close:
            met.append(at)
            at = timetable.next_check(TABLE, at)
        grid = [day.open + n * timetable.interval for n in range(int((day.close - day.open) / MINUTE) + 1)]
        wanted = {g for g in grid if day.open + timetable.quiet <= g < day.close}
        if timetable.window is not None:
            wanted.add(day.close - timetable.window)
        assert set(met) >= wanted
        assert len(set(met)) == len(met) >= 1
        assert set(met) - wanted <= {day.open + timetable.quiet}

    @given(timetables, moments, st.integers(0, 3600))
    def test_no_check_is_skipped(self, timetable: Timetable, now: datetime, seconds: int) -> None:
        """Asked at any moment before it, the next check is the same one."""
        tick = timetable.next_check(TABLE, now)
        later = min(now + timedelta(seconds=seconds), tick - timedelta(microseconds=1))
        assert timetable.next_check(TABLE, later) == tick


def test_rows_of_sessions_come_back_as_they_were() -> None:
    assert sessions_from_rows(session_rows(TABLE.sessions)) == TABLE.sessions


@pytest.mark.parametrize("row", [("2026-11-27", "x", "y"), ("2026-11-27", "2026-11-27T14:30:00+00:00")])
def test_a_malformed_row_is_refused(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        sessions_from_rows([row])
