"""--json: the keys and values of every view, as scripts have read them since version 1.0.0."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import monitor
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW
from tests.support.monitor_samples import PID, LogsFolder, failing, unused, worked

VIEWS = ("--status", "--trades", "--performance", "--why", "--why 2026-11-24", "--replay 2026-11-24", "--logs")
ANSWERS = json.loads((Path(__file__).parents[3] / "support" / "data" / "monitor_answers.json").read_text())
PROSE = ("sentence", "text", "advice", "found", "notes")


def without_prose(value: Any) -> Any:
    """The wording of sentences may change; everything else of --json may not."""
    if isinstance(value, dict):
        return {
            key: [*map(type, inner)] if key == "notes" else type(inner) if key in PROSE else without_prose(inner)
            for key, inner in value.items()
        }
    return [without_prose(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sample", [worked, failing, unused])
def test_keys_and_values_stay_as_they_were(tmp_path: Path, sample: Callable[[Path], LogsFolder], view: str) -> None:
    logs = sample(tmp_path / "logs")
    out = io.StringIO()
    arguments = [*view.split(), "--json", "--logs-dir", str(logs.path)]
    code = monitor.main(arguments, VirtualClock(NOW), out, lambda _: PID if logs.alive else None)
    before = ANSWERS[f"{sample.__name__} {view}"]
    found = json.loads(out.getvalue().replace(str(logs.path), "LOGS"))
    assert without_prose(found) == without_prose(before["answer"])
    assert [*found] == [*before["answer"]], "the keys come in the same order"
    assert code == before["exit_code"]


def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    logs = worked(tmp_path / "logs")
    rows = [json.loads(line) for line in (logs.path / "trades.jsonl").read_text().splitlines()]
    logs.rows("trades.jsonl", [*rows[:-1], {**rows[-1], "price": float("nan"), "exec_ids": [float("-inf")]}])
    out = io.StringIO()
    monitor.main(["--trades", "--json", "--logs-dir", str(logs.path)], VirtualClock(NOW), out, lambda _: PID)
    assert "NaN" not in out.getvalue()
    assert (row := json.loads(out.getvalue())["trades"][-1])["exec_ids"] == [None]
    assert row["price"] is None
