"""The fund, the unadjusted closes and what was kept find a wrong row; it stops only what it would mislead."""

import math
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.witnesses import ERRORS, answer, count, days, doubtful, refused
from qqqbot.model.market import Bar, Dividend
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy import witnesses
from qqqbot.strategy.witnesses import Doubt, Window, doubts, other_answer, too_many, unwitnessed, witnessed
from tests.support.builders import DAY, table
from tests.support.symbols import QQQ

ROWS = 119
RULES = Rules()
BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[4] / "shared" / "data"
REAL_DATA = Path(os.environ.get("QQQBOT_REAL_PRICES", BESIDE_THE_CHECKOUT))


def window(seed: int = 1, leverage: float = 3.0, drift: float = 0.0005) -> Window:
    """A market of random days, and a fund that tracks it as closely as the real one does."""
    rng = random.Random(seed)
    closes, fund = [450.0], [60.0]
    for _ in range(ROWS):
        move = rng.gauss(drift, 0.012)
        closes.append(closes[-1] * (1 + move))
        fund.append(fund[-1] * (1 + leverage * move + rng.gauss(-0.0002, 0.0015)))
    return Window(
        dates=table().before(DAY, ROWS),
        closes=closes[:-1],
        unadjusted=closes[:-1],
        fund=fund[:-1],
        fund_unadjusted=fund[:-1],
        today=DAY,
        price=closes[-1],
        fund_price=fund[-1],
    )


SOUND = window()


def changed(values: Sequence[float], **factors: float) -> list[float]:
    """`values` with row 50 as `r50`, and so on, times a factor."""
    return [value * factors.get(f"r{n}", 1.0) for n, value in enumerate(values)]


def off(by: float, row: int = 50, of: Window = SOUND) -> Window:
    factor = {f"r{row}": 1 + by}
    return replace(of, closes=changed(of.closes, **factor), unadjusted=changed(of.unadjusted, **factor))


def paid(part: float, row: int = 50, of: Window = SOUND) -> Window:
    """QQQ's adjusted closes after a dividend of that part of the price, with row `row` as the ex-date."""
    return replace(of, closes=[c * (1 - part) if n < row else c for n, c in enumerate(of.closes)])


def near(closes: Iterable[float], true: Iterable[float], tolerance: float = 0.004) -> bool:
    return all(abs(a / b - 1) < tolerance for a, b in zip(closes, true, strict=True))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("leverage", [2.0, 3.0])
def test_a_sound_window_leaves_no_doubt(seed: int, leverage: float) -> None:
    sound = window(seed, leverage)
    assert unwitnessed(sound) is None
    assert doubts(sound, leverage) == ()


def test_the_factor_of_the_fund_is_a_value() -> None:
    assert too_many(SOUND, doubts(SOUND, 2.0))


@pytest.mark.parametrize(("rows", "most"), [(119, 4), (249, 4), (250, 4), (499, 4), (500, 8), (1_249, 16)])
def test_how_many_doubts_leave_a_witness_depends_on_the_window(rows: int, most: int) -> None:
    long, doubt = replace(SOUND, dates=[DAY] * rows), Doubt(DAY, "", ())
    assert not too_many(long, [doubt] * most)
    assert too_many(long, [doubt] * (most + 1))
    lacking = replace(long, fund=[math.nan, *SOUND.fund[1:]])
    assert not too_many(lacking, [doubt] * (most + 1))


@pytest.mark.parametrize("by", [0.05, -0.05, 0.1, -0.1, 0.15, -0.15, 0.18, -0.18, 0.01, -0.01])
@pytest.mark.parametrize("row", [0, 1, 50, 90, 117])
def test_a_wrong_row_is_named_and_the_fund_tells_the_right_one(by: float, row: int) -> None:
    (doubt,) = doubts(off(by, row), 3)
    assert doubt.day == SOUND.dates[max(row, 1)]
    assert "the fund of 3 times it" in doubt.found
    assert near(doubt.closes, SOUND.closes)
    others = [n for n in range(ROWS) if n != row]
    assert near((doubt.closes[n] for n in others), (SOUND.closes[n] for n in others), 1e-9)


def test_a_wrong_row_of_yesterday_is_seen_beside_the_live_price() -> None:
    (doubt,) = doubts(off(0.05, ROWS - 1), 3)
    assert near(doubt.closes, SOUND.closes)


@pytest.mark.parametrize("part", [0.015, 0.15])
def test_a_dividend_that_is_too_large_is_named(part: float) -> None:
    (doubt,) = doubts(paid(part), 3)
    assert doubt.day == SOUND.dates[50]
    assert near(doubt.closes, SOUND.closes)


