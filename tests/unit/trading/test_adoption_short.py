"""After a sale that the gateway sent twice: whatever the owner buys back, one of the answers ends it."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.errors import LedgerMismatch
from qqqbot.model.values import Holding, Side
from qqqbot.runtime.config import Config
from tests.support.fakes import World
from tests.support.owner import answered, assert_same, by_hand, daemon, invested, refused, told_by
from tests.support.symbols import QQQ, TQQQ

SOLD_TWICE = 20


def sold_twice(world: World, target: Holding) -> None:
    """A rotation to `target`; then the sale is executed once more, for SOLD_TWICE shares."""
    world.prices.target = target
    world.start().step()
    sale = next(intent for intent in world.broker.submitted if intent.side is Side.SELL)
    world.broker.trade(sale, SOLD_TWICE)
    world.start().step()
    assert world.records().book.ledger.shares[QQQ] == -SOLD_TWICE


@pytest.fixture
def in_cash(tmp_path: Path) -> World:
    world = invested(tmp_path)
    sold_twice(world, Holding.CASH)
    return world


@pytest.fixture
def spent(tmp_path: Path) -> World:
    """The proceeds of both sales are in TQQQ, and the account has money of the owner's too."""
    world = invested(tmp_path)
    sold_twice(world, Holding.TQQQ)
    world.broker.trade(world.broker.submitted[-1], 200)
    world.start().step()
    ledger = world.records().book.ledger
    assert (ledger.shares[TQQQ], ledger.cash < 3_000) == (1783, True)
    world.broker.cash += 20_000
    return world


def cure(world: World, match: str) -> tuple[Decimal, Decimal]:
    """The capital and the price that the refused answer asks for."""
    before = (world.logs / "trades.jsonl").read_text()
    with pytest.raises(LedgerMismatch, match=match) as told:
        answered(world, "adopt")
    assert (world.logs / "trades.jsonl").read_text() == before
    asked = re.search(r"set total_capital in config\.json to ([\d.]+), .* adopt --price QQQ=([\d.]+)", str(told.value))
    assert asked, told.value
    return Decimal(asked[1]), Decimal(asked[2])


def test_too_few_bought_back_leave_the_account_short_and_the_refusal_counts_the_rest(in_cash: World) -> None:
    by_hand(in_cash, SOLD_TWICE - 5)
    for answer in ("adopt", "leave"):
        refused(in_cash, answer, LedgerMismatch, r"short \(-5 QQQ\).*then adopt; buy 5 QQQ")
    by_hand(in_cash, 5)
    assert answered(in_cash, "adopt")


@pytest.mark.parametrize("price", ["440", "450", "470"])
@pytest.mark.parametrize("more", [0, 5])
def test_what_was_bought_back_is_adopted_at_its_price_with_what_was_bought_beyond_it(
    in_cash: World, more: int, price: str
) -> None:
    by_hand(in_cash, SOLD_TWICE + more, price=price)
    refused(in_cash, "leave", LedgerMismatch, r"sold more than it had: 20 QQQ .* answer .*adopt")
    assert answered(in_cash, "adopt", any=Decimal(price))
    ledger = in_cash.records().book.ledger
    assert (ledger.shares[QQQ], ledger.cash) == (more, in_cash.broker.cash)
    in_cash.start().step()
    assert in_cash.broker.positions[QQQ] == more or not more


@pytest.mark.parametrize("more", [0, 5])
def test_if_the_proceeds_are_spent_the_capital_that_is_asked_for_is_exactly_enough(spent: World, more: int) -> None:
    by_hand(spent, SOLD_TWICE + more)
    capital, price = cure(spent, "spent the proceeds")
    with pytest.raises(LedgerMismatch, match="spent the proceeds"):  # a cent less is not enough
        told_by(daemon(spent, Config(total_capital=float(capital) - 0.02)), "adopt", any=price)
    assert told_by(daemon(spent, Config(total_capital=float(capital))), "adopt", any=price)
    ledger = spent.records().book.ledger
    assert ledger.shares[QQQ] == more
    assert 0 <= ledger.cash < Decimal("0.01")


