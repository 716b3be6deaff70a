"""What the page is given."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.monitoring.facts.dashboard import DECISIONS, DashboardReader
from qqqbot.records.decisions import decision_values
from qqqbot.records.inputs import InputLog
from qqqbot.records.status_file import flip_values
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.builders import NOW, RULES, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    check(found, 3)
    return found


def check(logs: LogsFolder, count: int) -> None:
    rows, flip, log = [], None, InputLog(logs.folder.inputs)
    for n in range(count):
        seen = snapshot(now=NOW + timedelta(minutes=n), portfolio=portfolio(qqq=200))
        values = decision_values(seen, decide(seen, RULES))
        rows.append(as_json({"timestamp": seen.now.isoformat(), **IDENTITY, **values}))
        log.record(seen, RULES, {"timestamp": seen.now.isoformat(), **IDENTITY})
        flip = flip_values(flips(seen, RULES))
    logs.rows("decisions.jsonl", rows)
    logs.status(last_signal=rows[-1], last_check=rows[-1], flip=flip)


def test_the_newest_decisions_of_this_account(logs: LogsFolder) -> None:
    check(logs, 30)
    facts = DashboardReader(logs.folder).read(NOW)
    assert len(facts.decisions) == DECISIONS
    assert facts.decisions[-1]["timestamp"] == (NOW + timedelta(minutes=29)).isoformat()


def test_the_charts_are_redrawn_only_if_something_is_new(logs: LogsFolder) -> None:
    dashboard = DashboardReader(logs.folder)
    first = dashboard.read(NOW)
    assert dashboard.read(NOW + timedelta(seconds=5)).charts is first.charts
    check(logs, 4)
    assert len(dashboard.read(NOW).charts.life.equity) == 4


def test_a_chart_is_not_reused_for_another_account(logs: LogsFolder) -> None:
    dashboard = DashboardReader(logs.folder)
    assert dashboard.read(NOW).charts.life.equity
    logs.status(mode="live", account="U1234567")
    assert dashboard.read(NOW).charts.life.equity == []
