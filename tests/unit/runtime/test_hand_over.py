"""Handing over inside one interpreter; becoming another program is tested with real ones in tests/process."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.runtime.hand_over import HandOver


@pytest.fixture(autouse=True)
def same_arguments() -> Iterator[None]:
    before = sys.argv
    yield
    sys.argv = before


def test_a_script_sees_its_arguments_and_its_exit_code_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "monitor.py"
    script.write_text("import sys\nif __name__ == '__main__':\n    print(*sys.argv[1:])\n    sys.exit(4)\n")
    with pytest.raises(SystemExit) as ended:
        HandOver().script(script, "--status", "--json")
    assert ended.value.code == 4
    assert capsys.readouterr().out == "--status --json\n"


def test_a_module_is_run_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        HandOver().module("json.tool", "--help")
    assert "json" in capsys.readouterr().out
