"""The page as HTML."""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from qqqbot.display.terminal import plain
from qqqbot.monitoring.facts.changes import Change, Changes
from qqqbot.monitoring.facts.dashboard import Dashboard, dashboard
from qqqbot.monitoring.facts.status import NearestFlip
from qqqbot.monitoring.facts.why import When, why
from qqqbot.monitoring.screens.status import status as status_screen
from qqqbot.monitoring.web import metrics, page
from qqqbot.records.risk_line import Position
from qqqbot.runtime.halt_file import BY_OWNER
from tests.support.builders import NOW
from tests.support.monitor_samples import (
    IDENTITY,
    RISK_LINE,
    LogsFolder,
    book,
    book_row,
    capital_row,
    decision_row,
    record_checks,
    status_values,
)


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    record_checks(found, 3)
    return found


def shown(facts: Dashboard) -> str:
    return "".join(page.parts(facts).values())


@pytest.mark.parametrize(
    ("mode", "large"), [("dry_run", "DRY RUN"), ("paper", "PAPER"), ("live", "LIVE"), (None, "NOTHING YET")]
)
def test_the_mode_is_shown_in_capitals(logs: LogsFolder, mode: str | None, large: str) -> None:
    facts = dashboard(logs.folder, NOW)
    changed = facts._replace(status=replace(facts.status, who=facts.status.who._replace(mode=mode)))
    assert f"<h1>{large}</h1>" in shown(changed)


def test_a_dead_daemon_is_shown_in_red_and_not_said_to_agree_now(logs: LogsFolder) -> None:
    logs.alive = False
    text = shown(dashboard(logs.folder, NOW + timedelta(hours=1)))
    assert '<span id="health" class="health bad">DEAD</span>' in text
    assert '<p class="alarm"><strong>The daemon died without saying so' in text
    assert "the simulated account agreed when last asked, 11:57 ET" in text
    assert "./bot_control.sh start" in text


def test_a_bot_that_cannot_decide_is_shown_in_red_and_its_account_is_not_said_to_agree(logs: LogsFolder) -> None:
    logs.status(problem="nothing listens there", problem_since=(NOW - timedelta(hours=1)).isoformat())
    text = shown(dashboard(logs.folder, NOW))
    assert '<span id="health" class="health bad">FAILING</span>' in text
    assert '<p class="alarm"><strong>Nothing listens there' in text
    assert '<p class="warning">the simulated account does not answer now; it agreed when last asked' in text
    assert "account agrees" not in text


def test_a_demonstration_is_labelled_as_one(logs: LogsFolder) -> None:
    logs.status(simulated_prices=True)
    assert '<p class="simulated">SIMULATED PRICES</p>' in shown(dashboard(logs.folder, NOW))


def test_after_the_close_the_flip_is_said_to_be_of_the_coming_session(logs: LogsFolder) -> None:
    text = shown(dashboard(logs.folder, NOW + timedelta(hours=5)))
    assert "Assumes that QQQ closes Tuesday at 450.00." in text


def test_a_halt_by_the_owner_is_shown_as_theirs_and_resuming_is_offered(logs: LogsFolder) -> None:
    logs.text("HALT", f"vacation until Monday\n{BY_OWNER}\n")
    text = shown(dashboard(logs.folder, NOW))
    assert '<span id="health" class="health warning">HALTED</span>' in text
    assert text.count("by you: vacation until Monday") == 1, "at the top"
    assert 'class="alarm' not in text
    assert "./bot_control.sh resume" in text
    assert "./bot_control.sh halt" not in text


def test_a_librarys_own_words_about_its_errors_are_left_to_the_log(logs: LogsFolder) -> None:
    own_words = "[DNSError: Failed to perform, curl: (6) Could not resolve host: guce.yahoo.com]"
    failed = {**decision_row(), "sentence": f"Yahoo does not answer {own_words}"}
    logs.rows("decisions.jsonl", [failed])
    text = shown(dashboard(logs.folder, NOW))
    assert "Yahoo does not answer" in text
    assert "curl" not in text


