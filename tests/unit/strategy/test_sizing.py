"""The size of a buy: never more than the account can pay at the worst price, commission included."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.values import OrderType, Rules, Side
from qqqbot.strategy.sizing import commission, falls_short, limit_price, shares_to_buy, worst_price
from tests.support.builders import RULES

LIMITED = replace(RULES, order_type=OrderType.LIMIT)


class TestSizes:
    @pytest.mark.parametrize(
        ("equity", "spendable", "price", "wanted"),
        [
            ("100000", "100000", "450", 211),
            ("100000", "94949", "450", 208),  # 94949 / 454.505: the cushion of a market order is allowed for
            ("100000", "0", "450", 0),
            ("100000", "-5", "450", 0),
            ("450", "450", "450", 0),
            ("0", "1000", "450", 0),
            ("-100", "1000", "450", 0),
        ],
    )
    def test_whole_shares_rounded_down(self, equity: str, spendable: str, price: str, wanted: int) -> None:
        assert shares_to_buy(Decimal(equity), Decimal(0), Decimal(spendable), Decimal(price), RULES) == wanted

    def test_shares_already_held_count_against_the_size(self) -> None:
        assert shares_to_buy(Decimal(100_000), Decimal(45_000), Decimal(55_000), Decimal(450), RULES) == 111

    @given(
        st.decimals(-1000, 1_000_000, places=2),
        st.decimals(0, 1_000_000, places=2),
        st.decimals(-1000, 1_000_000, places=2),
        st.decimals("0.01", 5000, places=4),
        st.integers(1, 100),
        st.sampled_from(OrderType),
        st.integers(1, 500),
    )
    def test_never_more_than_the_cash_at_the_worst_price(
        self,
        equity: Decimal,
        held: Decimal,
        spendable: Decimal,
        price: Decimal,
        size: int,
        kind: OrderType,
        collar: int,
    ) -> None:
        rules = replace(
            RULES, position_size=Decimal(size) / 100, order_type=kind, limit_collar=Decimal(collar) / 10_000
        )
        count = shares_to_buy(equity, held, spendable, price, rules)
        worst = worst_price(Side.BUY, price, rules)
        assert count >= 0
        assert count == 0 or count * worst + commission(count, worst) <= spendable
        assert count == 0 or count * price + held <= equity * rules.position_size + Decimal("1e-9")

    @given(st.decimals(1000, 1_000_000, places=2), st.decimals(1, 900, places=2))
    def test_with_enough_cash_it_is_the_formula(self, equity: Decimal, price: Decimal) -> None:
        wanted = int(equity * Decimal("0.95") // price)
        assert shares_to_buy(equity, Decimal(0), equity * 2, price, RULES) == wanted


class TestFallsShort:
    @pytest.mark.parametrize(
        ("held", "cash", "short"),
        [
            (211, 5_050, False),
            (208, 6_400, False),  # a hundredth less of the money was there
            (206, 7_300, True),
            (83, 62_650, True),
            (150, 0, False),  # nothing was left to buy with
        ],
    )
    def test_a_purchase_that_left_money_idle_is_not_all_of_it(self, held: int, cash: int, short: bool) -> None:
        assert falls_short(held, held * Decimal(450) + Decimal(cash), Decimal(450), RULES) is short

    @given(st.decimals(500, 1_000_000, places=2), st.decimals(1, 900, places=2), st.sampled_from([RULES, LIMITED]))
    def test_what_the_money_bought_is_all_of_it(self, money: Decimal, price: Decimal, rules: Rules) -> None:
        count = shares_to_buy(money, Decimal(0), money, price, rules)
        left = money - count * price - commission(count, price)
        assert not falls_short(count, count * price + left, price, rules)


class TestCommission:
    @pytest.mark.parametrize(
        ("quantity", "price", "wanted"),
        [
            (211, "450", "1.06"),
            (1, "450", "1.00"),
            (200, "450", "1.00"),
            (201, "450", "1.00"),  # 1.005 to the even cent
            (1000, "60", "5.00"),
            (1, "50", "0.50"),  # never more than one per cent
            (0, "50", "0.00"),
        ],
    )
    def test_the_fixed_plan(self, quantity: int, price: str, wanted: str) -> None:
        assert commission(quantity, Decimal(price)) == Decimal(wanted)


class TestLimits:
    def test_a_collar_beyond_the_price_to_the_cent_towards_it(self) -> None:
        assert limit_price(Side.BUY, Decimal("449.99"), RULES) == Decimal("450.88")
        assert limit_price(Side.SELL, Decimal("449.99"), RULES) == Decimal("449.10")

    @pytest.mark.parametrize("rules", [RULES, LIMITED])
    def test_the_worst_price_is_worse(self, rules: Rules) -> None:
        price = Decimal("60")
        assert worst_price(Side.SELL, price, rules) < price < worst_price(Side.BUY, price, rules)
