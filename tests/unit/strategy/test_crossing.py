"""When the averages cross at an unchanged price is what the rule says day by day."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qqqbot.model.values import Crossing, Holding, Rules
from qqqbot.strategy.crossing import crossing, forecast
from qqqbot.strategy.rule import averages, evaluate, wanted
from tests.support.builders import LEVELS, RULES
from tests.support.families import enough, members, walk

CLOSES = st.lists(st.floats(50, 200), min_size=RULES.form.history, max_size=RULES.long_period + 20)


def test_a_price_above_an_old_slump_crosses_when_enough_of_it_has_left_the_short_average() -> None:
    closes = [100.0] * 90 + [80.0] * 29
    found = crossing(closes, 110.0, Holding.CASH, RULES)
    assert found is not None
    assert found.target is Holding.TQQQ
    assert 1 < found.sessions < 30


def test_averages_that_are_the_price_never_cross() -> None:
    assert crossing([100.1] * 119, 100.1, Holding.CASH, RULES) is None


def test_too_few_closes_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="119 needed"):
        crossing([100.0] * 118, 100.0, Holding.CASH, RULES)


@settings(max_examples=25)
@given(closes=CLOSES, price=st.floats(50, 200), held=st.sampled_from(LEVELS))
def test_the_rule_changes_its_trend_on_that_day_and_on_none_before(
    closes: list[float], price: float, held: Holding
) -> None:
    found = crossing(closes, price, held, RULES)
    days = [evaluate([*closes, *[price] * n], price, held, RULES) for n in range(RULES.form.history)]
    trends = [signal.target is not Holding.CASH for signal in days]
    if found is None:
        assert all(
            trend is trends[0] or abs(days[n].short_ma / days[n].long_ma - 1) < 1e-8 for n, trend in enumerate(trends)
        )
        return
    assert found == Crossing(found.sessions, days[found.sessions].target)
    assert trends[found.sessions] is not trends[0]
    for n in range(1, found.sessions):
        assert trends[n] is trends[0] or abs(days[n].short_ma / days[n].long_ma - 1) < 1e-8


def test_the_forecast_in_words() -> None:
    assert forecast("QQQ", 527.1, 65, Holding.QQQ) == (
        "No price of one day would change the answer. If QQQ stays at 527.10, the averages cross in about 65 sessions, "
        "and the rule then wants QQQ."
    )
    assert "in about 1 session, " in forecast("QQQ", 527.1, 1, "QQQ")
    assert forecast("QQQ", 527.1, None, None).endswith("would change the answer, nor would QQQ staying at 527.10.")


@settings(max_examples=40)
@given(rules=members(), seed=st.integers(0, 10_000), move=st.floats(0.8, 1.25))
def test_of_any_member_too(rules: Rules, seed: int, move: float) -> None:
    closes = walk(seed, enough(rules))
    price, down = closes[-1] * move, rules.form.down
    found = crossing(closes, price, down, rules)
    longest = max(rules.form.trend.fast.length, rules.form.trend.slow.length) + rules.form.trend.confirm
    sides = [averages([*closes, *[price] * n], price, rules) for n in range(longest - 1)]
    trend = rules.form.trend
    apart = [abs(fast / (slow * trend.factor(up)) - 1) for fast, slow in sides for up in (True, False)]
    assume(min(apart) > 1e-9)  # what only rounding keeps apart has not crossed
    days = [wanted([*closes, *[price] * n], price, down, rules) for n in range(longest - 2)]
    changed = next((n for n, target in enumerate(days) if (target is down) != (days[0] is down)), None)
    assert (found.sessions if found else None) == changed
    assert found is None or found.target is days[found.sessions]
