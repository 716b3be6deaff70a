"""The daemon's own Engine, driven over ten years of daily bars, decides and trades as the vectorised backtest says."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.backtest.account import run
from qqqbot.backtest.signals import levels
from qqqbot.backtest.vectorized import Terms, examine
from qqqbot.model.family import PRESETS, PRICE, Average, Comparison, Rule, name_of
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.values import Decide, Holding, Rules
from tests.support.builders import LEVELS
from tests.support.daily_bars import CAPITAL, drive
from tests.support.price_series import random_prices


# 119 sessions to begin with, then ten and a half years without a band, two with one.
@pytest.mark.parametrize(("sessions", "band"), [(2750, 0.0), (620, 0.01)])
def test_the_engine_and_the_backtest_agree_trade_for_trade(tmp_path: Path, sessions: int, band: float) -> None:
    prices = random_prices(sessions)
    rules = Rules(band=band, decide=Decide.BEFORE_CLOSE)
    days = examine(prices, rules)
    expected = run(days, Terms(rules=rules, capital=CAPITAL, slippage=0.0001))
    book, decisions = drive(tmp_path, prices, rules, 119)

    last_of_day = {row["session"]: row for row in decisions}
    assert len(last_of_day) == len(days) == sessions - 119
    wanted = [LEVELS.index(row["target"]) for row in last_of_day.values()]
    assert wanted == days.wanted.tolist()

    trades = [row for row in book if row.get("kind", "trade") == "trade"]
    assert len(trades) == len(expected.trades) > 5
    for row, trade in zip(trades, expected.trades, strict=True):
        ours = (str(trade.date), trade.side.value, trade.symbol, trade.quantity, trade.price, trade.commission)
        day = datetime.fromisoformat(row["timestamp"]).astimezone(NEW_YORK).date()
        theirs = (str(day), row["side"], row["symbol"], row["quantity"])
        assert (*theirs, Decimal(str(row["price"])), Decimal(str(row["commission"]))) == ours
    assert trades[-1]["position"] == LEVELS[expected.holding[-1]].value


@pytest.mark.parametrize(
    ("name", "sessions"), [("qqq-200", 100), ("qqq-200-band", 100), ("ema-5-200", 20), ("spelled out", 60)]
)
def test_the_engine_decides_every_preset_as_the_vectorised_rule_says(tmp_path: Path, name: str, sessions: int) -> None:
    """Live and backtest have the same bands, confirmation and exponential averages."""
    trend = Comparison(Average(3, exponential=True), Average(30), 0.02, 0.01, confirm=2)
    own = Rule(Holding.QQQ, trend, Comparison(PRICE, Average(10), 0.01, 0.01), Holding.TQQQ, Holding.QQQ)
    rules = Rules(rule=PRESETS.get(name, own), decide=Decide.BEFORE_CLOSE)
    first = rules.form.history
    prices = random_prices(first + sessions)
    expected = levels(prices.signal.close, rules)[first:]
    book, decisions = drive(tmp_path, prices, rules, first)

    last_of_day = {row["session"]: row for row in decisions}
    assert [row["target"] for row in last_of_day.values()] == [rules.form.shelves[level] for level in expected]
    assert {row["rule"] for row in decisions} == {name_of(rules.form)}
    moves = 1 + sum(expected[1:] != expected[:-1])
    rotated = [row["position"] for row in book if row.get("kind", "trade") == "trade"]
    assert len([n for n, holding in enumerate(rotated) if n == 0 or holding != rotated[n - 1]]) in (moves, moves - 1)
