"""`adopt` and `leave`: the daemon's way from the owner's answer to the book, and when it must refuse."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqq_trading_bot import Daemon, SimulatedAccount
from qqqbot.model.errors import LedgerMismatch, OrderOutcomeUnknown, PricesUnavailable, StalePrices
from qqqbot.model.market import Market, Quote, Split
from qqqbot.model.values import Holding
from qqqbot.runtime.config import Config
from qqqbot.trading.adoption import Priced, adopt, leave
from qqqbot.trading.engine import Engine
from tests.support.builders import DAY, NOW, PRICE, TQQQ_PRICE, new_york
from tests.support.fakes import FakePrices, World, works
from tests.support.owner import answered, by_hand, daemon, invested, now_at, refused, split, told_by
from tests.support.symbols import QQQ, TQQQ

PRICES = {QQQ: Priced(Decimal(450)), TQQQ: Priced(Decimal(60))}


class InterruptedPrices(FakePrices):
    """Ctrl-C comes while they are asked."""

    def market(self, now: datetime) -> Market:
        self.clock.stop_at = now
        raise PricesUnavailable("stopped while Yahoo was asked")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return invested(tmp_path)


@pytest.fixture
def leveraged(tmp_path: Path) -> World:
    """1,583 TQQQ at 60.00, and the day after."""
    world = World(tmp_path)
    world.prices.target = Holding.TQQQ
    world.start().step()
    assert world.broker.positions[TQQQ] == 1583
    world.pass_time(days=1)
    return world


def last(world: World) -> dict[str, Any]:
    return world.rows("decisions.jsonl")[-1]


def test_a_few_shares_that_are_adopted_are_not_taken_for_all_of_the_holding(tmp_path: Path) -> None:
    """By hand, beside a bot that is in cash: its own money follows once the rule wants the fund."""
    world = World(tmp_path)
    world.prices.target = Holding.CASH
    engine = world.start()
    engine.step()
    by_hand(world, 5)
    adopt(engine.records.book, world.broker.snapshot(), PRICES, world.clock.now())
    world.prices.target = Holding.QQQ
    engine.step()
    assert world.broker.positions[QQQ] == 211
    assert last(world)["action"] == "HOLD"
    world.assert_book_is_the_brokers()


def test_what_was_adopted_and_taken_back_leaves_nothing_to_complete(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.prices.target = Holding.CASH
    engine = world.start()
    by_hand(world, 5)
    adopt(engine.records.book, world.broker.snapshot(), PRICES, world.clock.now())
    by_hand(world, -5)
    engine.records.book.undo(world.clock.now())
    engine.step()
    assert (last(world)["action"], world.broker.submitted) == ("HOLD", [])


def test_a_manual_sale_is_adopted(world: World) -> None:
    by_hand(world, -11)
    assert answered(world, "adopt") == ["QQQ: -11 shares recorded in the book at 450.00"]
    assert world.records().book.ledger.shares[QQQ] == 200


def test_the_owners_shares_are_left_alone(world: World) -> None:
    world.broker.positions[QQQ] += 40
    assert answered(world, "leave") == ["QQQ: +40 shares left alone"]
    ledger = world.records().book.ledger
    assert (ledger.shares[QQQ], ledger.foreign[QQQ]) == (211, 40)


def test_missing_shares_cannot_be_left_alone(world: World) -> None:
    world.broker.positions[QQQ] -= 11
    with pytest.raises(LedgerMismatch, match="adopt"):
        answered(world, "leave")


@pytest.mark.parametrize("answer", ["adopt", "leave"])
def test_nothing_is_settled_while_an_order_may_still_be_executed(tmp_path: Path, answer: str) -> None:
    world = World(tmp_path)
    world.broker.behaviours, world.broker.deaf_to_cancel = [works], True
    world.start().step()
    world.broker.positions[QQQ] += 100  # executed, and not reported yet
    before = (tmp_path / "trades.jsonl").read_text()
    with pytest.raises(OrderOutcomeUnknown, match="counted twice"):
        answered(world, answer)
    assert (tmp_path / "trades.jsonl").read_text() == before


def test_nothing_is_refused_if_nothing_differs(world: World) -> None:
    world.prices.changes = {"signal_quote": Quote(QQQ, PRICE * 10, world.clock.now())}
    assert answered(world, "adopt") == []


class TestSplits:
    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_one_that_the_price_source_reports_is_recorded_as_a_split_and_not_as_a_purchase(
        self, leveraged: World, answer: str
    ) -> None:
        cash = leveraged.records().book.ledger.cash
        told = split(leveraged, 2.0)
        leveraged.prices.changes["splits"] = (told,)
        assert answered(leveraged, answer) == ["TQQQ: the split of 2026-11-25, 2:1, recorded in the book"]
        ledger = leveraged.records().book.ledger
        assert (ledger.shares[TQQQ], ledger.foreign[TQQQ], ledger.cash) == (3166, 0, cash)
        assert answered(leveraged, answer) == []

    def test_a_difference_besides_the_split_is_adopted_after_it(self, leveraged: World) -> None:
        told = split(leveraged, 2.0)
        leveraged.prices.changes["splits"] = (told,)
        leveraged.broker.positions[QQQ] += 10
        assert answered(leveraged, "adopt") == [
            "TQQQ: the split of 2026-11-25, 2:1, recorded in the book",
            "QQQ: +10 shares recorded in the book at 450.00",
        ]
        assert leveraged.records().book.ledger.shares == {QQQ: 10, TQQQ: 3166}

    def test_the_simulated_account_is_split_too(self, tmp_path: Path) -> None:
        world = World(tmp_path)
        world.prices.target = Holding.TQQQ
        simulated = Daemon(Config(), tmp_path, world.clock, world.prices, SimulatedAccount(world.clock, Decimal(1)))
        assert simulated.once()
        world.pass_time(days=1)
        told = split(world, 2.0)
        world.prices.changes["splits"] = (told,)
        assert told_by(simulated, "adopt") == ["TQQQ: the split of 2026-11-25, 2:1, recorded in the book"]

    @pytest.mark.parametrize(
        ("traded", "answer"), [(-100, "leave"), (5, "leave"), (100, "leave"), (-3166, "adopt"), (-1600, "adopt")]
    )
    def test_beside_a_trade_in_the_same_shares_it_is_not_answered(
        self, leveraged: World, traded: int, answer: str
    ) -> None:
        """Half of the equity would be the owner's for ever, or be sold at half its price."""
        leveraged.broker.cash += 5_000
        told = split(leveraged, 2.0)
        leveraged.prices.changes["splits"] = (told,)
        by_hand(leveraged, traded, TQQQ, "30")
        refused(leveraged, answer, LedgerMismatch, r"after which the account would hold 3,166 shares; it holds")
        by_hand(leveraged, -traded, TQQQ, "30")
        assert answered(leveraged, answer) == ["TQQQ: the split of 2026-11-25, 2:1, recorded in the book"]

    def test_one_that_the_price_does_not_show_keeps_nobody_from_answering(self, leveraged: World) -> None:
        leveraged.prices.changes["splits"] = (Split(TQQQ, DAY + timedelta(days=1), 2.0),)
        leveraged.broker.positions[TQQQ] += 11
        assert answered(leveraged, "leave") == ["TQQQ: +11 shares left alone"]

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    @pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0, 5.0])
    def test_an_apparent_split_waits_for_the_price_source_to_report_it(
        self, leveraged: World, ratio: float, answer: str
    ) -> None:
        split(leveraged, ratio)
        refused(leveraged, answer, LedgerMismatch, rf"those of a split {ratio:g}:1 .* looks like a split .* Wait")

    def test_one_that_is_never_reported_is_the_owners_to_adopt_in_the_next_session(self, leveraged: World) -> None:
        cash = leveraged.records().book.ledger.cash
        split(leveraged, 2.0)
        refused(leveraged, "adopt", LedgerMismatch, "looks like a split .* Wait")
        leveraged.pass_time(days=2)
        leveraged.prices.changes = now_at(leveraged, tqqq_price=TQQQ_PRICE / 2)
        assert answered(leveraged, "adopt") == [
            "TQQQ: the split of 2026-11-25, 2:1, recorded in the book",
            "TQQQ: rows 0.5 times the earlier ones are accepted as right",
        ]
        ledger = leveraged.records().book.ledger
        assert (ledger.shares[TQQQ], ledger.cash) == (3166, cash)

    @pytest.mark.parametrize("moved", [0.7, 1.3])
    def test_it_is_recognised_although_the_price_has_moved_since_the_purchase(
        self, leveraged: World, moved: float
    ) -> None:
        split(leveraged, 2.0)
        leveraged.prices.changes = now_at(leveraged, tqqq_price=TQQQ_PRICE / 2 * moved)
        refused(leveraged, "adopt", LedgerMismatch, "looks like a split")

    def test_a_reverse_split_is_recognised_too(self, world: World) -> None:
        by_hand(world, -11)
        answered(world, "adopt")
        world.pass_time(days=1)
        split(world, 0.5, QQQ)
        refused(world, "adopt", LedgerMismatch, r"100 shares, those of a split 1:2 .* 900\.00 instead of 450\.00")

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_it_is_measured_against_the_price_of_the_session_before_and_not_the_cost(
        self, leveraged: World, answer: str
    ) -> None:
        leveraged.prices.changes = now_at(leveraged, tqqq_price=90.0)
        (leveraged.logs / "prices.jsonl").unlink()  # its rows were those of another price
        leveraged.start().step()
        leveraged.pass_time(days=1)
        leveraged.broker.positions[TQQQ] *= 2
        leveraged.prices.changes = now_at(leveraged, tqqq_price=45.0)
        refused(leveraged, answer, LedgerMismatch, r"45\.00 instead of 90\.00 in the session before")

    @pytest.mark.parametrize("found", [3167, 3168, 791, 792])
    def test_fractions_and_remainders_do_not_hide_it(self, leveraged: World, found: int) -> None:
        leveraged.broker.positions[TQQQ] = found
        ratio = 2 if found > 1583 else 0.5
        leveraged.prices.changes = now_at(leveraged, tqqq_price=TQQQ_PRICE / ratio)
        known = found in (3167, 791, 792)
        if known:
            refused(leveraged, "leave" if ratio == 2 else "adopt", LedgerMismatch, "looks like a split")
        else:
            assert answered(leveraged, "leave") == ["TQQQ: +1,585 shares left alone"]

    def test_without_a_price_an_exact_multiple_is_nobodys(self, world: World) -> None:
        world.broker.positions[QQQ] *= 2
        world.prices.trouble = PricesUnavailable("Yahoo did not answer")
        refused(
            world,
            "leave",
            LedgerMismatch,
            "without a usable price a split cannot be distinguished from shares of yours",
        )

    @pytest.mark.parametrize(("before", "after", "sold"), [(210, 140, 70), (200, 100, 100)], ids=["a third", "half"])
    def test_part_of_the_shares_sold_by_hand_at_an_unchanged_price_is_not_a_split(
        self, world: World, before: int, after: int, sold: int
    ) -> None:
        by_hand(world, before - 211)
        answered(world, "adopt")
        by_hand(world, after - before)
        assert answered(world, "adopt") == [f"QQQ: -{sold} shares recorded in the book at 450.00"]

    def test_all_shares_sold_by_hand_are_no_split(self, world: World) -> None:
        by_hand(world, -211)
        assert answered(world, "adopt") == ["QQQ: -211 shares recorded in the book at 450.00"]

    def test_an_exact_multiple_is_not_a_split_if_the_bot_holds_no_shares_of_it(self, world: World) -> None:
        world.broker.positions[TQQQ] = 100
        answered(world, "leave")
        world.broker.positions[TQQQ] = 200
        assert answered(world, "leave") == ["TQQQ: +100 shares left alone"]


