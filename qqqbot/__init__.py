"""qqqbot: rotates one account between TQQQ, QQQ and cash on QQQ's moving averages.

Rooms on five floors. A room imports only rooms on lower floors; neighbours on a floor do not know each other.
import-linter holds that (pyproject.toml); ARCHITECTURE.md has the whole picture.

    demo
    monitoring | backtest | notifications
    trading | adapters
    strategy | records | runtime | display
    model

Each room's `__init__.py` opens with its law. The programs a person runs are beside this package: qqq_trading_bot.py,
monitor.py, ib_broker.py and test_ib_connection.py; they build the adapters and hand them to the rooms.
"""

import sys

# Here, because every program imports this first; an older Python must be able to read this file.
if sys.version_info < (3, 11):  # noqa: UP036 (whoever starts it may have an older one)
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        f"qqqbot needs Python 3.11 or later, and this is {found}: run .venv/bin/python, which ./bot_control.sh makes, "
        "in its place, or a newer one"
    )

__version__ = "1.0.0"
