"""The evening letter: after which closes one may be sent, until when, and in which cases it is wanted."""

from datetime import date, datetime, timedelta
from typing import get_args

import pytest

from qqqbot.model.values import Crossing, Flip, Holding
from qqqbot.notifications.evening import NEAR, EveningLetter, evening, is_wanted, letter
from qqqbot.records.status_file import Flips
from qqqbot.runtime.config import Config
from tests.support.builders import DAY, new_york, portfolio, session, table

WEDNESDAY, THANKSGIVING, FRIDAY, MONDAY = (date(2026, 11, day) for day in (25, 26, 27, 30))
CLOSE = new_york(DAY, 16)
AFTER = new_york(DAY, 16, 10)


@pytest.mark.parametrize(
    ("now", "of"),
    [
        (new_york(DAY, 15, 59), None),
        (new_york(DAY, 16, 9), None),
        (AFTER, DAY),
        (new_york(WEDNESDAY, 9, 29), DAY),
        (new_york(WEDNESDAY, 9, 30), None),
        (new_york(WEDNESDAY, 16, 10), WEDNESDAY),
        (new_york(THANKSGIVING, 9, 29), WEDNESDAY),
        (new_york(THANKSGIVING, 9, 30), None),  # news of yesterday, on a day without a session
        (new_york(FRIDAY, 13, 10), None),  # the weekly digest says it
        (new_york(date(2026, 12, 24), 13, 9), None),
        (new_york(date(2026, 12, 24), 13, 10), None),  # Thursday, a half-day and the last one of its week
        (new_york(date(2027, 1, 19), 16, 10), date(2027, 1, 19)),  # the Tuesday after a holiday
    ],
)
def test_a_letter_is_sent_after_a_close_and_no_later_than_the_next_morning(now: datetime, of: date | None) -> None:
    found = evening(table(), now)
    assert (found.date if found else None) == of


def test_a_half_day_in_the_middle_of_a_week_has_its_letter_after_its_early_close() -> None:
    early = date(2025, 7, 3)  # a Thursday; in that year the Friday is a holiday
    eve = date(2025, 12, 24)  # a Wednesday; trading goes on on Friday
    assert evening(table(), new_york(early, 13, 10)) is None
    assert evening(table(), new_york(eve, 13, 9)) is None
    assert evening(table(), new_york(eve, 13, 10)) == session(eve)


def test_without_a_calendar_there_is_none() -> None:
    assert evening(None, AFTER) is None
    assert evening(table(last=DAY), AFTER) is None


def flips(distance: float | None) -> Flips:
    coming = Flip(450.0 * (1 + distance), Holding.TQQQ, ()) if distance is not None else None
    return Flips(new_york(DAY, 15, 45), 450.0, CLOSE, None, coming, Crossing(65, Holding.QQQ))


STALE = flips(NEAR / 2)._replace(seen_at=new_york(DAY, 11))


@pytest.mark.parametrize(
    ("mode", "before", "seen", "wanted"),
    [
        (EveningLetter.OFF, "TQQQ", flips(0.0), False),
        (EveningLetter.DAILY, "QQQ", None, True),
        (EveningLetter.ON_CHANGE, "QQQ", flips(0.0), False),
        (EveningLetter.ON_CHANGE, "TQQQ", None, True),
        (EveningLetter.NEAR_FLIP, "QQQ", flips(NEAR - 0.001), True),
        (EveningLetter.NEAR_FLIP, "QQQ", flips(-NEAR + 0.001), True),
        (EveningLetter.NEAR_FLIP, "TQQQ", flips(NEAR + 0.001), False),
        (EveningLetter.NEAR_FLIP, "TQQQ", flips(None), False),
        (EveningLetter.NEAR_FLIP, "QQQ", STALE, True),
        (EveningLetter.NEAR_FLIP, "QQQ", None, True),
    ],
)
def test_when_one_is_wanted(mode: EveningLetter, before: str, seen: Flips | None, wanted: bool) -> None:
    assert is_wanted(mode, Holding.QQQ, before, seen, table(), AFTER) is wanted


def test_every_value_of_the_configuration_is_one() -> None:
    assert get_args(Config.model_fields["evening_letter"].annotation) == tuple(EveningLetter)


def test_it_has_two_lines() -> None:
    book = portfolio(qqq=211)
    assert letter(session(), book, flips(0.02), table(), AFTER).splitlines() == [
        f"Tue 2026-11-24, 211 QQQ + {book.cash:,.2f} USD cash.",
        "QQQ 450.00 (Tue 2026-11-24 15:45 ET). At 459.00 (+2.00%) on Wed 2026-11-25 the rule would want TQQQ.",
    ]
    far = letter(session(), book, flips(None), table(), AFTER, ["trading is halted", "the disk is full"]).splitlines()
    assert far[0].endswith(" USD cash. But trading is halted; the disk is full.")
    assert far[1].endswith(
        "If QQQ stays at 450.00, the averages cross in about 65 sessions, and the rule then wants QQQ."
    )
    late = letter(session(), book, STALE, table(), AFTER + timedelta(hours=1)).splitlines()
    assert late[1].startswith("The flip price is not known: ")
