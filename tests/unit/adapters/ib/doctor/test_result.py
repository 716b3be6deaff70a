"""What a connection check consists of."""

import json
from dataclasses import asdict

from qqqbot.adapters.ib.doctor.result import Check, Verdict, failed, note, ok


def test_each_constructor_sets_its_verdict() -> None:
    assert ok(Check.PORT, "found").verdict is Verdict.OK
    assert note(Check.PORT, "found", "meaning").verdict is Verdict.NOTE
    assert failed(Check.PORT, "found").verdict is Verdict.FAILED


def test_a_result_has_the_keys_and_the_words_that_programs_read() -> None:
    row = json.loads(json.dumps(asdict(failed(Check.PORT, "found", "meaning", "fix"))))
    assert row == {
        "name": "Host and port",
        "verdict": "FAILED",
        "found": "found",
        "meaning": "meaning",
        "fix": "fix",
    }
