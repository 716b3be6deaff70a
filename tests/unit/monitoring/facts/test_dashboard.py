"""What the page is given."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.monitoring.facts.dashboard import DECISIONS, RUNS, charts, dashboard
from tests.support.builders import NOW
from tests.support.monitor_samples import IDENTITY, LogsFolder, book, record_checks


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    record_checks(found, 3)
    return found


def row(minute: int, action: str = "HOLD", **values: Any) -> dict[str, Any]:
    at = (NOW + timedelta(minutes=minute)).isoformat()
    return {**IDENTITY, "timestamp": at, "action": action, "target": "QQQ", "held": "QQQ", **values}


def runs(logs: LogsFolder, *rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    logs.rows("decisions.jsonl", rows)
    found = dashboard(logs.folder, NOW).runs
    return [(run.row["action"], run.length, run.since, run.open) for run in found]


def test_checks_in_a_row_with_the_same_answer_are_one_run_newest_first(logs: LogsFolder) -> None:
    blocked: dict[str, Any] = {"gates": [{"name": "disk", "passed": False}]}
    rows = [row(0), row(1), row(2, "FAILED", error="A"), row(3, "FAILED", error="B"), row(4, target="CASH"), row(5)]
    rows += [row(6), row(7, **blocked), row(8, **blocked)]
    at = [NOW + timedelta(minutes=n) for n in range(9)]
    assert runs(logs, *rows) == [
        ("HOLD", 2, at[7], False),
        ("HOLD", 2, at[5], False),
        ("HOLD", 1, at[4], False),
        ("FAILED", 1, at[3], False),
        ("FAILED", 1, at[2], False),
        ("HOLD", 2, at[0], False),
    ]


def test_a_rotation_is_never_folded_away(logs: LogsFolder) -> None:
    assert [run[:2] for run in runs(logs, row(0, "ROTATE", round=1), row(1, "ROTATE", round=2))] == [("ROTATE", 1)] * 2


def test_a_run_longer_than_what_is_looked_at_says_so_and_many_runs_are_cut(logs: LogsFolder) -> None:
    (run,) = runs(logs, *(row(n) for n in range(DECISIONS + 5)))
    assert run == ("HOLD", DECISIONS, NOW + timedelta(minutes=5), True)
    assert len(runs(logs, *(row(n, target=str(n)) for n in range(50)))) == RUNS


def test_history_and_runs_are_computed_again_only_if_something_is_new(logs: LogsFolder) -> None:
    first, drawn = dashboard(logs.folder, NOW), charts(logs.folder, NOW)
    again = dashboard(logs.folder, NOW + timedelta(seconds=5))
    assert again.drawn == first.drawn
    assert again.runs is first.runs
    assert charts(logs.folder, NOW + timedelta(seconds=5)) is drawn
    record_checks(logs, 4)
    assert dashboard(logs.folder, NOW).drawn != first.drawn
    assert len(charts(logs.folder, NOW).points) == len(drawn.points) + 1


def test_a_history_is_not_reused_for_another_account(logs: LogsFolder) -> None:
    assert charts(logs.folder, NOW).points
    logs.status(mode="live", account="U1234567", last_signal=None)
    assert charts(logs.folder, NOW).points == ()
    assert dashboard(logs.folder, NOW).runs == ()
