"""Each mistake of `mutants.py`, made on purpose in a copy of the package, is noticed by the tests that it names."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant

PROJECT = Path(__file__).resolve().parents[2]
TIME_LIMIT_SECONDS = 300
# The same examples in every run, and fewer: a mutant that only luck can find is not found.
CONFTEST = """
from hypothesis import Phase, settings
settings.register_profile(
    "mutants", derandomize=True, deadline=None, database=None, max_examples=40, phases=[Phase.generate]
)
settings.load_profile("mutants")
"""


def copied(folder: Path, module: str = "") -> Path:
    """A project of links to the package and its tests, in which `module` alone is a file of its own."""
    package, tests = folder / "qqqbot", folder / "tests"
    package.mkdir(parents=True)
    tests.mkdir()
    for source in (PROJECT / "qqqbot").rglob("*.py"):
        place = package / source.relative_to(PROJECT / "qqqbot")
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.relative_to(package) == Path(f"{module}.py"):
            shutil.copy(source, place)
        else:
            place.symlink_to(source)
    for source in (PROJECT / "tests").rglob("*.py"):
        place = tests / source.relative_to(PROJECT / "tests")
        if source.name != "conftest.py":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
    for name in ("standins", "drill", "ib_broker.py", "qqq_trading_bot.py", "monitor.py", "test_ib_connection.py"):
        (folder / name).symlink_to(PROJECT / name)
    (tests / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def run(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=folder,
        # Two tests of one run in one folder would otherwise share compiled files of the unmutated module.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_SECONDS,
    )


def apply(mutant: Mutant, folder: Path) -> None:
    path = folder / "qqqbot" / f"{mutant.module}.py"
    text = path.read_text()
    assert text.count(mutant.original) == 1, f"{mutant.module}.py has this text {text.count(mutant.original)} times"
    path.write_text(text.replace(mutant.original, mutant.mutated))


def test_unmutated_all_of_them_pass(tmp_path: Path) -> None:
    result = run(copied(tmp_path / "project"), sorted({test for mutant in MUTANTS for test in mutant.tests}))
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_the_mistake_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    folder = copied(tmp_path / "project", mutant.module)
    apply(mutant, folder)
    result = run(folder, mutant.tests)
    assert result.returncode == 1, f"nobody noticed: {result.stdout[-1500:]}{result.stderr[-1500:]}"
    assert re.search(r"\d+ failed", result.stdout), result.stdout[-1500:]


def test_every_mistake_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
