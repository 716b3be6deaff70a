"""The ideal follower: worked by hand, without look-ahead, and with each way of filling."""

from dataclasses import replace

import numpy as np
import pytest

from qqqbot.backtest.prices.table import BadPrices, Floats, align
from qqqbot.backtest.signals import NO_SIGNAL
from qqqbot.backtest.vectorized import (
    Days,
    FillAt,
    Terms,
    cash_growth,
    daily_events,
    days_between,
    examine,
    ideal,
    legs,
    look_ahead,
    rotations_of,
)
from qqqbot.model.values import Rules
from tests.support.price_series import random_prices, series

RULES = Rules(short_period=3, long_period=8)
# Positions by hand: wanted is given, so the averages do not matter.
QQQ = [100.0, 110.0, 121.0, 108.9, 108.9]
TQQQ = [50.0, 65.0, 84.5, 59.15, 59.15]
OPENS = [100.0, 105.0, 115.5, 115.0, 108.9]
TQQQ_OPENS = [50.0, 57.5, 74.75, 71.9, 59.15]
WANTED = np.array([2, 2, 1, 0, 0], dtype=np.int8)


def five_days() -> Days:
    prices = align(series("QQQ", QQQ, OPENS), series("TQQQ", TQQQ, TQQQ_OPENS))
    return replace(days_between(prices, RULES, slice(0, 5)), wanted=np.full(5, NO_SIGNAL, np.int8))


def test_a_fill_at_the_close_earns_from_the_next_session_on() -> None:
    days = five_days()
    free = ideal(days, Terms(rules=RULES, slippage=0.0), WANTED)
    assert free.tolist() == pytest.approx([1, 1.3, 1.3 * 1.3, 1.69 * 0.9, 1.69 * 0.9])


def test_each_leg_is_paid_for() -> None:
    days = five_days()
    paid = ideal(days, Terms(rules=RULES, slippage=0.01), WANTED)
    # bought on the first close; TQQQ to QQQ on the third, two legs; QQQ to cash on the fourth
    assert paid[-1] == pytest.approx(1.69 * 0.9 * 0.99**4)
    assert paid[0] == 1.0


def test_a_fill_at_the_next_open_keeps_the_old_holding_overnight() -> None:
    days = five_days()
    equity = ideal(days, Terms(rules=RULES, slippage=0.0, fill=FillAt.NEXT_OPEN), WANTED)
    first = 65 / 57.5
    second = first * 84.5 / 65
    third = second * (71.9 / 84.5) * (108.9 / 115.0)
    assert equity.tolist() == pytest.approx([1, first, second, third, third * 108.9 / 108.9])


def test_a_fill_at_the_next_close_is_a_day_late() -> None:
    days = five_days()
    equity = ideal(days, Terms(rules=RULES, slippage=0.0, fill=FillAt.NEXT_CLOSE), WANTED)
    assert equity.tolist() == pytest.approx([1, 1, 1.3, 1.3 * 0.7, 1.3 * 0.7])


def test_cash_earns_its_yield() -> None:
    days = five_days()
    cash = np.zeros(5, dtype=np.int8)
    equity = ideal(days, Terms(rules=RULES, slippage=0.0, cash_yield=0.05), cash)
    assert equity[-1] == pytest.approx(1.05 ** (4 / 365.25))
    assert cash_growth(days.dates, 0.05)[-1] == pytest.approx(equity[-1])


def test_look_ahead_earns_the_day_it_decided_on() -> None:
    prices = random_prices(400)
    days = examine(prices, RULES)
    wrong = look_ahead(days)
    day = days.close[:, 1:] / days.close[:, :-1]
    assert wrong[-1] / wrong[0] == pytest.approx(np.prod(day[days.wanted[1:], np.arange(len(days) - 1)]))
    assert wrong[-1] > 3 * ideal(days, Terms(rules=RULES))[-1]


@pytest.mark.parametrize("fill", [FillAt.CLOSE, FillAt.NEXT_OPEN, FillAt.NEXT_CLOSE])
@pytest.mark.parametrize("band", [0.0, 0.01])
def test_changing_every_later_bar_changes_no_past_equity(fill: FillAt, band: float) -> None:
    rules = Rules(short_period=3, long_period=8, band=band)
    prices, cut = random_prices(300), 200
    other = random_prices(300, seed=7)

    def spliced(which: str) -> tuple[Floats, Floats]:
        mine, theirs = getattr(prices, which), getattr(other, which)
        scale = mine.close[cut - 1] / theirs.close[cut - 1]
        return (
            np.append(mine.close[:cut], theirs.close[cut:] * scale),
            np.append(mine.open[:cut], theirs.open[cut:] * scale),
        )

    changed = align(series("QQQ", *spliced("signal")), series("TQQQ", *spliced("fund")))
    terms = Terms(rules=rules, fill=fill)
    before, after = (ideal(examine(p, rules), terms) for p in (prices, changed))
    known = cut - 7
    assert before[:known].tolist() == after[:known].tolist()
    assert before[-1] != after[-1]


def test_legs_are_counted_between_the_funds_and_cash() -> None:
    before = np.array([0, 0, 1, 1, 2, 2, 2], dtype=np.int8)
    after = np.array([0, 1, 0, 2, 1, 2, 0], dtype=np.int8)
    assert legs(before, after).tolist() == [0, 1, 1, 2, 2, 0, 1]


def test_events_are_the_changes_at_the_price_of_the_fill() -> None:
    days = replace(five_days(), wanted=WANTED)
    assert [(e.day, e.target, e.prices) for e in daily_events(days, FillAt.CLOSE)] == [
        (0, 2, (1.0, 100.0, 50.0)),
        (2, 1, (1.0, 121.0, 84.5)),
        (3, 0, (1.0, 108.9, 59.15)),
    ]
    assert [(e.day, e.prices[1]) for e in daily_events(days, FillAt.NEXT_OPEN)] == [
        (1, 105),
        (3, 115),
        (4, 108.9),
    ]
    assert rotations_of(WANTED) == 3


def test_the_first_session_is_the_first_with_both_prices_and_a_long_average() -> None:
    assert examine(random_prices(60), RULES).dates[0] == random_prices(60).dates[7]
    late = random_prices(60, tqqq_first=20)
    assert examine(late, RULES).dates[0] == late.dates[20]


def test_prices_before_the_start_still_make_the_averages() -> None:
    prices = random_prices(60)
    whole, part = examine(prices, RULES), examine(prices, RULES, prices.dates[30])
    assert len(part) == 30
    assert part.short_ma == pytest.approx(whole.short_ma[23:], rel=1e-12)
    assert part.wanted.tolist() == whole.wanted[23:].tolist()


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("1999-01-01", None, "--start 1999-01-01 is outside the prices"),
        (None, "2030-01-01", "--end 2030-01-01 is outside the prices"),
        ("2004-03-01", "2004-02-02", "--start 2004-03-01 is not before --end 2004-02-02"),
    ],
)
def test_dates_outside_the_prices_are_refused(start: str | None, end: str | None, sentence: str) -> None:
    first, last = (np.datetime64(d) if d else None for d in (start, end))
    with pytest.raises(BadPrices, match=sentence):
        examine(random_prices(60), RULES, first, last)


def test_an_average_longer_than_the_history_is_refused() -> None:
    with pytest.raises(BadPrices, match="leave 0 to examine with an average of 120 days"):
        examine(random_prices(60), Rules())
