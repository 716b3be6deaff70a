"""The page's charts."""

from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.monitoring.facts.dashboard import DashboardReader
from qqqbot.monitoring.web.page_charts import charts
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
