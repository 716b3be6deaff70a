"""The house as it is drawn in its design: who may import whom, how large a thing may be, and what starts light.

A module imports only from rows below its own; modules of one row do not import each other.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The design's rows, from the top; a row that is a small tower of its own is written as several lines, upper ones first.
HOUSE = """
    8  qqq_trading_bot monitor test_ib_connection
    8  ib_probe
    8  ib_broker
    7  backtest notebook simulated_market
    7  backtest_report
    7  study_pictures study_tables
    7  study
    7  intraday
    7  backtest_account robustness
    7  sweeps backtest_engine
    6  live_terminal watch web
    6  assembly heartbeat ib_checkup polling
    6  engine
    5  dashboard live_view
    5  drift execution explanation ib_account_rungs ib_ladder live_curve report status_report track
    4  live_screen page
    4  ib_port notify_test page_charts recorded screens status_screen why_screen
    4  channels deadman ib_keeper ib_mailboxes logs_folder ownership paper_broker price_cache private_files
    4  bisecting book clock config framing halt ib_account ib_orders ib_wire input_log journal lock logs web_token
    4  market_child notice_memory notify prices status
    4  notify_child outbox ping_child
    4  append_file charts child_job ib_codes ib_rungs price_files sd_notify secret_urls service_unit simulated_prices
    4  tailing terminal wording
    3  ports
    2  outlook replay
    2  digest health notices performance planning preflight signals synthetic taxes
    1  gates ledger line_chart market_calendar metrics price_table snapshot_codec strategy
    0  errors lenient markup model
"""
ROWS = [line.split()[1:] for line in HOUSE.split("\n") if line.strip()]
HEIGHT = {module: len(ROWS) - number for number, row in enumerate(ROWS) for module in row}
PURE = [
    module for line in HOUSE.split("\n") if line.strip() and line.split()[0] in "0123" for module in line.split()[1:]
]
ENTRIES = ROWS[0]

MODULES = {path.stem: path for path in [*ROOT.glob("*.py"), *(ROOT / "qqqbot").glob("*.py")] if path.stem != "__init__"}

HEAVY = ("pandas", "numpy", "yfinance", "exchange_calendars", "plotly", "matplotlib", "ibapi", "curl_cffi", "apprise")
LONGEST_MODULE = 500
LONGEST_FUNCTION = 60
# Calls that read the machine's clock; only clock.py may.
WALL_CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
WALL_CLOCK |= {("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")}
# The adapters of the outside world, and what the pure rows must not know.
OUTSIDE = {"asyncio", "multiprocessing", "os", "random", "requests", "selectors", "shutil", "socket", "sqlite3"}
OUTSIDE |= {"subprocess", "tempfile", "threading", "time", "urllib", "ibapi", "yfinance", "exchange_calendars"}


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """Full names of all that `module` imports, anywhere in it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively, line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> set[str]:
    """Which modules of the project `module` imports."""
    names = [name.split(".") for name in imported(module)]
    inner = {parts[1] for parts in names if parts[0] == "qqqbot" and len(parts) > 1}
    return (inner | {parts[0] for parts in names}) & MODULES.keys()


def test_every_module_has_its_place_and_every_place_its_module() -> None:
    assert MODULES.keys() - HEIGHT.keys() == set(), "give them a row in HOUSE"
    assert HEIGHT.keys() - MODULES.keys() == set(), "take them out of HOUSE"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_from_rows_below(module: str) -> None:
    wrong = {other for other in ours(module) if HEIGHT[other] >= HEIGHT[module]}
    assert wrong == set(), f"{module} may not import them"


def test_nothing_imports_an_entry() -> None:
    assert {module: ours(module) & set(ENTRIES) for module in MODULES if ours(module) & set(ENTRIES)} == {}


@pytest.mark.parametrize("module", [module for module in PURE if module in MODULES])
def test_the_pure_rows_know_nothing_of_the_outside_world(module: str) -> None:
    assert {name.split(".")[0] for name in imported(module)} & OUTSIDE == set()


def test_no_name_shadows_the_standard_library() -> None:
    assert MODULES.keys() & sys.stdlib_module_names == set()


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"clock"}))
def test_only_the_clock_reads_the_wall_clock(module: str) -> None:
    calls = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    read = [(last_name(call.value), call.attr) for call in calls if isinstance(call, ast.Attribute)]
    assert [f"{of}.{name}" for of, name in read if (of, name) in WALL_CLOCK] == []
    assert {"time.time", "time.time_ns"} & set(imported(module)) == set()


def last_name(node: ast.expr) -> str:
    """`datetime` of both `datetime.now` and `datetime.datetime.now`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_and_no_function_is_too_long(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("entry", ["qqq_trading_bot", "monitor"])
def test_the_start_up_path_is_free_of_heavy_libraries(entry: str) -> None:
    code = f"import sys; sys.path.insert(0, '.'); import {entry}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()


def test_the_monitor_knows_no_broker_and_no_prices() -> None:
    reached, waiting = set(), ["monitor"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += ours(module) - reached
    assert {
        name for name in reached if re.match("ib_|prices|market_child|paper_broker|execution|engine", name)
    } == set()
