"""The documents are true: every key, command, flag, error, module and link, and nothing that does not exist."""

import ast
import inspect
import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ibapi.client import MAX_CLIENT_VER

import test_ib_connection
from qqqbot.adapters.ib.error_codes import CODES
from qqqbot.model import errors
from qqqbot.model.reasons import Reason
from qqqbot.runtime.config import Config
from standins.ib_gateway import IBGateway
from tests.support.ib_bench import MovedClock, margin_account

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
}
IB_SETUP, ARCHITECTURE = PAGES["IB_SETUP.md"], PAGES["ARCHITECTURE.md"]
MANUAL = PAGES["README.md"] + "".join(text for name, text in PAGES.items() if name.startswith("docs/"))
PACKAGE = ROOT / "qqqbot"
ROOMS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
PLAIN_CLIENT = 157  # the newest version that the client of requirements.txt speaks


def section(title: str, page: str = "docs/operating.md") -> str:
    """The text of one section of a page, its subsections included."""
    return PAGES[page].partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[tuple[str, str]]:
    """First and second cell of every table row whose first cell is code."""
    return re.findall(r"^\| `([^`]+)` \| (.*?) \|", text, flags=re.MULTILINE)


def help_of(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_key_has_its_row_with_its_default() -> None:
    rows = dict(first_cells(section("Keys", "docs/configuration.md")))
    defaults = {name: field.default for name, field in Config.model_fields.items()}
    assert list(rows) == list(defaults)
    shown = {key: json.loads(text) for key, text in rows.items()}
    assert shown == {key: list(v) if isinstance(v, tuple) else v for key, v in defaults.items()}


def test_the_configuration_that_is_shipped_holds_every_key_at_its_default() -> None:
    shipped = {k: v for k, v in json.loads((ROOT / "config.json").read_text()).items() if not k.startswith("_")}
    assert shipped == json.loads(Config().model_dump_json())


def test_every_command_of_the_script_has_its_row() -> None:
    documented = [cell.split()[1] for cell, _ in first_cells(section("Commands"))]
    listed = re.findall(r"^  ([a-z-]+)(?: |$)", help_of("bash", "bot_control.sh", "help"), flags=re.MULTILINE)
    assert sorted(documented) == sorted(set(listed))


def test_every_error_and_every_reason_is_explained() -> None:
    explained = {cell for cell, _ in first_cells(section("When something is wrong"))}
    raised = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.BotError) and name not in ("BotError", "TemporaryError")
    }
    assert explained == raised | set(Reason)


def test_the_table_of_reasons_says_which_of_them_end_by_themselves() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \| (.*?) \|$", section("When something is wrong"), re.MULTILINE)
    ends = {name: cell for name, cell, _ in rows if name in set(Reason)}
    assert ends == {reason.value: "you" if reason.needs_you else "itself" for reason in Reason}
    assert [name for name, cell, what in rows if cell == "you" and "nothing" in what] == []


@pytest.mark.parametrize(
    "flag",
    [
        *(
            "--status",
            "--trades",
            "--logs",
            "--tail",
            "--performance",
            "--drift",
            "--why",
            "--replay",
            "--web",
        ),
        *("--json", "--port", "--bind", "--limit", "--lines"),
    ],
)
def test_the_flags_of_the_monitor_are_in_its_help_and_in_the_manual(flag: str) -> None:
    assert flag in help_of(sys.executable, "monitor.py", "--help")
    assert flag in MANUAL


def test_every_code_of_the_broker_that_the_bot_explains_has_its_row() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", IB_SETUP, flags=re.MULTILINE)
    known = {str(n): (str(c.meaning), c.sentence, c.fix or "nothing") for n, c in sorted(CODES.items())}
    assert {number: tuple(cells) for number, *cells in rows} == known
    assert [number for number, *_ in rows] == list(known)


def test_the_connection_check_prints_what_the_setup_page_shows(tmp_path: Path) -> None:
    if MAX_CLIENT_VER != PLAIN_CLIENT:
        pytest.skip("the page shows the client of requirements.txt, and another one is installed")
    clock, out, config = MovedClock(), io.StringIO(), tmp_path / "config.json"
    with IBGateway(clock.now, accounts=[margin_account()]) as gateway:
        config.write_text(json.dumps({"ib_port": gateway.port}))
        arguments = ["--config", str(config), "--logs", str(tmp_path), "--what-if"]
        assert test_ib_connection.main(arguments, clock, out) == 0
    sample = IB_SETUP.partition("$ python3 test_ib_connection.py --what-if\n")[2].partition("\n\nWhat it cannot see")[0]
    assert without_figures(sample) == without_figures(out.getvalue())


def without_figures(text: str) -> list[str]:
    """The words: figures, and the line breaks that depend on them, differ from run to run."""
    return re.sub(r"\d[\w.,:-]*", "#", text).split()


