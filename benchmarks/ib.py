"""How quickly an order reaches Interactive Brokers: python -m benchmarks.ib

The gateway stand-in runs in a process of its own, on loopback; times come from the machine's one monotonic clock, read
here and, for what arrives, by the gateway when it has a message's first byte. Journal and book are the real ones,
synced to the disk. ib_async and the bare official client ask the same gateway in the same run, in turn.
"""
# ruff: noqa: ARG002  (the parameters of callbacks are the client's)

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ib_async  # noqa: E402  (the path above is for ib_broker and the stand-ins)
from ibapi.client import EClient  # noqa: E402
from ibapi.wrapper import EWrapper  # noqa: E402

import ib_broker  # noqa: E402
from qqqbot.adapters.ib.broker import IBBroker  # noqa: E402
from qqqbot.adapters.ib.connection import Timing  # noqa: E402
from qqqbot.model.values import Mode, OrderIntent, Side  # noqa: E402
from qqqbot.records.book import Book  # noqa: E402
from qqqbot.records.journal import OrderJournal  # noqa: E402
from qqqbot.records.jsonl import AppendOnlyFile  # noqa: E402
from qqqbot.runtime.clock import SystemClock  # noqa: E402
from qqqbot.runtime.config import Config  # noqa: E402
from standins.ib_gateway.control import RemoteGateway  # noqa: E402
from tests.support.builders import intent as an_intent  # noqa: E402

ACCOUNT = "DU1234567"
ORDERS = 200
PAIRS = 12
ROUND_TRIPS = 500
IDLE_SECONDS = 20.0
# Below the client's pace of 45 messages a second, so that the pace is not what is measured.
PAUSE_SECONDS = 0.03


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}, ibapi on {_client()}")
    with gateway() as (port, remote):
        orders(port, remote)
        pairs(port, remote)
        round_trips(port)
        idle(port)


def _client() -> str:
    import ibapi

    return str(getattr(ibapi, "__version__", None) or ibapi.get_version_string())


