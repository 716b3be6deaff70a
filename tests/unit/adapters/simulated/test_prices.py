"""The simulated prices: repeatable, and within what the gates accept."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from qqqbot.adapters.simulated.prices import DAILY_FEE, SimulatedPrices, sessions_between
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.sessions import REGULAR_LENGTH
from qqqbot.model.values import Rules
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

PRICES = SimulatedPrices(1, SYMBOLS, date(2025, 1, 2), date(2025, 12, 31))
MONDAY_NOON = datetime(2025, 11, 24, 17, tzinfo=UTC)


def test_a_seed_and_a_moment_give_one_price_in_any_order() -> None:
    moments = [MONDAY_NOON + timedelta(minutes=n) for n in range(90)]
    again = SimulatedPrices(1, SYMBOLS, date(2025, 1, 2), date(2025, 12, 31))
    backwards = [again.price(QQQ, moment) for moment in reversed(moments)]
    assert [PRICES.price(QQQ, moment) for moment in moments] == backwards[::-1]
    assert len(set(backwards)) > 30


def test_the_calendar_has_holidays_and_half_days() -> None:
    sessions = {s.date: s for s in PRICES.table.sessions}
    assert date(2025, 11, 27) not in sessions
    assert date(2025, 12, 25) not in sessions
    assert not any(day.weekday() > 4 for day in sessions)
    halves = [day for day, s in sessions.items() if s.close - s.open < REGULAR_LENGTH]
    assert halves == [date(2025, 11, 28), date(2025, 12, 24)]


def test_the_newest_row_is_todays_while_the_exchange_is_open_and_the_last_one_after_it() -> None:
    sunday = datetime(2025, 11, 23, 17, tzinfo=UTC)
    open_now, closed = PRICES.market(MONDAY_NOON), PRICES.market(sunday)
    assert (open_now.newest_row, open_now.bars[-1].date) == (date(2025, 11, 24), date(2025, 11, 21))
    assert (closed.newest_row, closed.bars[-1].date) == (date(2025, 11, 21), date(2025, 11, 20))
    assert (open_now.signal_quote.time, closed.fund_quote.time) == (MONDAY_NOON, datetime(2025, 11, 21, 21, tzinfo=UTC))
    assert closed.signal_quote.price == open_now.bars[-1].close


def test_the_price_at_the_close_is_tomorrows_last_bar() -> None:
    session = PRICES.table.open_session(MONDAY_NOON)
    assert session is not None
    tomorrow = PRICES.market(session.close + timedelta(days=1))
    assert tomorrow.bars[-1].close == PRICES.price(QQQ, session.close)
    assert tomorrow.fund_previous_close == PRICES.price(TQQQ, session.close)


def test_tqqq_makes_three_times_the_day_of_qqq_less_its_fee() -> None:
    qqq, tqqq = PRICES.closes(QQQ), PRICES.closes(TQQQ)
    for n in range(1, len(qqq)):
        expected = 3 * (qqq[n] / qqq[n - 1] - 1) - DAILY_FEE
        # Prices are rounded to the cent: half a cent of each.
        assert tqqq[n] / tqqq[n - 1] - 1 == pytest.approx(expected, abs=0.0005)


def test_without_a_history_there_is_no_answer() -> None:
    with pytest.raises(PricesUnavailable, match="begins on 2025-01-02"):
        PRICES.market(datetime(2025, 1, 2, 17, tzinfo=UTC))


def test_with_a_gap_of_one_and_no_roughness_the_price_stands_still_all_day() -> None:
    still = SimulatedPrices(1, SYMBOLS, date(2025, 1, 2), date(2025, 3, 31), gap=1, roughness=0)
    opens = still.table.sessions[20].open
    assert len({still.price(QQQ, opens + timedelta(minutes=30 * n)) for n in range(13)}) == 1
    assert len(set(still.closes(QQQ))) > 50


@pytest.mark.parametrize("seed", range(10))
def test_no_simulated_day_moves_more_than_the_gates_accept(seed: int) -> None:
    closes = SimulatedPrices(seed, SYMBOLS, date(2015, 1, 2), date(2025, 12, 31)).closes(QQQ)
    assert max(abs(b / a - 1) for a, b in itertools.pairwise(closes)) < Rules().max_daily_move / 2


def test_sessions_between_two_days_include_both() -> None:
    assert [s.date.day for s in sessions_between(date(2025, 11, 26), date(2025, 12, 1))] == [26, 28, 1]
