"""At which price a difference is adopted, which is refused, and how an answer is taken back."""

from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.errors import LedgerMismatch, PricesUnavailable
from qqqbot.model.values import Holding, Side
from qqqbot.records.ledger import Booked
from qqqbot.runtime.config import Config
from qqqbot.trading.adoption import price_of_lost
from tests.support.builders import intent
from tests.support.fakes import World
from tests.support.owner import (
    answered,
    assert_same,
    book_of,
    by_hand,
    daemon,
    invested,
    lose_an_order,
    now_at,
    refused,
    split,
    told_by,
)
from tests.support.symbols import QQQ, TQQQ


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


class TestMoney:
    def test_cash_that_the_account_does_not_have_is_not_adopted(self, world: World) -> None:
        by_hand(world, -100, price="400")
        refused(
            world, "adopt", LedgerMismatch, r"would have 50,049\.00 of cash, and the account has 45,049\.00.*--price"
        )
        assert answered(world, "adopt", any=Decimal(400)) == [
            "QQQ: -100 shares recorded in the book at 400.00, the price that you gave"
        ]
        assert world.records().book.ledger.cash == world.broker.cash

    def test_what_was_sold_by_hand_and_taken_out_at_once_is_adopted_with_the_capital_that_the_refusal_names(
        self, world: World
    ) -> None:
        """The book has that money only after the answer, so that the withdrawal waits for it."""
        by_hand(world, -211)
        world.broker.cash -= 50_000
        refused(world, "adopt", LedgerMismatch, r"lower total_capital in config\.json by that, to 50000\.00")
        lowered = daemon(world, Config(total_capital=50_000))
        assert told_by(lowered, "adopt") == ["QQQ: -211 shares recorded in the book at 450.00"]
        world.capital = Decimal(50_000)
        ledger = world.start().records.book.ledger
        assert (ledger.total_capital, ledger.cash) == (Decimal(50_000), world.broker.cash)

    def test_a_purchase_at_too_low_a_price_is_not_either(self, world: World) -> None:
        by_hand(world, 11)
        before = book_of(world)
        with pytest.raises(LedgerMismatch, match="the price is not that of the trade"):
            answered(world, "adopt", any=Decimal(1))
        assert book_of(world) == before

    @pytest.mark.parametrize("prices", [{"TQQQ": Decimal(60)}, {"QQQ": Decimal(450), "TQQQ": Decimal(60)}])
    def test_a_price_of_what_does_not_differ_is_refused(self, world: World, prices: dict[str, Decimal]) -> None:
        by_hand(world, -11)
        with pytest.raises(LedgerMismatch, match=r"TQQQ: say which symbol the price is for.* what differs: QQQ"):
            answered(world, "adopt", **prices)

    def test_nor_is_one_price_for_two_differences(self, world: World) -> None:
        by_hand(world, -211)
        by_hand(world, 1500, TQQQ, "60")
        with pytest.raises(LedgerMismatch, match="say which symbol the price is for"):
            answered(world, "adopt", any=Decimal(450))
        both = {"QQQ": Decimal(450), "TQQQ": Decimal(60)}
        assert [text.rpartition(", ")[2] for text in answered(world, "adopt", **both)] == [
            "the price that you gave"
        ] * 2

    def test_a_given_price_needs_no_other(self, world: World) -> None:
        by_hand(world, -11)
        world.prices.trouble = PricesUnavailable("Yahoo did not answer")
        assert answered(world, "adopt", any=Decimal(450)) != []

    def test_a_lost_order_is_adopted_at_its_decisions_price(self, leveraged: World) -> None:
        lose_an_order(leveraged, Holding.CASH)
        leveraged.prices.changes = now_at(leveraged, tqqq_price=65.40)
        assert answered(leveraged, "adopt") == [
            "TQQQ: -1,583 shares recorded in the book at 60.00, the price that the lost order "
            f"{leveraged.broker.submitted[-1].order_ref} was decided at"
        ]
        assert leveraged.records().book.ledger.cash == leveraged.broker.cash + 1  # its commission was not reported


def with_a_lost_purchase(world: World) -> None:
    """100,000 in cash; an order for 211 QQQ was executed, and its day is over."""
    engine = lose_an_order(world, Holding.QQQ)
    world.prices.changes = now_at(world)
    assert engine.records.journal.lost()