@contextmanager
def gateway() -> Iterator[tuple[int, RemoteGateway]]:
    command = [sys.executable, "-m", "standins.ib_gateway", "--account", f"{ACCOUNT}:100000000:4", "--cap", "226"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        with RemoteGateway(ports["control"]) as remote:
            yield ports["port"], remote
        process.terminate()


@contextmanager
def broker(port: int, client_id: int = 1) -> Iterator[IBBroker]:
    config = Config(dry_run=False, use_interactive_brokers=True, ib_port=port, ib_client_id=client_id)
    made = ib_broker.open_account(config, SystemClock())
    if made.identity(10) is None:
        raise SystemExit(f"not connected: {made.problem()}")
    yield made
    made.close()


def numbered(number: int) -> OrderIntent:
    side = Side.BUY if number % 2 else Side.SELL
    return replace(an_intent(side=side, quantity=100), order_ref=f"qqqbot-20261124-{number}")


def orders(port: int, remote: RemoteGateway) -> None:
    """Send orders one after the other, and wait for the row of each in the book."""
    clock = SystemClock()
    marks: dict[str, tuple[int, int, int, int]] = {}
    with tempfile.TemporaryDirectory() as folder, broker(port) as at:
        journal = OrderJournal(AppendOnlyFile(Path(folder) / "orders.jsonl"), Mode.PAPER, ACCOUNT)
        book = Book(AppendOnlyFile(Path(folder) / "trades.jsonl"), Mode.PAPER, ACCOUNT)
        journal.load(clock.now())
        book.load(clock.now())
        for number in range(1, ORDERS + 1):
            intent = replace(numbered(number), decided_at=clock.now())
            decided = time.monotonic_ns()
            journal.intended(intent)
            durable = time.monotonic_ns()
            at.submit(intent)
            sent = time.monotonic_ns()
            while not (order := at.find(intent)).status.done:
                time.sleep(0.0005)
            book.absorb(intent, order, clock.now())
            marks[intent.order_ref] = decided, durable, sent, time.monotonic_ns()
            journal.outcome(intent, order, clock.now())
            time.sleep(PAUSE_SECONDS)
    arrived = {r.request.values["order.orderRef"]: r.at_ns for r in remote.do("recording.requests", "placeOrder")}
    filled = {m.message.values["execution.orderRef"]: m.at_ns for m in remote.do("recording.messages", "execDetails")}
    print(f"\n{ORDERS} orders, milliseconds{'':25}p50      p99")
    row("yardstick: a bare append and fdatasync", bare_appends())
    row("decided -> journal on disk", [m[1] - m[0] for m in marks.values()])
    row("journal on disk -> bytes at the gateway", [arrived[ref] - m[1] for ref, m in marks.items()])
    row("decided -> bytes at the gateway", [arrived[ref] - m[0] for ref, m in marks.items()])
    row("fill at the gateway -> row in the book, on disk", [m[3] - filled[ref] for ref, m in marks.items()])


def bare_appends() -> list[int]:
    """How long the disk needs for a line as long as the journal's, at the same pace, in nanoseconds."""
    taken = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(ORDERS):
            began = time.monotonic_ns()
            os.write(file.fileno(), b"x" * 400)
            os.fdatasync(file.fileno())
            taken.append(time.monotonic_ns() - began)
            time.sleep(PAUSE_SECONDS)
    return taken


def pairs(port: int, remote: RemoteGateway) -> None:
    """Send the first two orders of a fresh connection back to back, as a rotation without a wait would."""
    first: list[int] = []
    second: list[int] = []
    number = ORDERS
    for _ in range(PAIRS):
        with broker(port) as at:
            times = []
            for _ in range(2):
                number += 1
                times.append((numbered(number), time.monotonic_ns()))
                at.submit(times[-1][0])
            time.sleep(0.1)
        arrived = {r.request.values["order.orderRef"]: r.at_ns for r in remote.do("recording.requests", "placeOrder")}
        for taken, (intent, began) in zip((first, second), times, strict=True):
            taken.append(arrived[intent.order_ref] - began)
    print(f"\nThe first pair of orders of {PAIRS} fresh connections, milliseconds  p50      p99")
    row("first: submit -> bytes at the gateway", first)
    row("second: submit -> bytes at the gateway", second)


class Bare(EWrapper, EClient):  # type: ignore[misc]
    """The official client, used as in its examples."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.answered = threading.Event()

    def nextValidId(self, orderId: int) -> None:
        self.answered.set()

    def currentTime(self, time: int) -> None:
        self.answered.set()

    def ask(self) -> None:
        self.answered.clear()
        self.reqCurrentTime()
        self.answered.wait(5)

    def error(self, *args: Any) -> None:
        """Ignore the notices of data farms."""


def round_trips(port: int) -> None:
    ours = ib_broker.IBGateway(SystemClock(), Timing(), lambda _: None)
    ours.open("127.0.0.1", port, 11)
    other = ib_async.IB()
    other.connect("127.0.0.1", port, clientId=12)
    bare = Bare()
    bare.connect("127.0.0.1", port, 13)
    threading.Thread(target=bare.run, daemon=True).start()
    bare.answered.wait(5)
    asked: dict[str, Callable[[], object]] = {"ours": ours.beat, "ib_async": other.reqCurrentTime, "bare": bare.ask}
    taken: dict[str, list[int]] = {name: [] for name in asked}
    names = list(asked)
    for _ in range(ROUND_TRIPS):
        for name in names:
            began = time.monotonic_ns()
            asked[name]()
            taken[name].append(time.monotonic_ns() - began)
            time.sleep(PAUSE_SECONDS / 3)
        names.append(names.pop(0))
    ours.shut("done")
    other.disconnect()
    bare.disconnect()
    print(f"\nreqCurrentTime, there and back, {ROUND_TRIPS} times in turn, ms       p50      p99")
    row("this bot's connection", taken["ours"])
    row("ib_async", taken["ib_async"])
    row("the official client, bare", taken["bare"])


def idle(port: int) -> None:
    with broker(port):
        time.sleep(1)
        before, cpu = _switches(), time.process_time()
        time.sleep(IDLE_SECONDS)
        woken, used = _switches() - before, time.process_time() - cpu
    print(
        f"\nIdle and connected for {IDLE_SECONDS:.0f} s: {(woken - 1) / IDLE_SECONDS:.2f} wake-ups a second, ", end=""
    )
    print(f"{used / IDLE_SECONDS * 1000:.3f} ms of CPU a second")


def _switches() -> int:
    """How often a thread of this process has gone to sleep on its own."""
    total = 0
    for thread in os.listdir("/proc/self/task"):
        for line in Path(f"/proc/self/task/{thread}/status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def row(what: str, nanoseconds: list[int]) -> None:
    ordered = sorted(nanoseconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"  {what:52}{p50 / 1e6:9.3f}{p99 / 1e6:9.3f}")


if __name__ == "__main__":
    main()
