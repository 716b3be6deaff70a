"""Twenty sessions at the gateway stand-in: money that lags changes neither holdings nor equity.

The prices stand still within a session, so that a purchase that waits for its money has the price of one that does not.
"""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.family import watched
from qqqbot.model.values import Rules, Session
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.parts import Adapters
from standins.ib_gateway.exchange import around
from tests.simulation.sim_world import OTHER_RULES, RULES
from tests.support.ib_bench import QUICK, Bench, MovedClock, broker_at, gateway_at

SESSIONS = 20
CHECKS_A_SESSION = 2
BRISK = replace(QUICK, news=0.01)


@pytest.mark.parametrize("form", [None, *OTHER_RULES])
def test_money_that_lags_up_to_three_minutes_changes_nothing_in_twenty_sessions(
    tmp_path: Path, form: str | None
) -> None:
    rules = replace(RULES, rule=OTHER_RULES[form] if form else None)
    prompt, late = (run(tmp_path / name, lag, rules) for name, lag in (("prompt", False), ("late", True)))
    assert [row["held"] for row in late] == [row["held"] for row in prompt]
    assert [row["shares"] for row in late] == [row["shares"] for row in prompt]
    assert [row["equity"] for row in late] == [row["equity"] for row in prompt]
    assert sum(a["held"] != b["held"] for a, b in itertools.pairwise(late)) >= (3 if form else 5)


def run(folder: Path, lag: bool, rules: Rules) -> list[dict[str, Any]]:
    """What the book held after each session."""
    folder.mkdir()
    symbols, before = watched(rules.form, ()), max(12, rules.form.history)
    first = date(2025, 10, 20) - timedelta(days=2 * (before - 12))
    seed = 50 if rules.rule else 3
    prices = SimulatedPrices(seed, symbols, first, date(2025, 12, 31), gap=1.0, roughness=0.0)
    sessions = prices.table.sessions[before : before + SESSIONS]
    clock, ends = MovedClock(sessions[0].open), []
    with gateway_at(clock) as gateway, broker_at(gateway, clock, BRISK) as broker:
        gateway.use_quotes(lambda symbol, now: around(Decimal(str(prices.price(symbol, now))), Decimal("0.02")))
        gateway.use_sessions([(session.open, session.close) for session in prices.table.sessions])
        if lag:
            gateway.lag(seed=3)
        at, notifier = Bench(gateway, broker, clock), LogNotifier(clock)
        at.sound()
        records = load_records(folder, Identity(broker.mode, broker.account), clock, notifier)
        set_capital(records.book, Decimal(100_000), clock)
        engine = assemble(records, Adapters(clock, prices, broker, notifier), rules, timedelta(seconds=20))
        for session in sessions:
            for number in range(CHECKS_A_SESSION):
                move_to(at, session, 10 + 200 * number)
                for _ in range(12):
                    if not engine.step():
                        break
                    clock.move(60)
                    at.sound()
            last = engine.state.last_check
            assert last is not None
            ends.append({"held": last.row["held"], "shares": last.row["shares"], "equity": last.row["equity"]})
        waited = any("MoneyLate" in line for line in (folder / "decisions.jsonl").read_text().splitlines())
        # A rule of one fund buys long after it has sold.
        assert waited == lag or (lag and rules.rule is not None)
        assert records.book.ledger.cash == gateway.account().cash
    return ends


def move_to(at: Bench, session: Session, minutes: int) -> None:
    """The time of a check; the connection may have to notice first that hours have passed."""
    ahead = (session.open + timedelta(minutes=minutes) - at.clock.now()).total_seconds()
    at.clock.move(max(0.0, ahead))
    at.gateway.look()
    at.sound()
