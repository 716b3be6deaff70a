"""The tools that read the code, each as one test, so that `./bot_control.sh test` runs everything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
SCRIPTS = [ROOT / "bot_control.sh", ROOT / ".ci/run", *sorted((ROOT / "deploy").glob("*.sh"))]

# What bash 3.2, the version on macOS, does not support.
NEWER_BASH = [
    r"\b(declare|local|typeset) +-[a-zA-Z]*[Anlu]",
    r"\b(mapfile|readarray|coproc)\b",
    r"\$\{[a-zA-Z_]+(,|\^|@)",
    r"&>>|\|&",
    r"\bwait +-n|EPOCHSECONDS|EPOCHREALTIME|BASHPID|%\(.*\)T",
    r"\[\[? +-v ",
]
# What only GNU or only Linux offers.
NOT_ON_MACOS = [
    r"\b(readlink|realpath) +-[fe]",
    r"\bsed +(-[a-z]+ +)*-i\b",
    r"(^|[|&;(]) *(setsid|flock|timeout|pidof|nproc|tac) ",
    r"\bgrep +-[a-zA-Z]*P",
    r"\bdate +-d",
    r"\bstat +-c",
]


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def entries() -> list[Path]:
    return sorted(ROOT.glob("*.py"))


def test_ruff_finds_nothing() -> None:
    run(BIN / "ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run(BIN / "ruff", "format", "--check", ".")


def test_types_are_strict() -> None:
    run(BIN / "mypy", "--strict", "qqqbot", "standins", "drill", "benchmarks", "tests", *entries())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    run(BIN / "shellcheck", script)


def code_of(script: Path) -> list[str]:
    """Its lines without comments."""
    return [re.sub(r"(^|\s)#.*", "", line) for line in script.read_text().splitlines()]


@pytest.mark.parametrize("pattern", [*NEWER_BASH, *NOT_ON_MACOS])
def test_the_control_script_keeps_to_what_macos_has(pattern: str) -> None:
    found = [line for line in code_of(ROOT / "bot_control.sh") if re.search(pattern, line)]
    assert found == []