def test_a_dividend_that_is_too_large_for_both_funds_is_seen_beside_unadjusted_closes() -> None:
    both = replace(paid(0.015), fund=[c * (1 - 0.045) if n < 50 else c for n, c in enumerate(SOUND.fund)])
    (doubt,) = doubts(both, 3)
    assert doubt.found == "adjusted for a dividend of 1.52%"
    assert near(doubt.closes, SOUND.closes, 1e-9)


def test_a_dividend_as_they_are_leaves_no_doubt() -> None:
    paid_by_both = replace(paid(0.0055), fund=[c * (1 - 0.002) if n < 50 else c for n, c in enumerate(SOUND.fund)])
    wide = replace(paid_by_both, fund=[c * (1 - 0.0145) if n < 50 else c for n, c in enumerate(paid_by_both.fund)])
    assert doubts(wide, 3) == ()


def test_an_adjusted_close_that_falls_below_the_unadjusted_one_is_no_dividend() -> None:
    assert doubts(paid(-0.002), 3)


def standing(count: int, row: int = 50, of: Window = SOUND) -> Window:
    """Rows from `row` on repeat, `count` times, the one before them, in both funds."""

    def stuck(column: Sequence[float]) -> list[float]:
        return [*column[:row], *[column[row - 1]] * count, *column[row + count :]]

    return replace(
        of,
        closes=stuck(of.closes),
        unadjusted=stuck(of.unadjusted),
        fund=stuck(of.fund),
        fund_unadjusted=stuck(of.fund_unadjusted),
    )


def test_a_session_on_which_both_stand_still_is_doubtful_and_two_are_no_witness() -> None:
    once = standing(1)
    assert unwitnessed(once) is None
    (doubt,) = (d for d in doubts(once, 3) if d.day == SOUND.dates[50])
    assert "where they had closed before" in doubt.found
    problem = unwitnessed(standing(2))
    assert problem is not None
    assert str(SOUND.dates[49]) in problem


@pytest.mark.parametrize("count", [3, 5, 10, 25])
def test_frozen_rows_up_to_yesterday_are_no_witness(count: int) -> None:
    assert unwitnessed(standing(count - 1, ROWS - count + 1))


def test_one_fund_that_stands_still_alone_is_an_ordinary_doubt() -> None:
    still = changed(SOUND.closes, r50=SOUND.closes[49] / SOUND.closes[50])
    alone = replace(SOUND, closes=still, unadjusted=still)
    assert unwitnessed(alone) is None


def test_missing_rows_of_the_fund_are_bridged_and_too_many_are_no_witness() -> None:
    missing = {50, 51, 70}
    holes = [math.nan if n in missing else c for n, c in enumerate(SOUND.fund)]
    bridged = replace(SOUND, fund=holes, fund_unadjusted=holes)
    assert unwitnessed(bridged) is None
    assert all(near(doubt.closes, SOUND.closes, 0.03) for doubt in doubts(bridged, 3))
    (wrong,) = (d for d in doubts(off(0.18, 50, bridged), 3) if d.day == SOUND.dates[50])
    assert near(wrong.closes, SOUND.closes, 0.03)
    many = [math.nan if n in range(40, 46) else c for n, c in enumerate(SOUND.fund)]
    assert f"no row of the leveraged fund for {SOUND.dates[40]} and 5 more" == unwitnessed(replace(SOUND, fund=many))
    first = [math.nan, *SOUND.fund[1:]]
    assert f"no row of the leveraged fund for {SOUND.dates[0]}" == unwitnessed(replace(SOUND, fund=first))


def test_a_row_that_was_another_when_it_was_traded_on_is_doubtful() -> None:
    (doubt,) = doubts(replace(SOUND, kept=changed(SOUND.closes, r50=1.002)), 3)
    assert doubt.day == SOUND.dates[50]
    assert "when it was last traded on" in doubt.found
    assert near(doubt.closes, changed(SOUND.closes, r50=1.002), 1e-9)


def test_a_row_that_has_been_corrected_is_no_doubt() -> None:
    """What was kept is wrong, and the fund says so."""
    assert doubts(replace(SOUND, kept=changed(SOUND.closes, r50=1.05)), 3) == ()


def older_scaled(window: Window, count: int, factor: float) -> Window:
    """`window` with the first `count` of its rows, all those of both funds, times `factor`."""
    rows = {f"r{n}": factor for n in range(count)}
    return replace(
        window,
        closes=changed(window.closes, **rows),
        unadjusted=changed(window.unadjusted, **rows),
        fund=changed(window.fund, **rows),
        fund_unadjusted=changed(window.fund_unadjusted, **rows),
    )


