"""When a stay in a Treasury-bill fund is worth its two orders."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.strategy.parking import benefit, yearly_growth

PRICE = Decimal("100.50")


def fund(yearly: float = 0.036, count: int = 120, price: float = 100.5) -> list[float]:
    """The newest closes, adjusted for dividends, of a fund that grows so much a year."""
    return [price * (1 + yearly / 252) ** (n - count + 1) for n in range(count)]


def test_a_stay_by_hand() -> None:
    """95,000 at 3.6 % for 20 of 365 days is 187.40; 945 shares cost 4.73 each way, and the spread 9.50."""
    assert float(benefit(Decimal(95_000), PRICE, fund())) == pytest.approx(187.40 - 2 * (4.73 + 9.50), abs=0.1)


def test_little_money_or_a_low_rate_is_not_worth_it() -> None:
    assert benefit(Decimal(1_000), PRICE, fund()) < Decimal(1)
    assert benefit(Decimal(95_000), PRICE, fund(0.0005)) < 0
    assert benefit(Decimal(50), PRICE, fund()) < 1  # not even a share


def test_the_growth_is_that_of_the_last_quarter() -> None:
    assert yearly_growth(fund(0.05)) == pytest.approx(0.05, rel=1e-6)
    before = [close * 0.9 for close in fund(0.20, 200)]
    assert yearly_growth([*before, *fund(0.02, 64)]) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize("count", [0, 1, 21])
def test_of_a_few_closes_nothing_is_expected(count: int) -> None:
    assert yearly_growth(fund(count=count)) == 0


def test_a_fund_that_fell_brings_nothing() -> None:
    assert yearly_growth(fund(-0.02)) == 0


@given(st.integers(60, 118), st.sampled_from([0.5, 0.95, 0.997, 1.003, 1.05, 2.0]))
def test_one_wrong_row_does_not_make_a_stay_worth_it(place: int, off: float) -> None:
    closes = fund(0.03)
    closes[place] *= off
    assert yearly_growth(closes) == pytest.approx(0.03, rel=0.05)
