"""Runs one peer on the rotation in market.npz: peers.py NAME FILE. Prints JSON; status 3 if it is not installed.

It runs under the Python that has the peer, so it imports nothing of the project. A leg costs the fraction c of the
value: a sale of V brings V (1 - c), and V of cash buys shares worth V (1 - c), which is a commission of c / (1 - c) on
the purchase. Each peer gets prices, positions and these two commissions in its own way.
"""

import importlib.metadata
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

CAPITAL = 100_000.0
RUNS = 5

Market = Mapping[str, Any]
Run = Callable[[], float]


def vectorbt(d: Market) -> Run:
    import pandas as pd
    import vectorbt as vbt

    close = pd.DataFrame({"QQQ": d["qqq"], "TQQQ": d["tqqq"]}, index=pd.DatetimeIndex(d["dates"]))
    held = d["positions"]
    moved = np.flatnonzero(np.diff(held, prepend=np.int8(0)))
    size = np.full((len(held), 2), np.nan)
    fees = np.zeros((len(held), 2))
    cost = float(d["cost"])
    for at in moved:
        before = held[at - 1] if at else 0
        if before:
            size[at, before - 1], fees[at, before - 1] = 0.0, cost
        if held[at]:
            size[at, held[at] - 1], fees[at, held[at] - 1] = 1.0, cost / (1 - cost)

    def run() -> float:
        final: float = vbt.Portfolio.from_orders(
            close,
            size,
            size_type="targetpercent",
            fees=fees,
            init_cash=CAPITAL,
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            freq="1D",
        ).final_value()
        return final

    return run


def bt(d: Market) -> Run:
    import bt
    import pandas as pd

    index = pd.DatetimeIndex(d["dates"])
    close = pd.DataFrame({"QQQ": d["qqq"], "TQQQ": d["tqqq"]}, index=index)
    held, cost = d["positions"], float(d["cost"])
    moved = np.flatnonzero(np.diff(held, prepend=np.int8(0)))
    weights = pd.DataFrame(
        {"QQQ": (held[moved] == 1).astype(float), "TQQQ": (held[moved] == 2).astype(float)}, index=index[moved]
    )

    def commission(quantity: float, price: float) -> float:
        return abs(quantity) * price * (cost if quantity < 0 else cost / (1 - cost))

    def run() -> float:
        strategy = bt.Strategy(
            "rotation", [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
        )
        test = bt.Backtest(
            strategy,
            close,
            initial_capital=CAPITAL,
            commissions=commission,
            integer_positions=False,
            progress_bar=False,
        )
        return float(bt.run(test, progress_bar=False).backtests["rotation"].strategy.values.iloc[-1])

    return run


def main() -> None:
    name, file = sys.argv[1:]
    warnings.simplefilter("ignore")
    try:
        run = {"vectorbt": vectorbt, "bt": bt}[name](dict(np.load(file)))
    except ImportError:
        sys.exit(3)
    final = run()
    began = time.perf_counter()
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "final": float(final),
                "warm_ms": min(taken) * 1000,
                "repeats_s": time.perf_counter() - began,
                "version": importlib.metadata.version(name),
            }
        )
    )


if __name__ == "__main__":
    main()
