"""What is told and when: troubles behind a backlog of old news, over real channels that misbehave.

The backlog is what waits after some weeks without a working channel: twenty trades, which one message cannot hold. The
time of the daemon is virtual; the channel, its child processes and its retries are real.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.channels import Channels
from qqqbot.records.channel_health import ChannelRecord
from qqqbot.trading.alerts import Event
from standins.receiver import Receiver, receiving, until
from tests.support.builders import new_york
from tests.support.fakes import World
from tests.support.notified_life import WHO, Life, settled

NAME = "channel 1 (json)"
FRIDAY = date(2026, 11, 27)
BACKLOG = 20


def refuses_long(channel: Receiver) -> None:
    channel.judge = lambda message: 400 if len(message) > 700 else 200


def refuses_all(channel: Receiver) -> None:
    channel.judge = lambda _: 400


def fails_twice(channel: Receiver) -> None:
    channel.statuses = [503, 503]


def hangs(channel: Receiver) -> None:
    channel.hangs = True


def slow(channel: Receiver) -> None:
    channel.slow_seconds = 0.5


def revoked(channel: Receiver) -> None:
    channel.judge = lambda _: 401


def halt(life: Life) -> datetime:
    life.engine.records.switch.halt("EMERGENCY")
    return new_york(FRIDAY, 10, 15)


def mismatch(life: Life) -> datetime:
    life.world.broker.positions["TQQQ"] += 5
    life.at(new_york(FRIDAY, 10, 10), check=True)  # told after a second look
    return new_york(FRIDAY, 10, 15)


def order_stuck(life: Life) -> datetime:
    life.engine.alerts.begin(AlertKind.ORDER_OPEN, "SELL 211 QQQ rests since 09:55", life.world.clock.now())
    return new_york(FRIDAY, 10, 5)


def no_prices_before_a_weekend(life: Life) -> datetime:
    life.world.prices.trouble = PricesUnavailable("429")
    for minute in (15, 30):
        life.at(new_york(FRIDAY, 10, minute), check=True)
    return new_york(FRIDAY, 10, 45)


TROUBLES: list[tuple[Callable[[Life], datetime], str]] = [
    (halt, "Trading is stopped"),
    (mismatch, "Account and book differ"),
    (order_stuck, "An order does not end"),
    (no_prices_before_a_weekend, "Checks are failing"),
]
CHANNELS: list[tuple[Callable[[Receiver], None], str]] = [
    (refuses_long, "delivered"),
    (refuses_all, "refused it with HTTP status 400"),
    (fails_twice, "delivered"),
    (hangs, "cannot be reached"),
    (slow, "delivered"),
    (revoked, "refused it with HTTP status 401"),
]


@pytest.mark.parametrize(("trouble", "title"), TROUBLES)
@pytest.mark.parametrize(("manner", "outcome"), CHANNELS)
def test_a_trouble_is_tried_first_and_at_once_and_its_channel_says_what_became_of_it(
    tmp_path: Path,
    manner: Callable[[Receiver], None],
    outcome: str,
    trouble: Callable[[Life], datetime],
    title: str,
) -> None:
    life = Life(World(tmp_path))
    settled(life)
    life.at(new_york(FRIDAY, 10), check=True)
    when = trouble(life)
    for number in range(BACKLOG):
        news = f"SELL {number} QQQ at 450.0000, 94,950.00 USD in all, moving from QQQ to CASH; commission 1.00"
        life.notifier._memory.add(Event(AlertKind.TRADE, news, life.world.clock.now()))
    life.post.sent.clear()
    with receiving() as channel:
        manner(channel)
        record = ChannelRecord(tmp_path, life.world.clock, [NAME])
        pauses = (0.05,) * 2 if manner is fails_twice else ()
        life.notifier.channels = sent = Channels((channel.json_url(),), pauses=pauses, tried=record.tried).start()
        life.notifier.health = record.all
        life.at(when, check=trouble is not order_stuck)
        until(lambda: any(one.delivered_at or one.refused_at for one in record.all()), 40)
        assert channel.titles()[0] == f"{WHO}: {title}", "first, and alone"
        assert life.world.clock.now() == when, "at once"
        if outcome == "delivered":
            until(lambda: life.notifier._memory.history.told.get(_kind(title)) is not None)
            until(lambda: life.notifier._memory.history.waiting == ())
        sent.close(0)
        (health,) = record.all()
        assert (health.why if health.fails else "delivered") == outcome
        assert max(len(message["message"]) for message in channel.messages) <= 1000
        if manner is revoked:
            assert len(channel.titles()) == len(set(channel.titles())), "nothing is sent twice with the same words"
        print(
            f"{manner.__name__:13} {trouble.__name__:25} {when.astimezone(NEW_YORK):%a %H:%M} {outcome}",
            *channel.titles(),
        )


def _kind(title: str) -> AlertKind:
    return next(kind for kind in AlertKind if title.lower() == kind.headline.lower())
