"""The presets on real prices, against the arithmetic of pandas. Skipped where the prices are not at hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qqqbot.backtest.signals import levels
from qqqbot.model.family import PRESETS
from qqqbot.model.values import Rules

DATA = Path(__file__).parents[4] / "shared" / "data"
COST = 5 / 10_000

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real daily prices are not at {DATA}")


def column(symbol: str) -> Any:
    return pd.read_csv(DATA / f"{symbol}_daily.csv", index_col="date")["adj_close"]


def by_pandas(name: str, price: Any) -> Any:
    """The preset's levels as its users would compute them."""
    mean = price.rolling(200).mean()
    match name:
        case "30/120":
            short, long = price.rolling(30).mean(), price.rolling(120).mean()
            return (short > long) * (1 + (price > short))
        case "qqq-200" | "spy-200-upro":
            return (price > mean) * 2
        case "qqq-200-band":
            said = pd.Series(np.nan, index=price.index)
            said[price > mean * 1.05], said[price < mean * 0.97] = 2, 0
            return said.ffill().fillna(0)
        case _:
            fast, slow = (price.ewm(span=n, adjust=False).mean() for n in (5, 200))
            return (fast > slow) * 2


# The counts and values of an independent study of these rules: closes, 5 bp a switch (also
# from fund to fund), fully invested, cash earns nothing.
@pytest.mark.parametrize(
    ("name", "switches", "final"),
    [("30/120", 346, 15.126), ("qqq-200", 101, 92.741), ("qqq-200-band", 21, 82.801), ("ema-5-200", 47, 186.817)],
)
def test_the_presets_on_real_prices(name: str, switches: int, final: float) -> None:
    qqq, tqqq = column("qqq"), column("tqqq")
    rule = PRESETS[name]
    ours = levels(qqq.to_numpy(), Rules(rule=rule))[qqq.index.get_indexer(tqqq.index)].tolist()
    assert ours == by_pandas(name, qqq)[tqqq.index].tolist()

    held = np.array([rule.shelves[level].value for level in ours])[:-1]
    days = {"QQQ": qqq[tqqq.index], "TQQQ": tqqq}
    earned = sum((held == symbol) * price.pct_change()[1:].to_numpy() for symbol, price in days.items())
    switched = held != np.append("CASH", held[:-1])
    assert int(switched.sum()) == switches
    assert float(np.prod((1 + earned) * (1 - COST) ** switched)) == pytest.approx(final, rel=0.001)
