"""The real Engine on a gateway stand-in, for tests that let it trade there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.adapters.ib.connection import Timing
from qqqbot.model.family import Rule, two_averages
from qqqbot.model.market import Market, Other
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Holding, OrderType
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Check, Engine
from qqqbot.trading.parts import Adapters
from standins.ib_gateway import Account
from tests.support.builders import RULES, market, table
from tests.support.ib_bench import QUICK, Bench, bench, eventually

S_AND_P = replace(two_averages(30, 120), signal=Holding.SPY, strong=Holding.UPRO, up=Holding.SPY)
"""the default's rule on another index, at the same prices"""
AS_DEFAULT = {Holding.UPRO: Holding.TQQQ, Holding.SPY: Holding.QQQ}


class Prices:
    """A market in which the rule wants `target`. Another one needs other rows: without the fund's, see FakePrices."""

    def __init__(self, target: Holding) -> None:
        self.first = self.target = target

    def watch(self, symbols: tuple[str, ...]) -> None:
        self.symbols = symbols

    def sessions(self, now: datetime) -> SessionTable:
        assert now < table().ends()
        return table()

    def market(self, now: datetime) -> Market:
        found = market(AS_DEFAULT.get(self.target, self.target), now=now)
        signal, fund, *others = self.symbols
        like = {symbol: "QQQ" if Holding(symbol).factor == 1 else "TQQQ" for symbol in others}
        return replace(
            found,
            signal_quote=replace(found.signal_quote, symbol=signal),
            fund_quote=replace(found.fund_quote, symbol=fund),
            fund_bars=found.fund_bars if self.target is self.first else (),
            others={s: Other(replace(found.quote(as_), symbol=s), found.rows(as_)) for s, as_ in like.items()},
        )


class Trader:
    """An engine on a bench, with its records on disk."""

    def __init__(self, at: Bench, logs: Path, limit: bool = False, orders: int = 12, rule: Rule | None = None) -> None:
        self.at = at
        self.notifier = LogNotifier(at.clock)
        mode, account = at.broker.identity(30) or pytest.fail("not connected")
        self.records = load_records(logs, Identity(mode, account), at.clock, self.notifier)
        set_capital(self.records.book, Decimal(100_000), at.clock)
        order_type = OrderType.LIMIT if limit else OrderType.MARKET
        rules = replace(RULES, order_type=order_type, max_orders_per_session=orders, rule=rule)
        self.prices = Prices(Holding.QQQ)
        outside = Adapters(at.clock, self.prices, at.broker, self.notifier)
        self.engine: Engine = assemble(self.records, outside, rules, timedelta(seconds=20))

    def check(self, target: Holding | None = None) -> None:
        self.prices.target = target or self.prices.target
        self.engine.step()

    def settle(self, target: Holding, checks: int = 6) -> None:
        """As many checks as the market needs, a quarter of an hour apart at most."""
        for _ in range(checks):
            self.check(target)
            if self.settled(target):
                return
            self.at.clock.move(60)
            eventually(lambda: self.at.broker.problem() is None)
        raise AssertionError(self.engine.state.last_check)

    def settled(self, target: Holding) -> bool:
        portfolio = self.records.book.ledger.portfolio()
        held = {symbol for symbol, count in portfolio.shares.items() if count}
        return held == ({target.value} - {"CASH"}) and not self.records.journal.unresolved()

    def assert_true_to_the_gateway(self) -> None:
        """Shares, exec_ids and commissions are the gateway's; no reference was used twice."""
        book, gateway = self.records.book, self.at.gateway
        ours = [e for e in gateway.ledger if e.order_ref.startswith("qqqbot-")]
        for symbol, count in book.ledger.shares.items():
            assert count == gateway.position(symbol)
            signed = [e.shares if e.side == "BOT" else -e.shares for e in ours if e.contract.symbol == symbol]
            assert count == sum(signed)
        assert all(book.ledger.counted(e.exec_id) for e in ours)
        refs = [order.order_ref for order in gateway.orders if order.order_ref]
        assert len(refs) == len(set(refs))
        assert book.ledger.cash == gateway.account().cash
        assert not gateway.open_orders

    def last_check(self) -> Check:
        assert self.engine.state.last_check is not None
        return self.engine.state.last_check

    def close(self) -> None:
        for part in (self.records.book, self.records.journal, self.records.decisions):
            part.close()


@contextmanager
def trading(
    logs: Path,
    *accounts: Account,
    limit: bool = False,
    timing: Timing = QUICK,
    rule: Rule | None = None,
) -> Iterator[Trader]:
    with bench(*accounts, timing=timing) as at:
        trader = Trader(at, logs, limit, rule=rule)
        try:
            yield trader
        finally:
            trader.close()
