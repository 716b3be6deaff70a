"""A copy of the project whose daemon may be replaced by `standin_daemon.py`, for tests that are about the script."""

import shutil
from typing import Self

import drill.checkout
from drill.checkout import ROOT


class Checkout(drill.checkout.Checkout):
    def with_standin_daemon(self) -> Self:
        shutil.copy(ROOT / "tests/support/standin_daemon.py", self.folder / "qqq_trading_bot.py")
        (self.folder / "monitor.py").write_text("import sys\nprint('monitor', *sys.argv[1:])\n")
        return self

    def calls(self) -> list[str]:
        """What the stand-in daemon was run with, in order; "daemon" for a run without arguments."""
        path = self.logs / "calls.log"
        return [line.split(" ", 1)[1] for line in path.read_text().splitlines()] if path.exists() else []
