"""Taxes and wash sales on series worked by hand."""

import numpy as np
import pytest

from qqqbot.backtest.taxes import after_tax, wash_sales


def test_a_years_gain_is_taxed_once_and_losses_are_carried() -> None:
    dates = np.array(
        ["2020-01-02", "2020-06-01", "2020-12-31", "2021-06-01", "2021-12-31", "2022-06-01", "2022-12-30"], "M8[D]"
    )
    holding = np.array([2, 0, 1, 0, 2, 0, 0], dtype=np.int8)
    equity = np.array([100.0, 120.0, 120.0, 110.0, 110.0, 130.0, 130.0])
    result = after_tax(dates, equity, holding, 0.25)
    kept = 1 - 0.25 * 20 / 120  # 2020: a gain of 20
    loss = -10 * kept  # 2021: a loss of 10, carried
    kept -= 0.25 * (20 * kept + loss) / 130  # 2022: a gain of 20 less that loss
    assert result.final == pytest.approx(kept * 1.3)


def test_a_lot_still_held_is_not_taxed() -> None:
    dates = np.array(["2020-01-02", "2020-06-01", "2020-12-31"], "M8[D]")
    result = after_tax(dates, np.array([100.0, 150.0, 200.0]), np.array([1, 1, 1], dtype=np.int8), 0.4)
    assert result.final == pytest.approx(2.0)


def test_a_wash_sale_is_a_loss_bought_back_within_thirty_days() -> None:
    days = ["2020-01-02", "2020-01-10", "2020-02-09", "2020-02-20", "2020-03-22", "2020-04-01", "2020-05-05"]
    dates = np.array(days, "M8[D]")
    holding = np.array([2, 0, 2, 1, 2, 0, 0], dtype=np.int8)
    # bought 01-02, sold 01-10 at a loss, bought again 30 days later: washed;
    # sold 02-20 at a loss, bought again 31 days later: not; sold 04-01 at a gain
    equity = np.array([100.0, 90.0, 90.0, 80.0, 80.0, 85.0, 85.0])
    count = wash_sales(dates, equity, holding, 2)
    assert (count.lots, count.losing, count.washed, count.longest_days) == (3, 2, 1, 11)


def test_a_fund_never_held_has_no_lots() -> None:
    dates = np.array(["2020-01-02", "2020-01-03"], "M8[D]")
    assert wash_sales(dates, np.ones(2), np.zeros(2, dtype=np.int8), 2).lots == 0
