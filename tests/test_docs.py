"""The manual is true: every key, command, flag and error of the program is in README.md, and nothing that is not."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qqqbot import errors
from qqqbot.config import Config

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
    listed = re.findall(r"^  ([a-z]+)\b", help_of("bash", "bot_control.sh", "help"), flags=re.MULTILINE)
    assert sorted(documented) == sorted(set(listed))


def test_every_error_is_explained() -> None:
    explained = {cell for cell, _ in first_cells(section("When something is wrong"))}
    told = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.BotError) and name not in ("BotError", "TemporaryError")
    }
    assert explained == told | {"DiskError"}


@pytest.mark.parametrize("flag", ["--status", "--trades", "--logs", "--tail", "--performance", "--why", "--json"])
def test_the_flags_of_the_monitor_are_in_its_help_and_in_the_manual(flag: str) -> None:
    assert flag in help_of(sys.executable, "monitor.py", "--help")
    assert flag in README


def test_the_manual_names_no_file_that_is_not_there() -> None:
    named = set(re.findall(r"`([A-Za-z_]+\.(?:py|sh|md|json|txt|ipynb))`", README))
    made_by_the_daemon = {"status.json"}
    assert {name for name in named - made_by_the_daemon if not (ROOT / name).exists()} == set()
