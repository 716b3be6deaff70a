"""Luck and hindsight: shifts counted by brute force, choices that know no later price."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.prices.table import Prices, align
from qqqbot.backtest.robustness import band_variants, confirmation_variants, null_test, walk_forward
from qqqbot.backtest.vectorized import Terms, examine, ideal, legs
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices, series

RULES = Rules(short_period=5, long_period=20)
TERMS = Terms(rules=RULES, slippage=0.0005)
SHORTS, LONGS = np.array([3, 5, 8]), np.array([15, 20, 30])


def test_every_shift_is_what_counting_gives() -> None:
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
    slower = confirmation_variants(days, TERMS, (1, 2, 4))
    assert slower[0].rotations > slower[1].rotations > slower[2].rotations


def walk(prices: Prices) -> object:
    return walk_forward(prices, examine(prices, RULES), TERMS, SHORTS, LONGS, train=3, segment=60)


def test_a_choice_knows_only_the_segments_before_it() -> None:
    prices, other = random_prices(700), random_prices(700, seed=9)
    cut = 500
    changed = align(
        *(
            series(
                s,
                np.append(
                    getattr(prices, n).close[:cut],
                    getattr(other, n).close[cut:]
                    * getattr(prices, n).close[cut - 1]
                    / getattr(other, n).close[cut - 1],
                ),
            )
            for s, n in (("QQQ", "qqq"), ("TQQQ", "tqqq"))
        )
    )
    before, after = walk(prices), walk(changed)
    same = [mine[:3] == theirs[:3] for mine, theirs in zip(before.chosen, after.chosen, strict=True)]
    decided_before_the_change = [bool(first <= prices.dates[cut - 1]) for first, *_ in before.chosen]
    assert sum(decided_before_the_change) >= 4
    assert [s for s, known in zip(same, decided_before_the_change, strict=True) if known] == [True] * sum(
        decided_before_the_change
    )


def test_the_chosen_pair_is_the_best_of_its_training_years() -> None:
    prices = random_prices(700)
    days = examine(prices, RULES)
    result = walk(prices)
    first = int(np.searchsorted(days.dates, result.chosen[0][0]))
    assert first == 180 + 30 - 20  # three segments, after the longest average of the sweep
    sharpes = {}
    for short in SHORTS.tolist():
        for long in LONGS.tolist():
            rules = replace(RULES, short_period=short, long_period=long)
            part = examine(prices, rules, days.dates[10], days.dates[first])
            returns = np.diff(ideal(part, replace(TERMS, rules=rules))) / ideal(part, replace(TERMS, rules=rules))[:-1]
            sharpes[short, long] = returns.mean() / returns.std(ddof=1)
    assert sharpes[result.chosen[0][1:3]] == pytest.approx(max(sharpes.values()), rel=1e-3)


def test_too_short_a_history_has_no_walk() -> None:
    prices = random_prices(200)
    assert walk_forward(prices, examine(prices, RULES), TERMS, SHORTS, LONGS, train=3, segment=60) is None
