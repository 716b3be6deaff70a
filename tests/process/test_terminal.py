"""What a process that prints a screen loads."""

import subprocess
import sys

from drill.checkout import ROOT


def test_rich_is_not_loaded_for_a_pipe() -> None:
    code = (
        "import sys; from qqqbot.display.terminal import Line, show; show([Line('x')], sys.stdout);"
        "print([m for m in sys.modules if m.startswith('rich')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "x\n[]\n"