class TestDebt:
    def test_shares_the_bot_could_not_have_paid_for_are_not_adopted(self, world: World) -> None:
        world.broker.positions[QQQ] += 40
        refused(world, "adopt", LedgerMismatch, r"\+40 QQQ at 450\.00.* has 5,049\.00 .* owe 12,951\.00.* leave")

    def test_they_are_adopted_if_the_owner_adds_the_missing_capital(self, world: World) -> None:
        world.broker.positions[QQQ] += 40
        richer = daemon(world, Config(total_capital=112_951))
        world.pass_time(minutes=5)
        assert told_by(richer, "adopt") == ["QQQ: +40 shares recorded in the book at 450.00"]
        assert world.records().book.ledger.cash == 0

    def test_a_rotation_worked_by_hand_pays_for_itself(self, world: World) -> None:
        by_hand(world, -211)
        by_hand(world, 1500, TQQQ, "60")
        assert answered(world, "adopt") == [
            "QQQ: -211 shares recorded in the book at 450.00",
            "TQQQ: +1,500 shares recorded in the book at 60.00",
        ]

    def test_after_a_split_and_a_sale_at_once_nothing_is_guessed(self, leveraged: World) -> None:
        told = split(leveraged, 2.0)
        leveraged.prices.changes["splits"] = (told,)
        leveraged.broker.positions[TQQQ] -= 100
        refused(leveraged, "adopt", LedgerMismatch, r"\+1,483 TQQQ at 30\.00")


