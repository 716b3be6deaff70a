"""How the last run ended, as far as it said so."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.records.last_run import FILE, End, died, ended, last_end
from tests.support.builders import NOW

REFUSED = End(NOW, 2, "config.json: decide: not a choice")


def beaten(logs: Path, state: Any, at: datetime = NOW) -> None:
    (logs / "status.json").write_text(json.dumps({"state": state, "heartbeat_at": at.isoformat()}))


SEEN = "the last run ended without saying so; last seen Tue 2026-11-24 12:00 ET"


@pytest.mark.parametrize(
    ("state", "how"), [("running", SEEN), ("starting", SEEN), ("waiting", SEEN), ("stopped", None)]
)
def test_a_run_that_did_not_say_that_it_stopped_has_died(tmp_path: Path, state: str, how: str | None) -> None:
    assert died(tmp_path) is None, "the first start"
    beaten(tmp_path, state)
    assert died(tmp_path) == how


@pytest.mark.parametrize("state", ["starting", "waiting", "stopped"])
def test_what_refuses_a_start_is_no_death(tmp_path: Path, state: str) -> None:
    beaten(tmp_path, state, NOW - timedelta(minutes=1))
    ended(tmp_path, REFUSED)
    assert (last_end(tmp_path), died(tmp_path)) == (REFUSED, None)


def test_a_run_that_an_error_ended_between_its_checks_has_died(tmp_path: Path) -> None:
    beaten(tmp_path, "running", NOW - timedelta(minutes=1))
    ended(tmp_path, End(NOW, 1, "an error in the program: KeyError"))
    assert died(tmp_path) == "the last run ended with an error: an error in the program: KeyError"


def test_what_ended_an_earlier_run_says_nothing_about_a_later_one(tmp_path: Path) -> None:
    ended(tmp_path, REFUSED)
    assert last_end(tmp_path) == REFUSED
    beaten(tmp_path, "running", NOW + timedelta(minutes=1))
    assert (last_end(tmp_path), died(tmp_path)) == (None, SEEN.replace("12:00", "12:01"))


def test_what_ends_one_run_after_another_is_news_once_a_day(tmp_path: Path) -> None:
    other = REFUSED._replace(why="an error in the program: KeyError")
    told = []
    for hours, end in (
        (0, REFUSED),
        (1, REFUSED),
        (23, REFUSED),
        (24, REFUSED),
        (25, other),
        (26, other),
        (27, REFUSED),
    ):
        told.append(ended(tmp_path, end._replace(at=NOW + timedelta(hours=hours))))
    assert told == [True, False, False, True, True, False, True]


@pytest.mark.parametrize("text", ["", "[]", '{"at": "x", "code": 1, "why": "y"}', "[" * 99999])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / "status.json").write_text(text)
    assert (last_end(tmp_path), died(tmp_path)) == (None, None)
