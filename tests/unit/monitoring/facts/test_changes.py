"""What the bot gained today, this week, this month and this year."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.new_york import NEW_YORK
from qqqbot.monitoring.facts.changes import Changes, changes
from qqqbot.records.folder import Identity
from qqqbot.records.track import track_of
from tests.support.monitor_samples import IDENTITY, LogsFolder, known
from tests.unit.records.test_track import carried

WHO = Identity("dry_run", "simulated")
TODAY = date(2026, 11, 24)


def valued(at: str, equity: float, capital: float = 100.0) -> dict[str, Any]:
    moment = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK).isoformat()
    return {
        **IDENTITY,
        "timestamp": moment,
        "equity": equity,
        "price": 500.0,
        "total_capital": capital,
        "short_ma": 1.0,
    }


LIFE = [
    valued("2025-12-31T15:45", 100),
    valued("2026-10-30T15:45", 110),
    valued("2026-11-20T15:45", 120),  # a Friday
    valued("2026-11-23T15:45", 100),
    valued("2026-11-24T10:00", 90),
    valued("2026-11-24T12:00", 95),
]


def found(path: Path, rows: list[dict[str, Any]], today: date = TODAY) -> Changes:
    logs = LogsFolder(path / "logs")
    logs.rows("decisions.jsonl", rows)
    return known(changes(logs.folder.decisions, WHO, track_of(logs.folder.decisions, WHO), today))


def usd(seen: Changes) -> list[float | None]:
    return [change and change.usd for change in (seen.today, seen.week, seen.month, seen.year)]


@pytest.mark.parametrize("rows", [LIFE, carried(*LIFE)], ids=["an earlier version", "this one"])
def test_each_period_begins_with_the_last_value_before_it(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    seen = found(tmp_path, rows)
    assert usd(seen) == [-5, -25, -15, -5]
    assert known(seen.today).pct == pytest.approx(-5)
    assert known(seen.week).since == datetime(2026, 11, 20, 15, 45, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("today", "gained"),
    [
        (date(2026, 11, 28), [None, -25, -15, -5]),  # a Saturday
        (date(2026, 11, 30), [None, None, -15, -5]),
        (date(2026, 12, 1), [None, None, None, -5]),
        (date(2027, 1, 4), [None, None, None, None]),
    ],
)
def test_of_a_period_without_a_value_nothing_is_known(tmp_path: Path, today: date, gained: list[float | None]) -> None:
    assert usd(found(tmp_path, carried(*LIFE), today)) == gained


@pytest.mark.parametrize("rows", [LIFE[4:], carried(*LIFE[4:])], ids=["an earlier version", "this one"])
def test_a_bot_that_is_younger_began_with_what_was_put_in(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Dollars and per cent have the same beginning, though the first valuation was already a loss."""
    seen = found(tmp_path, rows)
    assert usd(seen) == [-5, -5, -5, -5]
    assert known(seen.year).pct == pytest.approx(-5)


def test_a_deposit_does_not_change_the_per_cent_of_a_bot_that_is_younger(tmp_path: Path) -> None:
    seen = found(tmp_path, carried(*LIFE[4:], valued("2026-11-24T13:00", 295, 300)))
    assert usd(seen) == [-5, -5, -5, -5]
    assert known(seen.year).pct == pytest.approx(-5)


def test_a_beginning_that_is_no_longer_in_the_file_is_the_first_valuation(tmp_path: Path) -> None:
    seen = found(tmp_path, carried(*LIFE[4:])[1:])
    assert known(seen.year).pct == pytest.approx((95 / 90 - 1) * 100)


def test_a_deposit_is_no_gain(tmp_path: Path) -> None:
    seen = found(tmp_path, carried(*LIFE, valued("2026-11-24T13:00", 295, 300)))
    assert usd(seen) == [-5, -25, -15, -5]
    assert known(seen.today).pct == pytest.approx(-5)


def test_other_accounts_and_failed_checks_are_passed_over(tmp_path: Path) -> None:
    other = {**valued("2026-11-23T15:50", 7), "mode": "live"}
    failed = {**IDENTITY, "timestamp": valued("2026-11-23T15:55", 1)["timestamp"], "action": "FAILED"}
    assert usd(found(tmp_path, [*LIFE[:4], other, failed, *LIFE[4:]])) == [-5, -25, -15, -5]


def test_nothing_is_known_before_the_first_valuation(tmp_path: Path) -> None:
    assert changes(tmp_path / "none", WHO, None, TODAY) is None
