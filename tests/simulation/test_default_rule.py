"""The default, 30/120 on QQQ with TQQQ, to the digit: what it decided and traded before there were other rules."""

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qqqbot import demo
from qqqbot.backtest.account import run
from qqqbot.backtest.vectorized import Terms, examine
from qqqbot.model.family import DEFAULT, PRESETS
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices

DECIDED = (
    *("timestamp", "action", "target", "held", "price", "tqqq_price", "short_ma", "long_ma", "flip_leave_tqqq"),
    *("flip_enter_tqqq", "flip_trend", "orders", "cash", "shares", "equity"),
)
TRADED = ("timestamp", "side", "symbol", "quantity", "price", "commission", "position", "short_ma", "long_ma", "cash")


def test_the_demo_decides_and_trades_as_ever(tmp_path: Path) -> None:
    demo.run(tmp_path, demo.SEED, PRESETS[DEFAULT], io.StringIO())
    decided, trades = (_rows(tmp_path / name) for name in ("decisions.jsonl", "trades.jsonl"))
    decisions = [row for row in decided if row["error"] is None]
    assert (len(decisions), _digest(_columns(decisions, DECIDED))) == (1559, "50fc2f04a5cba0ea")
    assert (len(trades), _digest(_columns(trades, TRADED))) == (25, "1a04bfcce9d9e888")


def test_the_backtest_decides_and_trades_as_ever() -> None:
    days = examine(random_prices(2750), Rules())
    history = run(days, Terms(slippage=0.0005))
    averages = (days.short_ma.tolist(), days.long_ma.tolist(), days.wanted.tolist())
    trades = [(str(t.date), t.side.value, t.symbol, t.quantity, str(t.price)) for t in history.trades]
    assert (len(trades), _digest([*averages, trades, history.equity.tolist()])) == (151, "f36847c415a3d684")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _columns(rows: Iterable[dict[str, Any]], names: tuple[str, ...]) -> list[list[Any]]:
    return [[row.get(name) for name in names] for row in rows]


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
