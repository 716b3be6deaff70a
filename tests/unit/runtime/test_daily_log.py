"""The daemon's log: one line for each record, New York's date, and a disk that may fail."""

import logging
import os
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from qqqbot.model.values import Action
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.daily_log import DailyLog, echo_wanted, pairs, set_up
from tests.support.builders import new_york

DAY = date(2026, 11, 24)
log = logging.getLogger("qqqbot.test")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(new_york(DAY, 12))


@pytest.fixture
def daily(tmp_path: Path, clock: VirtualClock) -> Iterator[DailyLog]:
    """The set-up, and afterwards the loggers as they were."""
    root, ours = logging.getLogger(), logging.getLogger("qqqbot")
    before = root.handlers[:], root.level, ours.level
    yield set_up(tmp_path, clock, keep_days=90)
    root.handlers[:], root.level, ours.level = before


def test_a_record_is_one_line_in_new_york_time(tmp_path: Path, daily: DailyLog) -> None:
    log.info(pairs(action=Action.HOLD, price=450.0))
    assert (tmp_path / "trading_bot_20261124.log").read_text() == (
        "2026-11-24T12:00:00.000-05:00 INFO action=HOLD price=450\n"
    )


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (datetime(2026, 11, 25, 4, 59, 59, tzinfo=UTC), "trading_bot_20261124.log"),
        (datetime(2026, 11, 25, 5, 0, 0, tzinfo=UTC), "trading_bot_20261125.log"),
        (datetime(2026, 7, 1, 4, 0, 0, tzinfo=UTC), "trading_bot_20260701.log"),
        (datetime(2026, 7, 1, 3, 59, 59, tzinfo=UTC), "trading_bot_20260630.log"),
    ],
)
def test_the_file_is_of_the_date_in_new_york(tmp_path: Path, moment: datetime, name: str) -> None:
    record = logging.LogRecord("qqqbot", logging.INFO, "", 0, "x", (), None)
    DailyLog(tmp_path, VirtualClock(moment), 90).emit(record)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_midnight_begins_a_new_file(tmp_path: Path, daily: DailyLog, clock: VirtualClock) -> None:
    log.info("before")
    clock.advance(timedelta(hours=12))
    log.info("after")
    assert (tmp_path / "trading_bot_20261124.log").read_text().endswith(" before\n")
    assert (tmp_path / "trading_bot_20261125.log").read_text().endswith(" after\n")


def test_a_text_of_many_lines_and_controls_stays_one_line(tmp_path: Path, daily: DailyLog) -> None:
    # Handed over directly: what a logger says is captured and sent between the processes of the suite, which takes no
    # lone surrogate.
    text = "first\r\nsecond\x1b[31m\u2028third\udc80"
    daily.handle(logging.LogRecord(log.name, logging.INFO, __file__, 1, text, None, None))
    lines = (tmp_path / "trading_bot_20261124.log").read_bytes().splitlines()
    assert lines == [b"2026-11-24T12:00:00.000-05:00 INFO first | second\\x1b[31m | third\\udc80"]


def test_a_traceback_is_on_the_line_of_its_record(tmp_path: Path, daily: DailyLog) -> None:
    try:
        raise ValueError("a reason")
    except ValueError:
        log.exception("it failed")
    (line,) = (tmp_path / "trading_bot_20261124.log").read_text().splitlines()
    assert " ERROR it failed | Traceback " in line
    assert line.endswith("ValueError: a reason")


def test_other_loggers_are_heard_at_warning_and_above(tmp_path: Path, daily: DailyLog) -> None:
    logging.getLogger("ibapi.client").info("chatter")
    logging.getLogger("ibapi.client").warning("trouble")
    log.debug("detail")
    assert (tmp_path / "trading_bot_20261124.log").read_text().splitlines() == [
        "2026-11-24T12:00:00.000-05:00 WARNING trouble"
    ]