@pytest.mark.parametrize("flag", ["--config", "--what-if", "--json"])
def test_the_flags_of_the_connection_check_are_in_its_help_and_on_the_setup_page(flag: str) -> None:
    assert flag in help_of(sys.executable, "test_ib_connection.py", "--help")
    assert flag in IB_SETUP


def test_every_command_on_the_setup_page_exists() -> None:
    listed = set(re.findall(r"^  ([a-z]+)\b", help_of("bash", "bot_control.sh", "help"), flags=re.MULTILINE))
    assert set(re.findall(r"\./bot_control\.sh ([a-z]+)", IB_SETUP)) <= listed


def test_every_key_on_the_setup_page_exists() -> None:
    named = set(re.findall(r'`(ib_[a-z_]+|allow_live|total_capital|dry_run)`|"([a-z_]+)": ', IB_SETUP))
    assert {key for pair in named for key in pair if key} <= set(Config.model_fields)


def test_the_demo_ends_with_the_status_that_the_readme_shows(tmp_path: Path) -> None:
    """Line breaks depend on the window."""
    sample = section("What you see", "README.md").partition("--status\n")[2].partition("\n\n")[0]
    printed = help_of(sys.executable, "-m", "qqqbot.demo", "--logs", str(tmp_path / "demo"))
    assert " ".join(sample.split()) in " ".join(printed.split())


def test_every_backtest_option_is_explained() -> None:
    usage = help_of(sys.executable, "-m", "qqqbot.backtest", "--help")
    options = set(re.findall(r"^  (--[a-z-]+)", usage, flags=re.MULTILINE))
    assert options <= set(re.findall(r"--[a-z-]+", PAGES["docs/backtest.md"]))


@pytest.mark.parametrize("page", [name for name in PAGES if name != "CHANGELOG.md"])
def test_a_page_names_no_file_that_does_not_exist(page: str) -> None:
    named = set(re.findall(r"`([A-Za-z_][A-Za-z_/-]*\.(?:py|sh|md|json|txt|ipynb|lock|yaml))`", PAGES[page]))
    made_by_the_daemon = {"status.json", "notices.json", "channels.json", "last_end.json"}
    made_by_the_owner = {"notify_urls.txt", "ping_url.txt", "web_token.txt"}
    missing = {name for name in named if not any((folder / name).exists() for folder in (ROOT, PACKAGE))}
    assert missing - made_by_the_daemon - made_by_the_owner == set()


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", PAGES[page], flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page]):
        file, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        assert path.is_file(), target
        assert not anchor or anchor in anchors(path.relative_to(ROOT).as_posix()), target


@pytest.mark.parametrize("page", PAGES)
def test_every_command_a_page_names_exists(page: str) -> None:
    listed = set(re.findall(r"^  ([a-z-]+)(?: |$)", help_of("bash", "bot_control.sh", "help"), flags=re.MULTILINE))
    assert set(re.findall(r"\./bot_control\.sh ([a-z-]+)", PAGES[page])) <= listed


@pytest.mark.parametrize("page", PAGES)
def test_lines_of_a_page_fit_a_window(page: str) -> None:
    """Except the rows of IB's codes: their sentences come from the program itself."""
    lines = [line for line in PAGES[page].splitlines() if not re.match(r"\| \d+ \|", line)]
    assert [line for line in lines if len(line) > 130] == []


def defined(module: Path) -> set[str]:
    """Names of a module's top level, and of its classes as Class.name."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


def test_every_module_and_function_on_the_page_about_the_architecture_exists() -> None:
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", ARCHITECTURE)
    assert len(named) > 20
    for file, name in named:
        module = next(path for path in (PACKAGE / file, ROOT / file) if path.exists())
        assert name in defined(module), f"{file}:{name}"


def test_the_floors_on_the_page_are_those_that_are_enforced() -> None:
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = "\n".join(f"    {floor}" for floor in floors)
    assert picture in ARCHITECTURE
    assert picture in (PACKAGE / "__init__.py").read_text(encoding="utf-8")


def docstring(room: Path) -> str:
    return ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""


def test_every_room_opens_with_its_rule() -> None:
    laws = dict(re.findall(r"^\| (\w+) \| (.*) \|$", section("Ten laws", "ARCHITECTURE.md"), flags=re.MULTILINE))
    rooms = {room.name: docstring(room).splitlines()[0] for room in ROOMS if room.parent == PACKAGE}
    assert {name: law for name, law in laws.items() if name != "room"} == rooms


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(PACKAGE).as_posix())
def test_a_room_describes_each_of_its_modules(room: Path) -> None:
    """Each module, and each room inside it, heads a line; nothing else does."""
    heads = re.findall(r"^ *((?:\w+/?, )*\w+/?) {2,}\S", docstring(room), flags=re.MULTILINE)
    said = [name.rstrip("/") for head in heads for name in head.split(", ")]
    modules = {path.stem for path in room.glob("*.py")} - {"__init__"}
    inside = {inner.name for inner in ROOMS if inner.parent == room}
    assert sorted(said) == sorted(modules | inside)