def test_what_was_kept_of_both_funds_is_believed_against_both_rows_of_today() -> None:
    """Both are wrong by one factor up to a day: today's answer alone would say that QQQ moved by a third of it."""
    kept = replace(SOUND, kept=SOUND.closes, kept_fund=SOUND.fund)
    (doubt,) = doubts(older_scaled(kept, 50, 0.86), 3)
    assert (doubt.day, "when it was last traded on" in doubt.found) == (SOUND.dates[50], True)
    assert near(doubt.closes, SOUND.closes, 1e-9)


@pytest.mark.parametrize("by", [0.03, -0.02])
def test_rows_of_both_funds_that_fit_each_other_are_a_correction_once_three_sessions_had_them(by: float) -> None:
    kept = replace(SOUND, kept_fund=changed(SOUND.fund, r50=1 + 3 * by))
    for sessions in range(6):
        closes = [*changed(SOUND.closes, r50=1 + by)[: ROWS - sessions], *[math.nan] * sessions]
        found = [doubt.day for doubt in doubts(replace(kept, kept=closes), 3)]
        assert found == ([SOUND.dates[50]] if sessions < 3 else [])


@pytest.mark.parametrize("by", [0.08, -0.08, 0.18, -0.18])
@pytest.mark.parametrize("since", [1, 5])
def test_rows_of_both_funds_that_fit_each_other_but_not_what_was_kept_are_doubtful(since: int, by: float) -> None:
    """However long ago that was: a correction is never so large."""
    kept = replace(SOUND, kept=[*SOUND.closes[:-since], *[math.nan] * since], kept_fund=SOUND.fund)
    wrong = replace(off(by, 50, kept), fund=changed(SOUND.fund, r50=1 + 3 * by))
    assert [doubt.day for doubt in doubts(wrong, 3)] == [SOUND.dates[50]]
    assert near(doubts(wrong, 3)[0].closes, SOUND.closes, 1e-9)


def test_a_small_wrong_step_beside_a_wrong_row_of_both_funds_is_not_taken_for_the_error_of_a_witness() -> None:
    """What was kept is exact: the rows before the step are doubtful too, not only those between the wrong moves."""
    wrong = replace(off(-0.03), fund=changed(SOUND.fund, r50=0.91), kept=SOUND.closes, kept_fund=SOUND.fund)
    (doubt,) = doubts(paid(0.002, 50, wrong), 3)
    assert near(doubt.closes, SOUND.closes, 1e-9)


def test_a_wrong_row_that_was_kept_beside_a_right_one_of_the_fund_is_no_doubt() -> None:
    assert doubts(replace(SOUND, kept=changed(SOUND.closes, r50=1.05), kept_fund=SOUND.fund), 3) == ()


@pytest.mark.parametrize("by", [0.05, -0.05, 0.02, -0.02, 0.15])
def test_yesterdays_row_of_both_funds_that_changes_within_a_session_leaves_the_rows_before_it(by: float) -> None:
    last = f"r{ROWS - 1}"
    kept = replace(SOUND, kept=SOUND.closes, kept_fund=SOUND.fund)
    wrong = replace(off(by, ROWS - 1, kept), fund=changed(SOUND.fund, **{last: 1 + 3 * by}))
    (doubt,) = doubts(wrong, 3)
    assert "when it was last traded on" in doubt.found
    assert near(doubt.closes, SOUND.closes, 1e-6)


def test_all_rows_but_yesterdays_that_change_within_a_session_are_doubtful_themselves() -> None:
    kept = replace(SOUND, kept=SOUND.closes, kept_fund=SOUND.fund)
    (doubt,) = doubts(older_scaled(kept, ROWS - 1, 0.95), 3)
    assert near(doubt.closes, SOUND.closes, 1e-6)


@pytest.mark.parametrize("since", [0, 1])
@pytest.mark.parametrize("row", [0, 30, ROWS - 3])
@pytest.mark.parametrize("by", [0.08, -0.08, 0.1, -0.1])
def test_a_wrong_row_of_both_funds_that_was_kept_is_no_doubt_once_today_has_the_right_ones(
    by: float, row: int, since: int
) -> None:
    """The kept rows fit each other there, but not back, since 1 / (1 + 3 r) is not 1 / (1 + r) three times over."""
    kept = [*changed(SOUND.closes, **{f"r{row}": 1 + by})[: ROWS - since], *[math.nan] * since]
    right = replace(SOUND, kept=kept, kept_fund=changed(SOUND.fund, **{f"r{row}": 1 + 3 * by}))
    assert doubts(right, 3) == ()


