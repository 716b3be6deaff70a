"""Rules on other shares than QQQ and TQQQ, and a change between them, in the simulated account on simulated prices."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.family import PRICE, Average, Comparison, Rule, two_averages
from qqqbot.model.market import Market, Other
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Holding, Mode, Rules
from qqqbot.monitoring.performance import Performance, time_in
from qqqbot.records.risk_line import risk_words
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Engine, State
from qqqbot.trading.parts import Adapters
from tests.support.fakes import FakeNotifier

OVER = Comparison(PRICE, Average(8))
TO_TQQQ = Rule(Holding.QQQ, OVER, None, Holding.TQQQ, Holding.TQQQ)
TO_UPRO = replace(TO_TQQQ, signal=Holding.SPY, strong=Holding.UPRO, up=Holding.UPRO)
PARKED = replace(TO_TQQQ, down=Holding.SGOV)
ALL = ("QQQ", "TQQQ", "SPY", "UPRO", "QLD", "QQQM", "SGOV")
# More than a month of sessions before, so that a bill fund's growth is known.
FIRST, LAST, BEFORE = date(2025, 7, 1), date(2025, 12, 31), 40


class Seen:
    """The prices of what is watched, the signal's and its fund's first, in a world that has all of them."""

    def __init__(self, world: SimulatedPrices) -> None:
        self._world = world

    def watch(self, symbols: tuple[str, ...]) -> None:
        self._symbols = symbols

    def sessions(self, now: datetime) -> SessionTable:
        return self._world.sessions(now)

    def market(self, now: datetime) -> Market:
        found = self._world.market(now)
        signal, fund, *others = self._symbols
        return replace(
            found,
            bars=found.rows(signal),
            signal_quote=found.quote(signal),
            fund_quote=found.quote(fund),
            fund_previous_close=found.rows(fund)[-1].close,
            fund_bars=found.rows(fund),
            others={symbol: Other(found.quote(symbol), found.rows(symbol)) for symbol in others},
        )


class Life:
    """A book, a world of prices, and the processes over them."""

    def __init__(self, logs: Path) -> None:
        self.logs, self.notifier = logs, FakeNotifier()
        self.world = SimulatedPrices(5, ALL, FIRST, LAST)
        self.sessions = self.world.table.sessions[BEFORE:]
        self.clock = VirtualClock(self.sessions[0].open + timedelta(minutes=30))
        self.day = 0

    def start(self, rule: Rule, **rules: Any) -> Engine:
        records = load_records(self.logs, Identity(Mode.DRY_RUN, ACCOUNT), self.clock, self.notifier)
        set_capital(records.book, Decimal(100_000), self.clock)
        state = State()
        broker = PaperBroker(records.book, self.clock, lambda: state.market, Decimal(1))
        outside = Adapters(self.clock, Seen(self.world), broker, self.notifier, disk_free=lambda: 10**12)
        return assemble(records, outside, Rules(rule=rule, **rules), timedelta(seconds=60), state)

    def until(self, engine: Engine, target: Holding) -> None:
        """Day by day, until the rule has led to `target`."""
        for _ in self.sessions[self.day + 1 :]:
            engine.step()
            if engine.portfolio().holding is target:
                return
            self.day += 1
            self.clock.advance(self.sessions[self.day].open + timedelta(minutes=30) - self.clock.now())
        raise AssertionError(f"{target} was never reached")

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.logs / name).read_text().splitlines()]


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        (TO_UPRO, {Holding.UPRO, Holding.CASH}),
        (replace(two_averages(3, 8), strong=Holding.QLD, up=Holding.QQQM), {Holding.QLD, Holding.QQQM, Holding.CASH}),
        (PARKED, {Holding.TQQQ, Holding.SGOV}),
    ],
)
def test_a_rule_trades_its_own_shares_and_its_records_name_them(life: Life, rule: Rule, held: set[Holding]) -> None:
    engine = life.start(rule)
    for holding in held:
        life.until(engine, holding)
    decisions, trades = life.rows("decisions.jsonl"), life.rows("trades.jsonl")
    assert {row["held"] for row in decisions} >= held - {Holding.SGOV}
    newest = decisions[-1]
    assert [*newest["prices"]][:2] == [rule.signal, rule.fund]
    assert newest["price"] == newest["prices"][rule.signal]
    assert {row["symbol"] for row in trades if row.get("kind", "trade") == "trade"} <= {*newest["prices"]}
    assert all(row["gates"] for row in decisions)
    line = engine.risk_line()
    assert line is not None
    assert line.signal == rule.signal
    assert risk_words(line)[1][0] == f"Beside {rule.signal}"


def test_a_change_to_another_index_sells_what_was_held_and_counts_on(life: Life) -> None:
    before = life.start(TO_TQQQ)
    life.until(before, Holding.TQQQ)
    shares, equity = before.portfolio().shares["TQQQ"], before.equity()
    assert equity is not None
    after = life.start(TO_UPRO)
    assert before.records.book.ledger.held == ("TQQQ",)
    after.step()
    assert "TQQQ" in life.rows("decisions.jsonl")[-1]["prices"], "what is held is watched, whatever the rule is"
    assert after.portfolio().shares["TQQQ"] == 0
    sold = next(row for row in life.rows("trades.jsonl") if row.get("side") == "SELL")
    assert (sold["symbol"], sold["quantity"]) == ("TQQQ", shares)
    assert after.halted() is None
    assert life.notifier.kinds().count("rule") == 1
    life.until(after, Holding.UPRO)
    assert after.equity() == pytest.approx(equity, rel=0.1)
    track = after.state.track
    assert track is not None
    assert track.signal == "SPY"
    assert track.held == pytest.approx(100_000, rel=0.2), (
        "the index held is exchanged at its value, not share for share"
    )
    reread = life.start(TO_UPRO).state.track
    assert reread is not None
    assert reread.held == pytest.approx(track.held)


def test_money_that_parking_would_not_pay_for_stays_cash_with_the_reason(life: Life) -> None:
    engine = life.start(PARKED, park_benefit=Decimal(1_000_000))
    life.until(engine, Holding.TQQQ)
    life.until(engine, Holding.CASH)
    last = life.rows("decisions.jsonl")[-1]
    assert (last["target"], last["action"]) == ("CASH", "HOLD")
    assert "but parking it in SGOV would bring" in last["sentence"]
    assert engine.state.last_check is not None
    assert engine.state.last_check.good


def test_parked_money_comes_back_and_what_was_parked_stays_though_it_no_longer_pays(life: Life) -> None:
    engine = life.start(PARKED)
    life.until(engine, Holding.SGOV)
    parked = engine.portfolio().shares["SGOV"]
    life.start(PARKED, park_benefit=Decimal(1_000_000)).step()
    assert life.rows("decisions.jsonl")[-1]["sentence"].endswith("SGOV is held already")
    engine = life.start(PARKED)
    life.until(engine, Holding.TQQQ)
    assert (parked > 0, engine.portfolio().shares["SGOV"]) == (True, 0)


def test_a_day_without_orders_left_still_sells_into_safety(life: Life) -> None:
    """The reserve of a sale towards cash is that of a sale towards parking too."""
    engine = life.start(PARKED, max_orders_per_session=2)
    life.until(engine, Holding.TQQQ)
    session = life.sessions[life.day].date
    journal = engine.records.journal
    assert journal.orders_in(session) >= 1
    life.until(engine, Holding.SGOV)


def test_the_time_in_each_holding_is_that_of_the_rules_own_shares(life: Life) -> None:
    engine = life.start(TO_UPRO)
    life.until(engine, Holding.UPRO)
    book = Performance()
    for row in life.rows("trades.jsonl"):
        book.apply(row)
    found = time_in(book, life.clock.now() + timedelta(days=1))
    assert found is not None
    assert set(found.holdings) == {"CASH", "UPRO"}
