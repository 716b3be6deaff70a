"""Where a command finds the program's own files, and the owner's configuration and records.

In a checkout both are in one folder, that of bot_control.sh. A program installed by pip has its own files in a Python
environment; the owner's files are in the caller's folder, unless QQQBOT_CONFIG and QQQBOT_LOGS say otherwise.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PROGRAM_FOLDER = Path(__file__).resolve().parents[2]
DAEMON = PROGRAM_FOLDER / "qqq_trading_bot.py"
MONITOR = PROGRAM_FOLDER / "monitor.py"

# A file of this name marks a folder with the records of a demo; the next demo empties it.
DEMO_MARKER = "SIMULATED_PRICES"

HOME, CONFIG, LOGS = "QQQBOT_HOME", "QQQBOT_CONFIG", "QQQBOT_LOGS"
# Relative paths in these variables are relative to the caller's folder; the daemon runs in another folder.
PATHS = (CONFIG, LOGS, "QQQBOT_VENV", "QQQBOT_NOTIFY_URLS_FILE", "QQQBOT_PING_URL_FILE", "QQQBOT_WEB_TOKEN_FILE")


class Place(NamedTuple):
    home: Path
    """the folder that holds config.json and logs/ unless the environment names others"""
    command: Path
    """the path that was called: bot_control.sh or the console script"""
    in_checkout: bool
    logs: Path
    config: Path
    logs_chosen: bool = False
    """whether the caller named the folder of logs"""


def home(environment: Mapping[str, str]) -> Path:
    """The owner's folder, for a program that was started by a command or, in a checkout, directly."""
    return Path(environment.get(HOME) or PROGRAM_FOLDER)


def named(variable: str, name: str, environment: Mapping[str, str]) -> Path:
    """The path in the environment's `variable`, else `name` in the owner's folder."""
    return Path(environment.get(variable) or home(environment) / name)


def checkout(script: Path, environment: Mapping[str, str]) -> Place:
    return _place(script.parent, script, True, environment)


def installed(command: Path, folder: Path, environment: Mapping[str, str]) -> Place:
    return _place(folder, command, False, environment)


def daemon_command(place: Place) -> tuple[str, ...]:
    """The daemon's script, its logs and its configuration, so that a list of processes shows what it works on."""
    return str(DAEMON), "--logs", str(place.logs), "--config", str(place.config)


def environment_for(place: Place, environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What the daemon and the views need from `environment`, with every path absolute; `folder` is the caller's."""
    paths = {name: str(folder / environment[name]) for name in PATHS if environment.get(name)}
    return {**paths, HOME: str(place.home), LOGS: str(place.logs)}


def _place(home: Path, command: Path, in_checkout: bool, environment: Mapping[str, str]) -> Place:
    caller = Path(os.path.abspath("."))
    return Place(
        home,
        command,
        in_checkout,
        logs=caller / environment[LOGS] if environment.get(LOGS) else home / "logs",
        config=caller / environment[CONFIG] if environment.get(CONFIG) else home / "config.json",
        logs_chosen=bool(environment.get(LOGS)),
    )