class TestLostOrders:
    def test_what_one_has_bought_is_not_left_alone(self, tmp_path: Path) -> None:
        world = World(tmp_path)
        with_a_lost_purchase(world)
        refused(world, "leave", LedgerMismatch, r"QQQ: an order that was lost explains the 211 shares.* adopt takes")
        assert answered(world, "adopt")[0].startswith("QQQ: +211 shares recorded in the book at 450.00")

    def test_shares_that_the_owner_paid_for_are_left_alone_beside_one(self, tmp_path: Path) -> None:
        world = World(tmp_path)
        with_a_lost_purchase(world)
        world.broker.cash += 211 * Decimal(450)
        assert answered(world, "leave") == ["QQQ: +211 shares left alone"]

    @pytest.mark.parametrize(
        ("symbol", "difference", "found"),
        [(QQQ, 211, True), (QQQ, 100, True), (QQQ, 212, False), (QQQ, -211, False), (TQQQ, 211, False)],
    )
    def test_one_explains_a_difference_of_its_side_and_size(self, symbol: str, difference: int, found: bool) -> None:
        priced = price_of_lost([intent()], {}, symbol, difference)
        assert (priced is not None) is found

    def test_what_is_in_the_book_of_it_explains_nothing_more(self) -> None:
        booked = {intent().order_ref: Booked(QQQ, Side.BUY, 111)}
        assert price_of_lost([intent()], booked, QQQ, 100) is not None
        assert price_of_lost([intent()], booked, QQQ, 101) is None

    def test_the_newest_that_does_is_taken(self) -> None:
        two = [intent(), intent(order_ref="qqqbot-20261124-02", decision_price=Decimal(451))]
        priced = price_of_lost(two, {}, QQQ, 211)
        assert priced is not None
        assert priced.price == 451


def last_row_is_lost(world: World) -> None:
    """The process died before it was on disk."""
    path = world.logs / "trades.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


class TestUndo:
    def test_an_answer_is_taken_back_and_given_again(self, world: World) -> None:
        by_hand(world, -11)
        before = world.records().book.ledger.portfolio()
        answered(world, "adopt")
        after = world.records().book.ledger.portfolio()
        assert answered(world, "undo") == ["QQQ: +11 shares of the bot's, taken back"]
        assert_same(world.records().book.ledger.portfolio(), before)
        assert answered(world, "undo") == ["QQQ: -11 shares of the bot's, taken back"]
        assert_same(world.records().book.ledger.portfolio(), after)

    def test_shares_that_were_left_can_be_given_to_the_bot_after_all(self, world: World) -> None:
        by_hand(world, 11)
        answered(world, "leave")
        assert answered(world, "undo") == ["QQQ: -11 of the shares left alone, taken back"]
        assert answered(world, "adopt") == ["QQQ: +11 shares recorded in the book at 450.00"]
        assert world.records().book.ledger.shares[QQQ] == 222

    def test_of_an_answer_for_two_funds_both_halves_are_taken_back(self, world: World) -> None:
        before = world.records().book.ledger.portfolio()
        by_hand(world, -211)
        by_hand(world, 1500, TQQQ, "60")
        answered(world, "adopt")
        answered(world, "undo")
        assert_same(world.records().book.ledger.portfolio(), before)

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_an_answer_whose_last_row_was_torn_is_none_and_can_be_given_again(self, world: World, answer: str) -> None:
        before = world.records().book.ledger.portfolio()
        by_hand(world, -211 if answer == "adopt" else 11)
        by_hand(world, 1500, TQQQ, "60")
        answered(world, answer)
        after = world.records().book.ledger.portfolio()
        last_row_is_lost(world)
        assert_same(world.records().book.ledger.portfolio(), before)
        answered(world, answer)
        assert_same(world.records().book.ledger.portfolio(), after)
        answered(world, "undo")
        assert_same(world.records().book.ledger.portfolio(), before)

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_an_undo_whose_last_row_was_torn_is_none(self, world: World, answer: str) -> None:
        before = world.records().book.ledger.portfolio()
        by_hand(world, -211 if answer == "adopt" else 11)
        by_hand(world, 1500, TQQQ, "60")
        answered(world, answer)
        after = world.records().book.ledger.portfolio()
        answered(world, "undo")
        last_row_is_lost(world)
        assert_same(world.records().book.ledger.portfolio(), after)
        answered(world, "undo")
        assert_same(world.records().book.ledger.portfolio(), before)
        answered(world, "undo")
        assert_same(world.records().book.ledger.portfolio(), after)

    def test_what_has_been_sold_since_is_not_taken_back(self, world: World) -> None:
        by_hand(world, 11)
        answered(world, "adopt")
        world.prices.target = Holding.CASH
        world.start().step()
        refused(world, "undo", LedgerMismatch, "has been traded since")

    def test_nor_is_an_answer_before_a_split(self, leveraged: World) -> None:
        by_hand(leveraged, 11, TQQQ, "60")
        answered(leveraged, "adopt")
        told = split(leveraged, 2.0)
        leveraged.prices.changes["splits"] = (told,)
        leveraged.start().step()
        refused(leveraged, "undo", LedgerMismatch, "a split has been recorded since")

    def test_without_an_answer_there_is_nothing_to_take_back(self, world: World) -> None:
        refused(world, "undo", LedgerMismatch, "no answer")
