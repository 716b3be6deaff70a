"""What each channel last accepted and last refused, kept over restarts."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.records.channel_health import FILE, ChannelHealth, ChannelRecord, channels_in
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW

LATER = NOW + timedelta(hours=1)


def test_the_newest_of_both_is_kept_and_a_channel_that_is_no_more_is_not(tmp_path: Path) -> None:
    clock = VirtualClock(NOW)
    record = ChannelRecord(tmp_path, clock, ["one", "two"])
    record.tried("one", "HTTP status 503")
    record.tried("two", None)
    clock.advance(timedelta(hours=1))
    again = ChannelRecord(tmp_path, clock, ["one", "three"])
    again.tried("one", None)
    assert channels_in(tmp_path) == (ChannelHealth("one", LATER, NOW, "HTTP status 503"), ChannelHealth("three"))


def test_a_channel_fails_if_its_newest_answer_was_a_refusal() -> None:
    assert ChannelHealth("one", None, NOW, "why").fails
    assert ChannelHealth("one", NOW, LATER, "why").fails
    assert not ChannelHealth("one", LATER, NOW, "why").fails
    assert not ChannelHealth("one", NOW).fails
    assert not ChannelHealth("one").fails


@pytest.mark.parametrize("text", ["", "[]", '{"channels": [1, {"name": 3}, {}]}', "[" * 99999])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert channels_in(tmp_path) == ()


def test_a_disk_that_refuses_costs_only_the_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = ChannelRecord(tmp_path / "missing", VirtualClock(NOW), ["one"])
    record.tried("one", None)
    assert record.all() == (ChannelHealth("one"),)
    assert "channels.json cannot be written" in caplog.text


def test_what_another_process_tried_counts_too(tmp_path: Path) -> None:
    daemon, notify_test = (ChannelRecord(tmp_path, VirtualClock(NOW), ["one", "two"]) for _ in range(2))
    daemon.tried("one", "HTTP status 401")
    notify_test.tried("two", None)
    notify_test.tried("one", None)
    daemon.tried("two", None)
    assert [one.fails for one in daemon.all()] == [False, False]
