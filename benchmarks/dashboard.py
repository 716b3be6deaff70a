"""How quickly the page is served, and how little of it: python -m benchmarks.dashboard

The real process serves the page over real HTTP from an empty folder, and from folders with a hundred and a million rows
in the book and in the decisions. Measured are a look after which nothing has changed, the first look after a decision,
and the history for the charts; then the bytes that one open tab gets in a minute, and the bytes that it would get if
the whole page were sent each time.
"""

import http.client
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MILLION = 1_000_000
REQUESTS, POLLS = 300, 12
TOKEN = "correct-horse-battery-staple"
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
WHO = {"schema": 1, "mode": "dry_run", "account": "simulated"}


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        empty, small, million = (Path(folder) / name for name in ("empty", "small", "million"))
        empty.mkdir()
        write(small, 100)
        write(million, MILLION)
        size = sum(path.stat().st_size for path in million.iterdir()) / 2**20
        for name, logs in (("empty", empty), ("100 rows", small), (f"a million rows, {size:,.0f} MiB", million)):
            page(name, logs)


def write(folder: Path, count: int) -> None:
    """A book and decisions of `count` rows, a quarter of an hour apart, the last one now."""
    folder.mkdir()
    last: dict[str, Any] = {}
    with (folder / "decisions.jsonl").open("w") as decisions, (folder / "trades.jsonl").open("w") as trades:
        for n in range(count):
            last = decision(NOW - timedelta(minutes=15) * (count - 1 - n), n)
            decisions.write(json.dumps(last) + "\n")
            trades.write(json.dumps(trade(last["timestamp"], n)) + "\n")
    status = {**WHO, "state": "stopped", "heartbeat_at": NOW.isoformat(), "last_signal": last, "last_check": last}
    (folder / "status.json").write_text(json.dumps(status))


def decision(at: datetime, n: int) -> dict[str, Any]:
    price = 450.0 + n % 97 / 10
    sentence = "uptrend (30-day average 445.10 over 120-day average 430.55), QQQ is above the 30-day average: TQQQ"
    values = {"price": price, "short_ma": 445.1, "long_ma": 430.55, "equity": 100_000.0 + n % 89, "held": "QQQ"}
    gates = [
        {"name": f"gate{k}", "passed": True, "found": "ok", "sentence": "it is well", "code": ""} for k in range(6)
    ]
    since = (NOW - timedelta(days=9000)).isoformat()
    track = {"since": since, "growth": 1.0, "peak": 1.1, "worst": -0.2, "worst_at": None, "qqq": 200.0, "counted": []}
    row = {**WHO, "timestamp": at.isoformat(), "action": "HOLD", "sentence": sentence, **values}
    return {**row, "gates": gates, "track": track}


def trade(at: str, n: int) -> dict[str, Any]:
    side = "BUY" if n % 2 == 0 else "SELL"
    return {**WHO, "timestamp": at, "side": side, "symbol": "QQQ", "quantity": 211, "price": 450.05, "amount": 94960.55}


def page(name: str, logs: Path) -> None:
    with server(logs) as (port, pid):
        first, whole = ask(port, "/")
        warm = [ask(port, "/parts")[0] for _ in range(REQUESTS)]
        drawn, charts = [], []
        for n in range(30):
            grow(logs, n)
            drawn.append(ask(port, "/parts")[0])
            charts.append(ask(port, "/history")[0])
        sent = minute(port, logs)
        memory = resident(pid)
    report(f"page, {name}", warm, f"first {first:.1f} ms, {memory:.0f} MiB resident")
    if (logs / "decisions.jsonl").exists():
        report("  after each new decision", drawn)
        report("  the history after it", charts)
    beside = f"{POLLS * whole / sent:.0f} times less than {POLLS} whole pages"
    print(f"  in a minute, one decision in it: {sent / 1024:.1f} KiB, {beside}")


def minute(port: int, logs: Path) -> int:
    """The bytes of all answers, charts included, that an open tab gets in a minute with one decision."""
    tags, sent = "", 0
    for n in range(POLLS):
        if n == 1:
            grow(logs, 100)
        answer = look(port, "/parts", tags)
        tags, sent = answer.tags, sent + answer.size
    return sent + look(port, "/history", "").size if (logs / "decisions.jsonl").exists() else sent


def grow(logs: Path, n: int) -> None:
    if (logs / "decisions.jsonl").exists():
        with (logs / "decisions.jsonl").open("a") as file:
            file.write(json.dumps(decision(NOW + timedelta(seconds=n + 1), n)) + "\n")


def report(name: str, taken: list[float], beside: str = "") -> None:
    ordered = sorted(taken)
    tail = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{name:<40}median {statistics.median(taken):6.1f} ms   p99 {tail:6.1f} ms   {beside}")


@contextmanager
def server(logs: Path) -> Iterator[tuple[int, int]]:
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs), "--web", "--port", "0"]
    environment = {**os.environ, "QQQBOT_WEB_TOKEN": TOKEN}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found
        try:
            yield int(found[1]), process.pid
        finally:
            process.terminate()


class Answer(NamedTuple):
    milliseconds: float
    size: int
    tags: str


def ask(port: int, path: str) -> tuple[float, int]:
    """The milliseconds, connection included, and the bytes of one uncompressed answer."""
    answer = look(port, path, "", "identity")
    return answer.milliseconds, answer.size


def look(port: int, path: str, tags: str, packed: str = "gzip") -> Answer:
    """Make one request as a browser does; the size includes the headers."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": packed, "If-None-Match": tags}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    size = len(answer.read()) + sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
    assert answer.status in (200, 304), answer.status
    connection.close()
    return Answer((time.perf_counter() - began) * 1000, size, answer.getheader("ETag") or "")


def resident(pid: int) -> float:
    """The resident memory in MiB; nan if the system does not report it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