def test_the_price_that_was_paid_may_be_enough(spent: World) -> None:
    by_hand(spent, SOLD_TWICE, price="90")
    cure(spent, "Give the price that you paid, if it was another")
    assert answered(spent, "adopt", any=Decimal(90))


def test_the_capital_is_asked_for_beside_a_withdrawal_that_waits(spent: World) -> None:
    """The amount is that of the book, and not of a config.json that was lowered while all was invested."""
    by_hand(spent, SOLD_TWICE)
    spent.pass_time(minutes=5)
    lowered = daemon(spent, Config(total_capital=50_000))
    with pytest.raises(LedgerMismatch, match=r"set total_capital in config\.json to 10\d{4}\.\d\d"):
        told_by(lowered, "adopt")


def test_the_deposit_is_returned_once_it_is_in_cash(spent: World) -> None:
    by_hand(spent, SOLD_TWICE)
    capital, price = cure(spent, "returns the money once it is in cash")
    assert told_by(daemon(spent, Config(total_capital=float(capital))), "adopt", any=price)
    (spent.logs / "HALT").unlink()
    spent.prices.target = Holding.CASH
    for _ in range(2):
        spent.start().step()
        spent.pass_time(minutes=5)
    ledger = spent.records().book.ledger
    assert (sum(ledger.shares.values()), ledger.total_capital) == (0, Decimal(100_000))


def test_shares_of_the_owners_that_the_bot_sold_are_taken_over(tmp_path: Path) -> None:
    """Nothing differs: the account has as many as the owner's and the bot's, which are less than nothing."""
    world = invested(tmp_path)
    by_hand(world, 30, price="0")
    answered(world, "leave")
    sold_twice(world, Holding.CASH)
    assert world.broker.positions[QQQ] == 30 - SOLD_TWICE
    refused(world, "leave", LedgerMismatch, "sold more than it had")
    assert answered(world, "adopt") == [
        "QQQ: +20 shares recorded in the book at 450.00",
        "QQQ: -20 shares of those left alone",
    ]
    ledger = world.records().book.ledger
    assert (ledger.shares[QQQ], ledger.foreign[QQQ]) == (0, 10)
    assert answered(world, "adopt") == []


@pytest.mark.parametrize("more", [0, 5])
def test_a_wrong_price_is_taken_back_and_given_again(in_cash: World, more: int) -> None:
    by_hand(in_cash, SOLD_TWICE + more, price="460")
    before = in_cash.records().book.ledger.portfolio()
    answered(in_cash, "adopt", any=Decimal(470))
    answered(in_cash, "undo")
    assert_same(in_cash.records().book.ledger.portfolio(), before)
    answered(in_cash, "adopt", any=Decimal(460))
    assert in_cash.records().book.ledger.cash == in_cash.broker.cash


def test_bought_back_before_the_second_sale_was_known_it_is_adopted_after_it(tmp_path: Path) -> None:
    world = invested(tmp_path)
    world.prices.target = Holding.CASH
    world.start().step()
    by_hand(world, SOLD_TWICE)
    sale = world.broker.submitted[-1]
    world.broker.trade(sale, SOLD_TWICE)
    assert answered(world, "adopt") == ["QQQ: +20 shares recorded in the book at 450.00"]
    world.assert_book_is_the_brokers()


@pytest.mark.parametrize("answer", ["adopt", "leave", "undo"])
def test_a_short_account_is_not_traded_whatever_was_refused(spent: World, answer: str) -> None:
    (spent.logs / "HALT").unlink()
    sent = len(spent.broker.submitted)
    refused(spent, answer, LedgerMismatch, "Nothing was recorded|no answer to take back")
    engine = spent.start()
    for _ in range(3):
        engine.step()
        spent.pass_time(minutes=15)
    assert len(spent.broker.submitted) == sent
