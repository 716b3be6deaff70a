"""What must hold before anything is computed from prices, and prices as they were shown on an earlier day."""

import numpy as np
import pytest

from qqqbot.backtest.prices.table import BadPrices, Series, adjusted_to, align, check_series, years_of
from qqqbot.backtest.vectorized import examine
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices, series, weekdays

RULES = Rules(short_period=3, long_period=8)


def test_prices_adjusted_to_a_day_end_there_at_the_printed_price() -> None:
    prices = random_prices(60)
    earlier = adjusted_to(prices, prices.dates[40])
    assert len(earlier) == 41
    assert earlier.signal.factor[-1] == earlier.fund.factor[-1] == 1.0
    rules = RULES
    assert examine(earlier, rules).wanted.tolist() == examine(prices, rules).wanted[:34].tolist()


def test_a_fund_that_starts_later_has_no_value_before_that() -> None:
    prices = random_prices(60, tqqq_first=20)
    assert (len(prices), prices.first) == (60, 20)
    assert np.isnan(prices.fund.close[:20]).all()
    assert np.isfinite(prices.fund.close[20:]).all()


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_not_a_positive_number_is_refused(price: float) -> None:
    with pytest.raises(BadPrices, match=r"QQQ: the close of .* expected a positive number"):
        check_series(series("QQQ", [100.0, price, 101.0]))


def test_dates_must_be_in_order_and_unique() -> None:
    good = series("QQQ", [100.0, 101.0, 102.0])
    for order, sentence in (([0, 0, 1], "appears twice"), ([1, 0, 2], "sort the rows by date")):
        with pytest.raises(BadPrices, match=sentence):
            check_series(Series("QQQ", good.dates[order], good.open, good.close, good.factor, good.splits))


def test_no_prices_are_refused() -> None:
    nothing = np.empty(0)
    with pytest.raises(BadPrices, match="TQQQ: there are no prices"):
        check_series(Series("TQQQ", weekdays(0), nothing, nothing, nothing, nothing))


def test_funds_that_do_not_move_three_to_one_are_refused() -> None:
    with pytest.raises(BadPrices, match="the two files are not QQQ and TQQQ"):
        align(series("QQQ", [100.0, 101.0, 102.0, 103.0]), series("TQQQ", [50.0, 50.5, 51.0, 51.5]))
    with pytest.raises(BadPrices, match="accounts for a split and the next does not"):
        align(series("QQQ", [100.0] * 6), series("TQQQ", [50.0] * 3 + [25.0] * 3))


def test_years_are_counted_in_days() -> None:
    assert years_of(np.array(["2020-01-01", "2024-01-01"], dtype="datetime64[D]")) == pytest.approx(4, abs=0.001)
