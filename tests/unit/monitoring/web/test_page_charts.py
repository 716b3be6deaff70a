"""The page's charts."""

from pathlib import Path

import pytest

from qqqbot.monitoring.facts.dashboard import DashboardReader
from qqqbot.monitoring.web.page_charts import charts
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, book, record_checks


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    record_checks(found, 3)
    return found


TITLES = ["QQQ and its averages", "Value against QQQ held, USD", "Below the highest value, per cent"]


def test_each_chart_has_a_title_and_a_picture_for_a_wide_and_for_a_narrow_screen(logs: LogsFolder) -> None:
    facts = DashboardReader(logs.folder).read(NOW)
    drawn = charts(facts.charts, facts.status.next.flip)
    assert [title for title, _ in drawn] == TITLES
    for title, picture in drawn:
        assert picture is not None, title
        assert picture.count("<svg") == 2
        assert 'class="wide"' in picture
        assert 'class="narrow"' in picture


def test_the_legend_names_every_curve_and_the_flip_price_and_the_trades(logs: LogsFolder) -> None:
    facts = DashboardReader(logs.folder).read(NOW)
    (_, months), (_, value), _ = charts(facts.charts, facts.status.next.flip)
    for name in ("QQQ", "short average", "long average", "flip price"):
        assert f"</i>{name}</span>" in str(months)
    assert "</i>the bot</span>" in str(value)
    assert "</i>QQQ held from the same day, without dividends</span>" in str(value)


def test_nothing_recorded_draws_no_picture(tmp_path: Path) -> None:
    facts = DashboardReader(LogsFolder(tmp_path / "new").folder).read(NOW)
    assert charts(facts.charts, None) == [(title, None) for title in TITLES]
