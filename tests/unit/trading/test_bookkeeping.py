"""What changes the book without an order: splits, dividends and total_capital, each recorded once and never guessed."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Dividend, Split
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import Holding
from qqqbot.records.book import left_alone
from qqqbot.trading.bookkeeping import AfterSplit, after_split, explains, missing_money, ratio_of
from qqqbot.trading.engine import Engine
from tests.support.builders import DAY, account, fold, portfolio
from tests.support.fakes import World
from tests.support.symbols import QQQ, TQQQ

TOMORROW = DAY + timedelta(days=1)
SPLIT = Split(TQQQ, TOMORROW, 2.0)


def kinds(world: World) -> list[str]:
    return [row.get("kind", "trade") for row in world.rows("trades.jsonl")]


class TestSplits:
    def in_tqqq_next_day(self, world: World, split: Split = SPLIT) -> Engine:
        world.prices.target = Holding.TQQQ
        engine = world.start()
        engine.step()
        world.pass_time(days=1)
        world.prices.changes["splits"] = (split,)
        return engine

    def test_where_prices_and_account_agree_it_is_recorded_automatically(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world)
        world.broker.positions[TQQQ] *= 2
        engine.step()
        assert engine.records.book.ledger.shares[TQQQ] == 2 * 1583
        assert "split" in world.notifier.kinds()
        engine.step()
        world.start().step()
        assert engine.records.book.ledger.shares[TQQQ] == 2 * 1583
        assert kinds(world).count("split") == 1

    def test_one_whose_date_is_corrected_is_recorded_once(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world)
        world.broker.positions[TQQQ] *= 2
        engine.step()
        world.pass_time(days=1)
        world.prices.changes["splits"] = (replace(SPLIT, date=TOMORROW + timedelta(days=1)),)
        world.broker.positions[TQQQ] *= 2
        engine.step()
        assert kinds(world).count("split") == 1

    def test_before_the_account_splits_nothing_is_recorded_and_nothing_halts(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world)
        engine.step()
        assert engine.records.book.ledger.shares[TQQQ] == 1583
        assert "split" not in kinds(world)

    @pytest.mark.parametrize("found", [1583 * 2 - 1, 1583 * 2 + 2, 1583 * 3, 0])
    def test_if_they_do_not_agree_trading_halts(self, world: World, found: int) -> None:
        engine = self.in_tqqq_next_day(world)
        world.broker.positions[TQQQ] = found
        engine.step()
        engine.step()
        assert world.rows("decisions.jsonl")[-1]["error"] == "LedgerMismatch"
        assert engine.records.book.ledger.shares[TQQQ] == 1583

    def test_without_a_split_of_the_prices_the_account_alone_is_not_believed(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world)
        world.prices.changes.clear()
        world.broker.positions[TQQQ] *= 2
        engine.step()
        engine.step()
        assert world.rows("decisions.jsonl")[-1]["error"] == "LedgerMismatch"

    def test_a_split_before_the_buy_is_not_ours(self, world: World) -> None:
        world.prices.target = Holding.TQQQ
        world.prices.changes["splits"] = (replace(SPLIT, date=DAY),)
        engine = world.start()
        engine.step()
        engine.step()
        assert engine.records.book.ledger.shares[TQQQ] == 1583

    def test_a_share_that_a_reinvested_dividend_completes_is_the_owners(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world)
        world.broker.positions[TQQQ] = 3167  # of 1,583.6 shares; their fraction is not counted
        engine.step()
        ledger = engine.records.book.ledger
        assert (ledger.shares[TQQQ], ledger.foreign[TQQQ]) == (3166, 1)
        assert "LedgerMismatch" not in [row["error"] for row in world.rows("decisions.jsonl")]

    def test_a_reverse_split_pays_for_the_fraction(self, world: World) -> None:
        engine = self.in_tqqq_next_day(world, replace(SPLIT, ratio=0.1))
        world.broker.positions[TQQQ] = 158
        cash = engine.records.book.ledger.cash
        engine.step()
        ledger = engine.records.book.ledger
        assert ledger.shares[TQQQ] == 158
        assert ledger.cash == cash + Decimal("0.3") * 60

    def test_shares_of_the_owner_alone_are_split_too(self, world: World) -> None:
        engine = world.start()
        engine.step()
        engine.records.book.answer([left_alone(TQQQ, 100)], world.clock.now())
        world.pass_time(days=1)
        world.prices.changes["splits"] = (SPLIT,)
        world.broker.positions[TQQQ] = 200
        engine.step()
        assert engine.records.book.ledger.foreign[TQQQ] == 200
        assert "LedgerMismatch" not in [row["error"] for row in world.rows("decisions.jsonl")]

    @pytest.mark.parametrize(
        ("own", "foreign", "ratio", "found", "after"),
        [
            (100, 7, 2.0, 214, AfterSplit(200, 14, Fraction(0))),
            (100, 7, 2.0, 215, AfterSplit(200, 15, Fraction(0))),
            (211, 0, 1.5, 316, AfterSplit(316, 0, Fraction(1, 2))),
            (1583, 0, 0.1, 159, AfterSplit(159, 0, Fraction(0))),
            (105, 105, 0.1, 21, AfterSplit(10, 11, Fraction(0))),
            (30, 0, 0.333333, 10, AfterSplit(10, 0, Fraction(0))),
            (100, 0, 2.0, 100, None),
            (0, 0, 2.0, 0, None),
        ],
    )
    def test_whose_shares_are_whose_afterwards(
        self, own: int, foreign: int, ratio: float, found: int, after: AfterSplit | None
    ) -> None:
        ledger = fold([])
        ledger.shares[TQQQ], ledger.foreign[TQQQ] = own, foreign
        assert after_split(ledger, replace(SPLIT, ratio=ratio), found) == after

    @given(st.integers(1, 5000), st.integers(0, 99), st.sampled_from([2.0, 3.0, 1.5, 0.5, 0.2, 0.1, 0.05]))
    def test_whatever_fraction_an_account_holds_beside_its_shares_is_allowed_for(
        self, whole: int, hundredths: int, ratio: float
    ) -> None:
        found = int((whole + Fraction(hundredths, 100)) * ratio_of(ratio))
        assert found == whole or explains(whole, ratio_of(ratio), found)


class TestDividends:
    EX_DATE = TOMORROW

    def holding_qqq(self, world: World, amount: float = 0.70, ex_date: date = EX_DATE) -> Engine:
        engine = world.start()
        engine.step()
        world.prices.changes["dividends"] = (Dividend(QQQ, ex_date, amount),)
        return engine

    def income(self, world: World) -> Decimal:
        return world.records().book.ledger.income

    def test_it_is_booked_once_on_its_ex_date(self, world: World) -> None:
        engine = self.holding_qqq(world)
        engine.step()
        assert self.income(world) == 0
        world.pass_time(days=1)
        engine.step()
        assert self.income(world) == Decimal("147.70")
        assert ("income", "QQQ, +147.70 USD (ex-dividend on 2026-11-25)") in world.notifier.told
        engine.step()
        world.start().step()
        world.pass_time(days=2)
        world.start().step()
        assert kinds(world).count("income") == 1

    def test_one_that_is_reported_late_is_for_the_shares_of_its_day(self, world: World) -> None:
        engine = self.holding_qqq(world)
        world.prices.changes.clear()
        world.pass_time(days=1)
        world.prices.target = Holding.CASH
        engine.step()
        assert engine.records.book.ledger.shares[QQQ] == 0
        world.pass_time(days=5)
        world.prices.changes["dividends"] = (Dividend(QQQ, self.EX_DATE, 0.70),)
        engine.step()
        assert self.income(world) == Decimal("147.70")

    def test_a_purchase_on_the_ex_date_is_too_late(self, world: World) -> None:
        engine = self.holding_qqq(world, ex_date=DAY)
        engine.step()
        assert self.income(world) == 0

    def test_nor_are_the_owners_shares_the_bots(self, world: World) -> None:
        engine = self.holding_qqq(world)
        engine.records.book.answer([left_alone(QQQ, 100)], world.clock.now())
        world.broker.positions[QQQ] += 100
        world.pass_time(days=1)
        engine.step()
        assert self.income(world) == Decimal("147.70")

    @pytest.mark.parametrize(("amount", "total"), [(0.75, "158.25"), (0.60, "126.60"), (0.70, "147.70")])
    def test_a_corrected_amount_is_booked_as_its_difference_and_once_a_day(
        self, world: World, amount: float, total: str
    ) -> None:
        engine = self.holding_qqq(world)
        world.pass_time(days=1)
        engine.step()
        world.prices.changes["dividends"] = (Dividend(QQQ, self.EX_DATE, amount),)
        engine.step()
        assert self.income(world) == Decimal("147.70")
        world.pass_time(days=5)
        for _ in range(3):
            engine.step()
        assert self.income(world) == Decimal(total)
        assert kinds(world).count("income") == (1 if amount == 0.70 else 2)

    def test_a_corrected_date_is_no_second_dividend(self, world: World) -> None:
        engine = self.holding_qqq(world)
        world.pass_time(days=1)
        engine.step()
        world.pass_time(days=5)
        both = tuple(Dividend(QQQ, self.EX_DATE + timedelta(days=n), 0.70) for n in (0, 1))
        for reported in (both, both[1:]):
            world.prices.changes["dividends"] = reported
            engine.step()
        assert self.income(world) == Decimal("147.70")

    @pytest.mark.parametrize("factor", [10, 100])
    def test_one_that_is_larger_than_these_funds_pay_is_not_booked(self, world: World, factor: int) -> None:
        engine = self.holding_qqq(world, 0.70 * factor)
        world.pass_time(days=1)
        engine.step()
        assert self.income(world) == 0

    @pytest.mark.parametrize(("amount", "paid"), [(2.80, 0.70), (1.40, 0.70), (0.175, 0.70), (0.70, None)])
    def test_one_that_the_closes_are_not_adjusted_for_is_told_and_booked_once_they_are(
        self, world: World, amount: float, paid: float | None
    ) -> None:
        engine = self.holding_qqq(world, amount)
        earlier = Dividend(QQQ, self.EX_DATE - timedelta(days=30), 0.70)
        world.prices.paid = (Dividend(QQQ, self.EX_DATE, paid) if paid else earlier,)
        world.pass_time(days=1)
        engine.step()
        assert "income_doubtful" not in world.notifier.kinds()  # the closes may still follow
        world.pass_time(days=2)
        engine.step()
        engine.step()
        assert self.income(world) == 0
        assert world.notifier.kinds().count("income_doubtful") == 1
        world.prices.paid = None
        world.prices.changes["dividends"] = (Dividend(QQQ, self.EX_DATE, 0.70),)
        engine.step()
        assert self.income(world) == Decimal("147.70")

    def test_a_correction_that_the_closes_contradict_changes_nothing(self, world: World) -> None:
        engine = self.holding_qqq(world)
        world.prices.paid = (Dividend(QQQ, self.EX_DATE, 0.70),)
        for amount in (0.70, 2.80):
            world.prices.changes["dividends"] = (Dividend(QQQ, self.EX_DATE, amount),)
            world.pass_time(days=1)
            engine.step()
        assert self.income(world) == Decimal("147.70")
        assert "income_doubtful" in world.notifier.kinds()

    @pytest.mark.parametrize("reason", ["booked before", "no shares"])
    def test_of_one_that_is_not_due_nothing_is_told(self, world: World, reason: str) -> None:
        engine = self.holding_qqq(world)
        if reason == "booked before":
            world.pass_time(days=1)
            engine.step()
        else:
            world.prices.changes["dividends"] = (Dividend(TQQQ, self.EX_DATE, 0.10),)
        world.prices.paid = ()  # the closes are as before it
        world.pass_time(days=3)
        engine.step()
        assert "income_doubtful" not in world.notifier.kinds()

    def test_what_was_paid_months_ago_is_not_booked(self, world: World) -> None:
        engine = self.holding_qqq(world)
        world.pass_time(days=70)
        engine.step()
        assert self.income(world) == 0

    @pytest.mark.parametrize("ratio", [2.0, 0.5])
    def test_one_before_a_split_is_reported_on_the_basis_of_the_new_shares(self, world: World, ratio: float) -> None:
        engine = self.holding_qqq(world, 0.70 / ratio)
        splits = (Split(QQQ, self.EX_DATE + timedelta(days=5), ratio),)
        world.prices.changes["splits"] = splits
        world.pass_time(days=6)
        engine.step()
        assert self.income(world) == Decimal("147.70")

    @pytest.mark.parametrize(
        ("due", "booked"),
        [("103.39", "103.39"), ("147.70", "147.70"), ("0", "147.70"), ("118.16", "147.70"), ("200", "147.70")],
    )
    def test_tax_that_the_account_withholds_is_not_booked(self, world: World, due: str, booked: str) -> None:
        engine = self.holding_qqq(world)
        world.pass_time(days=1)
        world.broker.dividends_due = Decimal(due)
        engine.step()
        assert self.income(world) == Decimal(booked)
        world.pass_time(days=5)
        world.broker.dividends_due = Decimal(0)  # it is paid
        engine.step()
        assert self.income(world) == Decimal(booked)

    def test_what_it_withholds_may_be_shown_a_day_later(self, world: World) -> None:
        engine = self.holding_qqq(world)
        world.pass_time(days=1)
        engine.step()
        world.pass_time(days=2)
        world.broker.dividends_due = Decimal("125.54")
        engine.step()
        assert self.income(world) == Decimal("125.54")


class TestMissingMoney:
    @pytest.mark.parametrize(
        ("there", "missing"),
        [("100000", "0"), ("99100", "0"), ("98000", "2000"), ("30000", "70000"), ("0", "100000"), ("250000", "0")],
    )
    def test_is_what_the_account_has_less_than_the_book(self, there: str, missing: str) -> None:
        book = portfolio()
        seen = account(book, spendable=Decimal(there))
        assert missing_money(book, seen, Decimal(100_000)) == Decimal(missing)

    def test_unsettled_money_is_there(self) -> None:
        book = portfolio()
        seen = account(book, spendable=Decimal(0), unsettled=Decimal(100_000))
        assert missing_money(book, seen, Decimal(100_000)) == 0

    def test_it_is_told_as_long_as_it_lasts_and_late_values_say_nothing(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.cash_shown = Decimal(49)
        engine.step()
        assert engine.state.missing == 5_000
        told = [event.text for event in engine.alerts.lasting() if event.kind is AlertKind.SHORTFALL]
        assert told == ["the account has 49.00 USD, and the book 5,049.00: 5,000.00 are missing"]
        assert engine.state.last_check is not None
        assert not engine.state.last_check.good
        world.broker.cash_shown = None
        world.broker.behind = "its cash is late"
        engine.step()
        assert engine.state.missing == 5_000
        world.broker.behind = ""
        engine.step()
        assert engine.state.missing == 0
        assert ("shortfall", f"over: {told[0]}") in world.notifier.told

    def test_while_shares_differ_money_is_not_judged(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.positions[QQQ] += 11
        world.broker.cash -= 11 * 450
        engine.step()
        assert engine.state.missing == 0
