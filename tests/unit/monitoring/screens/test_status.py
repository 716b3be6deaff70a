"""The status screen: five answers, in words, from facts."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.display.terminal import Fields, Tone, plain
from qqqbot.model.values import Crossing, Flip, Holding
from qqqbot.monitoring.facts.status import status
from qqqbot.monitoring.screens.status import status as screen
from qqqbot.records.codec import to_plain
from qqqbot.records.status_file import Flips
from qqqbot.runtime.halt_file import BY_OWNER
from tests.support.builders import DAY, NOW, new_york
from tests.support.monitor_samples import SUNDAY, LogsFolder, blocked, book, decision_row, status_values


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    return found


def shown(logs: LogsFolder, **overrides: Any) -> list[str]:
    now = overrides.pop("now", NOW)
    logs.status(**status_values(now, **overrides))
    return plain(screen(status(logs.folder, now))).splitlines()


def test_the_five_questions_are_answered(logs: LogsFolder) -> None:
    assert shown(logs) == [
        "DRY RUN: simulated account, no order can reach a broker",
        "Running     yes: pid 4711, up 3 d, heartbeat 12 s ago",
        "            version 1.0.0, config 1a2b3c4d, averages of 30 and 120 days, decides at every check",
        "Holdings    200 QQQ + 10,000.00 USD cash",
        "Broker      the simulated account agrees (asked 11:57 ET)",
        "Value       101,234.56 USD, +1,234.56 USD (+1.23 %) since Sun 2026-10-25",
        "Time in     TQQQ 20.0 d (50 %), QQQ 10.0 d (25 %), CASH 10.0 d (25 %)",
        "Problems    none",
        "Last check  11:57 ET HOLD: uptrend (30-day average 452.18 over 120-day average 443.79), QQQ 450.00 is not "
        "above the 30-day average: QQQ; QQQ is held already",
        "Next        check 12:12 ET (in 12 min); exchange open until 16:00 ET",
        "            Fri 2026-11-27 is a half-day (closes 13:00 ET)",
        "Flip        QQQ is at 450.00. A check that finds it above 452.25 (+0.5 %) moves to TQQQ.",
        "To stop     ./bot_control.sh stop (safe at any moment; the bot keeps what it holds)",
        "            ./bot_control.sh halt (keeps running and watching, but trades nothing until resume)",
    ]


@pytest.mark.parametrize(("shares", "has_a_time"), [({"QQQ": 0, "TQQQ": 0}, False), ({"QQQ": 200, "TQQQ": 0}, True)])
def test_cash_alone_has_its_value_without_a_price(logs: LogsFolder, shares: dict[str, int], has_a_time: bool) -> None:
    portfolio = {**status_values(NOW)["portfolio"], "shares": shares}
    lines = shown(logs, portfolio=portfolio, last_check=None, last_signal=None)
    assert ("            as of an unknown time" in lines) is has_a_time


def test_a_sunday_is_not_an_empty_screen(logs: LogsFolder) -> None:
    friday = decision_row(new_york(DAY - timedelta(days=4), 15, 45))
    opens = new_york(DAY - timedelta(days=1), 9, 30).isoformat()
    lines = shown(logs, now=SUNDAY, last_check=friday, last_signal=friday, next_check_at=opens)
    assert "Next        exchange closed; opens Mon 2026-11-23 09:30 ET (in 33 h)" in lines
    assert "            Fri 2026-11-27 is a half-day (closes 13:00 ET)" in lines
    assert "Flip        QQQ is at 450.00. A check that finds it above 452.25 (+0.5 %) moves to TQQQ." in lines
    assert "            as of Fri 2026-11-20 15:45 ET; each close moves it a little" in lines
    assert any(line.startswith("Last check  Fri 2026-11-20 15:45 ET HOLD: uptrend") for line in lines)


@pytest.mark.parametrize(
    ("mode", "account", "first"),
    [
        ("dry_run", "simulated", "DRY RUN: simulated account, no order can reach a broker"),
        ("paper", "DU1234567", "PAPER: Interactive Brokers paper trading, no real money; account DU***567"),
        ("live", "U1234567", "LIVE: orders are for real money; account U***567"),
    ],
)
def test_the_first_line_says_whose_money_it_is(logs: LogsFolder, mode: str, account: str, first: str) -> None:
    lines = shown(logs, mode=mode, account=account)
    assert lines[0] == first
    assert account == "simulated" or account not in "\n".join(lines)


@pytest.mark.parametrize(
    ("silent", "others", "line"),
    [
        (None, None, None),
        (new_york(DAY, 10, 2), "QQQ from IB", "Prices      Yahoo silent since Tue 10:02; QQQ from IB"),
        (
            new_york(DAY - timedelta(days=1), 14, 2),
            f"QQQ from IB; {DAY - timedelta(days=1)} from IB",
            "Prices      Yahoo silent since Mon 14:02; QQQ from IB; 2026-11-23 from IB",
        ),
        (new_york(DAY, 10, 2), None, "Prices      Yahoo silent since Tue 10:02; nothing is decided without it"),
        (
            new_york(DAY - timedelta(days=7), 10, 2),
            "QQQ from IB",
            "Prices      Yahoo silent since Tue 2026-11-17 10:02; QQQ from IB",
        ),
        (None, "2026-11-23 from the bot's own memory", "Prices      2026-11-23 from the bot's own memory"),
    ],
)
def test_prices_that_are_not_yahoos_are_named(
    logs: LogsFolder, silent: datetime | None, others: str | None, line: str | None
) -> None:
    prices = {"silent_since": silent.isoformat() if silent else None, "from": others}
    assert [x for x in shown(logs, prices=prices) if x.startswith("Prices")] == ([line] if line else [])


def test_a_bot_that_does_not_run_waits_for_no_prices(logs: LogsFolder) -> None:
    logs.alive = False
    lines = shown(logs, state="stopped", prices={"silent_since": NOW.isoformat(), "from": None})
    assert not [line for line in lines if "Yahoo" in line]


def test_simulated_prices_are_named_first_and_last(logs: LogsFolder) -> None:
    lines = shown(logs, simulated_prices=True)
    assert lines[0] == "SIMULATED PRICES. DRY RUN: simulated account, no order can reach a broker"
    assert lines[-1] == "SIMULATED PRICES"


def test_a_dead_daemon_is_shown_with_what_to_do(logs: LogsFolder) -> None:
    logs.alive = False
    lines = shown(logs)
    assert lines[1].startswith("Running     no: dead, last heartbeat Tue 2026-11-24 11:59 ET")
    assert "Problems    The daemon died without saying so; last seen Tue 2026-11-24 11:59 ET" in lines
    assert any("./bot_control.sh start" in line for line in lines)
    assert not any("stop (safe" in line for line in lines)


def test_a_disagreement_shows_what_the_broker_says(logs: LogsFolder) -> None:
    check = blocked("book", "QQQ account 311, book 200: DU1234567", "LedgerMismatch")
    says = {"positions": {"QQQ": 311, "TQQQ": 0}, "taken_at": NOW.isoformat()}
    lines = shown(logs, agrees=False, last_check=check, account_says=says)
    assert "Broker      the simulated account DISAGREES: it says 0 TQQQ, 311 QQQ (asked 12:00 ET)" in lines
    assert "Problems    The last check could not trade: QQQ account 311, book 200: DU***567" in lines
    assert "Last check  12:00 ET HOLD, see above" in lines


GONE = {"problem": "nothing listens there", "problem_since": (NOW - timedelta(hours=1)).isoformat()}


def test_an_account_that_does_not_answer_is_not_said_to_agree(logs: LogsFolder) -> None:
    lines = shown(logs, **GONE)
    assert lines[1].startswith("Running     yes, failing: pid 4711")
    told = "Broker      the simulated account does not answer now; it agreed when last asked, 11:57 ET"
    assert told in lines
    assert "Problems    Nothing listens there" in lines
    assert {"Running": Tone.BAD, "Broker": Tone.WARNING}.items() <= tones(logs).items()


def test_an_account_that_did_not_answer_a_dead_bot_agreed_when_last_asked(logs: LogsFolder) -> None:
    logs.alive = False
    assert "Broker      the simulated account agreed when last asked, 11:57 ET" in shown(logs, **GONE)


def tones(logs: LogsFolder) -> dict[str, Tone]:
    blocks = screen(status(logs.folder, NOW))
    return {row.label: row.tone for block in blocks if isinstance(block, Fields) for row in block.rows}


def test_an_unfinished_rotation_and_an_open_order_are_reported(logs: LogsFolder) -> None:
    book_values = {**status_values()["portfolio"], "moving_to": "TQQQ"}
    order = {"side": "SELL", "symbol": "QQQ", "quantity": 200, "order_ref": "qqqbot-20261124-01"}
    row = {"timestamp": NOW.isoformat(), "mode": "dry_run", "account": "simulated", "event": "intended", **order}
    logs.rows("orders.jsonl", [row])
    lines = shown(logs, portfolio=book_values)
    assert "            on the way from QQQ to TQQQ" in lines
    assert "            order still open: SELL 200 QQQ, qqqbot-20261124-01" in lines


def test_money_that_the_account_lacks_or_has_beside_the_book_is_said(logs: LogsFolder) -> None:
    values = status_values()
    lines = shown(logs, portfolio={**values["portfolio"], "missing": 5_000.0})
    assert any("without 5,000.00 USD of the book's cash, which the account does not have" in line for line in lines)
    more = {**values["account_says"], "spendable": float(values["portfolio"]["cash"]) + 1234.5}
    lines = shown(logs, account_says=more, mode="paper", account="DU1234567")
    assert any("not counted: 1,234.50 USD in the account that are yours" in line for line in lines)


def test_shares_left_to_the_owner_are_not_counted_and_are_mentioned(logs: LogsFolder) -> None:
    lines = shown(logs, portfolio={**status_values()["portfolio"], "foreign": {"QQQ": 100, "TQQQ": 0}})
    assert "            not counted: 100 QQQ in the account that are yours" in lines


def test_notices_of_the_last_day_are_shown(logs: LogsFolder) -> None:
    old, new = (NOW - timedelta(days=2)).isoformat(), (NOW - timedelta(hours=1)).isoformat()
    notices = [{"kind": "trade", "text": "old", "at": old}, {"kind": "trade", "text": "bought 200 QQQ", "at": new}]
    lines = shown(logs, notices=notices)
    assert "Notices     11:00 ET bought 200 QQQ" in lines
    assert not any(line.endswith(" old") for line in lines)


def test_where_no_price_of_a_day_changes_the_answer_the_crossing_is_shown(logs: LogsFolder) -> None:
    far = Flips(NOW, 527.1, NOW + timedelta(hours=4), Flip(2422.12, Holding.QQQ, ()), None)
    start = "Flip        No price of one day would change the answer"
    stays = ". If QQQ stays at 527.10, the averages cross in about"
    for crossing, end in (
        (
            Crossing(65, Holding.QQQ),
            f"{stays} 65 sessions, and the rule then wants QQQ.",
        ),
        (
            Crossing(1, Holding.TQQQ),
            f"{stays} 1 session, and the rule then wants TQQQ.",
        ),
        (None, ", nor would QQQ staying at 527.10."),
    ):
        assert f"{start}{end}" in shown(logs, flip=to_plain(far._replace(crossing=crossing)))


def test_before_the_first_prices_the_value_is_not_invented(logs: LogsFolder) -> None:
    lines = shown(logs, portfolio={**status_values()["portfolio"], "equity": None})
    assert "Value       not known before the first prices; 100,000.00 USD were put in" in lines


def test_a_folder_never_started_says_how_to_start(tmp_path: Path) -> None:
    logs = LogsFolder(tmp_path / "logs")
    logs.alive = False
    lines = plain(screen(status(logs.folder, NOW))).splitlines()
    assert lines[1] == f"Running   no: it was never started with {tmp_path / 'logs'}"
    assert "To start  ./bot_control.sh start" in lines
    logs.text("HALT", f"not before Monday\n{BY_OWNER}\n")
    assert "Halted    by you: not before Monday" in plain(screen(status(logs.folder, NOW))).splitlines()


def test_a_halt_that_the_owner_asked_for_is_no_problem(logs: LogsFolder) -> None:
    logs.text("HALT", f"vacation until Monday\n{BY_OWNER}\n")
    lines = shown(logs)
    assert status(logs.folder, NOW).exit_code == 4
    assert "Halted      by you: vacation until Monday" in lines
    assert "Problems    none" in lines
    assert "To resume   ./bot_control.sh resume (ends the halt)" in lines


def test_while_it_is_halted_resuming_is_offered(logs: LogsFolder) -> None:
    logs.text("HALT", "vacation until Monday")
    lines = shown(logs)
    assert "Problems    Trading is halted: vacation until Monday" in lines
    assert "To resume   ./bot_control.sh resume (ends the halt)" in lines
    assert not any("bot_control.sh halt" in line for line in lines)


def test_a_librarys_own_words_about_an_error_are_left_to_the_log(logs: LogsFolder) -> None:
    sentence = "QQQ: Yahoo cannot be reached: look at this machine's network"
    failed = {**decision_row(), "action": "FAILED", "error": "PricesUnavailable", "gates": []}
    failed["sentence"] = (
        f"{sentence} [DNSError: Failed to perform, curl: (6) Could not resolve [x]. See https://curl.se]"
    )
    text = "\n".join(shown(logs, last_check=failed))
    assert f"The last check could not trade: {sentence}\n" in text
    assert "curl" not in text


def test_what_a_file_of_an_earlier_version_does_not_have_is_not_invented(logs: LogsFolder) -> None:
    signal = {name: value for name, value in decision_row().items() if not name.startswith("flip")}
    lines = shown(logs, flip=None, last_signal=signal, portfolio={"cash": 1.0, "shares": {"QQQ": 3}})
    assert "Holdings    3 QQQ + 1.00 USD cash" in lines
    assert "Value       not known before the first prices" in lines
    assert "Flip        Not known before the next check that sees prices." in lines
