"""The history that the page draws, from decisions, inputs and the book."""

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.monitoring.facts.charts import POINTS, History, history
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


def seen(day: float, equity: float, price: float, capital: float = 100_000.0, **values: Any) -> dict[str, Any]:
    at = (NOW + timedelta(days=day)).isoformat()
    row = {"timestamp": at, "equity": equity, "price": price, "total_capital": capital, "short_ma": 1.0, "long_ma": 1.0}
    return {**IDENTITY, **row, **values}


def drawn(logs: LogsFolder, day: float = 2) -> History:
    return history(logs.folder, WHO, NOW + timedelta(days=day))


def values(found: History, name: str = "equity") -> list[float | None]:
    return [getattr(point, name) for point in found.points]


def test_the_value_beside_qqq_held_from_the_same_day(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(0, 100.0, 50.0), seen(1, 120.0, 55.0, held="TQQQ"), seen(2, 90.0, 60.0)])
    found = drawn(logs)
    assert values(found) == [100.0, 120.0, 90.0]
    assert values(found, "instead") == pytest.approx([100.0, 110.0, 120.0])
    assert values(found, "below") == pytest.approx([0.0, 0.0, -25.0])
    assert found.points[1][1:4] == (55.0, 1.0, 1.0)
    assert [point.held for point in found.points] == [None, "TQQQ", None]


def test_a_deposit_is_not_a_gain_and_a_withdrawal_not_a_drawdown(logs: LogsFolder) -> None:
    rows = [seen(0, 100.0, 50.0), seen(1, 200.0, 50.0, 100_100.0), seen(2, 50.0, 50.0, 99_950.0)]
    logs.rows("decisions.jsonl", rows)
    assert values(drawn(logs), "instead") == pytest.approx([100.0, 200.0, 50.0])
    assert values(drawn(logs), "below") == pytest.approx([0.0, 0.0, 0.0])


def test_refused_prices_and_other_accounts_give_no_value(logs: LogsFolder) -> None:
    odd = [seen(1, 5.0, 1.0, short_ma=None), seen(1, 7.0, 2.0, mode="live"), {**IDENTITY, "timestamp": "x"}, {}]
    logs.rows("decisions.jsonl", [seen(0, 100.0, 50.0), *odd, seen(2, 110.0, 50.0)])
    assert values(drawn(logs)) == [100.0, 110.0]


def test_ten_years_are_thinned_out_the_less_the_newer_they_are(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(n / 4, 100.0 + n, 50.0) for n in range(14_600)])
    found = drawn(logs, 14_599 / 4)
    assert len(found.points) < 4 * POINTS + 50
    assert (values(found)[0], values(found)[-1]) == (100.0, 14_699.0)
    pauses = [after.at - before.at for before, after in itertools.pairwise(found.points)]
    assert max(pauses) < timedelta(days=20)
    assert max(pauses[-100:]) < timedelta(days=1)
    assert [point.at for point in found.points] == sorted({point.at for point in found.points})


def test_nothing_recorded_draws_nothing(logs: LogsFolder) -> None:
    assert drawn(logs) == history(logs.folder, WHO, None) == History()


def test_before_the_first_decision_stand_the_closes_that_it_was_made_from(logs: LogsFolder) -> None:
    check = snapshot(portfolio=portfolio(qqq=200))
    InputLog(logs.folder.inputs).record(check, RULES, {"timestamp": check.now.isoformat(), **IDENTITY})
    row = as_json({"timestamp": NOW.isoformat(), **IDENTITY, **decision_values(check, decide(check, RULES))})
    logs.rows("decisions.jsonl", [row])
    found = drawn(logs, 0)
    assert len(found.points) == 120
    before, first = found.points[:-1], found.points[-1]
    assert all((point.equity, point.long, point.held) == (None, None, None) for point in before)
    assert [point.short is None for point in before] == [True] * 29 + [False] * 90
    assert (first.at, first.price, first.equity) == (NOW, 450.0, row["equity"])
    assert before[-1].at < first.at
    assert values(found, "instead")[-2:] == [None, row["equity"]]


def test_trades_stand_at_the_price_of_qqq_with_what_was_paid(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(0, 100.0, 50.0)])
    bought = book_row("BUY", "TQQQ", 1500, 62.5, NOW, qqq_price=449.0)
    logs.rows("trades.jsonl", [bought, book_row("BUY", "QQQ", 1, 1, NOW), {**bought, "kind": "adopt"}])
    assert [tuple(mark) for mark in drawn(logs).trades] == [(NOW, 449.0, "BUY 1,500 TQQQ at 62.50", True)]


def test_the_columns_have_one_value_for_each_point_and_no_false_precision(logs: LogsFolder) -> None:
    logs.rows("decisions.jsonl", [seen(0, 100.123456, 50.0), seen(1, 99.0, 1e308, long_ma=None)])
    columns = drawn(logs).columns()
    assert {len(column) for name, column in columns.items() if name not in ("trades", "index", "shades")} == {2}
    assert columns["at"][0] == NOW.timestamp()
    assert (columns["equity"], columns["long"]) == ([100.12, 99.0], [1.0, None])


def test_another_rules_history_names_its_index_and_leaves_out_the_price_of_the_one_before(logs: LogsFolder) -> None:
    spy: dict[str, Any] = {"prices": {"SPY": 600.0, "UPRO": 90.0, "TQQQ": 60.0, "QQQ": 450.0}}
    before, after = seen(0, 100.0, 450.0, held="TQQQ"), seen(1, 101.0, 600.0, held="SPY", **spy)
    logs.rows("decisions.jsonl", [before, after, seen(1.5, 102.0, 600.0, held="SGOV", **spy)])
    columns = drawn(logs).columns()
    assert (columns["index"], columns["price"]) == ("SPY", [None, 600.0, 600.0])
    assert columns["shades"] == {"TQQQ": "strong", "SPY": "mild", "SGOV": "idle"}
