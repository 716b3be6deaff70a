"""The drill's market makes a rule want its strong fund, and another shelf after a fall, whenever a scene plays."""

from datetime import date

import pytest

from drill.market import TUESDAY, WEDNESDAY, Market
from drill.scenes import HALF_DAY, MONDAY
from qqqbot.model.errors import ConfigError
from qqqbot.model.family import PRESETS, Rule
from qqqbot.model.values import Holding, Rules
from qqqbot.runtime.rule_config import rule_of
from qqqbot.strategy.rule import evaluate
from tests.support.builders import new_york

SPELLED_OUT = (
    {"slow": "sma200", "strong": "QLD", "down": "SGOV"},
    {"fast": "ema12", "slow": "ema26", "strong": "QQQM"},
    {"signal": "SPY", "fast": "sma50", "slow": "sma200", "strength": "sma20", "strong": "SSO", "up": "SPY"},
)


def spelled(value: object) -> Rule:
    rule, problems = rule_of(value)
    assert rule is not None, problems
    return rule


def wanted(market: Market, day: date, rule: Rule) -> Holding:
    closes = [row.close for row in market.exchange.series[rule.signal] if row.date < day]
    return evaluate(closes, market.price(rule.signal, new_york(day, 12)), Holding.CASH, Rules(rule=rule)).target


@pytest.mark.parametrize("rule", [*PRESETS.values(), *map(spelled, SPELLED_OUT)], ids=str)
@pytest.mark.parametrize("day", [TUESDAY, WEDNESDAY, HALF_DAY, MONDAY])
def test_the_rule_wants_its_strong_fund_until_the_market_falls(rule: Rule, day: date) -> None:
    market = Market(rule)
    assert wanted(market, day, rule) is market.strong is rule.strong
    market.move = market.fall
    assert wanted(market, day, rule) is market.after is not rule.strong


def test_the_default_holds_tqqq_and_qqq_after_a_fall_of_two_and_a_half_per_cent() -> None:
    market = Market()
    assert (market.strong, market.after, market.fall) == (Holding.TQQQ, Holding.QQQ, -0.025)


@pytest.mark.parametrize("slow", ["sma2", "sma200"])
def test_a_rule_that_no_fall_of_a_day_changes_is_not_played(slow: str) -> None:
    with pytest.raises(ConfigError, match="no fall of one day changes its answer"):
        Market(spelled({"slow": slow, "strong": "TQQQ", "confirm_closes": 2}))


def test_each_fund_moves_its_factor_times_as_far() -> None:
    market, noon = Market(spelled(SPELLED_OUT[0])), new_york(TUESDAY, 12)
    market.move = 0.0
    before = {symbol: market.price(symbol, noon) for symbol in market.symbols}
    market.move = -0.02
    moved = {symbol: market.price(symbol, noon) / before[symbol] - 1 for symbol in market.symbols}
    assert moved == pytest.approx({"QQQ": -0.02, "QLD": -0.04, "TQQQ": -0.06, "SGOV": 0.0})


def test_a_split_halves_the_price_from_its_day_on() -> None:
    whole, split = Market(), Market(split=True)
    for day, factor in ((TUESDAY, 1.0), (WEDNESDAY, 0.5)):
        noon = new_york(day, 12)
        assert split.price("TQQQ", noon) == pytest.approx(factor * whole.price("TQQQ", noon), rel=0.05)
