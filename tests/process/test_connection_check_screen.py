"""What test_ib_connection.py writes, on a screen and as JSON."""

import io
import json
import os
from pathlib import Path

import test_ib_connection
from qqqbot.adapters.ib.doctor.checkup import Patience, Report
from qqqbot.adapters.ib.doctor.result import Check, Result, Verdict
from qqqbot.display.terminal import Tone
from qqqbot.runtime.config import Config
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import MovedClock

OK, NOTE, FAILED = Verdict.OK, Verdict.NOTE, Verdict.FAILED


def report(*results: Result, dry_run: bool = False) -> Report:
    return Report(results, (ACCOUNT,), ACCOUNT, dry_run)


def every(verdict: Verdict) -> list[Result]:
    return [Result(name, verdict, "") for name in Check]


def test_a_result_is_wrapped_masked_and_coloured_by_its_verdict() -> None:
    result = Result(Check.KIND, FAILED, f"{ACCOUNT} " + "word " * 30, "a meaning", "a fix")
    lines = test_ib_connection._lines(result, (ACCOUNT,))
    assert lines[0].text.startswith("FAILED  Paper or live    DU***567 word")
    assert (lines[0].tone, lines[-1].tone) == (Tone.BAD, Tone.PLAIN)
    assert max(len(line.text) for line in lines) <= 80
    assert [line.text.strip() for line in lines[-2:]] == ["a meaning", "Do: a fix"]


def test_an_unusual_account_id_is_masked_too() -> None:
    lines = test_ib_connection._lines(Result(Check.KIND, OK, "XY99887766 is one of XY99887766"), ("XY99887766",))
    assert not any("XY99887766" in line.text for line in lines)


def test_json_has_every_result_and_what_was_not_reached() -> None:
    facts = test_ib_connection._facts(report(*every(OK)[:3]), Config())
    assert json.loads(json.dumps(facts))["not_reached"] == list(Check)[3:]
    assert [result["name"] for result in json.loads(json.dumps(facts))["rungs"]] == list(Check)[:3]


def test_a_configuration_that_cannot_be_used_is_told_to_a_program_too(tmp_path: Path) -> None:
    out = io.StringIO()
    arguments = ["--config", str(tmp_path / "none.json"), "--logs", str(tmp_path), "--json"]
    assert test_ib_connection.main(arguments, MovedClock(), out) == 2
    told = json.loads(out.getvalue())
    assert told["could_trade"] is False
    assert "none.json: there is no such file" in told["error"]


def test_a_reader_that_leaves_early_is_not_an_error(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        arguments = ["--config", str(config), "--logs", str(tmp_path)]
        assert test_ib_connection.main(arguments, MovedClock(), out, Patience(connect=0.2)) == 1
