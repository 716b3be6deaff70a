"""Luck: shifts by brute force; wider bands and slower decisions."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.robustness import band_variants, confirmation_variants, null_test
from qqqbot.backtest.vectorized import Terms, examine, ideal, legs
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices

RULES = Rules(short_period=5, long_period=20)
TERMS = Terms(rules=RULES, slippage=0.0005)


def test_every_shift_matches_a_direct_count() -> None:
    days = examine(random_prices(160), RULES)
    result = null_test(days, 0.0005)
    held = days.wanted[:-1]
    moved = np.log1p(-0.0005) * legs(held, np.roll(held, -1)).sum()
    day = np.log(days.close[:, 1:] / days.close[:, :-1])
    by_hand = [
        np.exp((day[np.roll(held, k), np.arange(len(held))].sum() + moved) / days.years) - 1 for k in range(len(held))
    ]
    assert result.observed == pytest.approx(by_hand[0], abs=1e-9)
    assert result.shifted == pytest.approx(by_hand[1:], abs=1e-9)
    reached = sum(value >= by_hand[0] for value in by_hand[1:])
    assert result.p_value == pytest.approx((1 + reached) / len(held))


def test_perfect_foresight_is_not_luck() -> None:
    days = examine(random_prices(400), RULES)
    best = np.where(np.diff(days.close[1]) > 0, 2, 0).astype(np.int8)
    assert null_test(replace(days, wanted=np.append(best, 0).astype(np.int8)), 0.0).p_value == pytest.approx(
        1 / (len(days) - 1)
    )


def test_wider_bands_and_slower_decisions_move_less() -> None:
    prices = random_prices()
    days = examine(prices, RULES)
    bands = band_variants(prices, days, TERMS, (0.0, 0.01, 0.05))
    assert [v.name for v in bands] == ["band 0.00%", "band 1.00%", "band 5.00%"]
    assert bands[0].rotations > bands[1].rotations > bands[2].rotations
    assert bands[0].metrics.final == pytest.approx(ideal(days, TERMS)[-1])
    slower = confirmation_variants(prices, days, TERMS, (1, 2, 4))
    assert slower[0].metrics.final == pytest.approx(ideal(days, TERMS)[-1])
    assert slower[0].rotations > slower[2].rotations
