"""Each fund's move since its last close is near its factor times its index's."""

from dataclasses import replace

import pytest

from qqqbot.model.family import PRESETS, watched
from qqqbot.model.market import Bar, Other, Quote
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Snapshot
from qqqbot.strategy.moves import SESSIONS_BACK, leverage
from tests.support.builders import NOW, PRICE, RULES, TQQQ_PRICE, bars, market, snapshot
from tests.support.snapshots import INFINITY, NAN
from tests.support.symbols import QQQ, TQQQ


class TestTheWitnessOfTheSignal:
    def quoted(self, tqqq: float, previous: float | None = TQQQ_PRICE) -> Snapshot:
        """QQQ unchanged since yesterday, so that TQQQ's own move is the difference."""
        flat = replace(market(), bars=bars([PRICE] * 119), fund_previous_close=previous)
        return snapshot(market=replace(flat, fund_quote=Quote(TQQQ, tqqq, NOW)))

    def test_near_three_to_one_passes_and_beyond_the_tolerance_fails(self) -> None:
        for sign in (1, -1):
            assert leverage(self.quoted(TQQQ_PRICE * (1 + sign * 0.0249)), RULES).passed
            gate = leverage(self.quoted(TQQQ_PRICE * (1 + sign * 0.0251)), RULES)
            assert (gate.passed, gate.code) == (False, Reason.PRICES_UNAVAILABLE)
            assert "not near 3 to 1" in gate.sentence

    def test_a_split_this_morning_breaks_it(self) -> None:
        assert not leverage(self.quoted(TQQQ_PRICE / 2), RULES).passed

    def test_three_times_a_large_day_passes(self) -> None:
        crash = replace(
            market(),
            bars=bars([PRICE / 0.88] * 119),
            fund_previous_close=TQQQ_PRICE / 0.655,  # 2020-03-16: QQQ -12 %, TQQQ -34.5 %
        )
        assert leverage(snapshot(market=crash), RULES).passed

    @pytest.mark.parametrize("previous", [None, 0.0, NAN, INFINITY, -60.0])
    def test_without_a_previous_close_there_is_no_second_opinion(self, previous: float | None) -> None:
        assert not leverage(self.quoted(TQQQ_PRICE, previous), RULES).passed

    @pytest.mark.parametrize("price", [NAN, INFINITY])
    def test_without_a_live_price_there_is_no_move(self, price: float) -> None:
        gate = leverage(snapshot(market=market(signal_quote=Quote(QQQ, price, NOW))), RULES)
        assert (gate.passed, gate.sentence) == (False, "TQQQ's or QQQ's live price is missing")

    def test_without_rows_there_is_no_second_opinion(self) -> None:
        gate = leverage(snapshot(market=replace(market(), bars=())), RULES)
        assert not gate.passed
        assert "missing" in gate.sentence


def beside(prices: dict[str, float], closes: dict[str, float], days_ago: int = 1) -> Snapshot:
    """The default's market, and other shares with the closes that they had `days_ago`."""
    plain = market()
    day = plain.bars[-days_ago].date
    others = {s: Other(Quote(s, price, NOW), (Bar(day, closes[s]),)) for s, price in prices.items()}
    return snapshot(market=replace(plain, others=others))


def index_move(days_ago: int = 1) -> float:
    plain = market()
    return plain.signal_quote.price / plain.bars[-days_ago].close - 1


class TestOtherShares:
    """What else the rule can hold, or the book still does, has its index for a witness."""

    @pytest.mark.parametrize(("symbol", "factor", "slack"), [("QLD", 2, 0.025), ("QQQM", 1, 0.01)])
    def test_a_fund_on_the_same_index_moves_by_its_factor(self, symbol: str, factor: int, slack: float) -> None:
        for error, passes in ((0.0, True), (slack * 0.98, True), (slack * 1.02, False), (-slack * 1.02, False)):
            now = 100 * (1 + factor * index_move() + error)
            gate = leverage(beside({symbol: now}, {symbol: 100.0}), RULES)
            assert gate.passed is passes
            assert f"{factor} to 1" in gate.sentence

    def test_a_treasury_bill_fund_stands_nearly_still(self) -> None:
        assert leverage(beside({"SGOV": 100.4}, {"SGOV": 100.39}), RULES).passed
        assert leverage(beside({"SGOV": 100.4}, {"SGOV": 100.0}), RULES).passed
        assert not leverage(beside({"SGOV": 102.0}, {"SGOV": 100.0}), RULES).passed
        assert not leverage(beside({"SGOV": 50.2}, {"SGOV": 100.4}), RULES).passed

    def test_what_is_left_of_another_index_is_judged_by_that_index(self) -> None:
        right = beside({"UPRO": 94.0, "SPY": 588.0}, {"UPRO": 100.0, "SPY": 600.0})
        assert leverage(right, RULES).passed
        assert not leverage(beside({"UPRO": 94.0, "SPY": 600.0}, {"UPRO": 100.0, "SPY": 600.0}), RULES).passed
        alone = leverage(beside({"UPRO": 94.0}, {"UPRO": 100.0}), RULES)
        assert (alone.passed, "missing" in alone.sentence) == (False, True)

    def test_a_row_that_is_missing_is_bridged_and_an_old_one_is_not(self) -> None:
        for days_ago in range(1, SESSIONS_BACK + 1):
            now = 100 * (1 + 2 * index_move(days_ago))
            assert leverage(beside({"QLD": now}, {"QLD": 100.0}, days_ago), RULES).passed
        assert not leverage(beside({"QLD": 100.0}, {"QLD": 100.0}, SESSIONS_BACK + 1), RULES).passed

    @pytest.mark.parametrize("close", [0.0, NAN, INFINITY, -1.0])
    def test_what_is_no_close_is_no_witness(self, close: float) -> None:
        assert not leverage(beside({"QLD": 100.0}, {"QLD": close}), RULES).passed

    def test_every_preset_watches_what_it_can_hold_and_its_witness(self) -> None:
        for rule in PRESETS.values():
            symbols = watched(rule, ["TQQQ", "QQQM", "SGOV"])
            assert symbols[:2] == (rule.signal, rule.fund)
            assert {*rule.symbols, "TQQQ", "QQQ", "QQQM", "SGOV"} <= {*symbols}
