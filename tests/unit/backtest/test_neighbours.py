"""The rules around a rule are members of the family, each worth what it is worth alone."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.neighbours import grid, neighbours
from qqqbot.backtest.prices.table import align
from qqqbot.backtest.vectorized import Terms, examine, ideal, rotations_of, same_days
from qqqbot.model.family import PRESETS, PRICE, Average, Comparison, Rule
from qqqbot.model.instruments import Holding
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices, series

BAND = Rule(Holding.QQQ, Comparison(PRICE, Average(20), 0.05, 0.03), None, Holding.TQQQ, Holding.TQQQ)
TWO = Rule(
    *(Holding.QQQ, Comparison(Average(5, True), Average(20, True)), None),
    *(Holding.TQQQ, Holding.TQQQ, Holding.QQQ),
)
NEAR = replace(BAND, trend=Comparison(Average(18), Average(20)))
SHORTEST = replace(BAND, trend=Comparison(PRICE, Average(2)))
COST = 0.0005


def terms(rule: Rule) -> Terms:
    return Terms(Rules(rule=rule), slippage=COST)


@pytest.mark.parametrize("rule", [BAND, TWO, NEAR, SHORTEST, PRESETS["qqq-200"], PRESETS["ema-5-200"]])
def test_the_rule_is_one_of_its_own_neighbours(rule: Rule) -> None:
    found = grid(Rules(rule=rule))
    row, column = found.rows.tolist().index(found.own[0]), found.columns.tolist().index(found.own[1])
    assert found.members[row][column].rule == rule
    assert all(m.form.trend.fast.length < m.form.trend.slow.length for row in found.members for m in row)
    assert len({member for row in found.members for member in row}) == len(found.rows) * len(found.columns)


def test_an_unequal_band_keeps_its_ratio() -> None:
    found = grid(Rules(rule=BAND))
    bands = {(m.form.trend.enter, m.form.trend.leave) for row in found.members for m in row}
    assert all(leave == pytest.approx(0.6 * enter) for enter, leave in bands)


def test_a_strength_on_the_fast_average_moves_with_it() -> None:
    average = Average(5)
    rule = Rule(
        *(Holding.QQQ, Comparison(average, Average(40)), Comparison(PRICE, average)),
        *(Holding.TQQQ, Holding.QQQ),
    )
    for row in grid(Rules(rule=rule)).members:
        for member in row:
            assert member.form.strength is not None
            assert member.form.strength.slow == member.form.trend.fast


@pytest.mark.parametrize("rule", [BAND, TWO])
def test_each_neighbour_earns_what_it_earns_alone(rule: Rule) -> None:
    prices = random_prices(700)
    found = neighbours(prices, examine(prices, Rules(rule=rule)), terms(rule))
    assert found is not None
    swept, _ = found
    last = examine(prices, Rules(rule=grid(Rules(rule=rule)).members[0][-1].rule))
    for row, column in ((0, 0), (2, 7), (-1, -1)):
        member = grid(Rules(rule=rule)).members[row][column]
        alone = same_days(prices, last, member)
        assert swept.final[row, column] == pytest.approx(ideal(alone, replace(terms(rule), rules=member))[-1])
        assert swept.rotations[row, column] == rotations_of(alone.wanted)


def test_the_walk_chooses_by_what_was_known() -> None:
    """A future that favours another neighbour changes no earlier choice."""
    prices = random_prices(1900)
    cut = 1700
    other = random_prices(1900, seed=5)
    parts = {}
    for name, symbol in (("signal", "QQQ"), ("fund", "TQQQ")):
        mine, theirs = getattr(prices, name).close, getattr(other, name).close
        parts[name] = series(symbol, np.append(mine[:cut], theirs[cut:] * mine[cut - 1] / theirs[cut - 1]))
    changed = align(parts["signal"], parts["fund"])
    choices = []
    for market in (prices, changed):
        found = neighbours(market, examine(market, Rules(rule=BAND)), terms(BAND))
        assert found is not None
        assert found[1] is not None
        choices.append([(first, rules) for first, rules, _ in found[1].chosen if first <= prices.dates[cut - 1]])
    assert choices[0] == choices[1] != []


def test_too_few_sessions_have_no_neighbours() -> None:
    prices = random_prices(150)
    assert neighbours(prices, examine(prices, Rules(rule=BAND)), terms(BAND)) is None
