"""Why: any check ever made, with the orders and fills it led to; and whether it would be decided again."""

import json
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.display.terminal import plain
from qqqbot.model.values import Holding
from qqqbot.monitoring.facts.why import When, replay, why
from qqqbot.monitoring.screens import why as why_screen
from qqqbot.records.codec import packed, unpacked
from qqqbot.records.decisions import decision_values
from qqqbot.records.folder import Identity
from qqqbot.records.inputs import InputLog, NotRecorded, computed, inputs_at
from qqqbot.strategy.planning import decide
from tests.support.builders import DAY, NOW, RULES, new_york, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book_row, decision_row

OTHER = {"mode": "live", "account": "U1234567"}
QUARTER = timedelta(minutes=15)


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return LogsFolder(tmp_path / "logs")


def recorded(logs: LogsFolder, count: int, target: Holding = Holding.QQQ, **overrides: Any) -> list[dict[str, Any]]:
    """`count` checks as the engine records them, a quarter of an hour apart from noon on."""
    log, rows = InputLog(logs.folder.inputs), []
    for n in range(count):
        seen = snapshot(target, now=NOW + n * QUARTER, portfolio=portfolio(qqq=200), **overrides)
        values = decision_values(seen, decide(seen, RULES))
        rows.append(as_json({"timestamp": seen.now.isoformat(), "check": seen.now.isoformat(), **IDENTITY, **values}))
        log.record(seen, RULES, {"timestamp": seen.now.isoformat(), **IDENTITY})
    logs.rows("decisions.jsonl", rows)
    logs.status()
    return rows


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ([], When()),
        (["2026-11-25"], When(date(2026, 11, 25))),
        (["15:45"], When(at=time(15, 45))),
        (["2026-11-25", "09:45:30"], When(date(2026, 11, 25), time(9, 45))),
        (["2026-11-25 15:45"], When(date(2026, 11, 25), time(15, 45))),
        (["2026-11-25T15:45"], When(date(2026, 11, 25), time(15, 45))),
        (["today"], When(date(2026, 11, 25))),
        (["Yesterday", "15:45"], When(date(2026, 11, 24), time(15, 45))),
    ],
)
def test_a_date_a_time_or_both(asked: list[str], meant: When) -> None:
    assert When.parse(asked, date(2026, 11, 25)) == meant


TOO_FAR = [["0001-01-01"], ["9999-12-31"], ["9999-12-31", "15:45"], ["1969-12-31T10:00"]]


