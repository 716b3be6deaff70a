"""The weekly digest: when a week is over, and what is said of it."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from qqqbot.notifications.digest import digest, ended_week
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.risk_line import risk_line
from qqqbot.records.track import Track
from tests.support.builders import NOW, new_york, portfolio, session, table

FRIDAY = date(2026, 11, 27)  # a half-day, closing at 13:00
WEEK = session(FRIDAY)
BOOK = portfolio(qqq=211)
OUTLOOK = "QQQ 450.00 (Fri 2026-11-27 12:45 ET). At 459.00 (+2.00%) on Mon 2026-11-30 the rule would want TQQQ."


@pytest.mark.parametrize(
    ("now", "ended"),
    [
        (new_york(date(2026, 11, 24), 17), None),
        (new_york(FRIDAY, 12), None),
        (new_york(FRIDAY, 13, 9), None),
        (new_york(FRIDAY, 13, 10), "2026-11-27"),
        (new_york(date(2026, 11, 29), 12), "2026-11-27"),
        (new_york(date(2026, 11, 30), 9, 29), "2026-11-27"),
        (new_york(date(2026, 11, 30), 9, 30), None),
    ],
)
def test_a_week_is_over_ten_minutes_after_its_last_session_until_the_next_one(now: datetime, ended: str | None) -> None:
    found = ended_week(table(), now)
    assert (found.date.isoformat() if found else None) == ended


def test_without_a_calendar_no_week_is_known() -> None:
    assert ended_week(None, NOW) is None


def test_it_says_which_price_would_change_the_answer() -> None:
    assert OUTLOOK in digest(WEEK, BOOK, 99_999.0, OUTLOOK, (99_999.0, 1), []).splitlines()


def test_it_says_what_the_account_is_worth_and_what_is_wrong() -> None:
    text = digest(WEEK, BOOK, 101_000.0, OUTLOOK, (100_000.0, 0), ["trading is halted", "the disk is full"])
    assert "Value: 101,000.00 USD, +1.00% since the last weekly message" in text
    assert f"Held: 211 QQQ + {BOOK.cash:,.2f} USD cash." in text
    assert text.endswith("Problems: trading is halted; the disk is full.")
    assert digest(WEEK, BOOK, 101_000.0, OUTLOOK, (None, 0), []).endswith("No problems.")
    assert "Value: unknown" in digest(WEEK, BOOK, None, OUTLOOK, (None, 0), [])
    assert BOOK.total_capital == Decimal(100_000)


TRACK = Track(NOW, WEEK.close, 90_000.0, "QQQ", {"QQQ": 600.0, "TQQQ": 60.0}, 100_000.0, 200.0, 0.9, 1.2, -0.4, NOW)


@pytest.mark.parametrize(("hours", "known"), [(0, True), (1, True), (1.1, False), (72, False)])
def test_a_value_of_before_an_outage_is_not_that_of_the_week(hours: float, known: bool) -> None:
    """After three days without an answer it said "+0.36%"; the true value was 23 % lower."""
    seen, risk = WEEK.close - timedelta(hours=hours), risk_line(TRACK, (), None)
    text = digest(WEEK, BOOK, 101_000.0, OUTLOOK, (100_000.0, 0), [], valued_at=seen, risk=risk)
    assert ("since the last weekly message, " in text) is known
    assert ("Drawdown: -25.00 % now, -40.00 % at worst" in text) is known
    assert ("Value: not known now; at the last valid prices, " in text) is not known
    assert "101,000.00 USD" in text


def test_it_says_of_each_channel_what_it_accepted_and_refused_before() -> None:
    channels = (
        ChannelHealth("channel 1 (tgram)", NOW, NOW - timedelta(days=1), "no answer"),
        ChannelHealth("channel 2 (json)", None, NOW, "refused it with HTTP status 401"),
    )
    assert digest(WEEK, BOOK, None, OUTLOOK, (None, 0), [], channels).splitlines()[-2:] == [
        "Channel 1 (tgram): accepted Tue 2026-11-24 12:00 ET.",
        "Channel 2 (json): has accepted nothing yet, but refused it with HTTP status 401 Tue 2026-11-24 12:00 ET.",
    ]


def test_what_the_account_lacks_is_in_no_figure() -> None:
    text = digest(WEEK, BOOK, 99_999.0, OUTLOOK, (99_999.0, 1), [], missing=Decimal(4_000))
    assert "Value: 95,999.00 USD, +0.00% since the last weekly message, -1.00 USD (-0.00%) since the start." in text
