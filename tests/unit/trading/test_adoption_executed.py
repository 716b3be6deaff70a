"""An order that is filled, of which the broker lists no execution and no price: `adopt` books it on the same day."""

from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.errors import LedgerMismatch, OrderOutcomeUnknown
from qqqbot.model.values import Holding, Order, OrderIntent, OrderStatus, Side
from qqqbot.runtime.config import Config
from qqqbot.trading.answers import Answer, Kind
from qqqbot.trading.engine import Engine
from tests.support.fakes import FakeBroker, World, works
from tests.support.owner import answered, by_hand, daemon, refused, told_by
from tests.support.symbols import QQQ, TQQQ

REF = "qqqbot-20261124-01"


def fills_in_silence(broker: FakeBroker, order: OrderIntent) -> None:
    """The shares are there; the status says "Filled", and nothing else is reported."""
    broker.positions[order.symbol] += order.quantity if order.side is Side.BUY else -order.quantity
    broker.cash -= order.quantity * order.decision_price * (1 if order.side is Side.BUY else -1)
    broker.orders[order.order_ref] = Order(order.order_ref, OrderStatus.FILLED)


def unresolved(logs: Path) -> World:
    world = World(logs)
    world.broker.behaviours = [fills_in_silence]
    world.start().step()
    assert world.records().journal.unresolved()
    assert world.trades() == []
    world.pass_time(minutes=10)
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return unresolved(tmp_path)


def goes_on(world: World) -> Engine:
    world.prices.target = Holding.CASH
    engine = world.start()
    engine.step()
    assert world.broker.positions == {QQQ: 0, TQQQ: 0}
    return engine


def test_it_is_booked_at_the_price_that_its_owner_gives_and_the_bot_trades_on(world: World) -> None:
    assert answered(world, "adopt", any=Decimal("450.02")) == [
        f"{REF}: buy 211 QQQ, booked at 450.02, the price that you gave"
    ]
    (row,) = world.trades()
    assert (row["quantity"], row["price"], row["position"]) == (211, Decimal("450.02"), "QQQ")
    assert world.records().journal.unresolved() == ()
    goes_on(world)


def test_without_a_price_it_is_the_decisions(world: World) -> None:
    assert answered(world, "adopt") == [f"{REF}: buy 211 QQQ, booked at 450.00, the price that it was decided at"]
    assert answered(world, "adopt") == []
    goes_on(world)


def test_a_price_that_the_accounts_money_contradicts_is_refused(world: World) -> None:
    before = world.events()
    with pytest.raises(LedgerMismatch, match="the price is not that of the trade"):
        answered(world, "adopt", any=Decimal("4.50"))
    assert (world.trades(), world.events()) == ([], before)


def test_a_dry_run_shows_it_and_records_nothing(world: World) -> None:
    before = world.events()
    settled = daemon(world).settle(Answer(Kind.ADOPT, {"": Decimal(450)}, dry_run=True))
    assert settled is not None
    assert (settled.after.shares[QQQ], settled.done != []) == (211, True)
    assert (world.trades(), world.events()) == ([], before)


def test_executions_that_come_after_all_replace_it(world: World) -> None:
    answered(world, "adopt", any=Decimal("450.50"))
    world.broker.positions[QQQ], world.broker.cash = 0, Decimal(100_000)
    world.broker.trade(world.broker.submitted[0], 211)
    engine = world.start()
    engine.step()
    assert (engine.records.book.ledger.shares[QQQ], engine.records.book.ledger.cash) == (211, world.broker.cash)


def test_it_cannot_be_left_alone(world: World) -> None:
    refused(world, "leave", LedgerMismatch, rf"those of {REF}.* they are the bot's.*adopt books the order")


def test_shares_that_differ_as_well_are_adopted_at_their_own_price(world: World) -> None:
    by_hand(world, 5, TQQQ, "60")
    assert answered(world, "adopt", any=Decimal("450.02")) == [
        f"{REF}: buy 211 QQQ, booked at 450.02, the price that you gave",
        "TQQQ: +5 shares recorded in the book at 60.00",
    ]


@pytest.mark.parametrize("there", [0, 100, 210, 212, 422])
def test_shares_that_are_not_exactly_the_orders_prove_nothing(world: World, there: int) -> None:
    world.broker.positions[QQQ] = there
    refused(world, "adopt", OrderOutcomeUnknown, "may still be executed")


def test_nor_does_anything_while_it_is_listed_as_open(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.broker.behaviours, world.broker.deaf_to_cancel = [works], True
    world.start().step()
    by_hand(world, 211)
    refused(world, "adopt", OrderOutcomeUnknown, "may still be executed")


def test_the_owner_is_told_of_it_while_it_lasts(world: World) -> None:
    engine = world.start()
    engine.step()
    gate = next(gate for gate in world.rows("decisions.jsonl")[-1]["gates"] if gate["name"] == "open_orders")
    assert f"{REF} (the account shows its shares: ./bot_control.sh adopt books it)" in gate["sentence"]


def test_a_process_that_dies_between_book_and_journal_answers_again(world: World) -> None:
    records = world.records()
    account = world.broker.snapshot()
    executor = world.start(records).executor
    executor.resolve()
    ((intent, order),) = executor.executed(account, {"": Decimal(450)})
    records.book.absorb(intent, order, world.clock.now())
    assert world.records().journal.unresolved()
    assert told_by(daemon(world, Config()), "adopt") != []
    assert world.records().journal.unresolved() == ()
    assert len(world.trades()) == 1
    goes_on(world)