def test_foreign_text_steers_neither_browser_nor_terminal(logs: LogsFolder) -> None:
    turned = "\u202eback\u202c \x1b[2J\x9b1m"
    logs.rows("decisions.jsonl", [{**decision_row(), "sentence": turned}])
    logs.text("HALT", f"{turned}\n")
    logs.text("channels.json", json.dumps({"channels": [{"name": turned, "delivered_at": NOW.isoformat()}]}))
    facts = dashboard(logs.folder, NOW)
    assert all(part.isprintable() for part in page.parts(facts).values())
    assert page.why(why(logs.folder, When(), NOW)).replace("\n", "").isprintable()
    assert metrics.health(facts.status)[1].isprintable()
    assert metrics.text(facts.status).replace("\n", "").isprintable()


def parts_of(logs: LogsFolder, now: datetime = NOW) -> dict[str, str]:
    return page.parts(dashboard(logs.folder, now))


def test_seconds_that_pass_change_no_part(logs: LogsFolder) -> None:
    assert parts_of(logs) == parts_of(logs, NOW + timedelta(seconds=40))


def test_live_and_a_loss_are_not_red_and_a_channel_that_fails_is_not_either(logs: LogsFolder) -> None:
    refused = {"name": "telegram", "delivered_at": None, "refused_at": NOW.isoformat(), "why": "refused: 403"}
    logs.text("channels.json", json.dumps({"channels": [refused]}))
    logs.status(mode="live", account="U1234567", portfolio={**status_values()["portfolio"], "equity": 90_000.0})
    found = parts_of(logs)
    text = "".join(found.values())
    assert "-10,000.00 USD (-10.00 %)" in found["tiles"]
    assert '<p class="alarm soft"><strong>Telegram refused: 403' in found["problems"]
    assert '<strong>telegram</strong> nothing accepted yet<span class="warning">; refused: 403' in found["status"]
    assert 'data-icon="icon-good.svg"' in found["banner"]
    assert 'class="alarm"' not in text
    assert '"bad"' not in text.replace('<dd class="bad">Telegram', "")


def test_what_is_not_known_has_no_name_of_pythons(logs: LogsFolder) -> None:
    refused = {"name": "telegram", "delivered_at": None, "refused_at": NOW.isoformat(), "why": None}
    logs.text("channels.json", json.dumps({"channels": [refused]}))
    logs.rows("orders.jsonl", [{**IDENTITY, "event": "intended", "order_ref": "x", "side": None, "quantity": None}])
    logs.status(last_check={**decision_row(), "action": None, "sentence": "book", "error": "LedgerMismatch"})
    facts = dashboard(logs.folder, NOW)
    assert "None" not in plain(status_screen(facts.status)) + "".join(page.parts(facts).values())


def test_only_the_worst_of_what_is_wrong_is_red(logs: LogsFolder) -> None:
    logs.status(
        agrees=False, failures_in_row=4, problem="nothing listens there", problem_since="2026-11-24T15:00:00+00:00"
    )
    found = parts_of(logs)["problems"]
    assert (found.count('class="alarm"'), found.count('class="alarm soft"')) == (1, 2)


def test_a_halt_by_the_bot_is_wrong_and_one_by_its_owner_is_not(logs: LogsFolder) -> None:
    logs.text("HALT", "account and book differ\n")
    assert 'data-icon="icon-bad.svg"' in parts_of(logs)["banner"]
    logs.text("HALT", f"vacation\n{BY_OWNER}\n")
    assert 'data-icon="icon-warning.svg"' in parts_of(logs)["banner"]


def test_checks_that_found_the_same_are_one_line_with_a_way_to_the_newest(logs: LogsFolder) -> None:
    record_checks(logs, 31)
    found = parts_of(logs)["decisions"]
    assert found.count("<li>") == 1
    assert "HOLD</span>" in found
    assert " x 31 since 2026-11-24 12:00" in found
    assert '<a href="why?at=2026-11-24T12:30">why</a>' in found


def test_a_decision_in_the_log_is_its_sentence_and_equal_lines_are_one(logs: LogsFolder) -> None:
    lines = [
        f'2026-11-24T12:{n:02d}:00.000-05:00 INFO action=HOLD price=1 sentence="all as it was"\n' for n in range(5)
    ]
    logs.text(
        "trading_bot_20261124.log", "".join(lines) + "2026-11-24T12:05:00.000-05:00 ERROR action=x <b>\nno time\n"
    )
    found = parts_of(logs)["log"]
    assert '<li><span class="time">2026-11-24 12:04:00 INFO x 5 since 12:00</span> HOLD: all as it was</li>' in found
    assert '<li class="bad"><span class="time">2026-11-24 12:05:00 ERROR</span> action=x &lt;b&gt;</li>' in found
    assert "<li> no time</li>" in found


