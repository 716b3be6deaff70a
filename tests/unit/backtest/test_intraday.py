"""Checks replayed on bars: what the daemon would have decided at each, and once before the close."""

import numpy as np
import pytest

from qqqbot.backtest.intraday import compare, replay, sessions_with_bars
from qqqbot.backtest.prices.table import BadPrices
from qqqbot.backtest.vectorized import Terms
from qqqbot.model.values import Decide, Holding, Rules
from qqqbot.strategy.rule import evaluate
from tests.support.builders import LEVELS
from tests.support.price_series import BARS_A_DAY, FIRST_WITH_BARS, bars_of, random_prices

RULES = Rules(short_period=3, long_period=8)
TERMS = Terms(rules=RULES)


def test_every_check_says_what_the_daemon_would() -> None:
    prices = random_prices(70)
    qqq, tqqq = bars_of(prices)
    _, checks = sessions_with_bars(prices, RULES, qqq, tqqq)
    assert len(checks.day) == (70 - FIRST_WITH_BARS) * (BARS_A_DAY - 1)
    run = replay("every check", *sessions_with_bars(prices, RULES, qqq, tqqq), TERMS)
    held, rotations = Holding.CASH, 0
    for day in range(FIRST_WITH_BARS, 70):
        closes = prices.signal.close[:day].tolist()
        start = (day - FIRST_WITH_BARS) * BARS_A_DAY
        for price in qqq[2][start : start + BARS_A_DAY - 1].tolist():
            wanted = evaluate(closes, price, held, RULES).target
            rotations += wanted is not held
            held = wanted
    assert run.rotations == rotations > 10
    assert LEVELS[run.account.holding[-1]] is held


def test_before_the_close_is_one_check_a_session_at_a_quarter_to_four() -> None:
    prices = random_prices(70)
    qqq, tqqq = bars_of(prices)
    days, checks = sessions_with_bars(prices, RULES, qqq, tqqq)
    once = Rules(short_period=3, long_period=8, decide=Decide.BEFORE_CLOSE)
    run = replay("once", days, checks, Terms(rules=once))
    assert run.most_in_a_day == 1
    assert run.busy_days == 0
    held, rotations = Holding.CASH, 0
    for day in range(FIRST_WITH_BARS, 70):
        quarter_to_four = qqq[2][(day - FIRST_WITH_BARS + 1) * BARS_A_DAY - 2]
        wanted = evaluate(prices.signal.close[:day].tolist(), float(quarter_to_four), held, once).target
        rotations += wanted is not held
        held = wanted
    assert run.rotations == rotations


def test_the_window_of_a_half_day_is_before_its_own_close() -> None:
    prices = random_prices(70)
    _, checks = sessions_with_bars(prices, RULES, *bars_of(prices, half_day=50))
    of_half_day = checks.minutes_left[checks.day == 50 - FIRST_WITH_BARS]
    assert of_half_day.tolist() == list(range(195, 0, -15))


def test_checks_in_the_first_minutes_are_left_out() -> None:
    prices = random_prices(70)
    late = Rules(short_period=3, long_period=8, no_trade_seconds_after_open=31 * 60)
    _, checks = sessions_with_bars(prices, late, *bars_of(prices))
    assert checks.minutes_left.max() == 390 - 45


def test_a_bar_missing_for_one_fund_is_not_a_check() -> None:
    prices = random_prices(70)
    qqq, tqqq = bars_of(prices)
    keep = np.arange(len(tqqq[0])) != 5
    _, checks = sessions_with_bars(prices, RULES, qqq, tuple(part[keep] for part in tqqq))
    assert len(checks.day) == (70 - FIRST_WITH_BARS) * (BARS_A_DAY - 1) - 1


def test_the_comparison_names_its_rows() -> None:
    prices = random_prices(70)
    runs = compare(prices, TERMS, *bars_of(prices), (0.0, 0.0025))
    assert [r.name for r in runs] == [
        "every check",
        "every check, band 0.25%",
        "before the close",
        "at the official close",
    ]
    assert runs[0].rotations > runs[1].rotations >= runs[2].rotations


def test_bars_of_another_time_or_another_price_are_refused() -> None:
    prices = random_prices(70)
    qqq, tqqq = bars_of(prices)
    later = (qqq[0] + np.timedelta64(4000, "D"), *qqq[1:])
    with pytest.raises(BadPrices, match="no bar in common"):
        compare(prices, TERMS, later, tqqq, (0.0,))
    with pytest.raises(BadPrices, match="fewer than two sessions in common"):
        compare(prices, TERMS, later, (later[0], *tqqq[1:]), (0.0,))
    with pytest.raises(BadPrices, match="the intraday prices of QQQ are not those of the daily file"):
        compare(prices, TERMS, (qqq[0], qqq[1] * 2, qqq[2] * 2), tqqq, (0.0,))
