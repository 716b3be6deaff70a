"""The curve of the real book beside holding: a book written by the real Engine near each close, and rows by hand."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qqqbot.backtest.account import run
from qqqbot.backtest.holding import holding_facts, holding_screen, live_curve, lived
from qqqbot.backtest.vectorized import Terms, examine
from qqqbot.display.terminal import plain
from qqqbot.records.folder import Folder
from tests.support.daily_bars import BOOK_PRICES as PRICES
from tests.support.daily_bars import BOOK_RULES as RULES
from tests.support.daily_bars import CAPITAL
from tests.support.price_series import write_csv


def test_its_curve_is_the_accounts_equity(logs: Path) -> None:
    curve = live_curve([json.loads(line) for line in (logs / "trades.jsonl").read_text().splitlines()], PRICES)
    expected = run(examine(PRICES, RULES), Terms(rules=RULES, capital=CAPITAL)).equity
    assert curve is not None
    # The book begins with what the first purchase cost; the backtest's first close is the capital.
    assert curve.bot[1:] / curve.bot[1] == pytest.approx(expected[1:] / expected[1], rel=1e-6)
    assert curve.signal == pytest.approx(PRICES.signal.close[119:] / PRICES.signal.close[119])
    assert set(curve.figures()) == {"bot", "QQQ held", "TQQQ held"}


def test_a_deposit_is_not_a_return() -> None:
    def capital(day: int, amount: int) -> dict[str, Any]:
        return {"kind": "capital", "amount": amount, "timestamp": f"{PRICES.dates[day]}T20:00:00+00:00"}

    curve = live_curve([capital(200, 1000), capital(210, 5000), capital(220, -2000)], PRICES)
    assert curve is not None
    assert np.unique(curve.bot).tolist() == [1.0]


def test_a_new_book_has_no_curve_yet() -> None:
    late = {"kind": "capital", "amount": Decimal(1000), "timestamp": f"{PRICES.dates[-2]}T20:00:00+00:00"}
    assert live_curve([late], PRICES) is None
    assert live_curve([], PRICES) is None


def test_the_screen_shows_the_bot_beside_both_funds(logs: Path, tmp_path: Path) -> None:
    for name, series in (("qqq.csv", PRICES.signal), ("tqqq.csv", PRICES.fund)):
        write_csv(tmp_path / name, series)
    beside = plain(holding_screen(holding_facts(Folder(logs, lambda _: None), tmp_path)))
    for words in ("bot", "QQQ held", "TQQQ held", "Sharpe", "max DD"):
        assert words in beside


def test_without_a_price_history_the_screen_says_how_to_get_one(logs: Path, tmp_path: Path) -> None:
    facts = holding_facts(Folder(logs, lambda _: None), tmp_path)
    assert facts.as_json()["beside"] == {}
    assert "No price history yet" in plain(holding_screen(facts))


def test_the_life_of_a_book_is_its_risk_line_and_an_unreadable_book_has_none(logs: Path, tmp_path: Path) -> None:
    mode, line = lived(Folder(logs, lambda _: None)) or ("", None)
    assert mode == "dry run"
    assert line is not None
    assert line.value == json.loads((logs / "decisions.jsonl").read_text().splitlines()[-1])["equity"]
    assert lived(Folder(tmp_path, lambda _: None)) is None
    (tmp_path / "trades.jsonl").write_text('{"mode": "dry_run", "account": "SIMULATED", "kind": "odd"}\n')
    assert lived(Folder(tmp_path, lambda _: None)) is None
