"""The channels over real processes and a real receiver on loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.notifications.channels import MOST_CHARACTERS, Channel, Channels, Message
from qqqbot.notifications.dead_man_switch import Call, Ping
from qqqbot.notifications.outbox import Failure
from qqqbot.records.channel_health import DEAD_MAN, ChannelHealth, ChannelRecord, channels_in
from qqqbot.runtime.child_process import ChildFailed, ChildJobs
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.secret_files import channel
from standins.receiver import Receiver, receiving, until
from tests.support.builders import NOW
from tests.support.fakes import World
from tests.support.notified_life import WHO, Life, open_troubles, settled

TOKEN = "hunter2hunter2"
MESSAGE = Message("qqqbot LIVE U***567: traded", "SELL 5 QQQ\nsecond line")


# Channels


class Acceptances:
    """Counts how often a channel said that it accepted the message."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@contextmanager
def channels(*urls: str, deadline: float = 30, pauses: tuple[float, ...] = ()) -> Iterator[Channels]:
    made = Channels(urls, deadline, pauses).start()
    try:
        yield made
    finally:
        made.close(0)


def test_a_message_arrives_on_every_channel_and_is_delivered_once() -> None:
    accepted = Acceptances()
    with receiving() as one, receiving() as other, channels(one.json_url(TOKEN), other.json_url()) as sent:
        sent.put(MESSAGE, accepted)
        for receiver in (one, other):
            until(lambda receiver=receiver: receiver.messages)
            assert [(m["title"], m["message"]) for m in receiver.messages] == [(MESSAGE.title, MESSAGE.body)]
        sent.close(20)
        assert accepted.count == 2
        assert sent.failure is None


def test_only_the_channel_that_failed_is_tried_again() -> None:
    with receiving() as good, receiving() as bad:
        bad.statuses = [503]
        with channels(good.json_url(), bad.json_url(TOKEN), pauses=(0.1,)) as sent:
            sent.put(MESSAGE)
            until(lambda: len(bad.messages) == 2)
            sent.close(20)
        assert len(good.messages) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_loses_the_message_is_a_refusal_whatever_the_page_behind_it_answers(status: int) -> None:
    with receiving() as channel:
        channel.judge, channel.location = lambda _: status, "/login"
        refused = Channel(channel.json_url(TOKEN), "channel 1 (json)").attempt(MESSAGE)
        assert refused is not None
        assert refused.why.startswith(f"refused it with HTTP status {status}: the address leads elsewhere")
        assert channel.calls == [], "the page was not fetched"


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_repeats_the_message_is_followed(status: int) -> None:
    with receiving() as channel:
        channel.statuses, channel.location = [status, status], "/elsewhere"
        assert Channel(channel.json_url(TOKEN), "channel 1 (json)").attempt(MESSAGE) is None
        assert channel.messages[-1]["message"] == MESSAGE.body


def test_a_channel_that_refuses_delays_no_other_and_is_named() -> None:
    accepted = Acceptances()
    with receiving() as good, receiving() as bad:
        bad.statuses = [401] * 9
        with channels(good.json_url(), bad.json_url(TOKEN), pauses=(60.0,)) as sent:
            for _ in range(3):
                sent.put(MESSAGE, accepted)
            until(lambda: accepted.count == 3)
            assert len(good.messages) == 3
            until(lambda: len(bad.messages) == 3)
            sent.close(20)
        assert len(bad.messages) == 3, "each was tried once: the same words would be refused again"
        assert sent.failure == ("channel 2 (json) refused it with HTTP status 401")


@pytest.mark.parametrize("first", [True, False], ids=["hangs first", "hangs last"])
@pytest.mark.parametrize("way", ["hangs", "drips"])
def test_a_channel_that_hangs_or_drips_silences_no_other(first: bool, way: str) -> None:
    accepted = Acceptances()
    with receiving() as good, receiving() as bad:
        setattr(bad, way, True)
        urls = (bad.json_url(), good.json_url())
        with channels(*(urls if first else urls[::-1]), deadline=30) as sent:
            for _ in range(2):
                sent.put(MESSAGE, accepted)
            until(lambda: accepted.count == 2)
            assert len(good.messages) == 2
            assert len(bad.messages) <= 1, "its own deadline is not over"


def test_a_message_that_no_channel_accepts_is_not_called_accepted_and_every_channel_is_named() -> None:
    accepted = Acceptances()
    with receiving() as bad:
        bad.statuses = [503] * 9
        with channels(bad.json_url(TOKEN), f"json://127.0.0.1:9/{TOKEN}", pauses=(0.01,)) as sent:
            sent.put(MESSAGE, accepted)
            until(lambda: "channel 1" in (sent.failure or "") and "channel 2" in (sent.failure or ""))
            assert sent.failure == (
                "channel 1 (json) refused it with HTTP status 503; channel 2 (json) cannot be reached"
            )
            assert accepted.count == 0
            bad.statuses = []
            sent.put(MESSAGE, accepted)
            until(lambda: accepted.count == 1)
            until(lambda: (sent.failure or "").startswith("channel 2 (json) cannot be reached"))


