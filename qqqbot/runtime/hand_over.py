"""How a command hands over to another program of ours: in this interpreter, or by becoming it."""

import os
import runpy
import sys
from pathlib import Path


class HandOver:
    def script(self, script: Path, *arguments: str) -> int:
        """Run `script` in this interpreter: a second one would cost `status` its speed."""
        sys.argv = [str(script), *arguments]
        runpy.run_path(str(script), run_name="__main__")
        return 0

    def module(self, module: str, *arguments: str) -> int:
        """Run `python -m module` in this interpreter."""
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0

    def become(self, *arguments: str) -> int:
        """Replace this process: systemd watches its pid, and `stop` recognises the daemon by its command line."""
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *arguments])
