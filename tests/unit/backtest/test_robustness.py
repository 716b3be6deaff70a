"""Luck and hindsight: shifts by brute force, sweeps that equal single backtests, choices that know no later price."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.metrics import measure
from qqqbot.backtest.prices.table import Prices, align, years_of
from qqqbot.backtest.robustness import (
    Sweep,
    SweepTable,
    WalkForward,
    band_variants,
    confirmation_variants,
    null_test,
    segment_sums,
    sharpe_of,
    sweep,
    sweep_table,
    walk_forward,
)
from qqqbot.backtest.signals import answers
from qqqbot.backtest.vectorized import Terms, days_between, examine, ideal, legs, rotations_of
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices, series

RULES = Rules(short_period=5, long_period=20)
TERMS = Terms(rules=RULES, slippage=0.0005)
SWEPT_SHORTS, SWEPT_LONGS = np.array([2, 5, 9, 14]), np.array([9, 12, 30, 47])
FIRST = 60
COST = 0.0007
SHORTS, LONGS = np.array([3, 5, 8]), np.array([15, 20, 30])


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


def walk(prices: Prices) -> WalkForward:
    found = walk_forward(prices, examine(prices, RULES), TERMS, SHORTS, LONGS, train=3, segment=60)
    assert found is not None
    return found


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
            for s, n in (("QQQ", "signal"), ("TQQQ", "fund"))
        )
    )
    before, after = walk(prices), walk(changed)
    same = [mine[:2] == theirs[:2] for mine, theirs in zip(before.chosen, after.chosen, strict=True)]
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
    chosen = result.chosen[0][1]
    assert sharpes[chosen.short_period, chosen.long_period] == pytest.approx(max(sharpes.values()), rel=1e-3)


def test_too_short_a_history_has_no_walk_forward() -> None:
    prices = random_prices(200)
    assert walk_forward(prices, examine(prices, RULES), TERMS, SHORTS, LONGS, train=3, segment=60) is None


def swept(prices: Prices) -> tuple[SweepTable, Sweep]:
    periods, cut = np.union1d(SWEPT_SHORTS, SWEPT_LONGS), slice(FIRST, len(prices))
    table = sweep_table(prices, periods, cut, years_of(prices.dates[cut]))
    return table, sweep(table, SWEPT_SHORTS, SWEPT_LONGS, COST, own=(5, 30))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_pair_matches_a_single_backtest(seed: int) -> None:
    prices = random_prices(900, seed, digits=9)  # no price on a line: the sweep cannot decide such days
    _, result = swept(prices)
    for row, short in enumerate(SWEPT_SHORTS.tolist()):
        for column, long in enumerate(SWEPT_LONGS.tolist()):
            if short >= long:
                assert np.isnan(result.final[row, column])
                continue
            rules = Rules(short_period=short, long_period=long)
            cut = slice(FIRST, len(prices))
            days = days_between(prices, answers(prices.signal.close, rules, cut), rules, cut)
            one = measure(ideal(days, Terms(rules=rules, slippage=COST)), days.years)
            assert result.final[row, column] == pytest.approx(one.final, rel=1e-12)
            assert result.cagr[row, column] == pytest.approx(one.cagr, rel=1e-10)
            # The entry on the first close is a day of its own here and part of the next one there.
            assert result.volatility[row, column] == pytest.approx(one.volatility, rel=1e-4)
            assert result.sharpe[row, column] == pytest.approx(one.sharpe, rel=2e-3, abs=1e-3)
            assert result.rotations[row, column] == rotations_of(days.wanted)


def test_segments_add_up_to_the_whole() -> None:
    prices = random_prices(900)
    table, result = swept(prices)
    bounds = np.array([0, 100, 101, 350, 700, len(prices) - FIRST - 1])
    parts = segment_sums(table, SWEPT_SHORTS, SWEPT_LONGS, bounds, COST)
    assert parts.shape == (4, 4, 4, 5)
    known = np.isfinite(result.final)
    assert np.exp(parts[0].sum(axis=2))[known] == pytest.approx(result.final[known], rel=1e-12)
    assert (parts[3].sum(axis=2) == result.rotations)[known].all()
    days = len(prices) - FIRST - 1
    assert sharpe_of(parts.sum(axis=3), days)[known] == pytest.approx(result.sharpe[known], rel=1e-9)


def test_the_rank_is_the_share_of_worse_pairs() -> None:
    _, result = swept(random_prices(900))
    known = result.cagr[np.isfinite(result.cagr)]
    assert result.rank(result.cagr) == pytest.approx((known < result.cagr[1, 2]).mean())
