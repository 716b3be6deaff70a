"""The real Engine over daily bars, with the simulated account: one check near each close."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.backtest.prices.table import Prices
from qqqbot.model.market import Bar, Market, Quote
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Mode, Rules, Session
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import State
from qqqbot.trading.parts import Adapters
from tests.support.fakes import FakeNotifier, Watching
from tests.support.price_series import random_prices

CAPITAL = Decimal(100_000)
BOOK_PRICES, BOOK_RULES, BOOK_BEGINS = random_prices(330, seed=4), Rules(decide=Decide.BEFORE_CLOSE), 119
"""of the book in tests/unit/backtest"""
BEFORE_CLOSE = timedelta(minutes=5)


class DailyBars(Watching):
    """A PriceSource that knows the closes before today, and today's close as its live price."""

    def __init__(self, prices: Prices, rows: int = 200) -> None:
        self.rows = rows
        self.dates = [date.fromisoformat(text) for text in prices.dates.astype(str).tolist()]
        self.qqq, self.tqqq = prices.signal.close.tolist(), prices.fund.close.tolist()
        self.table = SessionTable.build(_session(day) for day in [*self.dates, self.dates[-1] + timedelta(days=9)])
        self.bars, self.fund_bars = (
            [Bar(day, close, close) for day, close in zip(self.dates, closes, strict=True)]
            for closes in (self.qqq, self.tqqq)
        )

    def sessions(self, now: datetime) -> SessionTable:  # noqa: ARG002 (the port's signature)
        return self.table

    def market(self, now: datetime) -> Market:
        today = self.dates.index(now.astimezone(NEW_YORK).date())
        return Market(
            bars=tuple(self.bars[max(0, today - self.rows) : today]),
            newest_row=self.dates[today],
            signal_quote=Quote("QQQ", self.qqq[today], now),
            fund_quote=Quote("TQQQ", self.tqqq[today], now),
            fund_previous_close=self.tqqq[today - 1],
            fund_bars=tuple(self.fund_bars[max(0, today - self.rows) : today]),
        )


def _session(day: date) -> Session:
    opens, closes = (datetime.combine(day, at, NEW_YORK).astimezone(UTC) for at in (time(9, 30), time(16)))
    return Session(day, opens, closes)


def drive(logs: Path, prices: Prices, rules: Rules, first: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the book and of the decisions after one check near each close from session `first` on."""
    source = DailyBars(prices, max(200, rules.form.history))
    clock, state = VirtualClock(source.table.sessions[first].close - BEFORE_CLOSE), State()
    records = load_records(logs, Identity(Mode.DRY_RUN, ACCOUNT), clock, FakeNotifier())
    set_capital(records.book, CAPITAL, clock)
    broker = PaperBroker(records.book, clock, lambda: state.market, Decimal(1))
    outside = Adapters(clock, source, broker, FakeNotifier(), disk_free=lambda: 10**12)
    engine = assemble(records, outside, rules, timedelta(seconds=60), state)
    for session in source.table.sessions[first : len(prices)]:
        clock.advance(session.close - BEFORE_CLOSE - clock.now())
        engine.step()
    return _rows(logs / "trades.jsonl"), _rows(logs / "decisions.jsonl")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
