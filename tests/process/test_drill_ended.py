"""The fire drill, ended early: nothing of it is left, neither a process nor a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drill.checkout import ROOT, commands, eventually


def daemons(folder: Path) -> list[int]:
    """Those that run in a sandbox below `folder`."""
    return [pid for pid, command in commands() if str(folder) in command and "qqq_trading_bot.py" in command]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("moment", ["while a daemon is started", "while it runs"])
def test_a_drill_that_is_ended_early_takes_its_daemon_and_its_sandbox_with_it(
    number: signal.Signals, moment: str, tmp_path: Path
) -> None:
    drill = subprocess.Popen(
        [sys.executable, "-m", "drill", "gateway"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: bool(daemons(tmp_path)), "a daemon is started")
        if moment == "while it runs":
            eventually(lambda: any(tmp_path.rglob("orders.jsonl")), "it trades")
        drill.send_signal(number)
        _, complaints = drill.communicate(timeout=120)
    finally:
        drill.kill()
    assert (drill.returncode, complaints) == (128 + number, "")
    assert daemons(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
