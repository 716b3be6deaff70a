"""What may stand for a session that Yahoo lost: the right close, or none; and never an answer that hangs on it."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Bar, Dividend, Market, Quote, Split
from qqqbot.model.provenance import KeptWindow, Seen, Source
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy import filling
from qqqbot.strategy.filling import Candidate, depends_on, fillable, from_closes, from_kept, gaps
from qqqbot.strategy.rule import evaluate
from tests.support.builders import DAY, LEVELS, NOW, table
from tests.support.symbols import QQQ, TQQQ

filled = partial(filling.filled, leverage=3)
fill = partial(filling.fill, leverage=3)
without_yahoo = partial(filling.without_yahoo, leverage=3)

DATES = table().before(DAY, 119)
GAP = DATES[-4]
CLOSES = [400 * (1 + 0.01 * math.sin(n) + 0.0005 * n) for n in range(120)]
TQQQ_CLOSES = [50.0]
for _before, _after in itertools.pairwise(CLOSES):
    TQQQ_CLOSES.append(TQQQ_CLOSES[-1] * (1 + 3 * (_after / _before - 1)))


def whole(**changes: object) -> Market:
    """119 finished sessions that move, TQQQ three times as far, and a live price."""
    values: dict[str, object] = {
        "bars": tuple(map(Bar, DATES, CLOSES)),
        "newest_row": DAY,
        "signal_quote": Quote(QQQ, CLOSES[-1], NOW),
        "fund_quote": Quote(TQQQ, TQQQ_CLOSES[-1], NOW),
        "fund_previous_close": TQQQ_CLOSES[-2],
        "fund_bars": tuple(map(Bar, DATES, TQQQ_CLOSES)),
    }
    return Market(**{**values, **changes})  # type: ignore[arg-type]


def lacking(*days: date, tqqq: bool = True, null: bool = False) -> Market:
    """The rows without `days`, of TQQQ as well; or null for them."""
    market = whole()

    def without(bars: Sequence[Bar]) -> tuple[Bar, ...]:
        if null:
            return tuple(replace(bar, close=math.nan) if bar.date in days else bar for bar in bars)
        return tuple(bar for bar in bars if bar.date not in days)

    return replace(market, bars=without(market.bars), fund_bars=without(market.fund_bars) if tqqq else market.fund_bars)


def kept(sources: Mapping[date, Source] | None = None, factor: float = 1.0, count: int = 118) -> KeptWindow:
    qqq = tuple(close * factor for close in CLOSES[:count])
    tqqq = tuple(close * factor for close in TQQQ_CLOSES[:count])
    return KeptWindow(DATES[-1], NOW, DATES[:count], qqq, tqqq, sources or {})


def told(scale: float = 1.0, **wrong: float) -> dict[str, dict[date, float]]:
    """The closes as another source has them; `wrong` multiplies those of the gap."""
    closes = {QQQ: dict(zip(DATES, CLOSES, strict=False)), TQQQ: dict(zip(DATES, TQQQ_CLOSES, strict=False))}
    found = {symbol: {day: close * scale for day, close in rows.items()} for symbol, rows in closes.items()}
    for symbol, factor in wrong.items():
        found[symbol][GAP] *= factor
    return found


def close_of(market: Market, day: date = GAP) -> float:
    return {bar.date: bar.close for bar in market.bars}[day]


TRUE = CLOSES[DATES.index(GAP)]
TRUE_TQQQ = TQQQ_CLOSES[DATES.index(GAP)]


def paid(*days: date) -> tuple[Dividend, ...]:
    return tuple(Dividend(QQQ, day, 0.7) for day in days)


class TestGaps:
    @pytest.mark.parametrize("null", [False, True])
    def test_a_missing_and_a_null_row_are_gaps(self, null: bool) -> None:
        assert gaps(lacking(GAP, null=null), DATES) == (GAP,)

    def test_a_complete_window_has_none(self) -> None:
        assert gaps(whole(), DATES) == ()

    def test_five_sessions_are_filled_and_six_are_not(self) -> None:
        assert fillable(whole(), DATES, DATES[-5:]) is None
        assert "6 sessions are missing" in str(fillable(whole(), DATES, DATES[-6:]))

    @pytest.mark.parametrize("days", [1, 2, 3])
    def test_an_answer_that_ended_days_ago_is_not_filled(self, days: int) -> None:
        """The last of the missing sessions then has no row after it, and no price, that could be its witness."""
        old = replace(lacking(*DATES[-days:]), newest_row=DATES[-days - 1])
        assert "Yahoo's answer ends on" in str(fillable(old, DATES, DATES[-days:]))
        assert fillable(replace(old, newest_row=DAY), DATES, DATES[-days:]) is None

    @pytest.mark.parametrize("event", [GAP, DATES[-3]])
    def test_sessions_at_a_dividend_or_a_split_are_not(self, event: date) -> None:
        assert "dividend or split" in str(fillable(whole(dividends=paid(event)), DATES, (GAP,)))
        assert "dividend or split" in str(fillable(whole(splits=(Split(TQQQ, event, 2.0),)), DATES, (GAP,)))

    def test_the_last_session_is_not_filled_on_an_ex_date(self) -> None:
        assert "dividend or split" in str(fillable(whole(dividends=paid(DAY)), DATES, (DATES[-1],)))

    def test_other_dividends_do_not_matter(self) -> None:
        assert (
            fillable(
                whole(dividends=paid(DATES[5], DATES[-1])),
                DATES,
                (GAP,),
            )
            is None
        )


class TestOwnMemory:
    def test_it_has_the_row_that_an_earlier_decision_had(self) -> None:
        assert from_kept(kept(), lacking(GAP), GAP) == Candidate(Source.KEPT, TRUE, TRUE_TQQQ)

    def test_a_close_that_was_filled_then_keeps_its_source(self) -> None:
        found = from_kept(kept({GAP: Source.BROKER}), lacking(GAP), GAP)
        assert found is not None
        assert found.source is Source.BROKER

    def test_after_a_dividend_it_is_on_another_basis_and_says_nothing(self) -> None:
        assert from_kept(kept(factor=1.0011), lacking(GAP), GAP) is None

    def test_if_another_row_differs_it_says_nothing(self) -> None:
        market = lacking(GAP)
        revised = (replace(market.bars[0], close=market.bars[0].close * 1.01), *market.bars[1:])
        assert from_kept(kept(), replace(market, bars=revised), GAP) is None

    def test_without_a_memory_or_outside_it_there_is_nothing(self) -> None:
        assert from_kept(None, lacking(GAP), GAP) is None
        assert from_kept(kept(), lacking(DATES[-1]), DATES[-1]) is None


class TestOtherCloses:
    def test_they_count_on_the_basis_of_the_rows(self) -> None:
        found = from_closes(Source.INTRADAY, told(scale=1.002), lacking(GAP), GAP)
        assert found is not None
        assert found.close == pytest.approx(TRUE)
        assert found.fund == pytest.approx(TRUE_TQQQ)

    @pytest.mark.parametrize("scale", [0.5, 0.98, 1.02, 2.0])
    def test_another_basis_than_dividends_explain_says_nothing(self, scale: float) -> None:
        assert from_closes(Source.INTRADAY, told(scale=scale), lacking(GAP), GAP) is None

    def test_a_source_that_differs_around_the_gap_says_nothing(self) -> None:
        closes = told()
        closes[QQQ][DATES[-2]] *= 1.01
        assert from_closes(Source.BROKER, closes, lacking(GAP), GAP) is None

    def test_a_source_without_neighbours_says_nothing(self) -> None:
        closes = {symbol: {GAP: rows[GAP]} for symbol, rows in told().items()}
        assert from_closes(Source.BROKER, closes, lacking(GAP), GAP) is None
        assert from_closes(Source.BROKER, {}, lacking(GAP), GAP) is None


class TestWitness:
    def test_the_right_close_is_taken_in_its_place(self) -> None:
        found = filled(lacking(GAP), GAP, Candidate(Source.BROKER, TRUE, TRUE_TQQQ))
        assert found is not None
        assert [bar.date for bar in found.bars] == list(DATES)
        assert close_of(found) == TRUE
        assert found.origins == {GAP: Source.BROKER}

    def test_a_null_row_is_replaced(self) -> None:
        found = filled(lacking(GAP, null=True), GAP, Candidate(Source.BROKER, TRUE, TRUE_TQQQ))
        assert found is not None
        assert gaps(found, DATES) == ()
        assert len(found.bars) == len(DATES)

    @pytest.mark.parametrize("wrong", [0.82, 0.9, 0.95, 0.98, 0.993, 1.007, 1.02, 1.05, 1.18, 3.0, math.nan, 0.0])
    def test_a_wrong_close_is_not(self, wrong: float) -> None:
        assert filled(lacking(GAP), GAP, Candidate(Source.BROKER, TRUE * wrong, TRUE_TQQQ)) is None
        assert filled(lacking(GAP, tqqq=False), GAP, Candidate(Source.BROKER, TRUE * wrong, math.nan)) is None

    def test_yahoos_own_row_of_tqqq_is_the_witness_where_it_is_there(self) -> None:
        """Both prices of the source are those of another day: together they make sense."""
        other = Candidate(Source.INTRADAY, TRUE * 1.05, TRUE_TQQQ * 1.15)
        assert filled(lacking(GAP, tqqq=False), GAP, other) is None

    def test_the_bots_own_look_at_the_session_is_a_witness(self) -> None:
        right, other = (
            Candidate(Source.INTRADAY, TRUE, TRUE_TQQQ),
            Candidate(Source.INTRADAY, TRUE * 1.05, TRUE_TQQQ * 1.15),
        )
        look = Seen(GAP, NOW, TRUE * 1.003, TRUE_TQQQ * 1.009)
        assert filled(lacking(GAP), GAP, right, look=look) is not None
        assert filled(lacking(GAP), GAP, other, look=look) is None

    def test_without_any_word_on_tqqq_there_is_no_witness(self) -> None:
        assert filled(lacking(GAP), GAP, Candidate(Source.BROKER, TRUE, math.nan)) is None

    def test_the_last_session_gives_tqqqs_previous_close(self) -> None:
        market = replace(lacking(DATES[-1]), fund_previous_close=TQQQ_CLOSES[-3])
        found = filled(market, DATES[-1], Candidate(Source.BROKER, CLOSES[-2], TQQQ_CLOSES[-2]))
        assert found is not None
        assert found.fund_previous_close == TQQQ_CLOSES[-2]


class TestOrder:
    def test_the_first_source_that_has_a_witness_is_taken_and_no_other_is_asked(self) -> None:
        asked = []

        def candidates(market: Market, day: date) -> list[Candidate | None]:
            asked.append(day)
            wrong = Candidate(Source.KEPT, TRUE * 1.1, TRUE_TQQQ)
            return [None, wrong, Candidate(Source.INTRADAY, TRUE, TRUE_TQQQ), Candidate(Source.BROKER, TRUE, TRUE_TQQQ)]

        found = fill(lacking(GAP), (GAP,), candidates, lambda _: None)
        assert found.origins == {GAP: Source.INTRADAY}
        assert asked == [GAP]

    def test_what_nobody_has_stays_missing(self) -> None:
        market = lacking(GAP)
        assert fill(market, (GAP,), lambda *_: [None], lambda _: None) == market

    def test_several_sessions_are_filled_one_after_the_other(self) -> None:
        days = DATES[-4:-1]
        found = fill(
            lacking(*days), days, lambda market, day: [from_closes(Source.BROKER, told(), market, day)], lambda _: None
        )
        assert gaps(found, DATES) == ()
        assert [bar.close for bar in found.bars] == pytest.approx(CLOSES[:-1])


class TestWithoutYahoo:
    QUOTES = (Quote(QQQ, CLOSES[-1], NOW), Quote(TQQQ, TQQQ_CLOSES[-1], NOW))

    def test_the_window_of_this_session_goes_on(self) -> None:
        this = replace(kept(count=119), session=DAY)
        found = without_yahoo(this, DATES, DAY, {}, self.QUOTES)
        assert isinstance(found, Market)
        assert found.bars == whole().bars
        assert found.quoted_by is Source.BROKER
        assert found.newest_row == DAY
        assert found.fund_previous_close == TQQQ_CLOSES[-2]
        assert found.origins == {}

    def test_the_next_session_takes_the_brokers_close_of_the_last(self) -> None:
        found = without_yahoo(kept(), DATES, DAY, told(), self.QUOTES)
        assert isinstance(found, Market)
        assert [bar.close for bar in found.bars] == pytest.approx(CLOSES[:-1])
        assert found.origins == {DATES[-1]: Source.BROKER}

    def test_sources_of_earlier_sessions_are_still_told(self) -> None:
        found = without_yahoo(
            kept({DATES[-3]: Source.BROKER, date(2020, 1, 2): Source.SEEN}), DATES, DAY, told(), self.QUOTES
        )
        assert isinstance(found, Market)
        assert found.origins == {DATES[-3]: Source.BROKER, DATES[-1]: Source.BROKER}

    def test_a_later_session_needs_the_brokers_history_even_if_nothing_is_missing(self) -> None:
        """It is the only one to tell of a dividend."""
        assert "0 of QQQ's kept closes" in str(without_yahoo(kept(count=119), DATES, DAY, {}, self.QUOTES))

    @pytest.mark.parametrize("scale", [0.5, 0.9985, 1.0011, 2.0])
    def test_a_dividend_or_a_split_since_then_is_refused(self, scale: float) -> None:
        assert "a dividend, a split" in str(without_yahoo(kept(), DATES, DAY, told(scale=scale), self.QUOTES))

    def test_a_row_that_differs_is_refused(self) -> None:
        assert "a wrong row" in str(without_yahoo(kept(), DATES, DAY, told(QQQ=1.01), self.QUOTES))

    def test_a_wrong_last_close_is_refused(self) -> None:
        closes = told()
        closes[QQQ][DATES[-1]] *= 0.97
        assert "no witness supports the broker's close" in str(without_yahoo(kept(), DATES, DAY, closes, self.QUOTES))

    @pytest.mark.parametrize(("part", "kept_out"), [(1.0, False), (1.019, False), (0.979, True), (1.03, True)])
    def test_a_close_far_from_the_bots_own_look_at_that_session_is_refused(self, part: float, kept_out: bool) -> None:
        """Both funds' bars may be of an earlier hour, and fit each other."""
        look = Seen(DATES[-1], NOW, CLOSES[118] * part, TQQQ_CLOSES[118])
        found = without_yahoo(kept(), DATES, DAY, told(), self.QUOTES, look={DATES[-1]: look}.get)
        assert isinstance(found, str) == kept_out

    def test_more_than_five_sessions_are_refused(self) -> None:
        assert "6 sessions ago" in str(without_yahoo(kept(count=113), DATES, DAY, told(), self.QUOTES))
        assert isinstance(without_yahoo(kept(count=114), DATES, DAY, told(), self.QUOTES), Market)


