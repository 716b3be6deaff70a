"""Every way in which a channel misbehaves, with every trouble: what is told, when, and through which channel.

Channel 1 misbehaves and channel 2 does not. Twenty trades wait besides, from weeks without a working channel. Queues,
threads and retries are real; the child process that would send is not, and the time is virtual.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.channels import GIVEN_UP_AFTER, Channel, Channels, Message, addresses
from qqqbot.notifications.dead_man_switch import Ping
from qqqbot.records.channel_health import DEAD_MAN, ChannelHealth, ChannelRecord
from qqqbot.runtime.child_process import ChildFailed, ChildJobs, ChildStopped
from qqqbot.runtime.secret_files import SecretUrls
from qqqbot.trading.alerts import Event
from tests.support.builders import NOW, new_york
from tests.support.fakes import World
from tests.support.notified_life import FRIDAY, WHO, Life, halt, no_prices, settled, troubled

URLS = ("json://one", "json://two")
ONE, TWO = NAMES = ("channel 1 (json)", "channel 2 (json)")
Answer = Callable[[str], int]
"""the text of a message -> HTTP's status; 0: no answer"""


class Service(ChildJobs):
    """What answers at one address; it keeps every message that it was given."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.heard: list[Message] = []

    def run(self, module: str, job: Mapping[str, Any], deadline_seconds: float) -> dict[str, Any]:
        assert module == "notifications.deliver"
        self.heard.append(Message(job["title"], job["body"]))
        status = self.answer(job["body"])
        if status == 0:
            raise ChildFailed(f"no answer within {deadline_seconds:g} s")
        refused = {"problem": f"refused it with HTTP status {status}", "status": status}
        return refused if status >= 400 else {"problem": None, "status": 0}

    def titles(self) -> list[str]:
        return [message.title.removeprefix(f"{WHO}: ") for message in self.heard]


def well(_: str) -> int:
    return 200


def refuses_long(text: str) -> int:
    return 400 if len(text) > 200 else 200


def refuses_all(_: str) -> int:
    return 400


def hangs(_: str) -> int:
    return 0


def slow(_: str) -> int:
    time.sleep(0.05)
    return 200


def revoked(_: str) -> int:
    return 401


def mismatch(life: Life) -> datetime:
    life.world.broker.positions["TQQQ"] += 5
    life.at(new_york(FRIDAY, 10, 10), check=True)  # told after a second look
    return new_york(FRIDAY, 10, 15)


def order_stuck(life: Life) -> datetime:
    life.engine.alerts.begin(AlertKind.ORDER_OPEN, "SELL 211 QQQ rests since 09:55", life.world.clock.now())
    return new_york(FRIDAY, 10, 5)


TROUBLES: dict[Callable[[Life], datetime], str] = {
    halt: "Trading is halted",
    mismatch: "Account and book differ",
    order_stuck: "An order stays open",
    no_prices: "Checks are failing",
}
MANNERS: dict[Answer, str | None] = {
    refuses_long: None,
    refuses_all: "refused it with HTTP status 400",
    hangs: "did not accept it: no answer within 60 s",
    slow: None,
    revoked: "refused it with HTTP status 401",
}
"""manner -> what is then wrong with the channel"""
REFUSED = "A notification channel does not accept messages"


class Run:
    """One process after another over the same records and the same two services."""

    def __init__(self, life: Life, manner: Answer) -> None:
        self.life = life
        self.services = Service(manner), Service(well)
        self.record = ChannelRecord(life.world.logs, life.world.clock, NAMES)
        life.notifier.health = self.record.all

    def at(self, now: datetime, check: bool = False) -> tuple[list[str], list[str]]:
        """A process looks at `now` and ends once all is delivered: the titles on either channel."""
        before = [len(service.heard) for service in self.services]
        services = iter(self.services)
        channels = Channels(
            URLS, pauses=(), tried=self.record.tried, known=self.record.all(), jobs=lambda: next(services)
        ).start()
        self.life.notifier.channels = channels
        self.life.at(now, check=check)
        channels.close(10)
        one, two = (service.titles()[seen:] for service, seen in zip(self.services, before, strict=True))
        return one, two


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("manner", MANNERS)
def test_a_trouble_arrives_first_alone_and_at_once_and_the_other_channel_tells_of_the_one_that_fails(
    tmp_path: Path, manner: Answer, trouble: Callable[[Life], datetime]
) -> None:
    title, wrong = TROUBLES[trouble], MANNERS[manner]
    life, when = troubled(tmp_path, trouble)
    run = Run(life, manner)
    one, two = run.at(when, check=trouble is not order_stuck)
    print(f"{manner.__name__:12} {trouble.__name__:24} {when.astimezone(NEW_YORK):%a %H:%M} | {one} | {two}")
    assert two == [title, "Traded"], "first, alone, and what waited as one message"
    assert (one[0], one[-1]) == (title, "Traded"), "one that is refused holds up no other"
    said = [(m.title, m.body) for service in run.services for m in service.heard]
    assert max(len(body) for _, body in said) <= 1000
    assert [health.why if health.fails else None for health in run.record.all()] == [wrong, None]
    if wrong != MANNERS[hangs]:
        assert len(set(run.services[0].heard)) == len(run.services[0].heard), "no bytes are refused twice"
    later = run.at(when + GIVEN_UP_AFTER)
    print(f"{'':12} {'':24} {(when + GIVEN_UP_AFTER).astimezone(NEW_YORK):%a %H:%M} | {later[0]} | {later[1]}")
    assert later[1] == ([REFUSED] if wrong else []), "also by a process that did not see it fail"


@pytest.mark.parametrize("manner", MANNERS)
def test_the_weekly_letter_tests_every_channel_and_one_that_refuses_it_is_told_on_the_other(
    tmp_path: Path, manner: Answer
) -> None:
    life = settled(Life(World(tmp_path)))
    run = Run(life, manner)
    one, two = run.at(new_york(FRIDAY, 13, 10), check=True)
    assert (one[0], two) == ("The week", ["The week"])
    later = run.at(new_york(FRIDAY, 13, 25))
    assert later[1] == ([REFUSED] if MANNERS[manner] else [])
    if MANNERS[manner]:
        assert f"{ONE} {MANNERS[manner]}" in run.services[1].heard[-1].body


def test_a_channel_that_fails_still_fails_after_a_restart_and_is_over_once_it_accepts(tmp_path: Path) -> None:
    life = settled(Life(World(tmp_path)))
    run = Run(life, revoked)
    life.engine.records.switch.halt("by hand")
    run.at(new_york(FRIDAY, 10), check=True)
    assert run.at(new_york(FRIDAY, 10, 15))[1] == [REFUSED]
    for minute in (30, 45):
        life.start()
        run = Run(life, revoked)
        assert run.at(new_york(FRIDAY, 10, minute), check=True)[1] == [], "neither over nor told again"
    (tmp_path / "HALT").unlink()
    run = Run(life, well)
    run.at(new_york(FRIDAY, 11), check=True)
    assert run.at(new_york(FRIDAY, 11, 15))[1] == [f"Over: {REFUSED[0].lower()}{REFUSED[1:]}"]


@pytest.mark.parametrize("manner", [revoked, hangs, "every other"])
def test_a_channel_that_fails_for_weeks_is_told_once_and_then_in_the_weekly_letter(
    tmp_path: Path, manner: Answer | str
) -> None:
    life = settled(Life(World(tmp_path)))
    turns = itertools.cycle((401, 200))
    run = Run(life, manner if callable(manner) else lambda _: next(turns))
    told = []
    start = new_york(date(2026, 11, 24), 13)
    for now in (start + timedelta(hours=n) for n in range(24 * 13)):
        local = now.astimezone(NEW_YORK)
        life.notifier._memory.add(Event(AlertKind.TRADE, f"SELL 1 QQQ {now}", now))
        titles = run.at(now)[1]
        told += [f"{local:%a %d}" for title in titles if title == REFUSED]
    assert told[:1] == ["Tue 24"]
    assert len(told) <= (1 if callable(manner) else 2), "at most once a week"
    if callable(manner):
        assert run.record.all()[0].fails, "which status shows"
        week = next(message for message in reversed(run.services[1].heard) if message.title.endswith("The week"))
        assert f"Channel 1 (json): has accepted nothing yet, but {MANNERS[manner]}" in week.body


def test_that_a_channel_fails_is_not_over_while_all_of_them_fail(tmp_path: Path) -> None:
    life = settled(Life(World(tmp_path)))
    run = Run(life, revoked)
    life.engine.records.switch.halt("by hand")
    run.at(NOW + timedelta(minutes=15), check=True)
    assert run.at(NOW + timedelta(minutes=30))[1] == [REFUSED]
    run.services[1].answer = hangs
    (tmp_path / "HALT").unlink()
    run.at(NOW + timedelta(minutes=45), check=True)
    run.services[1].answer = well
    heard = [title for minutes in (60, 120, 180) for title in run.at(NOW + timedelta(minutes=minutes), check=True)[1]]
    assert heard == ["Over: trading is halted"]


def test_an_outage_over_a_weekend_is_told_on_each_day_with_a_session_whatever_the_first_channel_does(
    tmp_path: Path,
) -> None:
    for manner in MANNERS:
        (logs := tmp_path / manner.__name__).mkdir()
        life = settled(Life(World(logs)))
        run = Run(life, manner)
        life.at(new_york(FRIDAY, 10), check=True)
        life.world.prices.trouble = PricesUnavailable("429")
        told = []
        hours = [timedelta(minutes=30 * n) for n in range(1, 2 * 24 * 4)]
        for now in (new_york(FRIDAY, 10) + after for after in hours):
            if 8 <= now.astimezone(NEW_YORK).hour < 20:
                titles = run.at(now, check=now.astimezone(NEW_YORK).weekday() < 5)[1]
                told += [(f"{now.astimezone(NEW_YORK):%a}", title) for title in titles if title != REFUSED]
        assert told == [
            *(("Fri", "Checks are failing"), ("Fri", "The week")),
            *(("Mon", "Checks are failing"), ("Tue", "Checks are failing")),
        ]


def test_the_addresses_are_named_as_in_every_message() -> None:
    assert addresses(SecretUrls(URLS, "https://hc-ping.com/x")) == [*NAMES, DEAD_MAN]
    assert addresses(SecretUrls()) == []
    failed = [ChannelHealth(ONE, None, NOW, "refused it"), ChannelHealth(TWO, NOW)]
    channels = Channels(URLS, known=failed)
    assert channels.failure == f"{ONE} refused it"
    assert not channels.all_fail


@pytest.mark.parametrize("one", [Channel(URLS[0], ONE), Ping(URLS[0])], ids=["channel", "dead man's address"])
def test_a_stop_is_no_failure_of_what_was_being_tried(one: Channel | Ping) -> None:
    tried: list[str] = []
    one.tried = lambda name, _: tried.append(name)
    one.jobs.abort()
    with pytest.raises(ChildStopped):
        one.attempt(Message("a", "b")) if isinstance(one, Channel) else one.attempt()
    assert tried == []