@pytest.mark.parametrize("basis", [1.0, 0.995, 2.0])
def test_rows_kept_on_another_basis_leave_no_doubt(basis: float) -> None:
    """A dividend or a split after they were kept scales all of them alike; the window has moved on by a row."""
    kept = [close * basis for close in SOUND.closes[:-1]]
    assert doubts(replace(SOUND, kept=[*kept, math.nan]), 3) == ()


def reported(part: float, row: int = 50) -> dict[date, float]:
    """A dividend of that part of the price, with row `row` as the ex-date."""
    return {SOUND.dates[row]: part * SOUND.unadjusted[row - 1]}


def test_the_live_price_is_not_held_against_rows_kept_on_another_basis() -> None:
    """As after an ex-date: yesterday's row was kept before the dividend was in it."""
    assert doubts(replace(SOUND, kept=[close * 1.002 for close in SOUND.closes]), 3) == ()


def test_a_dividend_that_yahoo_adds_later_is_no_doubt_on_its_ex_date_alone() -> None:
    later = replace(paid(0.002), kept=SOUND.closes)
    assert doubts(replace(later, dividends=reported(0.002)), 3) == ()
    elsewhere = doubts(replace(later, dividends=reported(0.002, 40)), 3)
    assert [doubt.day for doubt in elsewhere] == [SOUND.dates[40], SOUND.dates[50]]


@pytest.mark.parametrize("row", [1, 50, ROWS - 1])
@pytest.mark.parametrize("part", [0.0005, 0.002, 0.0055])
def test_adjusted_closes_are_held_against_the_amount_of_the_dividend(part: float, row: int) -> None:
    fund = [c * (1 - 3 * part) if n < row else c for n, c in enumerate(SOUND.fund)]
    true = replace(paid(part, row), fund=fund, dividends=reported(part, row))
    assert doubts(true, 3) == ()
    for wrong in (paid(1.9 * part, row).closes, SOUND.closes):
        (doubt,) = doubts(replace(true, closes=wrong), 3)
        assert doubt.day == SOUND.dates[row]
        assert near(doubt.closes, true.closes, 0.004)


def test_a_dividend_on_the_wrong_day_is_doubtful_on_both_days() -> None:
    wrong = replace(paid(0.002, 50), dividends=reported(0.002, 70))
    assert [doubt.day for doubt in doubts(wrong, 3)] == [SOUND.dates[50], SOUND.dates[70]]


def test_closes_that_are_adjusted_for_a_dividend_that_is_still_to_come_are_doubtful() -> None:
    early = replace(paid(0.002, ROWS), dividends=reported(0.002, 50))
    assert SOUND.today in [doubt.day for doubt in doubts(early, 3)]
    today = replace(paid(0.002, ROWS), dividends={SOUND.today: 0.002 * SOUND.unadjusted[-1]})
    assert doubts(today, 3) == ()


def test_without_any_reported_dividend_any_real_one_is_believed() -> None:
    """Yahoo leaves out the whole list at times; the closes are adjusted all the same."""
    assert doubts(paid(0.003), 3) == ()


@pytest.mark.parametrize("amount", [0.1, 0.999, 1.0, 100.0])
def test_a_reported_dividend_of_an_unreal_amount_is_no_witness(amount: float) -> None:
    assert doubts(replace(paid(0.002), dividends=reported(amount)), 3) == ()


def test_a_doubt_that_changes_nothing_forbids_nothing() -> None:
    rising = window(2, drift=0.004)
    wrong = off(0.05, 20, rising)
    found = doubts(wrong, 3)
    assert found
    assert other_answer(wrong, found, Holding.CASH, RULES) is None


def test_a_doubt_that_changes_the_answer_forbids() -> None:
    rising = window(2, drift=0.004)
    wrong = off(-0.18, ROWS - 3, replace(rising, price=rising.price * 0.93, fund_price=rising.fund_price * 0.79))
    misled = replace(wrong, price=(math.fsum(wrong.closes[-29:]) + 0.3) / 29)
    found = doubts(misled, 3)
    assert found
    assert other_answer(misled, found, Holding.CASH, RULES) is not None


def test_two_errors_are_judged_each_alone_and_together() -> None:
    """The fund parts on one session, as real ones do, and a row is wrong on another: only one of them misleads."""
    two = off(0.05, 100, replace(SOUND, fund=changed(SOUND.fund, r20=1.05), fund_unadjusted=SOUND.fund))
    histories = list(witnesses._histories(two, doubts(two, 3)))
    assert len(histories) == 3 * 3
    assert any(near(closes, SOUND.closes, 0.001) for closes in histories)


