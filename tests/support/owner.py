"""The owner of an account, who trades in it by hand and answers when account and book differ."""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqq_trading_bot import Daemon
from qqqbot.model.market import Split
from qqqbot.model.values import Holding, Portfolio
from qqqbot.runtime.config import Config
from qqqbot.trading.answers import Answer, Kind
from qqqbot.trading.engine import Engine
from tests.support.builders import DAY, PRICE, TQQQ_PRICE
from tests.support.fakes import FakeAccount, World, answer_lost
from tests.support.symbols import QQQ, TQQQ


def invested(logs: Path) -> World:
    """A world whose bot has bought 211 QQQ."""
    world = World(logs)
    world.start().step()
    assert world.broker.positions[QQQ] == 211
    return world


def daemon(world: World, config: Config | None = None) -> Daemon:
    return Daemon(config or Config(), world.logs, world.clock, world.prices, FakeAccount(world.broker))


def lose_an_order(world: World, target: Holding) -> Engine:
    """The order towards `target` is executed, and its answer lost; the broker reports the present day only."""
    world.prices.target, world.broker.behaviours = target, [answer_lost]
    world.start().step()
    world.broker.orders.clear()
    world.pass_time(days=1)
    engine = world.start()
    for _ in range(12):
        engine.step()
        world.pass_time(minutes=1)
    return engine


def split(world: World, ratio: float, symbol: str = TQQQ) -> Split:
    """The account's shares and the prices after a split; the price source's row of it, which it does not report yet."""
    world.broker.positions[symbol] = int(world.broker.positions[symbol] * ratio)
    if symbol == TQQQ:
        world.prices.changes = now_at(world, tqqq_price=TQQQ_PRICE / ratio)
    else:
        world.prices.price = PRICE / ratio
    return Split(symbol, DAY + timedelta(days=1), ratio)


def now_at(world: World, moment: datetime | None = None, **overrides: Any) -> dict[str, Any]:
    """The fields of a market that was last traded at `moment`."""
    told = world.prices.as_of(moment or world.clock.now(), **overrides)
    return {field.name: getattr(told, field.name) for field in fields(told)}


def told_by(daemon: Daemon, answer: str, **prices: Decimal) -> list[str]:
    given = {symbol.replace("any", ""): price for symbol, price in prices.items()}
    settled = daemon.settle(Answer(Kind(answer), given))
    assert settled is not None
    return settled.done


def answered(world: World, answer: str, **prices: Decimal) -> list[str]:
    world.pass_time(minutes=5)  # by then the account shows the bot's own trades
    return told_by(daemon(world), answer, **prices)


def assert_same(one: Portfolio, other: Portfolio) -> None:
    """Costs and profits are read back from doubles."""
    costs = [(*book.cost.values(), book.realized_pnl) for book in (one, other)]
    assert costs[0] == pytest.approx(costs[1], abs=1e-6)
    assert replace(one, cost={}, realized_pnl=Decimal(0)) == replace(other, cost={}, realized_pnl=Decimal(0))


def by_hand(world: World, quantity: int, symbol: str = QQQ, price: str = "450") -> None:
    """The owner has bought (`quantity` is positive) or sold in the same account."""
    world.broker.positions[symbol] += quantity
    world.broker.cash -= quantity * Decimal(price)


def book_of(world: World) -> str:
    return (world.logs / "trades.jsonl").read_text()


def refused(world: World, answer: str, error: type[Exception], match: str) -> None:
    before = book_of(world)
    with pytest.raises(error, match=match):
        answered(world, answer)
    assert book_of(world) == before, "refused, and recorded all the same"
