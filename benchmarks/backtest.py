"""How fast the backtest is: python -m benchmarks.backtest

A seeded market of real size: 16 years of one rotation with costs, a sweep of 6,776 pairs over 4,000 days, 22 windows of
walk-forward, and the whole command with its report. Peers are other projects' engines; they are measured if
QQQBOT_PEERS names a Python that has vectorbt or bt installed: on the same prices, with the same positions and costs, in
the same run, and their final equity is printed next to ours. BLAS is kept on one thread.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402  (the number of its threads is set before)

from qqqbot.backtest.account import run  # noqa: E402
from qqqbot.backtest.neighbours import LONGS, SHORTS, neighbours  # noqa: E402
from qqqbot.backtest.prices.table import Prices, Series, align  # noqa: E402
from qqqbot.backtest.signals import Levels  # noqa: E402
from qqqbot.backtest.vectorized import Terms, examine, ideal  # noqa: E402
from qqqbot.model.values import Rules  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SESSIONS, WARM_UP = 4157, 200
SWEPT_SESSIONS = 4000
COST = 0.0005
PEERS = ("vectorbt", "bt")
TERMS = Terms(slippage=COST)


def main() -> None:
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    prices = market(SESSIONS + WARM_UP)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        positions = save(folder, prices)
        _one_backtest(prices, folder)
        _sweeps(prices, folder)
        _command(folder)
        print(f"({int(np.count_nonzero(np.diff(positions)))} rotations in {SESSIONS:,} sessions)")


def market(count: int) -> Prices:
    """Seeded prices of QQQ and TQQQ."""
    rng = np.random.default_rng(11)
    day = rng.normal(0.0007, 0.013, count - 1) + 0.001 * np.sin(np.arange(count - 1) / 60)
    qqq = 50 * np.cumprod(np.append(1.0, 1 + day))
    tqqq = 20 * np.cumprod(np.append(1.0, 1 + 3 * day - 0.0001 + rng.normal(0, 0.0008, count - 1)))
    dates = np.busday_offset("2009-01-02", np.arange(count), roll="forward")
    ones = np.ones(count)
    return align(Series("QQQ", dates, qqq, qqq, ones, ones), Series("TQQQ", dates, tqqq, tqqq, ones, ones))


def save(folder: Path, prices: Prices) -> Levels:
    """Save the prices for other processes: arrays with the positions, and the two CSV files for the command."""
    days = examine(prices, Rules(), prices.dates[WARM_UP])
    np.savez(
        folder / "market.npz",
        dates=days.dates,
        qqq=days.close[1],
        tqqq=days.close[2],
        positions=days.wanted,
        cost=COST,
        all_dates=prices.dates,
        all_qqq=prices.signal.close,
        all_tqqq=prices.fund.close,
    )
    for series in (prices.signal, prices.fund):
        rows = zip(series.dates.astype(str).tolist(), series.close.tolist(), strict=True)
        text = "date,open,close\n" + "".join(f"{day},{close!r},{close!r}\n" for day, close in rows)
        (folder / f"{series.symbol.lower()}.csv").write_text(text)
    return days.wanted


def _one_backtest(prices: Prices, folder: Path) -> None:
    start = prices.dates[WARM_UP]
    final = ideal(examine(prices, Rules(), start), TERMS)[-1]
    days = examine(prices, Rules(), start)
    print(f"\none backtest of {SESSIONS:,} sessions          warm ms   cold s   final of 100,000")
    warm = _milliseconds(lambda: ideal(examine(prices, Rules(), start), TERMS), 400)
    cold, _ = _process([sys.executable, "-c", COLD.format(file=str(folder / "market.npz"))])
    print(f"qqqbot, prices to equity               {warm:8.3f} {cold:8.2f}   {100_000 * final:,.2f}")
    whole = _milliseconds(lambda: run(days, TERMS), 15)
    print(f"qqqbot, whole shares, the daemon's own {whole:8.3f}            (Decimal, commissions, 95 % invested)")
    for peer in PEERS:
        answer = _peer(peer, folder)
        if answer is not None:
            apart = answer["final"] / (100_000 * final) - 1
            ratio = f"{answer['warm_ms'] / warm:,.0f} x"
            print(
                f"{peer + ' ' + answer['version']:<39}{answer['warm_ms']:8.1f} {answer['cold_s']:8.2f}   "
                f"{answer['final']:,.2f} ({apart:+.1e}), {ratio}"
            )


def _sweeps(prices: Prices, folder: Path) -> None:
    days = examine(prices, Rules(), prices.dates[len(prices) - SWEPT_SESSIONS])
    pairs = len(SHORTS) * len(LONGS)
    warm = _milliseconds(lambda: neighbours(prices, days, TERMS), 9) / 1000
    cold, memory = _process([sys.executable, "-c", SWEEP.format(file=str(folder / "market.npz"))])
    found = neighbours(prices, days, TERMS)
    windows = len(found[1].chosen) if found and found[1] else 0
    print(f"\nsweep of {pairs:,} pairs x {SWEPT_SESSIONS:,} days, exact costs, and walk-forward of {windows} windows")
    print(f"qqqbot warm           {warm:6.3f} s   {pairs / warm:,.0f} pairs a second")
    print(f"qqqbot whole process  {cold:6.2f} s   {memory:.0f} MB")


def _command(folder: Path) -> None:
    files = [str(folder / "qqq.csv"), str(folder / "tqqq.csv")]
    command = [sys.executable, "-m", "qqqbot.backtest", "--prices", *files, "--out", str(folder / "report.html")]
    seconds, memory = _process(command)
    bare, _ = _process([sys.executable, "-c", "import numpy"])
    size = (folder / "report.html").stat().st_size / 1000
    print(f"\n./bot_control.sh backtest, with its report of {size:.0f} kB: {seconds:.2f} s, {memory:.0f} MB", end="")
    print(f"   (Python that imports numpy: {bare:.2f} s)")


COLD = """
import numpy as np
from qqqbot.backtest.vectorized import Terms, examine, ideal
from qqqbot.model.values import Rules
from qqqbot.backtest.prices.table import Series, align
d = np.load({file!r})
o = np.ones(len(d["all_qqq"]))
make = lambda n, c: Series(n, d["all_dates"], c, c, o, o)
prices = align(make("QQQ", d["all_qqq"]), make("TQQQ", d["all_tqqq"]))
print(ideal(examine(prices, Rules(), d["dates"][0]), Terms(slippage=float(d["cost"])))[-1])
"""
SWEEP = """
import numpy as np
from qqqbot.backtest.neighbours import neighbours
from qqqbot.backtest.prices.table import Series, align
from qqqbot.backtest.vectorized import Terms, examine
from qqqbot.model.values import Rules
d = np.load({file!r})
o = np.ones(len(d["all_qqq"]))
make = lambda n, c: Series(n, d["all_dates"], c, c, o, o)
prices = align(make("QQQ", d["all_qqq"]), make("TQQQ", d["all_tqqq"]))
days = examine(prices, Rules(), prices.dates[-4000])
print(np.nanmax(neighbours(prices, days, Terms(slippage=float(d["cost"])))[0].cagr))
"""


def _milliseconds(work: Callable[[], object], times: int) -> float:
    """The time of the fastest warm run: a busy machine only makes runs slower."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken) * 1000