@pytest.mark.parametrize(
    "asked", [["yesterday"], ["15:45", "2026-11-25"], ["2026-13-01"], ["25:00"], ["1", "2", "3"], *TOO_FAR]
)
def test_anything_else_is_refused(asked: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        When.parse(asked)


def test_why_is_the_last_decision(logs: LogsFolder) -> None:
    rows = [decision_row(NOW - timedelta(minutes=15)), decision_row(NOW), decision_row(NOW, row=OTHER)]
    logs.rows("decisions.jsonl", rows)
    logs.status()
    (found,) = why(logs.folder, When(), NOW).decisions
    assert (found.row, found.made) == (rows[1], ())


def test_why_for_a_date_means_the_new_york_date(logs: LogsFolder) -> None:
    late = new_york(DAY, 23, 30)  # the next day in UTC
    moments = [
        new_york(DAY - timedelta(days=1), 23, 59),
        new_york(DAY, 9, 30),
        late,
        new_york(DAY, 23) + timedelta(hours=2),
    ]
    logs.rows("decisions.jsonl", [{**decision_row(), "timestamp": m.isoformat()} for m in moments])
    found = why(logs.folder, When(DAY), NOW).decisions
    assert [decision.row["timestamp"] for decision in found] == [m.isoformat() for m in moments[1:3]]
    assert why(logs.folder, When(date(2020, 1, 1)), NOW).decisions == ()


def test_a_time_means_the_last_check_up_to_then_with_all_its_rounds(logs: LogsFolder) -> None:
    recorded(logs, 4)
    rows = [dict(decision.row) for decision in why(logs.folder, When(DAY), NOW).decisions]
    second_round = {**rows[1], "timestamp": (NOW + QUARTER + timedelta(seconds=2)).isoformat()}
    logs.rows("decisions.jsonl", [rows[0], rows[1], second_round, rows[2], rows[3]])
    found = why(logs.folder, When(DAY, time(12, 29)), NOW).decisions
    assert [decision.row["timestamp"] for decision in found] == [rows[1]["timestamp"], second_round["timestamp"]]
    assert why(logs.folder, When(DAY, time(12, 30)), NOW).decisions[0].row["timestamp"] == rows[2]["timestamp"]


def test_a_time_alone_means_today_in_new_york(logs: LogsFolder) -> None:
    recorded(logs, 2)
    assert len(why(logs.folder, When(at=time(12, 0)), NOW).decisions) == 1
    assert why(logs.folder, When(at=time(12, 0)), NOW + timedelta(days=1)).decisions == ()
    nothing = plain(why_screen.why(why(logs.folder, When(at=time(9, 31)), NOW)))
    assert "No decisions on 2026-11-24 at or before 09:31 (New York), a Tuesday." in nothing


def test_rows_out_of_order_after_a_clock_was_set_back_are_found(logs: LogsFolder) -> None:
    rows = recorded(logs, 3)
    logs.rows("decisions.jsonl", [rows[1], rows[2], rows[0]])
    assert len(why(logs.folder, When(DAY), NOW).decisions) == 3


def traded(logs: LogsFolder, status: str = "FILLED", message: str = "") -> None:
    (row,) = recorded(logs, 1, Holding.TQQQ)
    ref, later = "qqqbot-20261124-01", (NOW + timedelta(seconds=2)).isoformat()
    order = {"side": "SELL", "symbol": "QQQ", "quantity": 200, "order_type": "MKT", "limit_price": None}
    journal = [
        {**IDENTITY, "timestamp": row["timestamp"], "event": "intended", "order_ref": ref, **order},
        {**IDENTITY, "timestamp": later, "event": "outcome", "order_ref": ref, "status": status, "filled": 200},
        {**IDENTITY, "timestamp": later, "event": "intended", "order_ref": "qqqbot-20261124-02", **order},
    ]
    journal[1]["message"] = message
    logs.rows("orders.jsonl", journal)
    fills = [book_row("SELL", "QQQ", 200, 449.95, NOW + timedelta(seconds=2))] if status == "FILLED" else []
    logs.rows("trades.jsonl", [*fills, book_row("BUY", "TQQQ", 9, 60.0, NOW, order_ref="qqqbot-20261124-02")])


def test_a_decision_is_shown_with_its_orders_and_their_fills(logs: LogsFolder) -> None:
    traded(logs)
    (decision,) = why(logs.folder, When(), NOW).decisions
    (order,) = decision.made
    assert (order.order_ref, order.status, order.filled) == ("qqqbot-20261124-01", "FILLED", 200)
    assert [fill["price"] for fill in order.fills] == [449.95]
    text = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "Prices   QQQ 450.00, TQQQ 60.00, printed 12:00 ET" in text
    assert "Order    SELL 200 QQQ MKT: FILLED, qqqbot-20261124-01" in text
    assert "Fill     200 at 449.95, commission 1.00, slippage +1.0 bp, Tue 2026-11-24 12:00 ET" in text


def test_a_refused_order_is_reported_in_the_brokers_words(logs: LogsFolder) -> None:
    traded(logs, "REJECTED", "no margin in U1234567")
    text = plain(why_screen.why(why(logs.folder, When(), NOW)))
    assert "SELL 200 QQQ MKT: REJECTED (no margin in U***567)" in text
    assert "Fill " not in text


def test_every_recorded_check_is_decided_the_same_again(logs: LogsFolder) -> None:
    recorded(logs, 5)
    facts = replay(logs.folder, When(DAY), NOW)
    assert (facts.same, facts.different, facts.unknown) == (5, 0, 0)
    assert "Today's code decides 5 of 5 the same. Prices are those recorded with each decision." in plain(
        why_screen.replay(facts)
    )


def test_a_check_that_would_be_decided_differently_is_reported(logs: LogsFolder) -> None:
    rows = recorded(logs, 2)
    logs.rows("decisions.jsonl", [rows[0], {**rows[1], "action": "WAIT"}])
    facts = replay(logs.folder, When(DAY), NOW)
    assert [row.differences for row in facts.decisions] == [(), ("action: was WAIT, would be HOLD",)]
    text = plain(why_screen.replay(facts))
    assert "2026-11-24 12:15: action: was WAIT, would be HOLD" in text
    assert "Today's code decides 1 of 2 the same, 1 differently." in text


def test_checks_without_inputs_are_not_guessed_about(logs: LogsFolder) -> None:
    (row,) = recorded(logs, 1)
    failed = {**row, "action": "FAILED", "error": "PricesUnavailable"}
    later = {**row, "timestamp": (NOW + QUARTER).isoformat()}
    logs.rows("decisions.jsonl", [failed, row, later, {**row, "timestamp": None}])
    facts = replay(logs.folder, When(DAY), NOW)
    assert [row.same for row in facts.decisions] == [None, True, None]
    assert [row.problem for row in facts.decisions] == [
        "the check failed before it could decide",
        None,
        "its inputs were not recorded",
    ]
    assert "2 cannot be checked" in plain(why_screen.replay(facts))


def test_rounds_at_the_same_time_are_distinguished(logs: LogsFolder) -> None:
    log, rows, journal = InputLog(logs.folder.inputs), [], []
    books = (portfolio(qqq=200), portfolio(cash=99_000))
    for n, book in enumerate(books, start=1):
        seen = snapshot(Holding.TQQQ, portfolio=book)
        plan = decide(seen, RULES)
        at = {"timestamp": NOW.isoformat(), "check": NOW.isoformat(), "round": n, **IDENTITY}
        rows.append(as_json({**at, **decision_values(seen, plan)}))
        log.record(seen, RULES, at)
        order = {"side": plan.orders[0].side, "symbol": plan.orders[0].symbol, "quantity": plan.orders[0].quantity}
        journal.append({**at, "event": "intended", "order_ref": f"a-0{n}", **order})
    logs.rows("decisions.jsonl", rows)
    logs.rows("orders.jsonl", journal)
    assert replay(logs.folder, When(DAY), NOW).same == 2
    made = [row.made for row in why(logs.folder, When(DAY), NOW).decisions]
    assert [[order.order_ref for order in orders] for orders in made] == [["a-01"], ["a-02"]]


def test_inputs_of_another_account_are_not_ours(logs: LogsFolder) -> None:
    recorded(logs, 1)
    with pytest.raises(NotRecorded, match="not recorded"):
        inputs_at(logs.folder.inputs, NOW, Identity("live", "U1234567"))


@pytest.mark.parametrize(
    ("from_text", "to_text"),
    [
        ('"kind":"base"', '"kind":"case"'),
        ('"packed":"', '"packed":"!'),
        ('"base":"', '"base":"x'),
        ('"change":{}', '"change":{"x":1}'),
    ],
)
def test_damaged_inputs_are_reported_as_unreadable(logs: LogsFolder, from_text: str, to_text: str) -> None:
    recorded(logs, 1)
    path = logs.folder.inputs
    path.write_text(path.read_text().replace(from_text, to_text, 1))
    with pytest.raises(NotRecorded, match="cannot be read"):
        inputs_at(path, NOW, Identity("dry_run", "simulated"))
    assert replay(logs.folder, When(), NOW).unknown == 1


def test_inputs_of_years_are_found_at_once_and_rebuilt(logs: LogsFolder) -> None:
    log = InputLog(logs.folder.inputs)
    seen = [snapshot(now=NOW + timedelta(minutes=n), orders_this_session=n) for n in range(200)]
    for one in seen:
        log.record(one, RULES, {"timestamp": one.now.isoformat(), **IDENTITY})
    who = Identity("dry_run", "simulated")
    assert inputs_at(logs.folder.inputs, seen[77].now, who) == (seen[77], RULES)
    assert inputs_at(logs.folder.inputs, seen[-1].now, who) == (seen[-1], RULES)


def with_changed_inputs(logs: LogsFolder, *place: str | int, value: Any) -> None:
    """One recorded check whose base holds `value` in that place."""
    recorded(logs, 1)
    rows = [json.loads(line) for line in logs.folder.inputs.read_text().splitlines()]
    base = inner = unpacked(rows[0]["packed"])
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    logs.rows("inputs.jsonl", [{**rows[0], "packed": packed(base)}, *rows[1:]])


def test_a_time_without_its_offset_among_the_inputs_is_not_a_record(logs: LogsFolder) -> None:
    with_changed_inputs(logs, "snapshot", "market", "qqq", "time", value="2026-11-24T11:59:00")
    (again,) = replay(logs.folder, When(), NOW).decisions
    assert again.same is None
    told = "expected a time with its offset, found 2026-11-24T11:59:00"
    assert again.problem == f"its recorded inputs cannot be read: {told}"


@pytest.mark.parametrize(("short", "told"), [(0, "0 and 120"), (-1, "-1 and 120"), (120, "120 and 120")])
def test_averages_of_no_days_among_the_inputs_are_not_a_record(logs: LogsFolder, short: int, told: str) -> None:
    with_changed_inputs(logs, "rules", "short_period", value=short)
    (again,) = replay(logs.folder, When(), NOW).decisions
    assert again.problem == f"its recorded inputs cannot be read: averages of {told} days are not possible"


def test_readable_inputs_that_make_no_sense_are_reported_as_such() -> None:
    with pytest.raises(NotRecorded, match=r"its recorded inputs cannot be used: ZeroDivisionError: "):
        computed(lambda: 1 // 0)
