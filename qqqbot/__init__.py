"""qqqbot: rotates one account between TQQQ, QQQ and cash on QQQ's moving averages.

The package is a house: a room imports only rooms on lower floors; neighbours on a floor do not know each other.
import-linter holds that (pyproject.toml); ARCHITECTURE.md has the whole picture.

    demo
    monitoring | backtest | notifications
    trading | adapters
    strategy | records | runtime | display
    regular_file
    model

Each room's `__init__.py` opens with its law. The programs a person runs are beside this package: qqq_trading_bot.py,
monitor.py, ib_broker.py and test_ib_connection.py; they build the adapters and hand them to the rooms.
"""

import os
import sys

STARTED_AGAIN = "QQQBOT_STARTED_AGAIN"


def use_own_python() -> None:
    """Start this program again with the Python of the project's environment, once; returns if there is none."""
    program = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = os.environ.get("QQQBOT_VENV") or os.path.join(os.environ.get("QQQBOT_HOME") or program, ".venv")
    own = os.path.join(environment, "bin", "python")
    if os.path.isfile(sys.argv[0]) and os.path.exists(own) and STARTED_AGAIN not in os.environ:
        os.environ[STARTED_AGAIN] = "1"
        os.execv(own, [own, *sys.argv])


def need(*packages: str) -> None:
    """Start this program again with the project's Python if this one lacks any; end it if that lacks them too."""
    import importlib.util

    if lacking := ", ".join(name for name in packages if importlib.util.find_spec(name) is None):
        use_own_python()
        sys.exit(
            f"not set up yet ({lacking} is missing): ./bot_control.sh start sets everything up, "
            "./bot_control.sh update does it again"
        )


def open_closed_streams() -> None:
    """Give what the caller closed to /dev/null: else a file of ours takes its number, and with it what is printed."""
    spare = os.open(os.devnull, os.O_RDWR)
    while spare <= 2:
        os.set_inheritable(spare, True)
        spare = os.open(os.devnull, os.O_RDWR)
    os.close(spare)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w"))


# Here, because every program imports this first; an older Python must be able to read this file.
if sys.version_info < (3, 11):  # noqa: UP036 (whoever starts it may have an older one)
    use_own_python()
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        f"qqqbot needs Python 3.11 or later, and this is {found}: run .venv/bin/python, which ./bot_control.sh makes, "
        "in its place, or a newer one"
    )

__version__ = "1.0.0"
open_closed_streams()
