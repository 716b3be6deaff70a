"""The gates that ask a second witness: the day's own row about a live price, the other fund about a finished row."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from qqqbot.model.market import Bar, DayRow, Dividend, Quote
from qqqbot.model.provenance import KeptWindow, Source
from qqqbot.model.values import Gate, Snapshot
from qqqbot.strategy import gates
from tests.support.builders import DAY, NOW, PRICE, QUOTE_OF, RULES, TQQQ_PRICE, bars, fund_bars, market, snapshot
from tests.support.snapshots import INFINITY, NAN
from tests.support.symbols import QQQ, TQQQ


def with_market(**changes: Any) -> Snapshot:
    return snapshot(market=replace(market(), **changes))


def assert_fails(gate: Gate, code: str, *words: str) -> None:
    assert not gate.passed
    assert gate.code == code
    for word in words:
        assert word in gate.sentence


class TestDayRows:
    def beside(self, low: float, high: float, close: float, symbol: str = QQQ) -> Gate:
        """A live price of 450, or TQQQ's of 60, beside such a row."""
        price = PRICE if symbol == QQQ else TQQQ_PRICE
        quote = Quote(symbol, price, NOW, DayRow(low, high, close))
        return gates.day_rows(with_market(**{QUOTE_OF[symbol]: quote}), RULES)

    def test_a_price_in_its_row_passes_and_one_without_a_row_has_no_such_witness(self) -> None:
        assert self.beside(448.0, 452.0, 450.0).passed
        assert gates.day_rows(snapshot(), RULES).passed

    @pytest.mark.parametrize(
        ("low", "high", "close"),
        [(450.5, 455.0, 450.5), (440.0, 449.5, 449.5), (440.0, 460.0, 450.5), (440.0, 460.0, 449.5)],
        ids=["below the low", "above the high", "the row went up", "the row went down"],
    )
    def test_a_price_that_stands_still_while_its_row_moves_is_refused(
        self, low: float, high: float, close: float
    ) -> None:
        assert_fails(self.beside(low, high, close), "PricesUnavailable", "QQQ's live price does not fit its own row")

    def test_low_and_high_are_witnesses_of_their_own(self) -> None:
        assert not self.beside(450.5, 455.0, 450.0).passed
        assert not self.beside(440.0, 449.5, 450.0).passed

    def test_the_leveraged_fund_may_be_as_many_times_further_off(self) -> None:
        assert self.beside(59.0, 61.0, 60.17, TQQQ).passed
        assert_fails(self.beside(59.0, 61.0, 60.2, TQQQ), "PricesUnavailable", "TQQQ's live price")


class TestClosed:
    """A session that the bot decided on, or in, was one: nobody is told to say that the exchange was closed."""

    DAYS = tuple(bar.date for bar in market().bars[50:52])

    @pytest.mark.parametrize(
        "kept",
        [KeptWindow(DAYS[1], NOW, DAYS[:1], (PRICE,), (TQQQ_PRICE,)), KeptWindow(DAY, NOW, DAYS, (), ())],
        ids=["decided on and in", "decided on"],
    )
    def test_a_lost_session_is_a_missing_row(self, kept: KeptWindow) -> None:
        rows, fund = ([b for b in part if b.date not in self.DAYS] for part in (market().bars, market().fund_bars))
        lost = with_market(bars=tuple(rows), fund_bars=tuple(fund))
        assert_fails(gates.window_complete(lost, RULES), "NoTrades", str(self.DAYS[0]))
        had = replace(lost, kept=kept)
        assert_fails(gates.window_complete(had, RULES), "PricesUnavailable", f"no row for {self.DAYS[0]}")

    def test_an_answer_of_yesterday_is_an_old_one(self) -> None:
        yesterday = market().bars[-1].date
        quotes = {QUOTE_OF[s]: replace(market().quote(s), time=NOW - timedelta(days=1)) for s in (QQQ, TQQQ)}
        old = with_market(newest_row=yesterday, **quotes)
        assert_fails(gates.newest_row(old, RULES), "NoTrades", "is the exchange closed?")
        here = replace(old, kept=KeptWindow(DAY, NOW, (), (), ()))
        assert_fails(gates.newest_row(here, RULES), "StalePrices", f"no trade of {DAY}")