class TestPrices:
    @pytest.mark.parametrize(
        ("price", "age", "error", "match"),
        [
            (PRICE, timedelta(days=3), StalePrices, "older than 20 minutes"),
            (PRICE * 10, timedelta(0), PricesUnavailable, r"QQQ's largest one-day move .* beyond"),
            (PRICE * 1.05, timedelta(0), PricesUnavailable, "not near 3 to 1"),
            (0.0, timedelta(0), PricesUnavailable, "not usable"),
            (float("nan"), timedelta(0), PricesUnavailable, "not usable"),
        ],
    )
    def test_nothing_is_adopted_at_a_price_that_no_check_would_trade_on(
        self, world: World, price: float, age: timedelta, error: type[Exception], match: str
    ) -> None:
        by_hand(world, -11)
        world.prices.changes = {"signal_quote": Quote(QQQ, price, world.clock.now() - age)}
        refused(world, "adopt", error, f"{match}.* nothing was recorded: answer again")

    def test_nor_if_the_broker_quotes_another_price(self, world: World) -> None:
        by_hand(world, -11)
        world.broker.broker_quotes = {QQQ: Quote(QQQ, PRICE * 1.02, world.clock.now())}
        refused(world, "adopt", PricesUnavailable, "the broker's prices disagree")

    def test_nor_without_prices(self, world: World) -> None:
        by_hand(world, -11)
        world.prices.trouble = PricesUnavailable("Yahoo did not answer")
        refused(world, "adopt", PricesUnavailable, "Yahoo did not answer")

    @pytest.mark.parametrize(
        ("now", "last_traded"),
        [
            (new_york(DAY, 20), new_york(DAY, 16)),
            (new_york(DAY + timedelta(days=1), 7), new_york(DAY, 16)),
            (new_york(date(2026, 11, 26), 12), new_york(date(2026, 11, 25), 16)),
            (new_york(date(2026, 11, 29), 12), new_york(date(2026, 11, 27), 13)),
        ],
        ids=["evening", "morning", "Thanksgiving", "Sunday after a half-day"],
    )
    def test_while_the_exchange_is_closed_the_last_sessions_prices_suffice(
        self, world: World, now: datetime, last_traded: datetime
    ) -> None:
        by_hand(world, -11)
        world.clock.advance(now - world.clock.now())
        world.prices.changes = now_at(world, last_traded)
        assert answered(world, "adopt") == ["QQQ: -11 shares recorded in the book at 450.00"]

    def test_leaving_shares_alone_needs_no_prices(self, world: World) -> None:
        world.broker.positions[QQQ] += 40
        world.prices.trouble = PricesUnavailable("Yahoo did not answer")
        assert answered(world, "leave") == ["QQQ: +40 shares left alone"]

    def test_nor_valid_ones(self, world: World) -> None:
        world.broker.positions[QQQ] += 70
        world.prices.changes = {"signal_quote": Quote(QQQ, float("nan"), world.clock.now())}
        assert answered(world, "leave") == ["QQQ: +70 shares left alone"]

    def test_an_answer_that_was_interrupted_is_not_recorded(self, world: World) -> None:
        world.broker.positions[QQQ] += 40
        world.prices = InterruptedPrices(world.clock)
        refused(world, "leave", PricesUnavailable, "stopped")


