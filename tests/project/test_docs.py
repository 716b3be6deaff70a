"""The manual is true: every key, command, flag and error of the program is in README.md, and nothing that is not."""

import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ibapi.client import MAX_CLIENT_VER

import test_ib_connection
from qqqbot.adapters.ib.error_codes import CODES
from qqqbot.model import errors
from qqqbot.runtime.config import Config
from standins.ib_gateway import IBGateway
from tests.support.ib_desk import MovedClock, margin_account

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IB_SETUP = (ROOT / "IB_SETUP.md").read_text(encoding="utf-8")
PLAIN_CLIENT = 157  # the newest version that the client of requirements.txt speaks


def section(title: str) -> str:
    """The text of one section of the README, its subsections included."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[tuple[str, str]]:
    """First and second cell of every table row whose first cell is code."""
    return re.findall(r"^\| `([^`]+)` \| (.*?) \|", text, flags=re.MULTILINE)


def help_of(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_key_has_its_row_with_its_default() -> None:
    rows = dict(first_cells(section("Configuration")))
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


def test_every_error_is_explained() -> None:
    explained = {cell for cell, _ in first_cells(section("When something is wrong"))}
    told = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.BotError) and name not in ("BotError", "TemporaryError")
    }
    assert explained == told | {"DiskError", "OrderLimit"}


@pytest.mark.parametrize(
    "flag",
    ["--status", "--trades", "--logs", "--tail", "--performance", "--why", "--replay", "--web", "--live", "--json"],
)
def test_the_flags_of_the_monitor_are_in_its_help_and_in_the_manual(flag: str) -> None:
    assert flag in help_of(sys.executable, "monitor.py", "--help")
    assert flag in README


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


@pytest.mark.parametrize("page", [README, IB_SETUP], ids=["README", "IB_SETUP"])
def test_the_manual_names_no_file_that_is_not_there(page: str) -> None:
    named = set(re.findall(r"`([A-Za-z_]+\.(?:py|sh|md|json|txt|ipynb))`", page))
    made_by_the_daemon = {"status.json", "notices.json"}
    made_by_the_owner = {"notify_urls.txt", "ping_url.txt", "web_token.txt"}
    assert {name for name in named - made_by_the_daemon - made_by_the_owner if not (ROOT / name).exists()} == set()
