"""The lines of the charts, from decisions and inputs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.monitoring.facts.charts import POINTS, Life, life, months
from qqqbot.records.decisions import decision_values
from qqqbot.records.folder import Identity
from qqqbot.records.inputs import InputLog
from qqqbot.strategy.planning import decide
from tests.support.builders import NOW, RULES, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book_row

WHO = Identity("dry_run", "simulated")


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def seen(day: int, equity: float, price: float, capital: float = 100_000.0, **values: Any) -> dict[str, Any]:
    at = (NOW + timedelta(days=day)).isoformat()
    row = {"timestamp": at, "equity": equity, "price": price, "total_capital": capital, "short_ma": 1.0, "long_ma": 1.0}
    return {**IDENTITY, **row, **values}


def numbers(points: list[tuple[Any, float]]) -> list[float]:
    return [value for _, value in points]


def test_the_value_beside_qqq_held_from_the_same_day(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(0, 100.0, 50.0), seen(1, 120.0, 55.0), seen(2, 90.0, 60.0)])
    facts = life(logs.folder, WHO)
    assert numbers(facts.equity) == [100.0, 120.0, 90.0]
    assert numbers(facts.held) == pytest.approx([100.0, 110.0, 120.0])
    assert numbers(facts.drawdown) == pytest.approx([0.0, 0.0, -25.0])


def test_a_deposit_is_not_a_gain_and_a_withdrawal_not_a_drawdown(logs: LogsFolder) -> None:
    rows = [seen(0, 100.0, 50.0), seen(1, 200.0, 50.0, 100_100.0), seen(2, 50.0, 50.0, 99_950.0)]
    logs.rows("decisions.jsonl", rows)
    facts = life(logs.folder, WHO)
    assert numbers(facts.held) == pytest.approx([100.0, 200.0, 50.0])
    assert numbers(facts.drawdown) == pytest.approx([0.0, 0.0, 0.0])


def test_refused_prices_and_other_accounts_give_no_value(logs: LogsFolder) -> None:
    odd = [seen(1, 5.0, 1.0, short_ma=None), seen(1, 7.0, 2.0, mode="live"), {**IDENTITY, "timestamp": "x"}, {}]
    logs.rows("decisions.jsonl", [seen(0, 100.0, 50.0), *odd, seen(2, 110.0, 50.0)])
    assert numbers(life(logs.folder, WHO).equity) == [100.0, 110.0]


def test_a_long_history_is_thinned_out_and_keeps_the_newest_point(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(n, 100.0 + n, 50.0) for n in range(5000)])
    found = numbers(life(logs.folder, WHO).equity)
    assert POINTS / 2 < len(found) < POINTS + 50
    assert (found[0], found[-1]) == (100.0, 5099.0)


def test_nothing_recorded_draws_nothing(logs: LogsFolder) -> None:
    assert life(logs.folder, WHO) == Life([], [], [])
    assert months(logs.folder, WHO, NOW) is None
    assert months(logs.folder, WHO, None) is None


def test_the_last_months_are_the_window_of_the_last_decision(logs: LogsFolder) -> None:
    check = snapshot(portfolio=portfolio(qqq=200))
    InputLog(logs.folder.inputs).record(check, RULES, {"timestamp": check.now.isoformat(), **IDENTITY})
    plan = decide(check, RULES)
    row = as_json({"timestamp": NOW.isoformat(), **IDENTITY, **decision_values(check, plan)})
    logs.rows("decisions.jsonl", [row])
    logs.rows(
        "trades.jsonl", [book_row("BUY", "QQQ", 200, 450.0, NOW, qqq_price=449.0), book_row("BUY", "QQQ", 1, 1, NOW)]
    )
    facts = months(logs.folder, WHO, NOW)
    assert facts is not None
    assert len(facts.days) == len(facts.closes) == 120
    assert facts.closes[-1] == 450.0
    assert plan.signal is not None
    assert facts.short[-1] == pytest.approx((119, plan.signal.short_ma))
    assert len(facts.short) == 91
    assert facts.long == [pytest.approx((119, plan.signal.long_ma))]
    assert [(t.day, t.price) for t in facts.trades] == [(119, 449.0)]


def test_the_long_average_comes_from_the_decisions_of_those_days(logs: LogsFolder) -> None:
    check = snapshot()
    InputLog(logs.folder.inputs).record(check, RULES, {"timestamp": check.now.isoformat(), **IDENTITY})
    days = [seen(-n, 1.0, 1.0, long_ma=100.0 - n) for n in (4, 1, 0)]
    logs.rows("decisions.jsonl", [seen(-400, 1.0, 1.0, long_ma=1.0), *days])
    facts = months(logs.folder, WHO, NOW)
    assert facts is not None
    assert facts.long == [(117, 96.0), (118, 99.0), (119, 100.0)]
