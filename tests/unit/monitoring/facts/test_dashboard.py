"""What the page is given."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.monitoring.facts.dashboard import DECISIONS, DashboardReader
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, book, record_checks


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    record_checks(found, 3)
    return found


def test_the_newest_decisions_of_this_account(logs: LogsFolder) -> None:
    record_checks(logs, 30)
    facts = DashboardReader(logs.folder).read(NOW)
    assert len(facts.decisions) == DECISIONS
    assert facts.decisions[-1]["timestamp"] == (NOW + timedelta(minutes=29)).isoformat()


def test_the_charts_are_redrawn_only_if_something_is_new(logs: LogsFolder) -> None:
    dashboard = DashboardReader(logs.folder)
    first = dashboard.read(NOW)
    assert dashboard.read(NOW + timedelta(seconds=5)).charts is first.charts
    record_checks(logs, 4)
    assert len(dashboard.read(NOW).charts.life.equity) == 4


def test_a_chart_is_not_reused_for_another_account(logs: LogsFolder) -> None:
    dashboard = DashboardReader(logs.folder)
    assert dashboard.read(NOW).charts.life.equity
    logs.status(mode="live", account="U1234567")
    assert dashboard.read(NOW).charts.life.equity == []
