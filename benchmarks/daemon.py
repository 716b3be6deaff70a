"""How light the daemon is: python -m benchmarks.daemon

Every number is printed next to a yardstick measured in the same run on the same machine: a process that imports pandas,
yfinance and exchange_calendars, and a bare append with fdatasync. Yahoo is the stand-in on loopback at a fixed
afternoon, so no number contains network time. Byte code is cached as it is for a user.
"""

import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from qqqbot.records.jsonl import AppendOnlyFile
from standins.yahoo.exchange import Exchange
from standins.yahoo.series import market_series
from standins.yahoo.server import StandIn

ROOT = Path(__file__).resolve().parents[1]
AFTERNOON = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
LIBRARIES = "import pandas, yfinance, exchange_calendars"
RUNS = 3
IDLE_SECONDS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        series = market_series(1, date(2024, 1, 2), date(2027, 12, 31))
        control = Path(folder) / "control.json"
        offset = (AFTERNOON - datetime.now(UTC)).total_seconds()
        control.write_text(json.dumps({"offset_seconds": offset}))
        with StandIn(Exchange(series), control=control) as yahoo:
            environment = _environment(yahoo.environment, control)
            rows = [*_starts(environment, Path(folder), offset), *_idle(environment, Path(folder))]
        rows += _appends(Path(folder))
    for name, value, beside in rows:
        print(f"{name:<58}{value:>14}   {beside}")


def _environment(yahoo: Mapping[str, str], control: Path) -> dict[str, str]:
    shifted = {
        "QQQBOT_TEST_CLOCK": str(control),
        "PYTHONPATH": f"{ROOT / 'standins' / 'shifted_clock'}{os.pathsep}{ROOT}",
    }
    environment = {**os.environ, **yahoo, **shifted}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _starts(environment: Mapping[str, str], folder: Path, offset: float) -> list[tuple[str, str, str]]:
    bare, first, used_up = [], [], []
    for number in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", LIBRARIES], env=environment, check=True)
        bare.append(time.perf_counter() - begun)
        logs = folder / f"once-{number}"
        command = [sys.executable, "qqq_trading_bot.py", "--once", "--logs", str(logs)]
        begun, used = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        first.append(_seconds_to_first_decision(logs, begun, offset))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used_up.append(after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime)
    ratio = statistics.median(first[1:]) / statistics.median(bare[1:])
    return [
        ("imports of pandas, yfinance, exchange_calendars", f"{statistics.median(bare[1:]):.2f} s", "yardstick"),
        ("start to the first decision on disk", f"{statistics.median(first[1:]):.2f} s", f"{ratio:.2f} x of it"),
        (
            "processor time of one start, check and rotation",
            f"{statistics.median(used_up[1:]):.2f} s",
            "daemon and child",
        ),
    ]


def _seconds_to_first_decision(logs: Path, begun: float, offset: float) -> float:
    row = json.loads((logs / "decisions.jsonl").read_text().splitlines()[0])
    return datetime.fromisoformat(row["timestamp"]).timestamp() - offset - begun


def _idle(environment: Mapping[str, str], folder: Path) -> list[tuple[str, str, str]]:
    """The daemon after its first checks, on the machine's own clock, over a closed exchange."""
    logs = folder / "idle"
    own = {k: v for k, v in environment.items() if k != "QQQBOT_TEST_CLOCK"}
    command = [sys.executable, "qqq_trading_bot.py", "--logs", str(logs)]
    process = subprocess.Popen(command, env=own, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _wait_for_state(logs / "status.json", "running")
        time.sleep(2.0)
        before, switches = _processor_seconds(process.pid), _switches(process.pid)
        time.sleep(IDLE_SECONDS)
        used = _processor_seconds(process.pid) - before
        wakes = _switches(process.pid) - switches
        resident = _status_value(process.pid, "VmRSS") / 1024
        asked = _processor_seconds(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    return [
        ("resident memory of the idle daemon", f"{resident:.1f} MB", "aim: under 45 MB"),
        ("processor time of the idle daemon a second", f"{used / IDLE_SECONDS * 1000:.2f} ms", "aim: under 0.2 ms"),
        ("wake-ups of the idle daemon a second", f"{wakes / IDLE_SECONDS:.2f}", "aim: at most 1"),
        ("processor time of the daemon, start and one check", f"{asked * 1000:.0f} ms", "without its child"),
    ]


def _appends(folder: Path) -> list[tuple[str, str, str]]:
    row = {"timestamp": AFTERNOON.isoformat(), "event": "intended", "quantity": 211, "price": Decimal("450.0450")}
    file = AppendOnlyFile(folder / "append.jsonl")
    file.open(AFTERNOON)
    descriptor = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ours, bare = [], []
    line = json.dumps(row, default=float).encode() + b"\n"
    for _ in range(500):
        begun = time.perf_counter()
        file.append(row)
        middle = time.perf_counter()
        os.write(descriptor, line)
        os.fdatasync(descriptor)
        ours.append(middle - begun)
        bare.append(time.perf_counter() - middle)
    mine, yardstick = statistics.median(ours), statistics.median(bare)
    return [
        ("append and fdatasync, bare", f"{yardstick * 1e3:.3f} ms", "yardstick"),
        ("append to a record", f"{mine * 1e3:.3f} ms", f"{mine / yardstick:.2f} x of it"),
    ]


def _wait_for_state(path: Path, state: str) -> None:
    for _ in range(600):
        if path.exists() and json.loads(path.read_text())["state"] == state:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{path} never said {state}")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _switches(pid: int) -> int:
    return int(_status_value(pid, "voluntary_ctxt_switches"))


def _status_value(pid: int, key: str) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(key))
    return float(line.split()[1])


if __name__ == "__main__":
    main()
