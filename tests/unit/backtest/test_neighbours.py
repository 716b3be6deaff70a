"""The rules around a rule are members of the family, each worth what it is worth alone."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.metrics import measure
from qqqbot.backtest.neighbours import Sweep, WalkForward, grid, neighbours
from qqqbot.backtest.prices.table import Prices, align
from qqqbot.backtest.vectorized import Terms, examine, ideal, same_days
from qqqbot.model.family import PRESETS, PRICE, Average, Comparison, Rule
from qqqbot.model.instruments import Holding
from qqqbot.model.values import Rules
from qqqbot.runtime.rule_config import MOST_HISTORY
from tests.support.price_series import random_prices, series

BAND = Rule(Holding.QQQ, Comparison(PRICE, Average(20), 0.05, 0.03), None, Holding.TQQQ, Holding.TQQQ)
TWO = Rule(
    *(Holding.QQQ, Comparison(Average(5, True), Average(20, True)), None),
    *(Holding.TQQQ, Holding.TQQQ, Holding.QQQ),
)
NEAR = replace(BAND, trend=Comparison(Average(18), Average(20)))
SHORTEST = replace(BAND, trend=Comparison(PRICE, Average(2)))
COST = 0.0005
PAIR = Rules(short_period=5, long_period=20)
PAIR_TERMS = Terms(PAIR, slippage=COST)
SHORTS, LONGS = np.array([3.0, 5, 8]), np.array([15.0, 20, 30])
SWEPT_SHORTS, SWEPT_LONGS = np.array([2.0, 5, 9, 14]), np.array([9.0, 12, 30, 47])
FIRST = 60


def terms(rule: Rule) -> Terms:
    return Terms(Rules(rule=rule), slippage=COST)


@pytest.mark.parametrize("rule", [BAND, TWO, NEAR, SHORTEST, PRESETS["qqq-200"], PRESETS["ema-5-200"]])
def test_the_rule_is_one_of_its_own_neighbours(rule: Rule) -> None:
    found = grid(Rules(rule=rule))
    assert found.own[0] in found.rows
    assert found.own[1] in found.columns
    assert found.member(*found.own).rule == rule
    assert all(member.form.trend.fast.length < member.form.trend.slow.length for member in found.members)
    assert len(set(found.members)) == len(found.rows) * len(found.columns)


LONG_EMAS = [PRESETS["ema-5-200"], replace(BAND, trend=Comparison(Average(90, True), Average(300)))]


@pytest.mark.parametrize("rule", LONG_EMAS)
def test_no_neighbour_needs_more_closes_than_the_daemon_can_have(rule: Rule) -> None:
    around = grid(Rules(rule=rule))
    assert max(member.form.history for member in around.members) <= MOST_HISTORY
    assert around.own in {(row, column) for row in around.rows.tolist() for column in around.columns.tolist()}


def test_an_unequal_band_keeps_its_ratio() -> None:
    found = grid(Rules(rule=BAND))
    assert found.axes[1] == "band, %"
    assert (found.own[0], found.rows[1]) == (5.0, 0.5)
    bands = {(member.form.trend.enter, member.form.trend.leave) for member in found.members}
    assert all(leave == pytest.approx(0.6 * enter) for enter, leave in bands)


def test_a_strength_on_the_fast_average_moves_with_it() -> None:
    average = Average(5)
    rule = Rule(
        *(Holding.QQQ, Comparison(average, Average(40)), Comparison(PRICE, average)),
        *(Holding.TQQQ, Holding.QQQ),
    )
    for member in grid(Rules(rule=rule)).members:
        assert member.form.strength is not None
        assert member.form.strength.slow == member.form.trend.fast


@pytest.mark.parametrize("rule", [BAND, TWO])
def test_each_neighbour_earns_what_it_earns_alone(rule: Rule) -> None:
    prices = random_prices(700)
    found = neighbours(prices, examine(prices, Rules(rule=rule)), terms(rule))
    assert found is not None
    swept, _ = found
    around = grid(Rules(rule=rule))
    slowest = examine(prices, around.member(float(around.rows[0]), float(around.columns[-1])))
    for row, column in ((0, 0), (2, 7), (-1, -1)):
        member = around.member(float(around.rows[row]), float(around.columns[column]))
        alone = measure(ideal(same_days(prices, slowest, member), replace(terms(rule), rules=member)), slowest.years)
        assert swept.cagr[row, column] == pytest.approx(alone.cagr)
        assert swept.sharpe[row, column] == pytest.approx(alone.sharpe)


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
        choices.append([(first, rules) for first, rules in found[1].chosen if first <= prices.dates[cut - 1]])
    assert choices[0] == choices[1] != []


def test_too_few_sessions_have_no_neighbours() -> None:
    prices = random_prices(150)
    assert neighbours(prices, examine(prices, Rules(rule=BAND)), terms(BAND)) is None


def walk(prices: Prices) -> WalkForward:
    days, around = examine(prices, PAIR), grid(PAIR, SHORTS, LONGS)
    found = neighbours(prices, days, PAIR_TERMS, around, train=3, segment=60)
    assert found is not None
    assert found[1] is not None
    return found[1]


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
    same = [mine == theirs for mine, theirs in zip(before.chosen, after.chosen, strict=True)]
    decided_before_the_change = [bool(first <= prices.dates[cut - 1]) for first, *_ in before.chosen]
    assert sum(decided_before_the_change) >= 4
    assert [s for s, known in zip(same, decided_before_the_change, strict=True) if known] == [True] * sum(
        decided_before_the_change
    )


def test_the_chosen_pair_is_the_best_of_its_training_years() -> None:
    prices = random_prices(700)
    days = examine(prices, PAIR)
    result = walk(prices)
    first = int(np.searchsorted(days.dates, result.chosen[0][0]))
    assert first == 180 + 30 - 20  # three segments, after the longest average of the sweep
    sharpes = {}
    for short in SHORTS.astype(int).tolist():
        for long in LONGS.astype(int).tolist():
            rules = replace(PAIR, short_period=short, long_period=long)
            part = examine(prices, rules, days.dates[10], days.dates[first])
            returns = (
                np.diff(ideal(part, replace(PAIR_TERMS, rules=rules)))
                / ideal(part, replace(PAIR_TERMS, rules=rules))[:-1]
            )
            sharpes[short, long] = returns.mean() / returns.std(ddof=1)
    chosen = result.chosen[0][1]
    assert sharpes[chosen.short_period, chosen.long_period] == pytest.approx(max(sharpes.values()), rel=1e-3)


def test_too_short_a_history_has_no_walk_forward() -> None:
    prices = random_prices(210)
    found = neighbours(prices, examine(prices, PAIR), PAIR_TERMS, grid(PAIR, SHORTS, LONGS), train=3, segment=60)
    assert found is not None
    assert found[1] is None


def swept(prices: Prices, segment: int = 200) -> Sweep:
    rules = replace(PAIR, long_period=30)
    days = examine(prices, rules, prices.dates[FIRST])
    around = grid(rules, SWEPT_SHORTS, SWEPT_LONGS)
    found = neighbours(prices, days, replace(PAIR_TERMS, rules=rules), around, segment=segment)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_pair_matches_a_single_backtest(seed: int) -> None:
    prices = random_prices(900, seed, digits=9)  # no price on a line: the sweep cannot decide such days
    result, days = swept(prices), examine(prices, PAIR, prices.dates[FIRST])
    for row, short in enumerate(SWEPT_SHORTS.astype(int).tolist()):
        for column, long in enumerate(SWEPT_LONGS.astype(int).tolist()):
            if short >= long:
                assert np.isnan(result.cagr[row, column])
                continue
            rules = Rules(short_period=short, long_period=long)
            one = measure(ideal(same_days(prices, days, rules), Terms(rules=rules, slippage=COST)), days.years)
            assert result.cagr[row, column] == pytest.approx(one.cagr, rel=1e-10)
            # The entry on the first close is a day of its own here and part of the next one there.
            assert result.sharpe[row, column] == pytest.approx(one.sharpe, rel=2e-3, abs=1e-3)


def test_the_figures_do_not_depend_on_where_the_sessions_are_cut() -> None:
    prices = random_prices(900)
    once, often = swept(prices, 280), swept(prices, 7)
    known = np.isfinite(once.cagr)
    assert known.sum() == 13
    assert often.cagr[known] == pytest.approx(once.cagr[known], rel=1e-11)
    assert often.sharpe[known] == pytest.approx(once.sharpe[known], rel=1e-9)


def test_the_rank_is_the_share_of_worse_pairs() -> None:
    result = swept(random_prices(900))
    known = result.cagr[np.isfinite(result.cagr)]
    assert result.rank(result.cagr) == pytest.approx((known < result.cagr[1, 2]).mean())


def test_where_no_pair_has_traded_the_rule_itself_is_followed() -> None:
    falling = np.power(0.999, np.arange(700)) * 100
    chosen = walk(align(series("QQQ", falling), series("TQQQ", np.power(falling, 3)))).chosen
    assert {rules for _, rules in chosen} == {PAIR}


def test_the_rank_does_not_count_rounding() -> None:
    result = swept(random_prices(900))
    alike = 0.1 + 1e-12 * np.random.default_rng(1).random(result.cagr.shape)
    assert result.rank(alike) == 0


@pytest.mark.parametrize("rules", [PAIR, Rules(rule=TWO)])
def test_of_rules_that_traded_alike_the_first_is_chosen(rules: Rules) -> None:
    """Before the long rise they traded differently, so their sums differ by rounding ever after."""
    fall = 0.998 * (1 + 0.01 * np.random.default_rng(3).standard_normal(400))
    moves = np.append(fall, np.where(np.arange(700) % 3, 1.002, 1.001))
    index, fund = np.cumprod(moves), np.cumprod(3 * moves - 2)
    prices, around = align(series("QQQ", index), series("TQQQ", fund)), grid(rules, np.arange(3.0, 9), LONGS)
    found = neighbours(prices, examine(prices, rules), Terms(rules, slippage=COST), around, train=3, segment=60)
    assert found is not None
    assert found[1] is not None
    first = around.member(float(around.rows[0]), float(around.columns[0]))
    assert [chosen for _, chosen in found[1].chosen[-4:]] == [first] * 4


def test_cash_earns_nothing_among_the_neighbours() -> None:
    prices = random_prices(700)
    found = [
        neighbours(prices, examine(prices, Rules(rule=BAND)), replace(terms(BAND), cash_yield=earned))
        for earned in (0.0, 0.05)
    ]
    swept = [result[0].cagr for result in found if result is not None]
    assert swept[0] == pytest.approx(swept[1])