def test_the_log_is_readable_by_its_owner_alone(tmp_path: Path, daily: DailyLog) -> None:
    before = os.umask(0)
    try:
        log.info("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "trading_bot_20261124.log").stat().st_mode) == 0o600


def test_only_old_logs_are_deleted(tmp_path: Path, clock: VirtualClock) -> None:
    kept = ["trading_bot_20261122.log", "trades.jsonl", "trading_bot_2026.log", "my_trading_bot_20200101.log"]
    for name in [*kept, "trading_bot_20261121.log", "trading_bot_20251124.log"]:
        (tmp_path / name).touch()
    record = logging.LogRecord("qqqbot", logging.INFO, "", 0, "x", (), None)
    DailyLog(tmp_path, clock, keep_days=2).emit(record)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "trading_bot_20261124.log"}


def test_a_failing_disk_never_reaches_the_caller_and_is_reported_afterwards(
    tmp_path: Path, clock: VirtualClock
) -> None:
    folder = tmp_path / "logs"
    handler = DailyLog(folder, clock, 90)

    def say(text: str) -> None:
        handler.emit(logging.LogRecord("qqqbot", logging.INFO, "", 0, text, (), None))

    say("lost")
    say("lost too")
    assert "trading_bot_20261124.log cannot be written" in str(handler.failure)
    assert "2 lines are lost" in str(handler.failure)
    folder.mkdir()
    say("written")
    assert handler.failure is None
    told, written = (folder / "trading_bot_20261124.log").read_text().splitlines()
    assert "WARNING 2 lines before this one are lost" in told
    assert written.endswith(" written")
    say("more")
    assert (folder / "trading_bot_20261124.log").read_text().count("lost") == 1


def test_a_full_disk_is_a_failing_disk(clock: VirtualClock, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "trading_bot_20261124.log").symlink_to("/dev/full")
    handler = DailyLog(tmp_path, clock, 90)
    handler.emit(logging.LogRecord("qqqbot", logging.INFO, "", 0, "x", (), None))
    assert handler.failure is not None
    assert "No space left" in handler.failure


def test_a_collector_gets_each_line_too_and_one_that_does_not_read_holds_nothing_up(
    tmp_path: Path, daily: DailyLog, clock: VirtualClock
) -> None:
    log.info("to the file alone")
    read, write = os.pipe()
    set_up(tmp_path, clock, 90, echo=write)
    log.info("to both")
    assert os.read(read, 1000) == b"2026-11-24T12:00:00.000-05:00 INFO to both\n"
    for _ in range(3000):
        log.info("x" * 90)
    os.close(read)
    log.info("after the collector has ended")
    set_up(tmp_path, clock, 90)
    os.close(write)
    assert len((tmp_path / "trading_bot_20261124.log").read_text().splitlines()) == 3003


def test_lines_are_echoed_where_they_are_collected() -> None:
    assert echo_wanted({}) is None
    assert echo_wanted({"QQQBOT_LOG_TO_STDOUT": "1"}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "v=plain"),
        ("two words", 'v="two words"'),
        ('say "so"', 'v="say \\"so\\""'),
        ("a=b", 'v="a=b"'),
        ("C:\\x", 'v="C:\\\\x"'),
        ("", 'v=""'),
        ("line\nbreak", 'v="line | break"'),
        (None, "v=-"),
        (True, "v=true"),
        (612.3400268554688, "v=612.34"),
        (0.00001, "v=0"),
        (-0.5, "v=-0.5"),
        (100.0, "v=100"),
        (211, "v=211"),
        (float("nan"), "v=nan"),
        (Action.HOLD, "v=HOLD"),
        (datetime(2026, 11, 24, 17, tzinfo=UTC), "v=2026-11-24T17:00:00+00:00"),
    ],
)
def test_pairs_quote_what_needs_quotes(value: object, text: str) -> None:
    assert pairs(v=value) == text


def test_pairs_keep_their_order() -> None:
    assert pairs(b=1, a=2) == "b=1 a=2"