def test_many_hanging_channels_are_closed_in_the_time_of_one() -> None:
    accepted = Acceptances()
    with receiving() as receiver:
        receiver.hangs = True
        sent = Channels((receiver.json_url(),) * 3, deadline_seconds=60).start()
        sent.put(MESSAGE, accepted)
        until(lambda: len(receiver.messages) == 3)
        begun = time.monotonic()
        sent.close(3)
        assert time.monotonic() - begun < 8
        assert accepted.count == 0


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"nonsense://{TOKEN}", "is not an address that apprise knows"),
        (f"tgram://{TOKEN}", "is not an address that apprise knows"),
        (f"json://127.0.0.1:9/{TOKEN}", "cannot be reached"),
        (f"json://{TOKEN}.invalid/", "cannot be reached"),
    ],
)
def test_problems_are_reported_without_the_address(url: str, problem: str) -> None:
    accepted = Acceptances()
    told = Channel(url, channel(2, url)).deliver((MESSAGE, accepted))
    assert accepted.count == 0
    assert told is not None
    assert told.why.startswith(f"channel 2 ({url.partition(':')[0]}) {problem}")
    assert TOKEN not in told.why


def test_a_hanging_receiver_is_given_up_at_the_deadline() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        begun = time.monotonic()
        problem = Channel(receiver.json_url(TOKEN), "channel 1", deadline_seconds=3).attempt(MESSAGE)
        assert time.monotonic() - begun < 30
        assert problem == Failure("did not accept it: no answer within 3 s")


def command_lines() -> str:
    return subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout


