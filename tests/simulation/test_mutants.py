"""Each mistake in `mutants`, made on purpose in a copy of the package, is noticed by the tests that it names."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS
from tests.support.mutants import Mutant

PROJECT = Path(__file__).resolve().parents[2]
TIME_LIMIT_SECONDS = 300
SIMULATION = "simulation/test_simulation.py::test_in_a_hostile_world_nothing_is_done_twice_and_nothing_is_lost"
# The same examples in every run, and fewer: a mutant that only luck can find is not found.
CONFTEST = """
from hypothesis import Phase, settings
settings.register_profile(
    "mutants", derandomize=True, deadline=None, database=None, max_examples=40, phases=[Phase.generate]
)
settings.load_profile("mutants")
"""


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.*") if path.suffix != ".pyc" and path.is_file()]


def copied(folder: Path, file: str = "") -> Path:
    """A project of links to the package and its tests, in which `file` alone is not a link but a copy."""
    package, tests = folder / "qqqbot", folder / "tests"
    package.mkdir(parents=True)
    tests.mkdir()
    for source in files(PROJECT / "qqqbot"):
        place = package / source.relative_to(PROJECT / "qqqbot")
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.relative_to(package) == Path(file):
            shutil.copy(source, place)
        else:
            place.symlink_to(source)
    for source in files(PROJECT / "tests"):
        place = tests / source.relative_to(PROJECT / "tests")
        if source != PROJECT / "tests/conftest.py":  # CONFTEST takes its place
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
    for name in (
        "benchmarks",
        "standins",
        "drill",
        "ib_broker.py",
        "qqq_trading_bot.py",
        "monitor.py",
        "test_ib_connection.py",
    ):
        (folder / name).symlink_to(PROJECT / name)
    (tests / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def run(folder: Path, tests: Sequence[str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options, *(f"tests/{test}" for test in tests)],
        cwd=folder,
        # Otherwise a run could use the compiled file of the module without the mistake.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_SECONDS,
    )


# Each mistake, and the tests that must fail for it; a run of the simulation is one of its own. That every mistake can
# be made is tested below. To see that one is noticed takes seconds, so a run of all tests tries every fifth, and
# QQQBOT_MUTANTS=all tries all of them.
EVERY = 1 if os.environ.get("QQQBOT_MUTANTS") == "all" else 5
CASES = {
    **{mutant.name: (mutant, mutant.noticed_by) for mutant in MUTANTS[::EVERY]},
    **{
        f"the simulation: {mutant.name}": (mutant, (f"{SIMULATION}[{mutant.seed}]",))
        for mutant in MUTANTS
        if mutant.seed is not None
    },
}


def test_every_mistake_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_the_mistake_can_be_made_and_the_tests_it_names_exist(mutant: Mutant) -> None:
    assert mutant.applied((PROJECT / "qqqbot" / mutant.file).read_text(encoding="utf-8"))
    for test in mutant.noticed_by:
        file, *names = test.partition("[")[0].split("::")
        text = (PROJECT / "tests" / file).read_text(encoding="utf-8")
        assert [name for name in names if not re.search(rf"(class|def) {name}\b", text)] == []


def test_without_a_mutation_all_of_them_pass(tmp_path: Path) -> None:
    every = sorted({test for _, tests in CASES.values() for test in tests})
    result = run(copied(tmp_path / "project"), every, "-n", "3")  # most of them wait for something
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("name", CASES, ids=lambda name: name.replace(" ", "_"))
def test_the_mistake_is_noticed(name: str, tmp_path: Path) -> None:
    mutant, tests = CASES[name]
    folder = copied(tmp_path / "project", mutant.file)
    mutant.apply(folder / "qqqbot")
    result = run(folder, tests)
    assert result.returncode == 1, f"nobody noticed: {result.stdout[-1500:]}{result.stderr[-1500:]}"
    assert re.search(r"\d+ failed", result.stdout), result.stdout[-1500:]
