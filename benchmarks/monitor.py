"""How quickly the monitor answers: python -m benchmarks.monitor

Whole processes, next to two yardsticks in the same run: Python that does nothing, and Python that imports rich's
console and tables, as any terminal program with rich must. Runs are interleaved, so that a busy machine slows all
alike, and the median is printed. Byte code is cached as it is for a user.
"""

import json
import os
import platform
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qqqbot.records.tail import last_rows

ROOT = Path(__file__).resolve().parents[1]
BARE = "Python that does nothing"
RICH = "Python that imports rich"
RUNS = 15
MILLION = 1_000_000
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        ten, million = Path(folder) / "ten", Path(folder) / "million"
        _write_book(ten, 10)
        _write_book(million, MILLION)
        _print_processes(ten, million)
        _print_whole_book(million)
        _print_tail(million / "trades.jsonl")


def _row(number: int) -> Mapping[str, Any]:
    """A row of the book as the daemon writes it: a purchase and a sale in turn."""
    bought = number % 2 == 0
    return {
        "timestamp": (NOW - timedelta(days=30)).isoformat(),
        "side": "BUY" if bought else "SELL",
        "symbol": "QQQ",
        "quantity": 211,
        "order_quantity": 211,
        "price": 450.05,
        "amount": 94960.55,
        "commission": 1.06,
        "order_ref": "qqqbot-20261124-01",
        "exec_ids": [f"simulated-20261124-{number}"],
        "position": "QQQ" if bought else "CASH",
        "reason": "uptrend (30-day average 445.10 over 120-day average 430.55), QQQ 450.00 is above the average: TQQQ",
        "qqq_price": 450.0,
        "tqqq_price": 60.0,
        "short_ma": 445.1,
        "long_ma": 430.55,
        "decision_price": 450.0,
        "slippage_bps": 1.1,
        "realized_pnl": -2.12,
        "cash": 5038.39,
        "equity": 99998.94,
        "mode": "dry_run",
        "account": "simulated",
        "schema": 1,
    }


def _write_book(folder: Path, count: int) -> None:
    folder.mkdir()
    pair = "".join(json.dumps(_row(number)) + "\n" for number in range(2))
    with (folder / "trades.jsonl").open("w") as file:
        for _ in range(count // 2):
            file.write(pair)


def _print_processes(ten: Path, million: Path) -> None:
    monitor = [str(ROOT / "monitor.py"), "--logs-dir"]
    commands = {
        BARE: ["-c", "pass"],
        RICH: ["-c", "import rich.console, rich.table"],
        "--status, piped": [*monitor, str(ten), "--status"],
        "--status, on a terminal": [*monitor, str(ten), "--status"],
        "--trades, ten rows": [*monitor, str(ten), "--trades"],
        "--trades, a million rows": [*monitor, str(million), "--trades"],
        "--trades, ten rows, on a terminal": [*monitor, str(ten), "--trades"],
        "--trades --json, a million rows": [*monitor, str(million), "--trades", "--json"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(RUNS + 1):
        for name, arguments in commands.items():
            took = _seconds(arguments, terminal="terminal" in name)
            if number:  # the first run compiles byte code
                seconds[name].append(took)
    yardstick = statistics.median(seconds[RICH])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        _print(name, f"{median * 1000:.0f} ms", f"{median / yardstick:.2f} x {RICH}")
    growth = statistics.median(seconds["--trades, a million rows"]) / statistics.median(seconds["--trades, ten rows"])
    _print("--trades, a million rows against ten", f"{growth:.2f} x", "aim: within 1.20 x")


def _seconds(arguments: Sequence[str], terminal: bool) -> float:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    controller, out = pty.openpty() if terminal else (-1, os.open(os.devnull, os.O_WRONLY))
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=out, env=environment, check=False)
    took = time.perf_counter() - began
    os.close(out)
    if terminal:
        os.close(controller)
    return took


def _print_tail(book: Path) -> None:
    took = []
    for _ in range(200):
        began = time.perf_counter()
        last_rows(book, 10)
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    with book.open("rb") as file:
        rows = [json.loads(line) for line in file]
    parsed = time.perf_counter() - began
    backwards = statistics.median(took)
    beside = f"parsing all {len(rows):,}: {parsed:.1f} s, {parsed / backwards:,.0f} x"
    _print("last ten of a million rows, read backwards", f"{backwards * 1000:.2f} ms", beside)


def _print_whole_book(folder: Path) -> None:
    """Must run while this process is small: the peak memory of a child includes that of the fork it began as."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(folder), "--performance"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    _print("--performance, a million rows", f"{time.perf_counter() - began:.1f} s", f"{memory:.0f} MiB at most")


def _print(name: str, value: str, beside: str) -> None:
    print(f"{name:<46}{value:>10}   {beside}")


if __name__ == "__main__":
    main()