@given(
    seed=st.integers(0, 400),
    by=st.floats(-0.18, 0.18).filter(lambda by: abs(by) > 0.02),
    row=st.integers(0, ROWS - 1),
)
def test_no_wrong_row_makes_a_wrong_decision(seed: int, by: float, row: int) -> None:
    true = window(seed, drift=0.0)
    wrong = off(by, row, true)
    assert answer(wrong) is answer(true) or refused(wrong)


@given(seed=st.integers(0, 400), part=st.floats(0.012, 0.3), row=st.integers(1, ROWS - 1))
def test_no_wrong_dividend_makes_a_wrong_decision(seed: int, part: float, row: int) -> None:
    true = window(seed, drift=0.0)
    wrong = paid(part, row, true)
    # The witness is known to a margin: within it no other answer than the true one may be possible.
    margins = (1 - 2e-3, 1 - 1e-3, 1, 1 + 1e-3, 1 + 2e-3)
    certain = {answer(paid(1 - f, row, true)) for f in margins} == {answer(true)}
    assert answer(wrong) is answer(true) or refused(wrong) or not certain


class TestRealDays:
    """Every 40th day since 2015; `python -m benchmarks.witnesses FOLDER --every 1` does it on all."""

    pytestmark = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real prices are not on this machine")

    REFUSED = ("2019-03-01", "2020-05-13", "2020-05-14")

    def test_real_prices_are_refused_on_these_days_alone(self) -> None:
        """The witnesses parted on 2018-10-30 and in March 2020, and on these days the price was 0.1 % from a flip."""
        stopped = [str(day.day) for day in days(REAL_DATA) if refused(day.window)]
        assert stopped == list(self.REFUSED)

    def test_real_doubts_are_fewer_than_those_of_another_fund(self) -> None:
        assert doubtful(REAL_DATA, 119, 40) == "doubts in 119 sessions: 2 at most, with a fund of factor 2: 8 at least"

    def test_no_error_leads_to_a_wrong_decision(self) -> None:
        within = ("none", "a dividend x0", "a dividend x2", "last 2 rows frozen")
        names = [name for name in ERRORS if name not in within and "both rows" not in name]
        for name, of in count(days(REAL_DATA, every=40), names).items():
            assert of.through == [], name
            assert of.checks >= 70


def bars_paid(part: float, row: int = 50) -> list[Bar]:
    own = paid(part, row)
    return [Bar(*values) for values in zip(own.dates, own.closes, own.unadjusted, strict=True)]


@pytest.mark.parametrize("row", [1, 50, ROWS - 1, ROWS])
@pytest.mark.parametrize("part", [0.0005, 0.002, 0.0055])
def test_a_dividend_is_witnessed_if_the_closes_are_adjusted_for_its_amount_on_its_day(part: float, row: int) -> None:
    day, before = (*SOUND.dates, SOUND.today)[row], SOUND.unadjusted[row - 1]
    rows, dividend = bars_paid(part, row), Dividend(QQQ, day, part * before)
    assert witnessed(dividend, rows)
    for factor in (-1, 0.1, 4, 10, 1e9, math.inf, math.nan):
        assert not witnessed(replace(dividend, amount=dividend.amount * factor), rows)
    assert not witnessed(dividend, bars_paid(part, row + 20 if row < 60 else 30))


@pytest.mark.parametrize("unadjusted", [True, False])
def test_rows_that_are_adjusted_for_nothing_contradict_no_dividend(unadjusted: bool) -> None:
    rows = [bar if unadjusted else replace(bar, unadjusted=None) for bar in bars_paid(0.0)]
    assert witnessed(Dividend(QQQ, SOUND.dates[50], 0.7), rows)
    assert not witnessed(Dividend(QQQ, SOUND.dates[50], math.nan), rows)


@pytest.mark.parametrize("wrong", [math.nan, 0.0, -1.0])
@pytest.mark.parametrize("place", [49, 50])
def test_a_row_that_is_no_price_beside_the_ex_date_hides_no_dividend(place: int, wrong: float) -> None:
    dividend = Dividend(QQQ, SOUND.dates[50], 0.002 * SOUND.unadjusted[49])
    for unadjusted in (wrong, SOUND.unadjusted[place]):
        rows = bars_paid(0.002)
        rows[place] = Bar(rows[place].date, wrong, unadjusted)
        assert witnessed(dividend, rows)
        rows[place] = Bar(rows[place].date, SOUND.closes[place], wrong)
        assert witnessed(dividend, rows)
