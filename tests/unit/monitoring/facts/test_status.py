"""What the monitor finds out about the daemon, from files in every state."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.display.terminal import plain
from qqqbot.model.values import Holding
from qqqbot.monitoring.facts.status import NEWEST_TRADES, status
from qqqbot.monitoring.performance import TimeSpent
from qqqbot.monitoring.screens.status import status as status_screen
from qqqbot.records.codec import to_plain
from qqqbot.records.decisions import decision_values
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.builders import DAY, NOW, RULES, new_york, portfolio, snapshot
from tests.support.monitor_samples import (
    IDENTITY,
    SUNDAY,
    LogsFolder,
    as_json,
    book,
    book_row,
    capital_row,
    decision_row,
    known,
    status_values,
)
from tests.support.symbols import QQQ, TQQQ

HALF_DAY_CLOSE = new_york(DAY + timedelta(days=3), 13)


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def test_a_healthy_daemon_is_healthy(logs: LogsFolder) -> None:
    logs.status()
    facts = status(logs.folder, NOW)
    assert (facts.health, facts.exit_code, facts.problems) == ("healthy", 0, ())
    assert facts.process.heartbeat_age_seconds == 12
    assert known(facts.own).shares == {QQQ: 200, TQQQ: 0}
    assert known(facts.own).change == pytest.approx(1234.56)
    assert known(facts.own).change_pct == pytest.approx(1.23456)
    assert known(facts.own).agrees is True
    assert facts.next.check_at == NOW + timedelta(minutes=12)
    assert facts.next.closes_at == new_york(DAY, 16)


def test_what_the_account_lacks_is_in_no_figure(logs: LogsFolder) -> None:
    """Of 100,000 only 30,000 are there, and 3,000 are lost: a tenth, not three hundredths."""
    book = status_values()["portfolio"]
    logs.status(portfolio={**book, "total_capital": 100_000, "cash": 75_000.0, "equity": 97_000.0, "missing": 70_000.0})
    own = known(status(logs.folder, NOW).own)
    assert (own.equity, own.total_capital, own.cash, own.missing) == (27_000, 30_000, 5_000, 70_000)
    assert own.change == -3_000
    assert own.change_pct == pytest.approx(-10.0)


def test_what_the_account_has_beside_the_book_is_not_counted(logs: LogsFolder) -> None:
    values = status_values()
    logs.status(account_says={**values["account_says"], "spendable": values["portfolio"]["cash"] + 1234})
    own = known(status(logs.folder, NOW).own)
    assert own.not_counted == pytest.approx(1234)
    assert own.equity == 101_234.56


def test_the_nearest_flip_is_shown_with_its_distance(logs: LogsFolder) -> None:
    row = decision_row(target=Holding.QQQ)
    logs.status(last_signal=row)
    flip = known(status(logs.folder, NOW).next.flip)
    assert flip.target == "TQQQ"
    assert flip.price == row["flip_enter_tqqq"]
    assert flip.distance_pct == pytest.approx((row["flip_enter_tqqq"] / row["price"] - 1) * 100)


def in_tqqq(logs: LogsFolder, now: datetime, **overrides: Any) -> dict[str, Any]:
    """A last signal at `now` in TQQQ, and the flip prices that the daemon writes for it."""
    seen = snapshot(Holding.TQQQ, now=now, portfolio=portfolio(tqqq=1583))
    values = decision_values(seen, decide(seen, RULES))
    row = as_json({"timestamp": now.isoformat(), **IDENTITY, **values})
    logs.status(**status_values(now, last_signal=row, flip=to_plain(flips(seen, RULES)), **overrides))
    return row


def test_the_flip_is_shown_with_the_orders_it_would_cause(logs: LogsFolder) -> None:
    row = in_tqqq(logs, NOW)
    flip = known(status(logs.folder, NOW).next.flip)
    assert (flip.price, flip.target) == (row["flip_leave_tqqq"], "QQQ")
    assert [(o.side, o.symbol) for o in flip.orders or ()] == [("SELL", "TQQQ"), ("BUY", "QQQ")]
    text = plain(status_screen(status(logs.folder, NOW)))
    assert "A check that finds it below 445.50 (-1.0 %) sells 1,583 TQQQ and buys 207 QQQ.\n" in text


def test_if_it_decides_near_the_close_the_flip_says_so(logs: LogsFolder) -> None:
    in_tqqq(logs, NOW, config={"decide": "before_close"})
    screen = plain(status_screen(status(logs.folder, NOW)))
    assert "A decision before the close that finds it below 445.50 (-1.0 %) sells" in screen
    assert "decides before the close" in screen
    assert "decides from 15:45 ET (in 4 h)" in screen


@pytest.mark.parametrize(("minutes", "from_"), [(2, (15, 53)), (7, (15, 53)), (10, (15, 50)), (None, (15, 45))])
def test_the_window_begins_when_the_daemon_opens_it(
    logs: LogsFolder, minutes: int | None, from_: tuple[int, int]
) -> None:
    in_tqqq(logs, NOW, config={"decide": "before_close", "decide_minutes_before_close": minutes})
    assert known(status(logs.folder, NOW).next.decides_from) == new_york(DAY, *from_)


def test_once_the_exchange_has_closed_the_flip_is_the_coming_sessions(logs: LogsFolder) -> None:
    row = in_tqqq(logs, new_york(DAY, 15, 45))
    before, after = (status(logs.folder, new_york(DAY, 15, 59) + timedelta(minutes=n)) for n in (0, 1))
    assert known(before.next.flip).price == row["flip_leave_tqqq"]
    assert known(after.next.flip).price != row["flip_leave_tqqq"]
    told = "Assumes that QQQ closes Tuesday at 450.00."
    assert told in plain(status_screen(after))
    assert told not in plain(status_screen(before))


def test_a_line_reached_at_no_price_is_not_a_flip(logs: LogsFolder) -> None:
    row = {**decision_row(), "flip_leave_tqqq": None, "flip_enter_tqqq": None, "flip_trend": 440.0}
    logs.status(last_signal=row)
    assert known(status(logs.folder, NOW).next.flip).target == "CASH"


def test_without_the_daemons_own_a_price_that_no_day_reaches_or_of_last_week_is_no_flip(logs: LogsFolder) -> None:
    """A new daemon that has no prices yet shows what the last one saw."""
    row = {**decision_row(target=Holding.CASH), "flip_trend": 2_330.44}
    row |= {"flip_leave_tqqq": None, "flip_enter_tqqq": None}
    logs.status(last_signal=row)
    assert status(logs.folder, NOW).next.flip is None
    row["flip_trend"] = 455.0
    logs.status(last_signal=row)
    assert not known(status(logs.folder, NOW).next.flip).outdated
    logs.status(**status_values(NOW + timedelta(days=6), last_signal=row))
    assert known(status(logs.folder, NOW + timedelta(days=6)).next.flip).outdated


def test_on_a_sunday_there_is_the_last_signal_the_next_open_and_the_half_day(logs: LogsFolder) -> None:
    friday = decision_row(new_york(DAY - timedelta(days=4), 15, 45))
    logs.status(**status_values(SUNDAY, last_signal=friday))
    facts = status(logs.folder, SUNDAY)
    assert facts.exit_code == 0
    assert known(facts.last_signal).at == new_york(DAY - timedelta(days=4), 15, 45)
    assert known(facts.next.flip).seen_at == known(facts.last_signal).at
    assert facts.next.exchange_open is False
    assert facts.next.opens_at == new_york(DAY - timedelta(days=1), 9, 30)
    assert facts.next.half_day_closes_at == HALF_DAY_CLOSE


def test_a_half_day_is_announced_within_ten_days(logs: LogsFolder) -> None:
    for before, told in [(timedelta(days=10), HALF_DAY_CLOSE), (timedelta(days=10, seconds=1), None)]:
        now = HALF_DAY_CLOSE - before
        logs.status(**status_values(now))
        assert status(logs.folder, now).next.half_day_closes_at == told


def test_a_new_daemon_without_a_signal_shows_the_previous_ones(logs: LogsFolder) -> None:
    failed = {**IDENTITY, "timestamp": NOW.isoformat(), "action": "FAILED", "error": "PricesUnavailable"}
    other = decision_row(row={"mode": "live", "account": "U1234567"})
    signal = decision_row(NOW - timedelta(days=1))
    logs.rows("decisions.jsonl", [signal, failed, other])
    logs.status(last_signal=None, last_check=failed)
    assert known(status(logs.folder, NOW).last_signal).at == NOW - timedelta(days=1)


def test_an_end_of_the_calendar_recorded_by_a_dead_daemon_is_not_reported_as_current(logs: LogsFolder) -> None:
    logs.alive = False
    logs.status()
    later = status(logs.folder, NOW + timedelta(days=60)).next
    assert (later.exchange_open, later.opens_at, later.check_at) == (None, None, None)


def test_an_order_without_an_outcome_is_open(logs: LogsFolder) -> None:
    def row(event: str, ref: str, **values: Any) -> dict[str, Any]:
        return {**IDENTITY, "timestamp": NOW.isoformat(), "event": event, "order_ref": ref, **values}

    order = {"side": "BUY", "symbol": QQQ, "quantity": 211}
    rows = [
        row("intended", "a-01", **order),
        row("outcome", "a-01", status="FILLED"),
        row("intended", "a-02", **order),
        row("sent", "a-02"),
        {**row("intended", "b-01", **order), "mode": "live"},
        {**IDENTITY, "timestamp": NOW.isoformat(), "event": "decided", "target": "QQQ"},
    ]
    logs.rows("orders.jsonl", rows)
    logs.status()
    assert [order.order_ref for order in known(status(logs.folder, NOW).own).open_orders] == ["a-02"]


def test_time_in_each_holding_comes_from_the_book(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", book())
    logs.status()
    found = known(status(logs.folder, NOW).time_in)
    assert found.whole
    assert found.holdings["TQQQ"] == TimeSpent(20.0, 50.0)


def test_a_long_book_is_read_from_its_end_only(logs: LogsFolder) -> None:
    start = NOW - timedelta(days=1000)
    rows = [capital_row(start)]
    for day in range(0, 998, 2):
        rows.append(book_row("BUY", QQQ, 10, 500.0, start + timedelta(days=day)))
        rows.append(book_row("SELL", QQQ, 10, 500.0, start + timedelta(days=day + 1)))
    rows.append(book_row("BUY", QQQ, 10, 500.0, NOW - timedelta(days=2)))
    logs.rows("trades.jsonl", rows)
    logs.status()
    found = known(status(logs.folder, NOW).time_in)
    assert not found.whole
    assert found.since == NOW - timedelta(days=1 + NEWEST_TRADES)
    # It begins with a sale, so QQQ was held before it, and ends with two days of QQQ.
    assert found.holdings["QQQ"].days == NEWEST_TRADES / 2 - 1 + 2


def test_of_a_long_book_with_an_invalid_row_the_rest_is_shown(logs: LogsFolder) -> None:
    invalid = {key: value for key, value in book_row("BUY", QQQ, 10, 500.0, NOW).items() if key != "side"}
    logs.rows("trades.jsonl", [invalid] * (2 * NEWEST_TRADES))
    logs.status()
    assert status(logs.folder, NOW).time_in is None


def test_a_demonstration_is_shown_at_its_own_time(logs: LogsFolder) -> None:
    logs.alive = False
    logs.status(simulated_prices=True, state="stopped")
    facts = status(logs.folder, NOW + timedelta(days=400))
    assert facts.who.simulated_prices
    assert facts.now == NOW - timedelta(seconds=12)


def test_an_empty_folder_means_never_started(logs: LogsFolder) -> None:
    logs.alive = False
    facts = status(logs.folder, NOW)
    assert (facts.health, facts.exit_code, facts.who.mode) == ("never started", 3, None)


@pytest.mark.parametrize("name", ["trades.jsonl", "orders.jsonl"])
def test_a_line_that_stops_the_next_start_is_a_problem_while_the_bot_still_runs(logs: LogsFolder, name: str) -> None:
    logs.status()
    logs.text(name, "{broken\n")
    (problem,) = status(logs.folder, NOW).problems
    assert problem.text == f"{name}: lines that cannot be read and are not shown: 1"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "\0\0\0", '"text"'])
def test_a_damaged_status_is_said_to_be_damaged(logs: LogsFolder, text: str) -> None:
    logs.text("status.json", text)
    facts = status(logs.folder, NOW)
    assert [p.text for p in facts.problems] == [f"{logs.path / 'status.json'} is empty or damaged"]
    assert facts.exit_code == 0  # somebody holds the lock: it is starting
    logs.alive = False
    assert status(logs.folder, NOW).exit_code == 1


WRONG: tuple[Any, ...] = (None, 0, "x", [], {}, [1], {"x": 1}, True, -1.5)


@pytest.mark.parametrize("key", list(status_values()))
def test_no_value_of_a_wrong_type_is_fatal(logs: LogsFolder, key: str) -> None:
    for wrong in WRONG:
        logs.status(**{key: wrong})
        facts = status(logs.folder, NOW)
        assert facts.exit_code in (0, 1, 4, 5)
        assert plain(status_screen(facts)).count("\n") > 5


@pytest.mark.parametrize("part", ["portfolio", "account_says", "calendar", "last_signal", "last_check", "config"])
def test_no_missing_or_wrong_part_of_a_value_is_fatal(logs: LogsFolder, part: str) -> None:
    whole = json.loads(json.dumps(status_values()[part], default=str))
    for key in whole:
        for wrong in WRONG:
            logs.status(**{part: {**whole, key: wrong}})
            facts = status(logs.folder, NOW)
            assert facts.exit_code in (0, 1, 4, 5)
            assert plain(status_screen(facts)).count("\n") > 5
