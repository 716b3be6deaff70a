"""The model of TQQQ: its fee is found again, and before the fund it moves like three times QQQ."""

import numpy as np
import pytest

from qqqbot.backtest.prices.table import Prices, Series, align
from qqqbot.backtest.synthetic import bill_rates, fit, with_synthetic
from tests.support.price_series import random_prices


def made_with_fee(fee: float, tqqq_first: int) -> Prices:
    """TQQQ made by the model itself; the year's rate is that of 2004 to 2007."""
    base = random_prices(900)
    years = base.dates.astype("M8[Y]").astype(int) + 1970
    first, rates = bill_rates()
    rate = rates[years - first]
    day = 3 * (base.signal.close[1:] / base.signal.close[:-1] - 1) - 2 * rate[1:] / 252 - fee / 252
    close = 50 * np.cumprod(np.append(1.0, 1 + day))[tqqq_first:]
    ones = np.ones(len(close))
    return align(base.signal, Series("TQQQ", base.dates[tqqq_first:], close, close, ones, ones))


def test_the_treasury_bill_rates_are_yearly_and_plausible() -> None:
    first, rates = bill_rates()
    assert (first, first + len(rates) - 1) == (1998, 2026)
    assert rates[2000 - first] == pytest.approx(0.0582)
    assert ((rates > 0) & (rates < 0.06)).all()


def test_the_fee_is_recovered_from_the_series() -> None:
    found = fit(made_with_fee(0.02, 300))
    assert found.fee == pytest.approx(0.02, abs=1e-9)
    assert found.tracking_error == pytest.approx(0.0, abs=1e-9)
    assert found.worst_year[1] == pytest.approx(0.0, abs=1e-9)


def test_the_spliced_years_are_what_the_model_made() -> None:
    whole, late = made_with_fee(0.02, 0), made_with_fee(0.02, 300)
    spliced = with_synthetic(late, 0.02)
    assert spliced.first == 0
    assert spliced.fund.close == pytest.approx(whole.fund.close, rel=1e-9)
    assert np.isfinite(spliced.fund.open).all()


def test_an_error_of_the_model_is_reported() -> None:
    found = fit(random_prices(900, tqqq_first=100))
    assert 0.005 < found.tracking_error < 0.03
    assert 0.99 < found.correlation < 1


def test_nothing_is_spliced_if_the_fund_is_as_old_as_the_prices() -> None:
    prices = random_prices(100)
    assert with_synthetic(prices, 0.02) is prices
