"""The page as HTML."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.monitoring.facts.dashboard import DashboardReader
from qqqbot.monitoring.web import page
from qqqbot.runtime.kill_switch import BY_OWNER
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, book, decision_row, record_checks


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    record_checks(found, 3)
    return found


@pytest.mark.parametrize(
    ("mode", "large"), [("dry_run", "DRY RUN"), ("paper", "PAPER"), ("live", "LIVE"), (None, "NOTHING YET")]
)
def test_the_mode_is_shown_in_capitals(logs: LogsFolder, mode: str | None, large: str) -> None:
    facts = DashboardReader(logs.folder).read(NOW)
    shown = facts._replace(status=replace(facts.status, who=facts.status.who._replace(mode=mode)))
    assert f"<h1>{large}</h1>" in page.fragment(shown)


def test_a_dead_daemon_is_shown_in_red_and_not_said_to_agree_now(logs: LogsFolder) -> None:
    logs.alive = False
    text = page.fragment(DashboardReader(logs.folder).read(NOW + timedelta(hours=1)))
    assert '<span class="health bad">DEAD</span>' in text
    assert '<p class="alarm"><strong>The daemon died without saying so' in text
    assert "the account agreed when last asked" in text
    assert "./bot_control.sh start" in text


def test_a_bot_that_cannot_decide_is_shown_in_red_and_its_account_is_not_said_to_agree(logs: LogsFolder) -> None:
    logs.status(problem="nothing listens there", problem_since=(NOW - timedelta(hours=1)).isoformat())
    text = page.fragment(DashboardReader(logs.folder).read(NOW))
    assert '<span class="health bad">FAILING</span>' in text
    assert '<p class="alarm"><strong>Nothing listens there' in text
    assert '<p class="warning">10,000.00 USD cash; the account does not answer now; it agreed when last asked' in text
    assert "the account agrees" not in text


def test_a_demonstration_is_labelled_as_one(logs: LogsFolder) -> None:
    logs.status(simulated_prices=True)
    assert '<p class="simulated">SIMULATED PRICES</p>' in page.fragment(DashboardReader(logs.folder).read(NOW))


def test_after_the_close_the_flip_is_said_to_be_of_the_coming_session(logs: LogsFolder) -> None:
    text = page.fragment(DashboardReader(logs.folder).read(NOW + timedelta(hours=5)))
    assert "assumes that day closed at the price of 12:02 ET" in text


def test_a_halt_by_the_owner_is_shown_as_theirs_and_resuming_is_offered(logs: LogsFolder) -> None:
    logs.text("HALT", f"vacation until Monday\n{BY_OWNER}\n")
    text = page.fragment(DashboardReader(logs.folder).read(NOW))
    assert '<span class="health warning">HALTED</span>' in text
    assert "by you: vacation until Monday" in text
    assert 'class="alarm' not in text
    assert "./bot_control.sh resume" in text
    assert "./bot_control.sh halt" not in text


def test_a_librarys_own_words_about_its_errors_are_left_to_the_log(logs: LogsFolder) -> None:
    own_words = "[DNSError: Failed to perform, curl: (6) Could not resolve host: guce.yahoo.com]"
    failed = {**decision_row(), "sentence": f"Yahoo does not answer {own_words}"}
    logs.rows("decisions.jsonl", [failed])
    text = page.fragment(DashboardReader(logs.folder).read(NOW))
    assert "Yahoo does not answer" in text
    assert "curl" not in text
