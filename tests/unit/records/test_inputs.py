"""inputs.jsonl: small, whole after any accident, and never in the way of a decision."""

import json
import logging
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.values import Snapshot
from qqqbot.records.codec import merged, snapshot_and_rules, unpacked
from qqqbot.records.folder import Identity
from qqqbot.records.inputs import BASES_IN_A_ROW, InputLog, NotRecorded, inputs_at
from tests.support.builders import DAY, NOW, RULES, new_york, snapshot

WHO = {"schema": 1, "mode": "paper", "account": "DU1234567"}


def write(log: InputLog, *snapshots: Snapshot) -> None:
    for seen in snapshots:
        log.record(seen, RULES, {"timestamp": seen.now.isoformat(), "round": 1, **WHO, "action": "HOLD"})


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def checks(count: int) -> list[Snapshot]:
    return [snapshot(now=NOW + timedelta(minutes=15 * n), orders_this_session=n) for n in range(count)]


def test_the_closes_are_recorded_once_in_a_session(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    tomorrow = snapshot(now=new_york(DAY + timedelta(days=1), 12))
    write(InputLog(path), *checks(3), tomorrow)
    assert [row.get("kind") for row in rows(path)] == ["base", None, None, None, "base", None]
    assert all(row["mode"] == "paper" and row["account"] == "DU1234567" for row in rows(path))
    assert len(path.read_text().splitlines()[2]) < 600


def test_every_check_is_rebuilt_from_its_row_and_its_base(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    seen = checks(3)
    write(InputLog(path), *seen)
    base, *changes = rows(path)
    values = unpacked(base["packed"])
    assert [snapshot_and_rules(merged(values, row["change"])) for row in changes] == [(s, RULES) for s in seen]
    assert {row["base"] for row in changes} == {base["base"]}


def test_closes_that_were_revised_within_a_session_are_a_new_base(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    first, second = checks(2)
    bars = second.market.bars
    revised = replace(second, market=replace(second.market, bars=(*bars[:-1], replace(bars[-1], close=1.0))))
    write(InputLog(path), first, revised)
    assert [row.get("kind") for row in rows(path)] == ["base", None, "base", None]
    assert rows(path)[0]["base"] != rows(path)[2]["base"]


def test_bases_are_differences_in_a_row_and_every_check_of_them_is_rebuilt(tmp_path: Path) -> None:
    path, log, seen = tmp_path / "inputs.jsonl", InputLog(tmp_path / "inputs.jsonl"), list[Snapshot]()
    for number, one in enumerate(checks(BASES_IN_A_ROW + 3)):
        *bars, last = one.market.bars
        seen.append(replace(one, market=replace(one.market, bars=(*bars, replace(last, close=last.close + number)))))
    write(log, *seen)
    onto = [row.get("onto") for row in rows(path) if row.get("kind") == "base"]
    assert [number for number, base in enumerate(onto) if base is None] == [0, BASES_IN_A_ROW]
    who = Identity("paper", "DU1234567")
    assert [inputs_at(path, one.now, who) for one in seen] == [(one, RULES) for one in seen]


def test_a_base_that_is_lost_makes_what_goes_back_to_it_unreadable_and_nothing_else(tmp_path: Path) -> None:
    path, log, seen = tmp_path / "inputs.jsonl", InputLog(tmp_path / "inputs.jsonl"), checks(3)
    write(log, *(replace(one, expected=one.expected[number:]) for number, one in enumerate(seen)))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    who = Identity("paper", "DU1234567")
    assert inputs_at(path, seen[0].now, who)[0].now == seen[0].now
    for lost in seen[1:]:
        with pytest.raises(NotRecorded, match="there is no base"):
            inputs_at(path, lost.now, who)


def test_a_new_process_begins_with_its_own_base(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    write(InputLog(path), *checks(1))
    write(InputLog(path), *checks(1))
    assert [row.get("kind") for row in rows(path)] == ["base", None, "base", None]


def test_a_line_left_unfinished_by_a_power_cut_stays_separate(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text('{"timestamp": "2026-')
    write(InputLog(path), *checks(1))
    torn, *good = path.read_text().splitlines()
    assert torn == '{"timestamp": "2026-'
    assert [json.loads(line).get("kind") for line in good] == ["base", None]


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    write(InputLog(path), *checks(1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failing_disk_is_reported_once_and_hinders_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "gone" / "inputs.jsonl"
    log = InputLog(path)
    with caplog.at_level(logging.ERROR):
        write(log, *checks(3))
    assert len(caplog.records) == 1
    assert "--replay will miss these checks" in caplog.text
    path.parent.mkdir()
    write(log, *checks(1))
    assert [row.get("kind") for row in rows(path)] == ["base", None]


def test_after_a_failure_nothing_refers_to_a_base_that_may_be_lost(tmp_path: Path) -> None:
    folder, aside = tmp_path / "logs", tmp_path / "aside"
    folder.mkdir()
    log = InputLog(folder / "inputs.jsonl")
    write(log, *checks(1))
    folder.rename(aside)
    write(log, *checks(2))
    folder.mkdir()
    write(log, *checks(3)[2:])
    assert [row.get("kind") for row in rows(folder / "inputs.jsonl")] == ["base", None]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_reported_and_hinders_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        write(InputLog(Path("/dev/full")), *checks(1))
    assert "No space left" in caplog.text
