"""The log's notifier, lasting troubles, and the channels over real processes and a real receiver on loopback."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOW
from fakes import FakeNotifier
from receiver import Receiver, receiving, until

from qqqbot.channels import Channels, Message
from qqqbot.child_job import ChildJobs, JobFailed
from qqqbot.clock import VirtualClock
from qqqbot.notify import KEPT, Alerts, LogNotifier
from qqqbot.notify_child import reason

TOKEN = "hunter2hunter2"
MESSAGE = Message("qqqbot LIVE ...567: traded", "SELL 5 QQQ\nsecond line")


def test_the_log_has_every_notice_and_the_status_the_newest(caplog: pytest.LogCaptureFixture) -> None:
    notifier = LogNotifier(VirtualClock(NOW))
    for number in range(KEPT + 1):
        notifier.notify("trade", f"number {number}")
    assert len(caplog.records) == KEPT + 1
    assert len(notifier.recent) == KEPT
    assert notifier.recent[-1] == {"kind": "trade", "text": f"number {KEPT}", "at": NOW.isoformat()}


def test_a_trouble_is_told_when_it_begins_and_when_it_is_over() -> None:
    told = FakeNotifier()
    alerts = Alerts(told)
    alerts.begin("broker", "no answer", NOW)
    alerts.begin("broker", "still no answer", NOW + timedelta(minutes=15))
    assert alerts.lasting() == [{"kind": "broker", "text": "still no answer", "at": NOW.isoformat()}]
    alerts.end("broker")
    alerts.end("broker")
    assert told.told == [("broker", "no answer"), ("broker", "over: still no answer")]
    assert alerts.lasting() == []


# ---- channels


def test_a_message_arrives_on_every_channel() -> None:
    with receiving() as one, receiving() as other:
        assert Channels((one.json_url(TOKEN), other.json_url())).deliver(MESSAGE) == (None, "")
        for receiver in (one, other):
            assert [(m["title"], m["message"]) for m in receiver.messages] == [(MESSAGE.title, MESSAGE.body)]


def test_only_the_channel_that_failed_is_tried_again() -> None:
    with receiving() as good, receiving() as bad:
        bad.statuses = [503]
        channels = Channels((good.json_url(), bad.json_url(TOKEN)))
        rest, problem = channels.deliver(MESSAGE)
        assert rest == Message(MESSAGE.title, MESSAGE.body, frozenset({0}))
        assert problem == ("channel 2 (json) refused it with HTTP status 503; try it with ./bot_control.sh notify-test")
        assert channels.deliver(rest) == (None, "")
        assert (len(good.messages), len(bad.messages)) == (1, 2)


def test_what_is_wrong_is_told_without_the_address() -> None:
    urls = (f"nonsense://{TOKEN}", f"tgram://{TOKEN}", f"json://127.0.0.1:9/{TOKEN}", f"json://{TOKEN}.invalid/")
    _, problem = Channels(urls).deliver(MESSAGE)
    assert TOKEN not in problem
    assert "channel 1 (nonsense) is not an address that apprise knows" in problem
    assert "channel 2 (tgram) is not an address that apprise knows" in problem
    assert "channel 3 (json) cannot be reached" in problem
    assert "channel 4 (json) cannot be reached" in problem


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (["Failed to send it: Forbidden, error=403."], "refused it with HTTP status 403"),
        (["A Connection error occurred sending to hunter2."], "cannot be reached"),
        (["Unparseable URL tgram://hunter2", "hunter2 said no"], "did not take it"),
        ([], "did not take it"),
    ],
)
def test_of_what_the_library_says_only_our_own_words_are_passed_on(heard: list[str], told: str) -> None:
    assert reason(heard) == told


def test_a_receiver_that_hangs_is_given_up_at_the_deadline() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        begun = time.monotonic()
        rest, problem = Channels((receiver.json_url(TOKEN),), deadline_seconds=3).deliver(MESSAGE)
        assert time.monotonic() - begun < 15
        assert rest is not None
        assert problem.startswith("channel 1 (json) did not take it: no answer within 3 s")


def command_lines() -> str:
    return subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout


def environments_of(name: str) -> list[bytes]:
    """Environment of each process whose command line has `name`, where this system shows it."""
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
        outbox = Channels((receiver.json_url(TOKEN),), deadline_seconds=30).outbox()
        outbox.put(MESSAGE)
        until(lambda: receiver.messages)
        seen = command_lines()
        assert "qqqbot.notify_child" in seen, "the child that holds the secret runs at this moment"
        assert TOKEN not in seen
        assert not any(TOKEN.encode() in environment for environment in environments_of("notify_child"))
        outbox.close(0)
        until(lambda: "qqqbot.notify_child" not in command_lines())


def test_the_heavy_library_stays_in_the_child() -> None:
    code = "import sys, qqqbot.channels, qqqbot.deadman; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"apprise", "requests", "ssl", "http.client"} & set(loaded)


# ---- the child


def test_a_job_that_is_nonsense_is_a_failure_that_quotes_nothing() -> None:
    with pytest.raises(JobFailed) as failed:
        ChildJobs().run("notify_child", {TOKEN: TOKEN}, 30)
    assert str(failed.value) == "the process ended with status 1 and without an answer"


def test_an_aborted_runner_starts_no_child() -> None:
    jobs = ChildJobs()
    jobs.abort()
    with pytest.raises(JobFailed, match="stopping"):
        jobs.run("notify_child", {"urls": []}, 30)


def test_a_child_whose_parent_died_ends_by_itself() -> None:
    """Its own alarm: the deadline, here 0 s, and its grace."""
    with receiving() as receiver:
        receiver.hangs = True
        job = json.dumps({"url": receiver.url(""), "timeout": 60})
        child = subprocess.Popen([sys.executable, "-m", "qqqbot.ping_child", "0"], stdin=subprocess.PIPE)
        assert child.stdin is not None
        child.stdin.write(job.encode())
        child.stdin.close()
        assert child.wait(20) < 0


# ---- notify-test


def notify_test(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    from checkout import ROOT

    return subprocess.run(
        [sys.executable, "-m", "qqqbot.notify_test"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "QQQBOT_CONFIG": str(folder / "config.json"), **environment},
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
        assert _is_test(receiver)


def _is_test(receiver: Receiver) -> bool:
    return receiver.titles() == ["qqqbot: a test"] and receiver.calls == [f"/{TOKEN}"]