def _process(command: list[str], times: int = 3) -> tuple[float, float]:
    """The fewest seconds and the most megabytes of `times` whole processes."""
    seconds, memory = [], 0.0
    for _ in range(times):
        began = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env=_environment()
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds.append(time.perf_counter() - began)
        memory = max(memory, usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{command[:3]} failed: {child.stderr.read().decode() if child.stderr else ''}")
    return min(seconds), memory


def _environment() -> dict[str, str]:
    """The environment of a process, with cached byte code, as a user has it."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _peer(name: str, folder: Path) -> dict[str, Any] | None:
    """A peer's answer for the same rotation, from its own process; None if it is not installed."""
    python = os.environ.get("QQQBOT_PEERS", sys.executable)
    script = str(ROOT / "benchmarks" / "peers.py")
    began = time.perf_counter()
    done = subprocess.run(
        [python, script, name, str(folder / "market.npz")], capture_output=True, text=True, env=_environment()
    )
    if done.returncode == 3:
        print(f"{name:<39}not installed (QQQBOT_PEERS names the Python to look in)")
        return None
    if done.returncode:
        print(f"{name:<39}failed: {done.stderr.strip().splitlines()[-1]}")
        return None
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    answer["cold_s"] = time.perf_counter() - began - answer.pop("repeats_s")
    return answer


if __name__ == "__main__":
    main()