def delivering() -> bool:
    """Whether a child of this process delivers: those of tests beside this one do not count."""
    children = subprocess.run(["ps", "-eww", "-o", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    own = [line for line in children.splitlines() if line.split()[0] == str(os.getpid())]
    return any("qqqbot.notifications.deliver" in line for line in own)


def environments_of(name: str) -> list[bytes]:
    """Environment of each process whose command line has `name`, if this system shows it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if name.encode() in (process / "cmdline").read_bytes():
                found.append((process / "environ").read_bytes())
        except OSError:
            continue
    return found


def test_no_secret_is_in_a_command_line_or_an_environment() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        sent = Channels((receiver.json_url(TOKEN),), deadline_seconds=30).start()
        sent.put(MESSAGE)
        until(lambda: receiver.messages)
        assert delivering(), "the child that holds the secret runs at this moment"
        assert TOKEN not in command_lines()
        assert not any(TOKEN.encode() in environment for environment in environments_of("notifications.deliver"))
        sent.close(0)
        until(lambda: not delivering())


def test_the_heavy_library_stays_in_the_child() -> None:
    code = "import sys, qqqbot.notifications.channels, qqqbot.notifications.dead_man_switch; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"apprise", "requests", "ssl", "http.client"} & set(loaded)


# The notifier over real channels


def test_a_halt_is_sent_over_real_channels_once_one_of_them_works(tmp_path: Path) -> None:
    world = World(tmp_path)
    with receiving() as phone:
        phone.statuses = [503] * 2
        life = Life(world)
        settled(life)
        life.notifier.channels = channels = Channels((phone.json_url(),), pauses=(0.01,)).start()
        life.engine.records.switch.halt("by hand")
        life.check()
        until(lambda: channels.failure)
        assert open_troubles(life) == []
        life.look()
        assert len(phone.messages) == 2, "tried twice, given up, and silent for an hour"
        world.clock.advance(timedelta(hours=1))
        life.look()
        until(lambda: open_troubles(life) == ["halt"])
        life.notifier.close()
        assert phone.titles() == [f"{WHO}: Trading is halted"] * 3


def test_a_stop_during_a_delivery_leaves_it_to_the_next_process(tmp_path: Path) -> None:
    world = World(tmp_path)
    with receiving() as phone:
        life = Life(world)
        settled(life)
        phone.hangs = True
        life.notifier.channels = Channels((phone.json_url(),)).start()
        life.engine.records.switch.halt("by hand")
        life.check()
        until(lambda: phone.messages)
        life.notifier.close()
        assert open_troubles(life) == []
        phone.hangs = False
        life.start()
        life.notifier.channels = Channels((phone.json_url(),)).start()
        life.check()
        until(lambda: open_troubles(life) == ["halt"])
        life.notifier.close()


# The child


def test_a_nonsensical_job_is_a_failure_that_quotes_nothing() -> None:
    with pytest.raises(ChildFailed) as failed:
        ChildJobs().run("notifications.deliver", {TOKEN: TOKEN}, 30)
    assert str(failed.value) == "the process ended with status 1 and without an answer"


def test_an_aborted_runner_starts_no_child() -> None:
    jobs = ChildJobs()
    jobs.abort()
    with pytest.raises(ChildFailed, match="stopping"):
        jobs.run("notifications.deliver", {}, 30)


def test_a_child_whose_parent_died_ends_on_its_own() -> None:
    """Its own alarm: the deadline, here 0 s, and its grace."""
    with receiving() as receiver:
        receiver.hangs = True
        job = json.dumps({"url": receiver.url(""), "timeout": 60})
        child = subprocess.Popen([sys.executable, "-m", "qqqbot.notifications.deliver", "0"], stdin=subprocess.PIPE)
        assert child.stdin is not None
        child.stdin.write(job.encode())
        child.stdin.close()
        assert child.wait(20) < 0


# Notify-test


def notify_test(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    from drill.checkout import ROOT

    return subprocess.run(
        [sys.executable, "-m", "qqqbot.notifications.try_channels"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "QQQBOT_CONFIG": str(folder / "config.json"),
            "QQQBOT_LOGS": str(folder),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_notify_test_without_channels_says_how_to_make_one(tmp_path: Path) -> None:
    done = notify_test(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"chmod 600 '{tmp_path}/notify_urls.txt'" in done.stderr


def test_notify_test_sends_to_all_and_says_how_each_went(tmp_path: Path) -> None:
    with receiving() as receiver:
        urls = f"{receiver.json_url(TOKEN)} json://127.0.0.1:9/{TOKEN}"
        done = notify_test(tmp_path, QQQBOT_NOTIFY_URLS=urls, QQQBOT_PING_URL=receiver.url(TOKEN))
        assert done.stdout.splitlines() == [
            "channel 1 (json): delivered",
            "channel 2 (json): cannot be reached",
            "dead man's address: answered",
        ]
        assert done.returncode == 1
        assert TOKEN not in done.stdout + done.stderr
        assert [one.fails for one in channels_in(tmp_path)] == [False, True, False], "status shows it too"
        assert _is_test(receiver)
        assert len(receiver.messages[1]["message"]) == MOST_CHARACTERS


def _is_test(receiver: Receiver) -> bool:
    return receiver.titles() == ["qqqbot: a test", "qqqbot: a long test"] and receiver.calls == [f"/{TOKEN}"]


# Health


def test_the_health_of_each_channel_outlives_the_daemon(tmp_path: Path) -> None:
    clock = VirtualClock(NOW)
    names = ["channel 1 (json)", "channel 2 (json)", DEAD_MAN]
    record = ChannelRecord(tmp_path, clock, names)
    with receiving() as good, receiving() as bad:
        bad.statuses = [401]
        sent = Channels((good.json_url(TOKEN), bad.json_url(TOKEN)), pauses=(), tried=record.tried).start()
        sent.put(MESSAGE)
        until(lambda: all(one.delivered_at or one.refused_at for one in record.all()[:2]))
        sent.close(20)
    outbox = Ping(f"http://127.0.0.1:9/{TOKEN}", tried=record.tried).outbox(pauses=())
    outbox.put(Call(0, ""))
    until(lambda: record.all()[2].refused_at)
    outbox.close(10)
    assert channels_in(tmp_path) == (
        ChannelHealth("channel 1 (json)", NOW),
        ChannelHealth("channel 2 (json)", None, NOW, "refused it with HTTP status 401"),
        ChannelHealth(DEAD_MAN, None, NOW, "cannot be reached"),
    )
    assert TOKEN not in (tmp_path / "channels.json").read_text()


# A channel that refuses


def test_a_message_that_is_refused_for_its_length_arrives_in_short() -> None:
    with receiving() as phone:
        phone.judge = lambda body: 400 if len(body) > 200 else 200
        with channels(phone.json_url(), pauses=(60.0,)) as sent:
            accepted = Acceptances()
            sent.put(Message("qqqbot LIVE: Trading is halted", "Trading is halted: " + "by hand " * 60), accepted)
            until(lambda: accepted.count == 1)
            sent.close(20)
        whole, short = (message["message"] for message in phone.messages)
        assert len(whole) > 200 >= len(short)
        assert short.endswith("./bot_control.sh status")
        assert sent.failure is None


def test_apprise_splits_what_is_too_long_for_a_channel_that_it_knows() -> None:
    """Discord takes 2,000 characters."""
    from apprise import Apprise, NotifyBase

    from qqqbot.notifications.deliver import splitting

    discord = Apprise()
    discord.add("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz")
    (channel,) = splitting(discord)
    assert isinstance(channel, NotifyBase)
    parts = channel._apply_overflow("word " * 900, title="t")
    assert [len(part["body"]) <= 2000 for part in parts] == [True, True, True]
