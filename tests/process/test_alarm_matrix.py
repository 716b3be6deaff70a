"""What is told and when, over real channels that misbehave; every pair of the two is in unit/notifications.

The backlog is what waits after some weeks without a working channel: twenty trades, which one message cannot hold. The
time of the daemon is virtual; the channel, its child processes and its retries are real.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from qqqbot.notifications.channels import Channels
from qqqbot.records.channel_health import ChannelRecord
from standins.receiver import Receiver, receiving, until
from tests.support.notified_life import WHO, Life, halt, no_prices, troubled

NAME = "channel 1 (json)"


def refuses_long(channel: Receiver) -> None:
    channel.judge = lambda message: 400 if len(message) > 700 else 200


def revoked(channel: Receiver) -> None:
    channel.judge = lambda _: 401


@pytest.mark.parametrize(
    ("manner", "outcome", "trouble", "title"),
    [
        (refuses_long, "delivered", halt, "Trading is halted"),
        (revoked, "refused it with HTTP status 401", no_prices, "Checks are failing"),
    ],
)
def test_a_trouble_is_tried_first_and_at_once_and_its_channel_says_what_became_of_it(
    tmp_path: Path,
    manner: Callable[[Receiver], None],
    outcome: str,
    trouble: Callable[[Life], datetime],
    title: str,
) -> None:
    life, when = troubled(tmp_path, trouble)
    life.post.sent.clear()
    with receiving() as channel:
        manner(channel)
        record = ChannelRecord(tmp_path, life.world.clock, [NAME])
        life.notifier.channels = sent = Channels((channel.json_url(),), pauses=(), tried=record.tried).start()
        life.at(when, check=True)
        until(lambda: channel.titles() and channel.titles()[-1] == f"{WHO}: Traded", 40)
        assert channel.titles()[0] == f"{WHO}: {title}", "first, and alone"
        assert life.world.clock.now() == when, "at once"
        if outcome == "delivered":
            until(lambda: life.notifier._memory.history.waiting == ())
            assert {kind.headline for kind in life.notifier._memory.history.told} >= {title[:1].lower() + title[1:]}
        sent.close(20)
        (health,) = record.all()
        assert (health.why if health.fails else "delivered") == outcome
        assert max(len(message["message"]) for message in channel.messages) <= 1000
        texts = [message["message"] for message in channel.messages]
        assert len(texts) == len(set(texts)), "nothing is sent twice with the same words"
