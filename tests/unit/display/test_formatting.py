"""Numbers and times as people read them."""

import math
from datetime import date, timedelta

import pytest

from qqqbot.display.formatting import column_time, count, day_and_time, percent, span, time_near, until, usd, words
from tests.support.builders import NOW, new_york

DAY = date(2026, 11, 27)


def test_money_has_thousands_separators_and_cents() -> None:
    assert usd(1234567.891) == "1,234,567.89"
    assert usd(1234.5, sign=True) == "+1,234.50"
    assert usd(-0.5, sign=True) == "-0.50"
    assert usd(None) == "-"


def test_shares_and_per_cent() -> None:
    assert count(1460.0) == "1,460"
    assert percent(1.2345, sign=True) == "+1.23 %"
    assert percent(12.3, digits=0) == "12 %"
    assert percent(None) == count(None) == "-"


def test_what_is_no_number_is_not_known() -> None:
    for odd in (math.inf, -math.inf, math.nan):
        assert usd(odd) == percent(odd, sign=True) == count(odd) == "-"


def test_times_are_in_new_york_time_and_say_so() -> None:
    assert day_and_time(new_york(DAY, 13)) == "Fri 2026-11-27 13:00 ET"
    assert column_time(new_york(DAY, 13)) == "2026-11-27 13:00"
    assert day_and_time(None) == column_time(None) == "-"


def test_the_day_is_left_out_on_the_same_day_only() -> None:
    assert time_near(new_york(DAY, 9, 30), new_york(DAY, 23)) == "09:30 ET"
    assert time_near(new_york(DAY, 9, 30), new_york(DAY, 23) + timedelta(hours=2)) == "Fri 2026-11-27 09:30 ET"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (149, "149 s"),
        (150, "2 min"),
        (14 * 60, "14 min"),
        (33 * 3600, "33 h"),
        (432000, "5 d"),
    ],
)
def test_a_duration_is_given_in_the_unit_that_fits(seconds: int, told: str) -> None:
    assert span(timedelta(seconds=seconds)) == told


def test_a_loss_too_small_to_show_has_no_sign_of_one() -> None:
    assert (usd(-0.001), usd(-0.001, sign=True), percent(-0.001, sign=True)) == ("0.00", "+0.00", "+0.00 %")


def test_until_looks_both_ways() -> None:
    assert until(NOW + timedelta(hours=33), NOW) == "in 33 h"
    assert until(NOW - timedelta(minutes=5), NOW) == "5 min ago"
    assert until(NOW, NOW) == "now"


def test_a_sentence_begins_with_a_capital() -> None:
    assert words("the daemon QQQ") == "The daemon QQQ"
    assert words("") == ""


@pytest.mark.parametrize("text", ["trades.jsonl: a line is missing", "total_capital is too high"])
def test_a_name_at_its_beginning_stays_as_it_is(text: str) -> None:
    assert words(text) == text