class TestDifferences:
    def differing(self, world: World, **found: int) -> Engine:
        engine = world.start()
        engine.step()
        world.broker.positions.update(found)
        world.prices.target = Holding.TQQQ
        engine.step()
        world.pass_time(minutes=1)
        engine.step()
        return engine

    @pytest.mark.parametrize(("found", "told"), [({"QQQ": 0}, False), ({"TQQQ": 5}, False), ({"TQQQ": -5}, True)])
    def test_a_difference_is_looked_at_once_more_before_it_is_told_and_a_short_position_is_not(
        self, world: World, found: dict[str, int], told: bool
    ) -> None:
        engine = world.start()
        engine.step()
        world.broker.positions.update(found)
        assert engine.step() is not told
        assert ("mismatch" in world.notifier.kinds()) is told
        assert last(world)["action"] == "WAIT"

    def test_positions_that_were_late_are_told_to_nobody(self, world: World) -> None:
        engine = world.start()
        engine.step()
        world.broker.positions[QQQ] = 0
        engine.step()
        world.broker.positions[QQQ] = 211
        engine.step()
        assert "mismatch" not in world.notifier.kinds()

    def test_a_new_process_gives_the_account_time_to_show_what_the_old_one_traded(self, world: World) -> None:
        world.start().step()
        world.broker.positions[QQQ] = 0
        world.pass_time(seconds=30)
        engine = world.start()
        for _ in range(3):
            world.pass_time(minutes=1)
            engine.step()
            assert last(world)["error"] == "DifferenceSeen"
        assert "mismatch" not in world.notifier.kinds()
        world.pass_time(minutes=1)
        engine.step()
        assert last(world)["error"] == "LedgerMismatch"
        assert world.notifier.kinds().count("mismatch") == 1

    @pytest.mark.parametrize("found", [{"QQQ": 0}, {"QQQ": 212}, {"TQQQ": 5}])
    def test_a_difference_stops_trading_keeps_observing_and_is_reported_once(
        self, world: World, found: dict[str, int]
    ) -> None:
        engine = self.differing(world, **found)
        for _ in range(3):
            engine.step()
        assert len(world.broker.submitted) == 1
        assert last(world)["error"] == "LedgerMismatch"
        assert last(world)["target"] == "TQQQ"
        assert engine.state.agrees is False
        assert world.notifier.kinds().count("mismatch") == 1

    def test_adopt_takes_the_accounts_shares_and_trading_goes_on(self, world: World) -> None:
        engine = self.differing(world, QQQ=150)
        world.broker.cash += 61 * 450
        done = adopt(engine.records.book, world.broker.snapshot(), PRICES, NOW)
        assert done == ["QQQ: -61 shares recorded in the book at 450.00"]
        engine.step()
        assert world.broker.positions[QQQ] == 0
        assert world.broker.positions[TQQQ] > 0
        assert any(kind == "mismatch" and text.startswith("over: ") for kind, text in world.notifier.told)

    def test_adopt_survives_a_restart(self, world: World) -> None:
        engine = self.differing(world, TQQQ=10)
        adopt(engine.records.book, world.broker.snapshot(), PRICES, NOW)
        assert world.start().records.book.ledger.shares == {QQQ: 211, TQQQ: 10}

    def test_left_shares_are_never_sold(self, world: World) -> None:
        engine = self.differing(world, QQQ=211 + 40)
        assert leave(engine.records.book, world.broker.snapshot(), NOW) == ["QQQ: +40 shares left alone"]
        engine.step()
        assert world.broker.positions[QQQ] == 40
        world.prices.target = Holding.CASH
        world.start().step()
        assert world.broker.positions == {QQQ: 40, TQQQ: 0}

    def test_missing_shares_cannot_be_left(self, world: World) -> None:
        engine = self.differing(world, QQQ=100)
        with pytest.raises(LedgerMismatch, match=r"QQQ: .*fewer.*adopt"):
            leave(engine.records.book, world.broker.snapshot(), NOW)
        assert engine.records.book.ledger.foreign[QQQ] == 0

    def test_shares_the_owner_sold_are_subtracted_from_his(self, world: World) -> None:
        engine = self.differing(world, QQQ=211 + 40)
        leave(engine.records.book, world.broker.snapshot(), NOW)
        world.broker.positions[QQQ] = 211 + 15
        assert leave(engine.records.book, world.broker.snapshot(), NOW) == ["QQQ: -25 shares left alone"]
        assert engine.records.book.ledger.foreign[QQQ] == 15

    def test_answers_without_a_difference_change_nothing(self, world: World) -> None:
        engine = world.start()
        engine.step()
        rows = len(world.rows("trades.jsonl"))
        assert adopt(engine.records.book, world.broker.snapshot(), PRICES, NOW) == []
        assert leave(engine.records.book, world.broker.snapshot(), NOW) == []
        assert len(world.rows("trades.jsonl")) == rows

    def test_a_short_position_needs_the_owner(self, world: World) -> None:
        self.differing(world, TQQQ=-5)
        assert last(world)["error"] == "UnexpectedPosition"
        assert len(world.broker.submitted) == 1
