"""The sweep gives for every pair what one backtest gives, and its segments add up to the whole."""

import numpy as np
import pytest

from qqqbot.backtest.metrics import measure
from qqqbot.backtest.prices.table import Prices
from qqqbot.backtest.signals import averages
from qqqbot.backtest.sweeps import segment_sums, sharpe_of, sweep, sweep_table
from qqqbot.backtest.vectorized import Terms, days_between, ideal, rotations_of
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices

SHORTS, LONGS = np.array([2, 5, 9, 14]), np.array([9, 12, 30, 47])
FIRST = 60
COST = 0.0007


def years(prices: Prices) -> float:
    return float((prices.dates[-1] - prices.dates[FIRST]).astype(int)) / 365.25


def swept(prices: Prices) -> object:
    table = sweep_table(prices, np.union1d(SHORTS, LONGS), slice(FIRST, len(prices)), years(prices))
    return table, sweep(table, SHORTS, LONGS, COST)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_pair_is_what_one_backtest_gives(seed: int) -> None:
    prices = random_prices(900, seed, digits=9)  # no price on a line: the sweep does not tell such days apart
    _, result = swept(prices)
    for row, short in enumerate(SHORTS.tolist()):
        for column, long in enumerate(LONGS.tolist()):
            if short >= long:
                assert np.isnan(result.final[row, column])
                continue
            rules = Rules(short_period=short, long_period=long)
            averaged = averages(prices.qqq.close, rules)
            days = days_between(prices, *averaged, rules, slice(FIRST, len(prices)))
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
    parts = segment_sums(table, SHORTS, LONGS, bounds, COST)
    assert parts.shape == (4, 4, 4, 5)
    known = np.isfinite(result.final)
    assert np.exp(parts[0].sum(axis=2))[known] == pytest.approx(result.final[known], rel=1e-12)
    assert (parts[3].sum(axis=2) == result.rotations)[known].all()
    days = len(prices) - FIRST - 1
    assert sharpe_of(parts.sum(axis=3), days)[known] == pytest.approx(result.sharpe[known], rel=1e-9)


def test_the_rank_is_the_share_of_worse_pairs() -> None:
    _, result = swept(random_prices(900))
    known = result.cagr[np.isfinite(result.cagr)]
    rank = result.rank(result.cagr, 5, 30)
    assert rank == pytest.approx((known < result.cagr[1, 2]).mean())
    with pytest.raises(KeyError):
        result.rank(result.cagr, 6, 30)