class TestDependence:
    RULES = Rules(short_period=3, long_period=8)

    @given(
        st.lists(st.floats(90, 110), min_size=7, max_size=7),
        st.floats(90, 110),
        st.dictionaries(st.integers(0, 6), st.floats(0.0, 0.05), max_size=4),
        st.lists(st.floats(-1, 1), min_size=7, max_size=7),
        st.sampled_from(LEVELS),
    )
    def test_no_closes_within_their_uncertainty_change_an_answer_that_is_said_not_to_depend_on_them(
        self,
        closes: list[float],
        price: float,
        uncertain: dict[int, float],
        parts: list[float],
        held: Holding,
    ) -> None:
        if depends_on(closes, uncertain, price, held, self.RULES) is None:
            moved = [
                c * (1 + uncertain.get(n, 0.0) * part) for n, (c, part) in enumerate(zip(closes, parts, strict=True))
            ]
            answer = evaluate(moved, price, held, self.RULES).target
            assert answer is evaluate(closes, price, held, self.RULES).target

    def test_an_answer_near_a_flip_depends_on_them(self) -> None:
        closes = [100.0] * 5 + [101.0, 101.0]
        near = 101.0 * 1.0005
        assert evaluate(closes, near, Holding.CASH, self.RULES).target is Holding.TQQQ
        assert depends_on(closes, {6: 0.003}, near, Holding.CASH, self.RULES) is Holding.QQQ
        assert depends_on(closes, {6: 0.003}, 105.0, Holding.CASH, self.RULES) is None
        assert depends_on(closes, {}, near, Holding.CASH, self.RULES) is None

    def test_a_close_outside_the_short_average_counts_the_other_way(self) -> None:
        closes = [100.0] * 5 + [100.1, 100.1]
        assert depends_on(closes, {0: 0.01}, 100.1, Holding.CASH, self.RULES) is Holding.CASH


def test_the_limits_are_those_of_the_contract() -> None:
    assert filling.MOST_FILLED == 5
