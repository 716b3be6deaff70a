"""The same broker on every version of the official client.

QQQBOT_IB_PYTHONS names Python executables of environments that have another `ibapi`, and pydantic, pytest and
hypothesis: /a/bin/python:/b/bin/python. Without it only the client of this environment is tried, by the other files.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = [path for path in os.environ.get("QQQBOT_IB_PYTHONS", "").split(":") if path]
FILES = tuple(f"tests/process/test_ib_{name}.py" for name in ("broker", "prices", "outages", "connection", "rotation"))
# Protobuf if the client supports it, the newest text protocol, and that of 10.19.
CAPS = (226, 200, 176)
# They wait for deadlines nearly all the time, and can do that side by side.
SIDE_BY_SIDE = "4"


def run(python: str, cap: int, *files: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "QQQBOT_IB_CAP": str(cap), "QQQBOT_IB_PYTHONS": ""}
    command = [python, "-m", "pytest", "-q", "-n", SIDE_BY_SIDE, "-p", "no:cacheprovider", *files]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


@pytest.mark.parametrize("package", ["ibapi", "ibapi.client"])
def test_a_client_that_cannot_be_loaded_gives_a_sentence_and_no_traceback(package: str) -> None:
    """Not installed, or installed without the protobuf that it needs."""
    program = f"""
import sys
sys.modules["{package}"] = None
from qqqbot.model.errors import ConfigError
try:
    import ib_broker
except ConfigError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "the package ibapi cannot be loaded" in result.stdout
    assert "see IB_SETUP.md" in result.stdout


@pytest.mark.skipif(not PYTHONS, reason="QQQBOT_IB_PYTHONS names no environment with another version of ibapi")
@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_broker_works_on_this_client(python: str, cap: int) -> None:
    result = run(python, cap, *(FILES if cap == CAPS[0] else FILES[:3]))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
