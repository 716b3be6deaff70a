"""How quickly the monitor and the daemon start: python -m benchmarks.start_up [OTHER_CHECKOUT]

Whole processes of one interpreter, in turn, so that a busy machine slows all alike; medians of processor time and of
elapsed time. The yardsticks are Python that does nothing and Python that imports rich's console and tables, as any
terminal program with rich must. With OTHER_CHECKOUT (for example an older revision in a git worktree) the same
processes run there too, and the ratios of this checkout to the other one are printed.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RUNS = 25
YARDSTICKS = {
    "Python that does nothing": ("-c", "pass"),
    "Python that imports rich": ("-c", "import rich.console, rich.table"),
}
STARTS = {
    "monitor.py --status, no records": ("monitor.py", "--status", "--logs-dir", "{empty}"),
    "monitor.py --status, a demo's records": ("monitor.py", "--status", "--logs-dir", "{demo}"),
    "imports of the daemon": ("-c", "import qqq_trading_bot"),
}


class Taken(NamedTuple):
    elapsed: float
    processor: float


def main(arguments: Sequence[str]) -> None:
    other = Path(arguments[0]).resolve() if arguments else None
    print(f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}, medians of {RUNS} runs")
    with tempfile.TemporaryDirectory() as name:
        taken = _measure([ROOT, *([other] if other else [])], Path(name))
    rich = _median(taken[ROOT, "Python that imports rich"])
    for what in (*YARDSTICKS, *STARTS):
        ours = _median(taken[ROOT, what])
        print(f"{what:<40}{_shown(ours)}   {ours.elapsed / rich.elapsed:.2f} x rich")
        if other:
            theirs = _median(taken[other, what])
            ratios = (
                f"{ours.elapsed / theirs.elapsed:.2f} x elapsed, {ours.processor / theirs.processor:.2f} x processor"
            )
            print(f"{'  in the other checkout':<40}{_shown(theirs)}   this one takes {ratios}")


def _measure(checkouts: Sequence[Path], folder: Path) -> Mapping[tuple[Path, str], list[Taken]]:
    taken: dict[tuple[Path, str], list[Taken]] = {}
    folders = {checkout: _records(checkout, folder / str(n)) for n, checkout in enumerate(checkouts)}
    for number in range(RUNS + 1):
        for what, command in {**YARDSTICKS, **STARTS}.items():
            for checkout in checkouts:
                one = _run([part.format(**folders[checkout]) for part in command], checkout)
                if number:  # the first run compiles byte code
                    taken.setdefault((checkout, what), []).append(one)
    return taken


def _records(checkout: Path, folder: Path) -> dict[str, str]:
    """An empty folder, and a folder with the records of that checkout's own demo."""
    found = {name: folder / name for name in ("empty", "demo")}
    for path in found.values():
        path.mkdir(parents=True)
    module = "qqqbot.demo" if (checkout / "qqqbot" / "demo.py").exists() else "qqqbot.simulated_market"
    command = [sys.executable, "-m", module, "--logs", str(found["demo"])]
    subprocess.run(command, cwd=checkout, stdout=subprocess.DEVNULL, check=True)
    return {name: str(path) for name, path in found.items()}


def _run(arguments: Sequence[str], checkout: Path) -> Taken:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    used, began = _used(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=checkout, env=environment, stdout=subprocess.DEVNULL, check=False)
    return Taken(time.perf_counter() - began, _used() - used)


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _median(taken: Sequence[Taken]) -> Taken:
    return Taken(*(statistics.median(column) for column in zip(*taken, strict=True)))


def _shown(taken: Taken) -> str:
    return f"{taken.elapsed * 1000:7.0f} ms {taken.processor * 1000:7.0f} ms of processor"


if __name__ == "__main__":
    main(sys.argv[1:])
