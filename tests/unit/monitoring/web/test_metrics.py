"""What other monitors read."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.monitoring.facts.status import status
from qqqbot.monitoring.web import metrics
from qqqbot.runtime.halt_file import BY_OWNER
from tests.support.builders import NOW
from tests.support.monitor_samples import RISK_LINE, LogsFolder, failing, unused, worked

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return worked(tmp_path / "logs")


def told(logs: LogsFolder) -> tuple[str, str]:
    return metrics.health(status(logs.folder, NOW))


def read(logs: LogsFolder) -> dict[str, float]:
    """As Prometheus reads them; a line that it would refuse fails."""
    text = metrics.text(status(logs.folder, NOW))
    values = [line for line in text.splitlines() if not line.startswith("#")]
    form = r'([a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})?) (\S+)'
    found = [re.fullmatch(form, line) for line in values]
    return {match[1]: float(match[2]) for match in found if match} if all(found) else {"unreadable": 0.0}


def test_a_healthy_bot_is_a_200_and_all_others_a_503_with_the_word_and_the_sentence(logs: LogsFolder) -> None:
    assert told(logs) == ("200 OK", "healthy: Nothing is wrong")
    logs.text("HALT", f"vacation\n{BY_OWNER}\n")
    assert told(logs) == ("503 Service Unavailable", "halted: Trading is halted: vacation")
    logs.path.joinpath("HALT").unlink()
    logs.alive = False
    logs.status(state="stopped")
    assert told(logs) == ("503 Service Unavailable", "stopped: The bot is not running")
    logs.alive = True
    logs.text("HALT", "account DU1234567 and book differ\n")
    assert told(logs)[1] == "halted: Trading is halted: account DU***567 and book differ"


def test_the_figures_have_their_units_in_their_names(logs: LogsFolder) -> None:
    found = read(logs)
    assert found["qqqbot_value_usd"] == 101_234.56
    assert found['qqqbot_shares{symbol="QQQ"}'] == 200
    assert found['qqqbot_health{state="healthy"}'] == 1
    assert found['qqqbot_health{state="dead"}'] == 0
    assert found["qqqbot_heartbeat_timestamp_seconds"] == (NOW - timedelta(seconds=12)).timestamp()
    assert found['qqqbot_price_usd{symbol="QQQ"}'] == 450.0
    assert abs(found["qqqbot_flip_distance_ratio"]) < 1
    assert found["qqqbot_account_agrees"] == 1


def test_channels_are_told_apart_by_their_names_whatever_these_hold(logs: LogsFolder) -> None:
    rows = [{"name": 'a "b"\\c\nd', "delivered_at": NOW.isoformat()}, {"name": "e", "refused_at": NOW.isoformat()}]
    logs.text("channels.json", json.dumps({"channels": rows}))
    found = read(logs)
    assert found['qqqbot_channel_accepted_timestamp_seconds{channel="a \\"b\\"\\\\c\\nd"}'] == NOW.timestamp()
    assert found['qqqbot_channel_fails{channel="e"}'] == 1


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    found = read(unused(tmp_path / "new"))
    assert found['qqqbot_health{state="never started"}'] == 1
    assert not found.keys() & {"qqqbot_value_usd", "qqqbot_last_check_timestamp_seconds"}
    worse = read(failing(tmp_path / "failing"))
    assert (worse["qqqbot_account_agrees"], worse["qqqbot_exit_code"]) == (0, 4)


def test_every_metric_has_its_row_in_the_manual(logs: LogsFolder) -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    named = set(re.findall(r"^\| `(qqqbot_[a-z_]+)` \|", page, flags=re.MULTILINE))
    logs.text("channels.json", json.dumps({"channels": [{"name": "a", "delivered_at": NOW.isoformat()}]}))
    facts = replace(status(logs.folder, NOW), risk=RISK_LINE)
    assert named == {metric.name for metric in metrics.metrics(facts)}
    assert 'qqqbot_costs_usd{kind="slippage"} 3.5\n' in metrics.text(facts)