def test_the_first_hours_in_a_holding_are_no_shares_of_a_time(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [capital_row(NOW), book_row("BUY", "QQQ", 200, 450.0, NOW)])
    assert "Time in" not in parts_of(logs, NOW + timedelta(hours=2))["status"]
    assert "Time in" in parts_of(logs, NOW + timedelta(hours=30))["status"]


def test_when_only_the_last_minutes_decide_they_are_counted_down_to(logs: LogsFolder) -> None:
    config = {"decide": "before_close", "decide_minutes_before_close": 15}
    logs.status(config=config)
    assert (
        'it decides from 15:45 ET <time datetime="2026-11-24T20:45:00+00:00" class="near">' in parts_of(logs)["tiles"]
    )


def test_the_figures_of_position_gain_and_costs_are_those_of_the_risk_line(logs: LogsFolder) -> None:
    facts = dashboard(logs.folder, NOW)
    held = Position("TQQQ", 1500, 62.0, NOW - timedelta(days=3), 62.05, 93_075.0, 75.0, 0.08)
    gains = Changes(NOW, Change(NOW, -120.0, -0.12), Change(NOW, 1.0, 0.5), None, Change(NOW, 3.0, 0.25))
    status = replace(facts.status, risk=RISK_LINE, positions=(held,))
    found = page.parts(facts._replace(status=status, changes=gains))["tiles"]
    for words in (
        '<p>bought at 62.00, Sat 2026-11-21 <time datetime="2026-11-21T17:00:00+00:00" class="near"></time></p>',
        "<p>open profit +75.00 (+0.08 %)</p>",
        '<p class="label">Today, USD</p><p class="value">-120.00</p>',
        "<p>this week +1.00 (+0.50 %)</p><p>this month -</p>",
        '<p class="label">Bot less QQQ held, USD</p><p class="value">-1,500.00</p>',
        "<p>-1.50 points; QQQ would be 100,500.00</p>",
        '<p class="value">-2.50 %</p><p>-7.25 % at worst on 2026-11-24</p>',
        '<p class="value">15.50</p><p>commissions 12.00, slippage 3.50</p><p>4 rotations</p>',
    ):
        assert words in found
    assert 'class="bad"' not in found


@pytest.mark.parametrize("distance", [-1.0, 2.0])
def test_the_gauge_is_divided_at_the_flip_price(logs: LogsFolder, distance: float) -> None:
    facts = dashboard(logs.folder, NOW)
    flip = NearestFlip(450 * (1 + distance / 100), distance, "CASH", (), 450.0, NOW, coming=False)
    status = replace(facts.status, next=facts.status.next._replace(flip=flip, forecast=None))
    found = page.parts(facts._replace(status=status))["mind"]
    divided = re.search(r'<rect x="([\d.]+)" width="([\d.]+)" y="2" height="6" class="flips">', found)
    assert divided
    assert (float(divided[1]), float(divided[2])) == ((0.0, 16.7) if distance < 0 else (83.3, 16.7))


def test_a_flip_that_is_no_number_of_this_world_is_told_without_a_gauge(logs: LogsFolder) -> None:
    facts = dashboard(logs.folder, NOW)
    for distance in (1e300, float("inf"), float("nan")):
        flip = NearestFlip(1.0, distance, "CASH", (), 450.0, NOW, coming=False)
        status = replace(facts.status, next=facts.status.next._replace(flip=flip, forecast=None))
        assert "<svg" not in page.parts(facts._replace(status=status))["mind"]


def test_the_explanation_is_a_page_of_its_own_and_masks_accounts(logs: LogsFolder) -> None:
    row = {**decision_row(), "sentence": "the account U7654321 <script>"}
    logs.rows("decisions.jsonl", [row])
    text = page.why(why(logs.folder, When(), NOW))
    assert "The account U***321 &lt;script&gt;" in text
    assert '<a href="./">back to the page</a>' in text
    assert "the exchange is open" in text
