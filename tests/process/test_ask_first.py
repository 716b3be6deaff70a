"""Ask first, with the real daemon killed by -9: a veto in time outlives it, and nothing is asked or made twice."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drill.checkout import Checkout
from drill.scenes import announced, holding_strong
from drill.stage import Stage, stage
from standins.owner_channels import OwnerChannels, owner_channels

Kill = Callable[[Stage, OwnerChannels, str], None]


def veto_then_kill(on: Stage, topic: OwnerChannels, code: str) -> None:
    topic.publish(f"veto {code}")
    on.wait_for(lambda: "veto" in on.announcement(), "the veto to be on disk")
    on.kill()


def kill_then_veto(on: Stage, topic: OwnerChannels, code: str) -> None:
    on.kill()
    topic.publish(f"veto {code}")


@pytest.mark.parametrize("kill", [veto_then_kill, kill_then_veto])
def test_a_veto_in_time_outlives_kill_9_and_its_replay_does_nothing(tmp_path: Path, kill: Kill) -> None:
    with asked_for_qqq(tmp_path) as (on, topic, code):
        kill(on, topic, code)
        topic.doubled = topic.backwards = True
        on.later("11:09", checked=False)
        restart(on)
        on.wait_for(lambda: "veto" in on.announcement(), "the veto to be on disk")
        topic.publish(f"veto {code}")
        topic.publish(f"go {code}")
        on.later("12:00")
        on.kill()
        on.later("12:01", checked=False)
        restart(on)
        assert on.bot.run("status").returncode == 5
        assert on.last_check()["error"] == "Vetoed"
        assert (on.orders(), questions(topic)) == (1, 1)
        assert on.announcement().count("veto") == 1


def test_killed_while_it_waits_it_asks_once_gives_the_whole_time_and_makes_it_once(tmp_path: Path) -> None:
    with asked_for_qqq(tmp_path) as (on, topic, code):
        on.kill()
        on.later("11:08", checked=False)
        restart(on)
        assert on.orders() == 1, "the time to answer is not over"
        on.later("11:11", checked=False)
        on.wait_for(lambda: len(on.trades()) == 3, "the rotation, after ten minutes of silence")
        on.kill()
        topic.publish(f"go {code}")
        topic.publish(f"veto {code}")
        on.later("11:14", checked=False)
        restart(on)
        assert (on.orders(), len(on.trades()), questions(topic)) == (3, 3, 1)
        on.prove_that_nothing_was_lost()
        assert on.failures == []


@contextmanager
def asked_for_qqq(folder: Path) -> Iterator[tuple[Stage, OwnerChannels, str]]:
    """A bot that holds TQQQ and has announced a rotation, which arrived at 11:00 under this code."""
    with owner_channels() as topic, stage(folder / "bot", io.StringIO(), {}) as on:
        on.patience_seconds = 120.0
        on.add_channel(topic.ntfy_url)
        holding_strong(on)
        on.configure(ask_first_minutes=10)
        on.later("11:00", move=on.market.fall, checked=False)
        on.kill()
        restart(on)
        yield on, topic, announced(on, topic, 1)


def restart(on: Stage) -> None:
    started = on.bot.run("start")
    assert started.returncode == 0, started.stderr


def questions(topic: OwnerChannels) -> int:
    return sum('Reply "veto' in text for text in set(topic.announced()))


def test_once_which_ends_before_a_reply_refuses_to_ask_and_touches_nothing(checkout: Checkout) -> None:
    path = checkout.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ask_first_minutes": 10}))
    refused = checkout.run("once", QQQBOT_NOTIFY_URLS="ntfy://127.0.0.1:9/a-topic")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ends before you could reply. ./bot_control.sh start, or set ask_first_minutes to 0" in refused.stderr
    assert not checkout.logs.exists()