class TestHistory:
    def with_row(self, factor: float, back: int = 3, **changes: Any) -> Snapshot:
        """One row is wrong; the rule wants QQQ, and TQQQ if the row is that much lower."""
        history = list(market().bars)
        bar = history[-back]
        history[-back] = Bar(bar.date, bar.close * factor, bar.close * factor)
        return with_market(bars=tuple(history), **changes)

    def test_a_window_with_its_witnesses_passes(self) -> None:
        gate = gates.history(snapshot(), RULES)
        assert (gate.passed, gate.found) == (True, "no doubt")

    def test_a_row_that_changes_the_answer_is_refused_with_both_answers(self) -> None:
        gate = gates.history(self.with_row(0.82), RULES)
        day = str(market().bars[-3].date)
        assert_fails(gate, "PricesDoubtful", day, "with it the rule wants TQQQ, without it QQQ", ": -18.0%")

    def test_a_row_that_changes_nothing_passes_and_is_named(self) -> None:
        gate = gates.history(self.with_row(1.05), RULES)
        assert gate.passed
        assert "the rule wants QQQ either way" in gate.sentence
        assert str(market().bars[-3].date) in gate.found

    def test_rows_of_a_fund_with_another_factor_are_no_witness(self) -> None:
        jumps = bars([400.0 * 1.02 ** (n // 5) for n in range(119)])
        apart = with_market(bars=jumps, fund_bars=fund_bars(jumps, 60.0, leverage=-3.0))
        assert_fails(gates.history(apart, RULES), "PricesDoubtful", "QQQ's and TQQQ's rows disagree on")

    def test_without_enough_rows_of_the_fund_there_is_no_witness(self) -> None:
        last = market().fund_bars[-1:]
        assert_fails(gates.history(with_market(fund_bars=last), RULES), "PricesDoubtful", "no second witness")

    def test_frozen_rows_are_no_witness(self) -> None:
        still = replace(market(), fund_bars=tuple(Bar(bar.date, 60.0, 60.0) for bar in market().bars))
        assert_fails(gates.history(snapshot(market=still), RULES), "PricesDoubtful", "stand still")

    def test_a_record_of_an_earlier_version_has_no_rows_of_the_fund(self) -> None:
        assert gates.history(with_market(fund_bars=()), RULES).passed

    def test_an_incomplete_window_is_another_gates_matter(self) -> None:
        assert gates.history(with_market(bars=()), RULES).passed
        assert gates.history(with_market(signal_quote=Quote(QQQ, NAN, NOW)), RULES).passed

    def test_a_row_that_has_changed_since_it_was_traded_on_is_named(self) -> None:
        dates, closes_then = zip(*((bar.date, bar.close) for bar in market().bars), strict=True)
        changed = (*closes_then[:-3], closes_then[-3] * 1.002, *closes_then[-2:])
        kept = KeptWindow(DAY, NOW, dates, changed, changed)
        found = gates.history(snapshot(kept=kept), RULES).found
        assert f"{dates[-3]}: +0.00%, and +0.20% when it was last traded on" in found
        filled = replace(kept, sources={dates[-3]: Source.INTRADAY})
        assert gates.history(snapshot(kept=filled), RULES).found == "no doubt"

    @pytest.mark.parametrize(("symbol", "found"), [(QQQ, "reported as 0.20%"), (TQQQ, "no doubt")])
    def test_a_dividend_of_the_signal_that_the_closes_are_not_adjusted_for_is_named(
        self, symbol: str, found: str
    ) -> None:
        paid = Dividend(symbol, market().bars[-20].date, 0.002 * market().bars[-21].close)
        halves = tuple(replace(paid, amount=paid.amount / 2) for _ in range(2))
        for dividends in ((paid,), halves):
            assert found in gates.history(with_market(dividends=dividends), RULES).found


class TestPricesThatAreMissing:
    def test_such_a_price_is_called_not_known(self) -> None:
        gate = gates.quotes_usable(with_market(signal_quote=Quote(QQQ, NAN, NOW)), RULES)
        assert gate.sentence == f"the live prices are not usable: QQQ not known, TQQQ {TQQQ_PRICE}"

    @pytest.mark.parametrize("symbol", [QQQ, TQQQ])
    @pytest.mark.parametrize("price", [NAN, INFINITY])
    def test_no_gate_shows_one_as_a_number(self, symbol: str, price: float) -> None:
        row = DayRow(TQQQ_PRICE, PRICE, PRICE)
        broken = with_market(**{QUOTE_OF[symbol]: Quote(symbol, price, NOW, row)})
        shown = [f"{gate.found} {gate.sentence}" for gate in gates.check(gates.PRICE_GATES, broken, RULES)]
        assert not [text for text in shown if re.search(r"\b(nan|inf)\b", text)]
