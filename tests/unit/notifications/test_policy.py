"""Which events are reported to the owner, and when: pure, at any minute that a test chooses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from qqqbot.model.new_york import new_york_text
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Rules
from qqqbot.notifications.policy import (
    History,
    Notice,
    Trouble,
    decision_near,
    due_notices,
    is_night,
    login_due,
    without_repeats,
)
from qqqbot.trading.alerts import Event
from tests.support.builders import NOW, RULES, new_york, table

HALT = Trouble(AlertKind.HALT, "by hand", NOW)
SUNDAY = date(2026, 11, 22)
THANKSGIVING = date(2026, 11, 26)
HALF_DAY = date(2026, 11, 27)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Owner:
    """Receives every message."""

    def __init__(self) -> None:
        self.history = History()

    def told(
        self,
        *troubles: Trouble,
        at: datetime = NOW,
        complete: bool = True,
        news: Sequence[Event] = (),
        near: bool = False,
    ) -> list[str]:
        self.history = without_repeats(replace(self.history, waiting=tuple(news)))
        notices = due_notices(self.history, troubles, complete, at, near)
        for notice in notices:
            self.history = notice.accepted(self.history)
        assert self.history.waiting == ()
        return [notice.paragraph for notice in notices]


def hears(news: Event) -> str:
    """The paragraph about `news`."""
    (line,) = Owner().told(news=[news], at=news.at)
    return line


# Problems


def test_a_problem_is_reported_once_and_its_end_once() -> None:
    owner = Owner()
    assert owner.told(HALT) == [f"Trading is halted: by hand (since Tue 2026-11-24 12:00 ET)\n{AlertKind.HALT.advice}"]
    assert owner.told(HALT, at=after(5)) == []
    assert owner.told(HALT, at=after(6000)) == []
    assert owner.told(at=after(6001)) == ["Over: trading is halted (by hand)"]
    assert owner.told(at=after(6002)) == []


def test_a_new_reason_is_reported_at_once() -> None:
    owner = Owner()
    owner.told(HALT)
    assert len(owner.told(HALT._replace(text="did not settle"), at=after(1))) == 1


def test_money_that_is_late_is_told_of_after_five_minutes() -> None:
    owner = Owner()
    late = Trouble(AlertKind.MONEY, "5,000.00 of 95,000.00", NOW)
    assert owner.told(late, at=after(4)) == []
    assert len(owner.told(late, at=after(5))) == 1
    assert owner.told(Trouble(AlertKind.MONEY, "6,000.00 of 95,000.00", NOW), at=after(6)) == []


@pytest.mark.parametrize("kind", [AlertKind.BROKER, AlertKind.CHECKS_FAILING])
def test_a_fluctuating_text_is_not_news(kind: AlertKind) -> None:
    owner = Owner()
    assert len(owner.told(Trouble(kind, "try 3", NOW), at=after(5))) == 1
    assert owner.told(Trouble(kind, "try 4", NOW), at=after(6)) == []


def test_an_account_that_is_not_where_it_should_be_is_news_only_where_nothing_else_says_why() -> None:
    owner = Owner()
    apart, money = Trouble(AlertKind.APART, "for 6 minutes", NOW), Trouble(AlertKind.MONEY, "it waits", after(-9))
    assert [line.partition(":")[0] for line in owner.told(money, apart)] == [AlertKind.MONEY.headline.capitalize()]
    assert any(line.startswith(AlertKind.APART.headline.capitalize()) for line in owner.told(apart))
    assert owner.told(apart, money) == []
    assert len(owner.told()) == 1, "the other's end was told above"


def test_a_problem_that_returns_within_the_hour_is_reported_only_if_it_lasts() -> None:
    owner = Owner()
    owner.told(Trouble(AlertKind.BROKER, "down", NOW), at=after(5))
    assert len(owner.told(at=after(10))) == 1
    again = Trouble(AlertKind.BROKER, "down again", after(20))
    assert owner.told(again, at=after(30)) == []
    assert owner.told(at=after(31)) == [], "the end of a problem that was never reported is not reported either"
    assert owner.told(again, at=after(69)) == []
    assert len(owner.told(again, at=after(71))) == 1


def test_a_broken_connection_has_three_minutes_to_come_back() -> None:
    owner = Owner()
    down = Trouble(AlertKind.BROKER, "down", NOW)
    assert owner.told(down, at=after(2.9)) == []
    assert len(owner.told(down, at=after(3))) == 1


def test_a_lost_broker_is_reported_only_when_a_decision_is_near() -> None:
    owner = Owner()
    down = Trouble(AlertKind.BROKER, "down", NOW, threatens=False)
    assert owner.told(down, at=after(300)) == []
    assert owner.told(at=after(301)) == []
    assert len(owner.told(down._replace(threatens=True), at=after(302))) == 1
    assert owner.told(down, at=after(303)) == [], "the problem lasts, although no decision is due"
    assert len(owner.told(at=after(304))) == 1


def test_nothing_is_reported_as_over_before_everything_was_checked() -> None:
    owner = Owner()
    owner.told(HALT)
    assert owner.told(at=after(1), complete=False) == []
    assert len(owner.told(at=after(2), complete=True)) == 1


def test_a_clock_set_back_silences_nothing() -> None:
    owner = Owner()
    owner.told(Trouble(AlertKind.BROKER, "down", NOW), at=after(5))
    owner.told(at=after(10))
    years_ago = NOW - timedelta(days=1000)
    assert len(owner.told(Trouble(AlertKind.BROKER, "down", NOW), at=years_ago)) == 1


def test_a_trouble_that_lasts_is_told_again_on_each_day_with_a_decision_and_not_on_others() -> None:
    owner = Owner()
    friday = HALT._replace(since=new_york(HALF_DAY, 12))
    owner.told(friday, at=new_york(HALF_DAY, 12), near=True)
    said = [
        new_york_text(when)
        for when in (new_york(HALF_DAY, 12) + timedelta(hours=hours) for hours in range(1, 24 * 5))
        if owner.told(friday, at=when, near=decision_near(when, table(), RULES))
    ]
    days = ("Mon 2026-11-30", "Tue 2026-12-01", "Wed 2026-12-02")
    assert said == [f"{day} 09:00 ET" for day in days], "before the open, once"


# News


def test_each_trade_is_news() -> None:
    trade = Event(AlertKind.TRADE, "BUY 5 QQQ", NOW)
    assert Owner().told(news=[trade, trade]) == ["Traded: BUY 5 QQQ (Tue 2026-11-24 12:00 ET)"] * 2


def test_the_same_refusal_is_reported_once_an_hour() -> None:
    owner = Owner()

    def refused(minute: float, text: str = "no margin") -> int:
        return len(owner.told(news=[Event(AlertKind.ORDER_REFUSED, text, after(minute))], at=after(minute)))

    assert [refused(0), refused(15), refused(30, "another"), refused(59, "another"), refused(91, "another")] == [
        *(1, 0, 1, 0, 1)
    ]


def test_a_lost_order_is_reported_with_the_answer_that_does_not_repeat_it() -> None:
    line = hears(Event(AlertKind.ORDER_LOST, "BUY 211 QQQ, sent on 2026-11-24", NOW))
    assert line.startswith("The outcome of an order is not known: BUY 211 QQQ, sent on 2026-11-24")
    assert "./bot_control.sh adopt (leave would buy again)" in line


def test_every_lasting_kind_says_what_to_do() -> None:
    assert all(kind.advice and kind.headline for kind in AlertKind if kind.lasts)


# At what time


@pytest.mark.parametrize(
    ("hour", "minute", "night"), [(7, 59, True), (8, 0, False), (19, 59, False), (20, 0, True), (0, 30, True)]
)
def test_the_night_is_counted_in_new_york_time(hour: int, minute: int, night: bool) -> None:
    for day in (date(2026, 7, 14), date(2026, 12, 14)):  # both sides of daylight saving
        assert is_night(new_york(day, hour, minute)) is night


WINDOW = replace(RULES, decide=Decide.BEFORE_CLOSE)
NEAR = [
    (RULES, date(2026, 11, 24), (8, 29), False),
    (RULES, date(2026, 11, 24), (8, 30), True),
    (RULES, date(2026, 11, 24), (15, 59), True),
    (RULES, date(2026, 11, 24), (16, 0), False),
    (RULES, THANKSGIVING, (12, 0), False),
    (RULES, SUNDAY, (12, 0), False),
    (RULES, HALF_DAY, (13, 0), False),
    (WINDOW, date(2026, 11, 24), (14, 44), False),
    (WINDOW, date(2026, 11, 24), (14, 45), True),
    (WINDOW, HALF_DAY, (11, 44), False),
    (WINDOW, HALF_DAY, (11, 45), True),
]


@pytest.mark.parametrize(("rules", "day", "at", "near"), NEAR)
def test_a_decision_is_near_within_the_hour(rules: Rules, day: date, at: tuple[int, int], near: bool) -> None:
    assert decision_near(new_york(day, *at), table(), rules) is near


@pytest.mark.parametrize("known", [None, table(date(2026, 11, 2), date(2026, 11, 6))], ids=["no table", "old table"])
def test_without_a_calendar_every_weekday_may_be_a_session(known: SessionTable | None) -> None:
    assert decision_near(new_york(THANKSGIVING, 9), known, RULES)
    assert not decision_near(new_york(THANKSGIVING, 8, 59), known, RULES)
    assert not decision_near(new_york(SUNDAY, 12), known, RULES)


def test_the_login_is_requested_once_on_sunday_evening_and_only_if_needed() -> None:
    history = History()
    assert not login_due(history, "logged out", new_york(SUNDAY, 17, 59))
    assert not login_due(history, None, new_york(SUNDAY, 18))
    assert login_due(history, "logged out", new_york(SUNDAY, 18))
    assert not login_due(history, "logged out", new_york(SUNDAY, 20))
    assert not login_due(history, "logged out", new_york(date(2026, 11, 23), 18))
    history = replace(history, login=SUNDAY.isoformat())
    assert not login_due(history, "logged out", new_york(SUNDAY, 19))
    assert login_due(history, "logged out", new_york(SUNDAY, 18) + timedelta(days=7))


def test_times_are_given_in_new_york() -> None:
    line = hears(Event(AlertKind.SPLIT, "3:1", datetime(2026, 7, 1, 14, 30, tzinfo=UTC)))
    assert "(Wed 2026-07-01 10:30 ET)" in line


def test_a_sentence_that_begins_with_its_headline_is_not_told_twice() -> None:
    notice = Notice(AlertKind.HALT, "trading is halted: by hand; ./bot_control.sh resume ends it")
    assert notice.paragraph.splitlines()[0] == "Trading is halted: by hand; ./bot_control.sh resume ends it"
    assert notice._replace(over=True).paragraph == "Over: trading is halted (by hand; ./bot_control.sh resume ends it)"
