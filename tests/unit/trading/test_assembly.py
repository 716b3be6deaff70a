"""What is watched from a start on; total_capital: recorded once; deposits at once; no withdrawal of money that an order
may still cost.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from qqq_trading_bot import Daemon
from qqqbot.model.family import PRESETS
from qqqbot.model.values import Holding, OrderIntent, Rules
from qqqbot.runtime.config import Config
from tests.support.fakes import FakeAccount, FakeBroker, World, answer_lost, lost_on_the_way, works
from tests.support.symbols import QQQ, TQQQ

CASH_AFTER_THE_BUY = Decimal(5_049)


def capitals(world: World) -> list[Decimal]:
    return [row["total_capital"] for row in world.rows("trades.jsonl") if row.get("kind") == "capital"]


@pytest.fixture
def in_flight(tmp_path: Path) -> World:
    """A buy of 211 QQQ was executed, and the process died before it learned of it."""
    world = World(tmp_path)
    world.broker.behaviours = [answer_lost]
    engine = world.start()
    engine.step()
    assert engine.records.journal.unresolved()
    assert engine.records.book.ledger.cash == 100_000
    assert world.broker.cash == CASH_AFTER_THE_BUY
    return world


def test_a_withdrawal_waits_for_the_order_in_flight_and_says_so(in_flight: World) -> None:
    in_flight.capital = Decimal(20_000)
    engine = in_flight.start()
    told = [text for kind, text in in_flight.notifier.told if kind == "total_capital"]
    assert len(told) == 1
    assert told[0].startswith("total_capital remains 100,000.00 for now: the outcome of qqqbot-20261124-01 is not")
    assert "records 20,000.00 as soon as" in told[0]
    engine.step()
    assert capitals(in_flight) == [100_000]
    in_flight.assert_book_is_the_brokers()


def test_it_waits_on_if_the_order_has_spent_the_money(in_flight: World) -> None:
    in_flight.capital = Decimal(20_000)
    in_flight.start().step()
    assert in_flight.start().records.book.ledger.total_capital == 100_000
    assert "5,049.00 of it is in cash, the rest is invested" in in_flight.notifier.told[-1][1]


def test_it_is_recorded_by_the_check_that_finds_enough_cash(in_flight: World) -> None:
    in_flight.capital = Decimal(96_000)
    engine = in_flight.start()
    engine.step()
    engine.step()
    assert engine.records.book.ledger.cash == CASH_AFTER_THE_BUY - 4_000
    assert capitals(in_flight) == [100_000, 96_000]


def test_a_deposit_waits_for_nothing(in_flight: World) -> None:
    in_flight.capital = Decimal(150_000)
    in_flight.start().step()
    assert capitals(in_flight) == [100_000, 150_000]
    assert in_flight.records().book.ledger.cash == CASH_AFTER_THE_BUY + 50_000


def test_a_book_that_begins_anew_beside_old_orders_is_reported(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start().step()
    assert "new_book" not in dict(world.notifier.told)
    (world.logs / "trades.jsonl").unlink()
    world.start()
    told = dict(world.notifier.told)
    assert told["new_book"].endswith("though orders.jsonl has its order qqqbot-20261124-01")


@pytest.mark.parametrize("behaviour", [answer_lost, works, lost_on_the_way])
@pytest.mark.parametrize("starts", [1, 3])
def test_no_order_in_flight_lets_a_withdrawal_make_the_cash_negative(
    tmp_path: Path, behaviour: Callable[[FakeBroker, OrderIntent], None], starts: int
) -> None:
    world = World(tmp_path)
    world.broker.behaviours, world.broker.deaf_to_cancel = [behaviour], True
    world.start().step()
    world.capital = Decimal(20_000)
    for _ in range(starts):
        assert world.start().records.book.ledger.total_capital == 100_000
    assert capitals(world) == [100_000]


def test_the_daemon_starts_with_the_old_capital_and_says_so(in_flight: World) -> None:
    config = Config(total_capital=20_000)
    daemon = Daemon(config, in_flight.logs, in_flight.clock, in_flight.prices, FakeAccount(in_flight.broker))
    assert daemon.once()
    assert [event.kind for event in daemon.log_notifier.recent][:1] == ["total_capital"]
    ledger = in_flight.records().book.ledger
    assert (ledger.total_capital, ledger.cash) == (Decimal(100_000), CASH_AFTER_THE_BUY)
    assert ledger.shares[QQQ] == 211


def test_whoever_gives_prices_or_shares_is_told_what_is_watched(world: World) -> None:
    world.rules = Rules(rule=PRESETS["spy-200-upro"])
    memory = world.start().records.prices
    assert world.prices.watched == world.broker.watched == ("SPY", "UPRO")
    assert memory.symbols == ("SPY", "UPRO")


class TestCapital:
    def test_it_is_recorded_at_the_first_start_and_not_again(self, world: World) -> None:
        world.start()
        world.start()
        assert [row["amount"] for row in world.rows("trades.jsonl")] == [100_000]

    def test_a_deposit_is_spent_at_the_next_rotation_and_not_before(self, world: World) -> None:
        world.start().step()
        world.capital += 50_000
        world.broker.cash += 50_000
        engine = world.start()
        engine.step()
        assert len(world.broker.submitted) == 1
        assert engine.records.book.ledger.total_capital == 150_000
        world.prices.target = Holding.TQQQ
        engine.step()
        assert world.broker.submitted[-1].quantity == 2374  # 95 % of 149,998 at 60
        world.assert_book_is_the_brokers()

    def test_a_withdrawal_is_recorded_if_there_is_enough_cash(self, world: World) -> None:
        world.start()
        world.capital = Decimal(60_000)
        assert world.start().records.book.ledger.cash == 60_000

    def test_what_is_invested_is_withdrawn_once_it_is_cash_and_keeps_nothing_from_starting(self, world: World) -> None:
        world.start().step()
        world.capital = Decimal(60_000)
        engine = world.start()
        kind, text = world.notifier.told[-1]
        assert kind == "total_capital"
        assert "remains 100,000.00 for now: 5,049.00 of it is in cash" in text
        assert "records 60,000.00 as soon as 40,000.00 can be taken out" in text
        engine.step()
        assert engine.records.book.ledger.total_capital == 100_000
        world.prices.target = Holding.TQQQ
        engine.step()
        ledger = engine.records.book.ledger
        assert ledger.total_capital == 60_000
        assert ledger.shares == {QQQ: 0, TQQQ: 949}  # 95 % of 59,998 at 60
        world.start().step()
        assert capitals(world) == [100_000, 60_000]
