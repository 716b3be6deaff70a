"""Each figure on a series worked by hand, and against an independent library."""

import math

import numpy as np
import pytest

from qqqbot.backtest import metrics

EQUITY = np.array([100.0, 110.0, 99.0, 118.8])  # +10 %, -10 %, +20 %
RETURNS = [0.10, -0.10, 0.20]


def random_equity(seed: int, count: int = 1000) -> np.ndarray:
    days = np.random.default_rng(seed).normal(0.0006, 0.013, count)
    return np.cumprod(np.append(1.0, 1 + days))


def test_returns_are_ratios_of_neighbours() -> None:
    assert metrics.daily_returns(EQUITY).tolist() == pytest.approx(RETURNS)


def test_total_return_by_hand() -> None:
    assert metrics.total_return(EQUITY) == pytest.approx(0.188)


def test_cagr_by_hand() -> None:
    assert metrics.cagr(np.array([100.0, 121.0]), 2.0) == pytest.approx(0.10)
    assert math.isnan(metrics.cagr(EQUITY, 0.0))


def test_volatility_by_hand() -> None:
    # mean 1/15; deviations 1/30, -1/6, 2/15; squares sum to 7/150, over n - 1 = 2
    assert metrics.volatility(np.array(RETURNS)) == pytest.approx(math.sqrt(7 / 300 * 252))


def test_sharpe_by_hand() -> None:
    assert metrics.sharpe(np.array(RETURNS)) == pytest.approx((1 / 15) / math.sqrt(7 / 300) * math.sqrt(252))


def test_sortino_by_hand() -> None:
    assert metrics.sortino(np.array(RETURNS)) == pytest.approx((1 / 15) / math.sqrt(0.01 / 3) * math.sqrt(252))


def test_drawdown_by_hand() -> None:
    assert metrics.max_drawdown(EQUITY) == pytest.approx(-0.10)
    assert metrics.calmar(EQUITY, 1.0) == pytest.approx(1.88)
    assert metrics.max_drawdown(np.array([1.0, 2.0, 3.0])) == 0.0


@pytest.mark.parametrize(
    ("curve", "sessions"),
    [
        ([1.0, 2.0, 3.0], 0),
        ([3.0, 2.0, 3.0], 2),
        ([3.0, 2.0, 2.5, 3.1, 3.0], 3),
        ([1.0, 3.0, 2.0, 2.0, 2.0], 3),
        ([1.0, 1.0, 1.0], 0),
    ],
)
def test_the_longest_drawdown_counts_sessions_until_the_peak_is_reached_again(
    curve: list[float], sessions: int
) -> None:
    assert metrics.longest_drawdown(np.array(curve)) == sessions


def test_held_periods_by_hand() -> None:
    holding = np.array([0, 0, 2, 2, 2, 1, 2], dtype=np.int8)
    equity = np.array([100.0, 100.0, 100.0, 105.0, 110.0, 121.0, 108.9])
    first, last = metrics.held_periods(holding)
    assert (first.tolist(), last.tolist()) == ([0, 2, 5, 6], [2, 5, 6, 6])
    tqqq = metrics.holding_figures(equity, holding, 2)
    assert (tqqq.stays, tqqq.win_rate, tqqq.average_loss) == (2, 0.5, 0.0)
    assert tqqq.time == pytest.approx(4 / 7)
    assert tqqq.average_win == pytest.approx(0.21)
    assert metrics.holding_figures(equity, holding, 1).average_loss == pytest.approx(-0.10)


def test_a_holding_never_held_has_no_averages() -> None:
    figures = metrics.holding_figures(EQUITY, np.zeros(4, dtype=np.int8), 2)
    assert figures.stays == 0
    assert math.isnan(figures.win_rate)
    assert math.isnan(figures.average_win)


def test_turnover_by_hand() -> None:
    assert metrics.turnover(400.0, np.array([100.0, 100.0]), 2.0) == pytest.approx(1.0)


def test_yearly_returns_join_end_to_end() -> None:
    years, returns = metrics.period_returns(EQUITY, np.array([2020, 2020, 2021, 2021]))
    assert years.tolist() == [2020, 2021]
    assert returns.tolist() == pytest.approx([0.10, 0.08])
    assert np.prod(1 + returns) == pytest.approx(1.188)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("risk_free", [0.0, 0.03])
def test_figures_agree_with_an_independent_library(seed: int, risk_free: float) -> None:
    empyrical = pytest.importorskip("empyrical", reason="empyrical-reloaded is the second opinion on metrics")
    equity = random_equity(seed)
    returns = metrics.daily_returns(equity)
    years = len(returns) / 252
    daily = metrics.daily_rate(risk_free)
    ours = metrics.measure(equity, years, risk_free)
    assert ours.total_return == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9)
    assert ours.cagr == pytest.approx(empyrical.cagr(returns), rel=1e-9)
    assert ours.volatility == pytest.approx(empyrical.annual_volatility(returns), rel=1e-9)
    assert ours.sharpe == pytest.approx(empyrical.sharpe_ratio(returns, risk_free=daily), rel=1e-9)
    assert ours.sortino == pytest.approx(empyrical.sortino_ratio(returns, required_return=daily), rel=1e-9)
    assert ours.calmar == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-9)
    assert ours.max_drawdown == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
