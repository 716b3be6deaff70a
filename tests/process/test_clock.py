"""A signal ends a wait: a real one, in its own process."""

import signal
import subprocess
import sys
import time

import pytest

from drill.checkout import ROOT

SLEEPER = """
import signal, sys
from qqqbot.runtime.clock import StopRequest, SystemClock
stop = StopRequest()
stop.on(signal.SIGTERM, signal.SIGHUP)
print("ready", flush=True)
print(SystemClock(stop).wait(3600), flush=True)
"""


# The tests themselves may run under nohup.
HEARS_A_HANGUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
# While the main thread computes outside Python, no handler can run: as between a handler's last chance and the sleep.
BUSY = """
import hashlib, signal, threading
from qqqbot.runtime.clock import StopRequest
stop = StopRequest()
stop.on(signal.SIGTERM)
ended = []
sleeper = threading.Thread(target=lambda: print(stop.wait(60), len(ended), flush=True))
sleeper.start()
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000_000)
ended.append("computing")
sleeper.join()
"""


def test_a_signal_that_no_handler_can_see_yet_ends_a_sleep_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            child.send_signal(signal.SIGTERM)
            assert child.stdout.readline() == "True 0\n", "before the computation has ended, which takes minutes"
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_weekends_sleep(number: signal.Signals) -> None:
    command = [sys.executable, "-c", HEARS_A_HANGUP + SLEEPER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        start = time.monotonic()
        child.send_signal(number)
        assert child.communicate(timeout=120)[0] == "True\n"
        assert child.returncode == 0
        assert time.monotonic() - start < 10


def test_a_hangup_that_the_caller_has_ignored_stays_ignored() -> None:
    command = ["nohup", sys.executable, "-c", SLEEPER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)
        child.send_signal(signal.SIGTERM)
        assert child.communicate(timeout=120)[0] == "True\n"
