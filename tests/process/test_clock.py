"""A signal ends a wait: a real one, in its own process."""

import signal
import subprocess
import sys
import time

from drill.checkout import ROOT

SLEEPER = """
import signal, sys
from qqqbot.runtime.clock import StopRequest, SystemClock
stop = StopRequest()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("ready", flush=True)
print(SystemClock(stop).wait(3600), flush=True)
"""


def test_a_signal_ends_a_weekends_sleep() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        start = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.communicate(timeout=30)[0] == "True\n"
        assert child.returncode == 0
        assert time.monotonic() - start < 10
