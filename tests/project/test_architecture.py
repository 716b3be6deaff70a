"""The structure drawn in ARCHITECTURE.md: what may import what, how large a module may be, what must start
without heavy libraries, and where the tests of a module are."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.model.instruments import Holding

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "qqqbot"
UNIT = ROOT / "tests" / "unit"
ENTRIES = sorted(path.stem for path in ROOT.glob("*.py"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
SOURCES = [
    path for folder in (PACKAGE, ROOT / "standins", ROOT / "drill", ROOT / "tests") for path in folder.rglob("*.py")
]

HEAVY = {"pandas", "numpy", "yfinance", "exchange_calendars", "matplotlib", "ibapi", "curl_cffi", "apprise"}
# Modules whose tests are elsewhere, each with the reason. A module without any tests does not belong here.
TESTED_ELSEWHERE = {
    "adapters/ib/broker": "with the real client against the gateway stand-in: process/test_ib_broker, test_ib_orders",
    "runtime/child_process": "starts processes: process/test_child_process",
    "model/ports": "protocols only",
    "notifications/last_words": "sends from a process that ends: process/test_daemon_process.py",
    "notifications/listen": "reads over real sockets: process/test_owner_channels.py",
    "notifications/replies": "starts processes: process/test_owner_channels.py",
    "notifications/try_channels": "a program that sends: process/test_notifications.py",
    "trading/parts": "two dataclasses that every test of the engine is made of",
}
LONGEST_MODULE = 500
LONGEST_SCRIPT = 200
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


def place_of_module(path: Path) -> str:
    """strategy/rule for qqqbot/strategy/rule.py; a __main__.py is tested in test_main.py."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix().replace("__main__", "main")


def place_of_unit_tests(path: Path) -> str:
    return path.relative_to(UNIT).with_name(path.stem.removeprefix("test_")).as_posix()


def test_each_module_has_its_unit_tests_and_each_unit_test_file_its_module() -> None:
    modules = {place_of_module(path) for path in MODULES}
    tests = {place_of_unit_tests(path) for path in UNIT.rglob("test_*.py")}
    assert modules - tests == set(TESTED_ELSEWHERE), "tests/unit/<room>/test_<module>.py is missing"
    around = {f"drill/{path.stem.strip('_')}" for path in (ROOT / "drill").glob("*.py")}
    named = {test for test in tests if test.rpartition("_")[0] in modules}  # test_<module>_<aspect>.py
    assert tests - modules - around - named == set(), "there is no qqqbot/<room>/<module>.py for these tests"


def test_the_contracts_of_the_rooms_are_kept() -> None:
    lint = Path(sys.prefix) / "bin" / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_room_imports_an_entry(path: Path) -> None:
    assert {full.partition(".")[0] for full in imported(path)} & set(ENTRIES) == set()


def test_no_entry_shadows_the_standard_library() -> None:
    assert set(ENTRIES) & sys.stdlib_module_names == set()


def symbols_named(module: ast.Module) -> set[str]:
    """The instruments that the code of `module` names: as values, or in what it puts together; fixed texts may."""
    named = set[str]()
    for node in ast.walk(module):
        match node:
            case ast.Attribute(attr=attr):
                named.add(attr)
            case ast.Constant(value=str(text)):
                named.add(text)
            case ast.JoinedStr(values=parts):
                named.update(*(re.findall(r"\w+", str(part.value)) for part in parts if isinstance(part, ast.Constant)))
    return named & {*Holding} - {Holding.CASH}


@pytest.mark.parametrize("path", [*ROOT.glob("*.py"), *MODULES], ids=name)
def test_only_the_table_of_instruments_and_the_defaults_name_one(path: Path) -> None:
    where = {"qqqbot/model/instruments.py", "qqqbot/model/family.py"}
    assert name(path) in where or symbols_named(tree(path)) == set()


@pytest.mark.parametrize("path", [*ROOT.glob("*.py"), *SOURCES], ids=name)
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


WAITS_FOR_A_PIPE = re.compile(
    r"\.(read_bytes|read_text|write_text|write_bytes)\(|\.open\(\"|(?<!def )(?<![.\w])open\(|os\.open\("
)
# What is not in logs/, is made new ("x", O_EXCL), or is opened without waiting by its own module.
OPENED_OTHERWISE = {
    "qqqbot/backtest/__main__.py": "/dev/null",
    "qqqbot/backtest/prices/csv_files.py": "writes a file of its own",
    "qqqbot/backtest/report.py": "writes a file of its own",
    "qqqbot/backtest/synthetic.py": "beside the module",
    "qqqbot/demo.py": "its own folder; /dev/null",
    "qqqbot/monitoring/web/server.py": "beside the module",
    "qqqbot/records/jsonl.py": "the folder itself",
    "qqqbot/regular_file.py": "the one place",
    "qqqbot/runtime/child_process.py": "/dev/null",
    "qqqbot/runtime/config.py": "made new",
    "qqqbot/runtime/console.py": "/dev/null",
    "qqqbot/runtime/halt_file.py": "a pipe of that name halts too",
    "qqqbot/runtime/installing.py": "the environment's",
    "qqqbot/runtime/kill_switch.py": "after it was seen to be a file",
    "qqqbot/runtime/processes.py": "/proc",
    "qqqbot/runtime/service.py": "systemd's units",
}


def test_the_files_in_logs_are_opened_in_a_way_that_cannot_wait() -> None:
    found = {name(path) for path in MODULES if WAITS_FOR_A_PIPE.search(path.read_text(encoding="utf-8"))}
    assert found - set(OPENED_OTHERWISE) == set(), "open it with qqqbot/regular_file.py"
    assert set(OPENED_OTHERWISE) - found == set(), "no longer so"


def test_the_script_only_finds_a_python_makes_the_environment_and_hands_over() -> None:
    assert len((ROOT / "bot_control.sh").read_text(encoding="utf-8").splitlines()) < LONGEST_SCRIPT


def modules_after_importing(name: str) -> set[str]:
    code = f"import sys; sys.path.insert(0, '.'); import {name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_drill_needs_nothing_of_the_test_environment() -> None:
    loaded = modules_after_importing("drill.__main__")
    assert loaded & {"_pytest", "hypothesis", "ib_async", "pytest", "tests"} == set()


@pytest.mark.parametrize("entry", ["qqq_trading_bot", "monitor"])
def test_the_start_up_path_is_free_of_heavy_libraries(entry: str) -> None:
    assert modules_after_importing(entry) & HEAVY == set()
