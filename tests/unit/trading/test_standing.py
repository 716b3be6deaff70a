"""A flip price is told of the session that it is for, with its time; one from an older price is not known."""

from datetime import date, datetime, timedelta

import pytest

from qqqbot.model.values import Crossing, Flip, Holding
from qqqbot.records.status_file import Flips
from qqqbot.trading.standing import FRESH, held, is_known, outlook, standing
from tests.support.builders import DAY, NOW, new_york, portfolio, table

CLOSE = new_york(DAY, 16)
WEDNESDAY, THANKSGIVING, FRIDAY = (date(2026, 11, day) for day in (25, 26, 27))
TODAY, COMING = Flip(440.0, Holding.CASH, ()), Flip(459.0, Holding.TQQQ, ())


def flips(seen_at: datetime = NOW, coming: Flip | None = COMING) -> Flips:
    return Flips(seen_at, 450.0, CLOSE, TODAY, coming, Crossing(65, Holding.QQQ))


@pytest.mark.parametrize(
    ("seen", "now", "known"),
    [
        (NOW, NOW, True),
        (NOW, NOW + FRESH, True),
        (NOW, NOW + FRESH + timedelta(seconds=1), False),
        (NOW, CLOSE, False),
        (CLOSE - FRESH, new_york(WEDNESDAY, 9, 29), True),
        (new_york(DAY, 15, 45), new_york(WEDNESDAY, 9, 29), True),
        (new_york(DAY, 15, 45), new_york(WEDNESDAY, 9, 30), False),
        (new_york(DAY, 17), new_york(DAY, 18), True),
        (new_york(WEDNESDAY, 9), new_york(WEDNESDAY, 9, 29), True),
        (new_york(WEDNESDAY, 9), new_york(WEDNESDAY, 9, 30), False),
    ],
)
def test_a_price_counts_until_the_next_session_if_it_was_checked_near_the_close(
    seen: datetime, now: datetime, known: bool
) -> None:
    assert is_known(flips(seen), table(), now) is known
    assert ("is not known" in outlook(flips(seen), table(), now)) is not known


def test_in_a_session_it_is_the_price_of_that_session() -> None:
    assert outlook(flips(), table(), NOW) == (
        "QQQ 450.00 (Tue 2026-11-24 12:00 ET). At 440.00 (-2.22%) the rule would want CASH."
    )


@pytest.mark.parametrize(
    ("day", "close", "coming"),
    [
        (DAY, 16, "Wed 2026-11-25"),
        (WEDNESDAY, 16, "Fri 2026-11-27"),
        (FRIDAY, 13, "Mon 2026-11-30"),
    ],
)
def test_after_it_the_session_that_comes_is_named(day: date, close: int, coming: str) -> None:
    seen = flips(new_york(day, close - 1))._replace(closes_at=new_york(day, close))
    assert f"At 459.00 (+2.00%) on {coming} the rule would want TQQQ." in outlook(seen, table(), new_york(day, 17))


def test_where_no_price_of_a_day_changes_the_answer_the_crossing_is_forecast() -> None:
    for far in (None, Flip(999.0, Holding.QQQ, ())):
        text = outlook(flips(new_york(DAY, 15), far), table(), new_york(DAY, 17))
        assert text.startswith("QQQ 450.00 (Tue 2026-11-24 15:00 ET). No price of one day would change the answer. ")
        assert "If QQQ stays at 450.00, the averages cross in about 65 sessions" in text


def test_what_is_not_known_says_what_was_known_last() -> None:
    friday = new_york(FRIDAY, 10)
    assert outlook(flips(), table(), friday) == (
        "The flip price is not known: the last price that passed the checks was QQQ 450.00 (Tue 2026-11-24 12:00 ET); "
        "then 459.00 (+2.00%) would have changed the rule's answer to TQQQ."
    )
    for far in (None, Flip(999.0, Holding.QQQ, ())):
        text = outlook(flips(coming=far), table(), friday)
        assert text.endswith("then no price of one day would have changed the rule's answer.")
    assert outlook(None, table(), NOW) == (
        "The flip price is not known: no price has passed the checks since the start."
    )


def test_without_a_calendar_it_is_not_known() -> None:
    over = table(last=date(2026, 11, 23))
    assert not is_known(flips(), None, NOW)
    assert not is_known(flips(), over, NOW)


def test_what_is_held_comes_first() -> None:
    book = portfolio(tqqq=1053)
    assert held(book) == f"1,053 TQQQ + {book.cash:,.2f} USD cash"
    assert standing(book, flips(), table(), NOW).startswith(f"Held: {held(book)}.\nQQQ 450.00 ")
