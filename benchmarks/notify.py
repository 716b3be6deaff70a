"""What a notification costs the daemon: python -m benchmarks.notify

Measured are the hand-over, which is all that a check waits for, next to a call of apprise in the loop, as most bots do
it; and the memory of the daemon's process before and after a message, next to a process that has imported apprise. The
receiver is on loopback.
"""

import platform
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.channels import Channel, Message
from qqqbot.notifications.memory import NoticeMemory
from qqqbot.notifications.outbox import Outbox
from qqqbot.notifications.policy import Notice
from qqqbot.trading.alerts import Event
from standins.receiver import receiving

ROOT = Path(__file__).resolve().parents[1]
HAND_OVERS = 300
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
IN_THE_LOOP = 20
RESIDENT = """
import sys
sys.path.insert(0, ".")
import qqq_trading_bot
from qqqbot.notifications.channels import Channels, Message

def resident():
    return next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]

print(resident())
channels = Channels((sys.argv[1],)).start()
channels.put(Message("one", "message"))
channels.close(30)
print(resident())
from apprise import Apprise
channels = Apprise()
channels.add(sys.argv[1])
channels.notify(title="another", body="message")
print(resident())
"""
MESSAGE = Message("qqqbot DRY RUN: Traded", "Traded: BUY 211 QQQ at 450.0000, moving to QQQ")


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}")
    rows = [*_hand_overs(), _news(), *_in_the_loop(), *_memory()]
    for name, value, beside in rows:
        print(f"{name:<58}{value:>30}   {beside}")


def _hand_overs() -> list[tuple[str, str, str]]:
    gate = threading.Event()

    def waits(_: Message) -> None:
        gate.wait(60)

    took: dict[str, list[float]] = {}
    for name, pause in (("hand-over to a sleeping thread", 0.005), ("hand-over, a delivery hangs", 0.0)):
        gate.set() if pause else gate.clear()
        outbox = Outbox("benchmark", waits, gate.set, (), 2 * HAND_OVERS).start()
        took[name] = []
        for _ in range(HAND_OVERS):
            time.sleep(pause)
            took[name].append(_seconds(partial(outbox.put, MESSAGE)))
        gate.set()
    rows = [(name, _shown(seconds), "aim: under 1 ms") for name, seconds in took.items()]
    return [("bare queue to a sleeping thread", _shown(_bare_queue()), "yardstick: what this machine allows"), *rows]


def _bare_queue() -> list[float]:
    bare: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: list(iter(bare.get, None)))
    reader.start()
    took = []
    for _ in range(HAND_OVERS):
        time.sleep(0.005)
        took.append(_seconds(lambda: bare.put(MESSAGE)))
    bare.put(None)
    reader.join()
    return took


def _news() -> tuple[str, str, str]:
    """What a trade adds to its check: the news is written down, so that a crash does not lose it."""
    with tempfile.TemporaryDirectory() as folder:
        memory = NoticeMemory(Path(folder))
        trades = [Event(AlertKind.TRADE, f"BUY 211 QQQ at 450.0000, number {n}", NOW) for n in range(HAND_OVERS)]
        took = []
        for trade in trades:
            took.append(_seconds(partial(memory.add, trade)))
            memory.accept("", [Notice(trade.kind, trade.text, event=trade)])
    return ("a piece of news written down", _shown(took), "aim: under 1 ms")


def _in_the_loop() -> list[tuple[str, str, str]]:
    begun = time.perf_counter()
    from apprise import Apprise

    with receiving() as receiver:
        first = Apprise()
        first.add(receiver.json_url())
        imports = time.perf_counter() - begun
        took = [_seconds(lambda: first.notify(title=MESSAGE.title, body=MESSAGE.body)) for _ in range(IN_THE_LOOP)]
        channel = Channel(receiver.json_url(), "channel 1")
        child = [_seconds(lambda: channel.attempt(MESSAGE)) for _ in range(5)]
    return [
        (
            "apprise in the loop, a receiver that answers at once",
            _shown(took),
            "yardstick; at worst its time-out",
        ),
        ("apprise imported in the loop", f"{imports * 1e3:.0f} ms", "yardstick, once"),
        ("a delivery by a child, behind the loop", _shown(child), "nobody waits for it"),
    ]


def _memory() -> list[tuple[str, str, str]]:
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, "-c", RESIDENT, receiver.json_url()], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert len(receiver.messages) == 2
    before, after, imported = (f"{int(kilobytes) / 1024:.1f} MB" for kilobytes in done.stdout.split())
    return [
        ("resident memory of the daemon's process", before, "all its modules, no engine"),
        ("after one message", after, "the child is gone"),
        ("after one message by apprise in the process", imported, "yardstick"),
    ]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _shown(seconds: list[float]) -> str:
    median = statistics.median(seconds) * 1e3
    worst = sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))] * 1e3
    return f"{median:.3f} ms, p99 {worst:.3f} ms"


if __name__ == "__main__":
    main()
