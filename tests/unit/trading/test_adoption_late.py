"""`adopt` and `leave` right after a trade of the bot's, and in a short account: not yet."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.errors import LedgerMismatch
from qqqbot.model.values import Holding, Side
from tests.support.fakes import World
from tests.support.owner import answered, by_hand, daemon, invested, refused, told_by
from tests.support.symbols import QQQ


@pytest.fixture
def world(tmp_path: Path) -> World:
    return invested(tmp_path)


class TestShort:
    """A sale that the gateway sent twice: the bot's book and the account have less than nothing."""

    @pytest.fixture
    def short(self, world: World) -> World:
        world.prices.target = Holding.CASH
        world.start().step()
        world.broker.trade(world.broker.submitted[-1], 20)
        world.start().step()
        assert (world.broker.positions[QQQ], world.records().book.ledger.shares[QQQ]) == (-20, -20)
        return world

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_no_answer_is_taken_before_it_is_closed(self, short: World, answer: str) -> None:
        refused(
            short, answer, LedgerMismatch, r"the account is short \(-20 QQQ\).*close the position by hand, then adopt"
        )
        short.broker.positions[QQQ] -= 10
        refused(short, answer, LedgerMismatch, r"the account is short \(-30 QQQ\)")

    def test_what_closed_it_is_adopted_and_cannot_be_left_alone(self, short: World) -> None:
        by_hand(short, 20, price="455")
        refused(short, "leave", LedgerMismatch, "adopt")
        assert answered(short, "adopt", any=Decimal(455)) == [
            "QQQ: +20 shares recorded in the book at 455.00, the price that you gave"
        ]
        ledger = short.records().book.ledger
        assert (ledger.shares[QQQ], ledger.cash) == (0, short.broker.cash)
        assert answered(short, "adopt") == []


class TestRightAfterATrade:
    """The account's shares may be those of before it, and this process has not seen what they were."""

    @pytest.mark.parametrize("answer", ["adopt", "leave"])
    def test_nothing_is_recorded_until_the_account_can_show_it(self, tmp_path: Path, answer: str) -> None:
        world = World(tmp_path)
        world.pass_time(seconds=30)
        world.start().step()
        world.broker.positions[QQQ] += 40  # or the account shows something else than it holds
        before = (tmp_path / "trades.jsonl").read_text()
        for seconds in (0, 60, 179):
            world.pass_time(seconds=seconds)
            with pytest.raises(LedgerMismatch, match=r"12:00 ET may not show.* answer again at 12:05 ET"):
                told_by(daemon(world), answer, any=Decimal(25))
        assert (tmp_path / "trades.jsonl").read_text() == before
        world.pass_time(seconds=1)
        assert told_by(daemon(world), answer, **({} if answer == "leave" else {"any": Decimal(25)}))

    def test_a_fill_that_came_late_counts_from_its_own_time(self, world: World) -> None:
        """Of an order that an earlier process has left."""
        sale = replace(world.broker.submitted[-1], side=Side.SELL, quantity=11)
        world.pass_time(minutes=30)
        records = world.records()
        sold = replace(sale, order_ref=records.journal.next_ref(sale.session), decided_at=world.clock.now())
        records.journal.intended(sold)
        world.pass_time(minutes=10)
        world.broker.trade(sold, 11)
        world.pass_time(minutes=1)
        shown = {**world.broker.positions}
        world.broker.positions[QQQ] = 211  # as before the sale
        with pytest.raises(LedgerMismatch, match="answer again at 12:44"):
            told_by(daemon(world), "leave")
        world.broker.positions.update(shown)
        assert told_by(daemon(world), "leave") == []
