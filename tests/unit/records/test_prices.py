"""prices.jsonl: one window a session, whole after any accident, and never in the way of a decision."""

import errno
import json
import logging
import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.market import Bar
from qqqbot.model.provenance import Seen, Source
from qqqbot.model.values import Mode, Snapshot
from qqqbot.records.jsonl import AppendOnlyFile, Row
from qqqbot.records.prices import ROWS_READ, PriceMemory, kept_windows
from tests.support.builders import DAY, NOW, market, new_york, session_days, snapshot
from tests.support.symbols import SYMBOLS

TOMORROW = DAY + timedelta(days=1)


class FullDisk(AppendOnlyFile):
    def append(self, row: Row) -> Row:  # noqa: ARG002 (it takes no row)
        raise OSError(errno.ENOSPC, "No space left on device", str(self.path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prices.jsonl"


def memory(path: Path, kind: type[AppendOnlyFile] = AppendOnlyFile) -> PriceMemory:
    found = PriceMemory(kind(path), Mode.PAPER, "DU1234567")
    found.load(NOW)
    return found


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(day: date = DAY, hour: int = 12, minute: int = 0, **overrides: Any) -> Snapshot:
    """A check that passes, with TQQQ's rows for all sessions but the first."""
    seen = snapshot(now=new_york(day, hour, minute))
    bars = tuple(Bar(bar.date, round(bar.close / 7, 6)) for bar in seen.market.bars[1:])
    return replace(seen, market=replace(seen.market, fund_bars=bars, **overrides))


def test_without_a_file_nothing_is_remembered(path: Path) -> None:
    assert memory(path).newest is None
    assert memory(path).last_look(DAY) is None


def test_the_window_of_a_session_is_kept_once(path: Path) -> None:
    kept = memory(path)
    for hour in (10, 11, 12):
        kept.keep(check(hour=hour))
    kept.keep(check(TOMORROW))
    assert [(row["kind"], row["session"]) for row in rows(path)] == [("window", str(DAY)), ("window", str(TOMORROW))]
    assert rows(path)[0].items() >= {"schema": 1, "mode": "paper", "account": "DU1234567"}.items()


def test_a_restart_knows_what_the_process_before_it_knew(path: Path) -> None:
    before, seen = memory(path), check()
    before.keep(seen)
    after = memory(path).newest
    assert after is not None
    assert after.dates == seen.expected
    assert after.closes == pytest.approx([bar.close for bar in seen.market.bars], abs=1e-4)
    assert after.fund[1:] == pytest.approx([bar.close for bar in seen.market.fund_bars], abs=1e-4)
    assert math.isnan(after.fund[0])
    assert after.session == DAY
    assert after.at == seen.now
    assert str(after) == str(before.newest)  # NaN is not equal to itself


@pytest.mark.parametrize("close", [0.0, -73.37, 1e-12, math.nan, math.inf])
def test_what_is_no_price_of_the_fund_is_kept_as_none(path: Path, close: float) -> None:
    """No gate looks at the fund's rows one by one, and keeping them must not end the check."""
    seen = check()
    bars = (*seen.market.fund_bars[:-2], Bar(DAY - timedelta(days=4), close), seen.market.fund_bars[-1])
    kept = memory(path)
    kept.keep(replace(seen, market=replace(seen.market, fund_bars=bars)))
    for newest in (kept.newest, memory(path).newest):
        assert newest is not None
        assert [day for day, found in zip(newest.dates, newest.fund, strict=True) if math.isnan(found)] == [
            newest.dates[0],
            DAY - timedelta(days=4),
        ]


def test_rows_of_another_source_are_named_and_give_way_to_yahoos_own(path: Path) -> None:
    kept, filled = memory(path), {DAY - timedelta(days=1): Source.BROKER}
    kept.keep(check(origins=filled))
    newest = memory(path).newest
    assert newest is not None
    assert newest.sources == filled
    kept.keep(check(hour=13, origins=filled))
    kept.keep(check(hour=14))
    kept.keep(check(hour=15, origins=filled))
    assert [row["sources"] for row in rows(path)] == [{"2026-11-23": "ib"}, {}]


def test_sources_of_sessions_outside_the_window_are_not_kept(path: Path) -> None:
    kept = memory(path)
    kept.keep(check(origins={date(2020, 3, 17): Source.BROKER}))
    assert rows(path)[0]["sources"] == {}


def test_sessions_that_look_split_are_remembered_until_the_next_window(path: Path) -> None:
    kept, later = memory(path), DAY + timedelta(days=2)
    kept.keep(check())
    for day in (TOMORROW, TOMORROW, later):
        kept.moved("TQQQ", 2.0, day, NOW)
    assert [row["kind"] for row in rows(path)] == ["window", "moved", "moved"]
    assert memory(path).moved("TQQQ", 2.0, later, NOW) == (TOMORROW, later)
    assert kept.moved("TQQQ", 3.0, later, NOW) == (later,)
    kept.keep(check(later))
    assert kept.moved("TQQQ", 2.0, later, NOW) == memory(path).moved("TQQQ", 2.0, later, NOW) == (later,)


def test_an_earlier_session_never_replaces_a_later_one(path: Path) -> None:
    kept = memory(path)
    kept.keep(check(TOMORROW))
    kept.keep(check(DAY))  # the clock was set back
    assert [row["session"] for row in rows(path)] == [str(TOMORROW)]


def test_prices_near_the_close_are_kept_and_the_last_ones_count(path: Path) -> None:
    kept = memory(path)
    for hour, minute in ((15, 15), (15, 30), (15, 31), (15, 45)):
        kept.keep(
            check(
                hour=hour,
                minute=minute,
                signal_quote=market(price=440 + minute, now=new_york(DAY, hour, minute)).signal_quote,
            )
        )
    assert [row["kind"] for row in rows(path)] == ["window", "seen", "seen"]
    last = Seen(DAY, new_york(DAY, 15, 45), 485.0, check().market.fund_quote.price)
    assert kept.last_look(DAY) == memory(path).last_look(DAY) == last


def test_the_price_of_a_closed_exchange_is_none_near_the_close(path: Path) -> None:
    kept = memory(path)
    kept.keep(check(hour=17))
    assert kept.last_look(DAY) is None


def test_loading_reads_the_end_of_the_file_alone(path: Path) -> None:
    kept = memory(path)
    days = session_days(date(2026, 3, 2), date(2026, 11, 24))[-ROWS_READ - 20 :]
    for day in days:
        kept.keep(check(day))
    # What the first lines hold is never looked at: they may be anything.
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("not a row\n" * 20 + "".join(whole[20:]))
    newest = memory(path).newest
    assert newest is not None
    assert newest.session == days[-1]


def test_a_torn_last_line_is_set_aside(path: Path) -> None:
    kept = memory(path)
    kept.keep(check())
    with path.open("a") as file:
        file.write('{"kind":"window","sess')
    again = PriceMemory(AppendOnlyFile(path), Mode.PAPER, "DU1234567")
    assert "an incomplete last line of 22 bytes was set aside" in str(again.load(NOW))
    assert again.newest is not None
    again.keep(check(TOMORROW))
    assert len(rows(path)) == 2


@pytest.mark.parametrize(
    "damage",
    [
        {"packed": "nonsense"},
        {"packed": None},
        {"session": "yesterday"},
        {"session": 20261125},
        {"timestamp": "never"},
        {"sources": {"2026-11-23": "hearsay"}},
        {"sources": None},
    ],
    ids=str,
)
def test_a_damaged_row_is_skipped(path: Path, damage: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    kept = memory(path)
    kept.keep(check())
    kept.keep(check(TOMORROW))
    first, second = rows(path)
    path.write_text(f"{json.dumps(first)}\n{json.dumps({**second, **damage})}\n")
    newest = memory(path).newest
    assert newest is not None
    assert newest.session == DAY
    assert "prices.jsonl: a row cannot be read and is skipped" in caplog.text


@pytest.mark.parametrize("price", [None, "82", 0, -1, 10**400, float("nan"), True])
def test_a_price_that_is_none_is_skipped(path: Path, price: Any) -> None:
    memory(path).keep(check(hour=15, minute=45))
    window, seen = rows(path)
    path.write_text(f"{json.dumps(window)}\n{json.dumps({**seen, 'QQQ': price})}\n")
    assert memory(path).last_look(DAY) is None


def test_a_full_disk_prevents_nothing_and_is_told_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = memory(path, FullDisk)
    with caplog.at_level(logging.ERROR):
        for hour, minute in ((12, 0), (15, 40), (15, 50)):
            kept.keep(check(hour=hour, minute=minute))
    assert caplog.text.count("prices.jsonl cannot be written") == 1
    assert kept.newest is not None
    assert kept.newest.session == DAY
    assert kept.last_look(DAY) is not None


def test_a_window_has_two_kilobytes(path: Path) -> None:
    memory(path).keep(check())
    assert len(path.read_bytes()) < 3_000


class Locked(AppendOnlyFile):
    """A file that may not be written, until its owner has put that right."""

    locked = True

    def open(self, now: datetime) -> str | None:
        if self.locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(self.path))
        return super().open(now)


def test_a_file_that_may_not_be_written_keeps_no_bot_from_its_start(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory(path).keep(check())
    file = Locked(path)
    kept = PriceMemory(file, Mode.PAPER, "DU1234567")
    kept.load(NOW)
    assert kept.newest is not None
    for day in (TOMORROW, DAY + timedelta(days=3)):
        kept.keep(check(day))
    assert kept.newest.session == DAY + timedelta(days=3)
    assert caplog.text.count("prices.jsonl cannot be written, so a restart will not know these prices") == 1
    file.locked = False
    kept.keep(check(DAY + timedelta(days=6)))
    assert [row["session"] for row in rows(path)] == [str(DAY), str(DAY + timedelta(days=6))]


def test_a_folder_in_its_place_is_no_memory(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()
    kept = memory(path)
    kept.keep(check())
    assert kept.newest is not None
    assert "prices.jsonl cannot be read, so earlier prices are not known" in caplog.text


def test_prices_of_other_funds_are_no_witness_of_ours(path: Path) -> None:
    """A rule on SPY in a folder with QQQ's memory, and back."""
    ours = memory(path)
    ours.keep(check(hour=15, minute=45))
    theirs = memory(path)
    theirs.watch(("SPY", "UPRO"))
    assert (theirs.newest, theirs.last_look(DAY)) == (None, None)
    theirs.keep(check(TOMORROW, hour=15, minute=45))
    theirs.moved("UPRO", 2.0, TOMORROW, NOW)
    again = memory(path)
    assert again.newest is not None
    assert (again.newest.session, again.last_look(TOMORROW)) == (DAY, None)
    again.watch(("SPY", "UPRO"))
    assert again.newest.session == TOMORROW
    assert again.moved("UPRO", 2.0, TOMORROW, NOW) == (TOMORROW,)
    assert [row.get("symbols") for row in rows(path)] == [None, None, *[["SPY", "UPRO"]] * 3]
    assert [window.session for window in kept_windows(path, SYMBOLS)] == [DAY]
    assert [window.session for window in kept_windows(path, ("SPY", "UPRO"))] == [TOMORROW]
    assert list(kept_windows(path.with_name("none.jsonl"), SYMBOLS)) == []


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("junk", [b"\x00\x00\x00\n", b"{half a row\n", b"[]\n", b'"text"\n', b"\xff\xfe\n", b"\n"])
def test_damage_anywhere_costs_its_line_alone(path: Path, place: str, junk: bytes) -> None:
    kept = memory(path)
    days = session_days(date(2026, 11, 2), DAY)
    for day in days:
        kept.keep(check(day))
    lines = path.read_bytes().splitlines(keepends=True)
    at = {"first": 0, "middle": len(lines) // 2, "last": len(lines)}[place]
    path.write_bytes(b"".join([*lines[:at], junk, *lines[at:]]))
    newest = memory(path).newest
    assert newest is not None
    assert newest.session == DAY
    assert [window.session for window in kept_windows(path, SYMBOLS)] == list(days)
