"""The house as it is drawn in pyproject.toml and ARCHITECTURE.md: what may import what, how large a thing may be, what
starts light, and where the tests of a module are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "qqqbot"
UNIT = ROOT / "tests" / "unit"
ENTRIES = sorted(path.stem for path in ROOT.glob("*.py"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
SOURCES = [
    path for folder in (PACKAGE, ROOT / "standins", ROOT / "drill", ROOT / "tests") for path in folder.rglob("*.py")
]

HEAVY = {"pandas", "numpy", "yfinance", "exchange_calendars", "matplotlib", "ibapi", "curl_cffi", "apprise"}
LONGEST_MODULE = 500
LONGEST_FUNCTION = 60


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Full names of all that the module at `path` imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_contracts_of_the_rooms_are_kept() -> None:
    lint = Path(sys.prefix) / "bin" / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_room_imports_an_entry(path: Path) -> None:
    assert {full.partition(".")[0] for full in imported(path)} & set(ENTRIES) == set()


def test_no_entry_shadows_the_standard_library() -> None:
    assert set(ENTRIES) & sys.stdlib_module_names == set()


@pytest.mark.parametrize("path", [*ROOT.glob("*.py"), *SOURCES], ids=name)
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("entry", ["qqq_trading_bot", "monitor"])
def test_the_start_up_path_is_free_of_heavy_libraries(entry: str) -> None:
    code = f"import sys; sys.path.insert(0, '.'); import {entry}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
