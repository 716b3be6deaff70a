"""Dates and texts are those of New York, in summer and in winter."""

from datetime import UTC, date, datetime

from qqqbot.model.new_york import new_york_date, new_york_text
from tests.support.builders import new_york

THANKSGIVING, HALF_DAY = date(2026, 11, 26), date(2026, 11, 27)


def test_times_in_texts_are_new_york_times() -> None:
    assert new_york_text(new_york(HALF_DAY, 13)) == "Fri 2026-11-27 13:00 ET"
    assert new_york_date(datetime(2026, 11, 27, 4, 59, tzinfo=UTC)) == THANKSGIVING
    assert new_york_date(datetime(2026, 11, 27, 5, 0, tzinfo=UTC)) == HALF_DAY
    assert new_york_date(datetime(2026, 7, 2, 3, 59, tzinfo=UTC)) == date(2026, 7, 1)
    assert new_york_date(datetime(2026, 7, 2, 4, 0, tzinfo=UTC)) == date(2026, 7, 2)
