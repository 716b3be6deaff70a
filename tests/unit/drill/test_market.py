"""The drill's market makes the rule want TQQQ, and QQQ after a fall of 2.5 %, on each day on which a scene plays."""

from datetime import date

import pytest

from drill.market import Market
from drill.scenes import FALLEN, HALF_DAY, MONDAY, TUESDAY, WEDNESDAY
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import evaluate
from tests.support.builders import new_york


def wanted(market: Market, day: date) -> Holding:
    closes = [row.close for row in market.exchange.series["QQQ"] if row.date < day]
    return evaluate(closes, market.price("QQQ", new_york(day, 12)), Holding.CASH, Rules()).target


@pytest.mark.parametrize("day", [TUESDAY, WEDNESDAY, HALF_DAY, MONDAY])
def test_the_rule_wants_tqqq_until_the_market_falls(day: date) -> None:
    market = Market()
    assert wanted(market, day) is Holding.TQQQ
    market.move = FALLEN
    assert wanted(market, day) is Holding.QQQ


def test_tqqq_moves_three_times_as_far() -> None:
    market, noon = Market(), new_york(TUESDAY, 12)
    market.move = 0.0
    before = {symbol: market.price(symbol, noon) for symbol in ("QQQ", "TQQQ")}
    market.move = FALLEN
    assert market.price("QQQ", noon) == pytest.approx(before["QQQ"] * (1 + FALLEN))
    assert market.price("TQQQ", noon) == pytest.approx(before["TQQQ"] * (1 + 3 * FALLEN))


def test_a_split_halves_the_price_from_its_day_on() -> None:
    whole, split = Market(), Market(split=WEDNESDAY)
    for day, factor in ((TUESDAY, 1.0), (WEDNESDAY, 0.5)):
        noon = new_york(day, 12)
        assert split.price("TQQQ", noon) == pytest.approx(factor * whole.price("TQQQ", noon), rel=0.05)
