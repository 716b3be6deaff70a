"""The letters over a real engine with a virtual clock: when they come, once, and what an outage leaves of them."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.values import Holding
from qqqbot.notifications.evening import EveningLetter
from qqqbot.trading.bookkeeping import set_capital
from tests.support.builders import new_york, table
from tests.support.fakes import World
from tests.support.notified_life import WHO, Life, settled

FRIDAY = date(2026, 12, 4)
EVENING = f"{WHO}: The evening"


def with_letters(tmp_path: Path, letters: EveningLetter) -> Life:
    return settled(Life(World(tmp_path), letters=letters))


def a_week(life: Life, first: date = date(2026, 11, 24)) -> list[tuple[str, str]]:
    """Checks every quarter of an hour, also looks while the exchange is closed: when a letter came, and its title."""
    told = []
    for minutes in range(0, 24 * 60 * 7, 5):
        now = new_york(first, 12, 15) + timedelta(minutes=minutes)
        is_open = table().open_session(now) is not None
        for title in life.at(now, check=is_open and minutes % 15 == 0):
            told.append((f"{now.astimezone(NEW_YORK):%a %H:%M}", title))
    return told


def test_a_letter_comes_once_after_each_close_and_on_the_weeks_last_it_is_the_digest(tmp_path: Path) -> None:
    told = a_week(with_letters(tmp_path, EveningLetter.DAILY))
    assert told == [
        *(("Tue 16:10", EVENING), ("Wed 16:10", EVENING), ("Fri 13:10", f"{WHO}: The week")),
        *(("Mon 16:10", EVENING),),
    ]


def test_a_letter_comes_once_over_restarts_and_crashes(tmp_path: Path) -> None:
    life = with_letters(tmp_path, EveningLetter.DAILY)
    told = []
    for minutes in range(0, 18 * 60, 10):
        life.start()
        now = new_york(date(2026, 11, 24), 15, 30) + timedelta(minutes=minutes)
        told += life.at(now, check=True)
    assert told == [EVENING]


def test_a_letter_that_no_channel_took_comes_in_the_morning_and_never_later(tmp_path: Path) -> None:
    for back, count in ((new_york(date(2026, 11, 25), 8, 30), 1), (new_york(date(2026, 11, 26), 10), 0)):
        (logs := tmp_path / f"{count}").mkdir()
        life = with_letters(logs, EveningLetter.DAILY)
        life.post.works = False
        life.at(new_york(date(2026, 11, 24), 15, 45), check=True)
        assert life.at(new_york(date(2026, 11, 24), 16, 10)) == [EVENING]
        life.post.works = True
        assert life.at(back).count(EVENING) == count


def test_a_letter_after_an_outage_says_that_the_flip_price_is_not_known(tmp_path: Path) -> None:
    life = with_letters(tmp_path, EveningLetter.DAILY)
    life.world.prices.trouble = PricesUnavailable("429")
    for hour in (13, 14, 15):
        life.at(new_york(date(2026, 11, 24), hour), check=True)
    assert life.at(new_york(date(2026, 11, 24), 16, 10))[-1] == EVENING
    assert life.bodies[-1].splitlines() == [
        "The evening: Tue 2026-11-24, 211 QQQ + 5,049.00 USD cash. But checks are failing.",
        "The flip price is not known: the last price that passed the checks was QQQ 450.00 (Tue 2026-11-24 12:00 ET); "
        "then 452.17 (+0.48%) would have changed the rule's answer to TQQQ.",
    ]


def test_a_letter_on_change_comes_after_a_rotation_only_and_compares_with_the_digest(tmp_path: Path) -> None:
    life = with_letters(tmp_path, EveningLetter.ON_CHANGE)
    tuesday, wednesday, friday = (date(2026, 11, day) for day in (24, 25, 27))
    life.at(new_york(tuesday, 15, 45), check=True)
    assert life.at(new_york(tuesday, 16, 10)) == []
    life.world.prices.target = Holding.TQQQ
    assert life.at(new_york(wednesday, 15, 45), check=True) == [f"{WHO}: Traded"]
    assert life.at(new_york(wednesday, 16, 10)) == [EVENING]
    life.world.prices.target = Holding.QQQ
    life.at(new_york(friday, 12, 45), check=True)
    assert life.at(new_york(friday, 13, 10)) == [f"{WHO}: The week"]
    life.at(new_york(date(2026, 11, 30), 15, 45), check=True)
    assert life.at(new_york(date(2026, 11, 30), 16, 10)) == []


def test_without_a_wish_there_is_no_letter(tmp_path: Path) -> None:
    assert [title for _, title in a_week(with_letters(tmp_path, EveningLetter.OFF))] == [f"{WHO}: The week"]


def test_a_week_of_unknown_value_leaves_the_next_one_its_comparison(tmp_path: Path) -> None:
    life = with_letters(tmp_path, EveningLetter.OFF)
    compared = life.notifier._memory.history.equity
    life.world.prices.price = 451.0
    life.at(new_york(date(2026, 11, 24), 12, 15), check=True)
    assert life.engine.equity() != compared
    life.world.prices.price = 450.0
    life.world.prices.trouble = PricesUnavailable("429")
    life.at(new_york(date(2026, 11, 27), 12, 45), check=True)
    assert f"{WHO}: The week" in life.at(new_york(date(2026, 11, 27), 13, 10))
    assert life.notifier._memory.history.equity == compared
    life.world.prices.trouble = None
    life.at(new_york(FRIDAY, 15, 45), check=True)
    assert f"{WHO}: The week" in life.at(new_york(FRIDAY, 16, 10))
    assert "Value: 99,999.00 USD, +0.00% since the last weekly message" in life.bodies[-1]


@pytest.mark.parametrize("capital", [150_000, 99_000])
def test_what_is_put_in_or_taken_out_is_no_gain_of_the_week(tmp_path: Path, capital: int) -> None:
    """After a deposit as large as the account it said "+100.00% since the last weekly message"."""
    life = with_letters(tmp_path, EveningLetter.OFF)
    life.at(new_york(date(2026, 11, 24), 12, 15), check=True)
    life.world.broker.cash += capital - 100_000
    assert set_capital(life.engine.records.book, Decimal(capital), life.world.clock) is None
    life.at(new_york(date(2026, 11, 27), 12, 45), check=True)
    assert f"{WHO}: The week" in life.at(new_york(date(2026, 11, 27), 13, 10))
    assert f"Value: {capital - 1:,.2f} USD, +0.00% since the last weekly message" in life.bodies[-1]
    assert life.notifier._memory.history.capital == capital
