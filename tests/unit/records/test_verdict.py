"""The one judgement of what a daemon reports; `tests/unit/monitoring/test_health.py` has the hours of a day."""

from datetime import timedelta
from typing import Any

import pytest

from qqqbot.model.reasons import AlertKind
from qqqbot.records.verdict import KEEPS_FROM_TRADING, Health, failures, verdict
from tests.support.builders import NOW
from tests.support.monitor_samples import blocked, status_values

LOST = {"session": "2026-11-23", "sentence": "the session of 2026-11-23 ended without a decision"}


def judged(**status: Any) -> Health:
    return verdict({**status_values(), **status}, NOW)


def alert(kind: str, minutes: float = 10) -> list[dict[str, str]]:
    return [{"kind": kind, "text": "it lasts", "at": (NOW - timedelta(minutes=minutes)).isoformat()}]


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({}, Health.HEALTHY),
        ({"halted": "by hand"}, Health.HALTED),
        ({"last_check": blocked("book", "they differ", "LedgerMismatch")}, Health.HALTED),
        ({"undecided": LOST}, Health.FAILING),
        ({"undecided": LOST, "halted": "by hand"}, Health.HALTED),
        ({"problem": "gone", "problem_since": (NOW - timedelta(minutes=6)).isoformat()}, Health.FAILING),
        ({"undecided": "rubbish", "alerts": [7, {"at": 3}], "calendar": [], "last_check": 1}, Health.HEALTHY),
    ],
)
def test_the_verdict(status: dict[str, Any], health: Health) -> None:
    assert judged(**status) is health


@pytest.mark.parametrize("kind", [kind for kind in AlertKind if kind.lasts and kind is not AlertKind.NOTIFICATIONS])
def test_whatever_lasts_and_keeps_it_from_its_work_is_not_healthy(kind: AlertKind) -> None:
    """A halt is known by its file or code, and what the account does not answer by `problem`."""
    told_otherwise = {AlertKind.HALT, AlertKind.ACCOUNT, AlertKind.BROKER}
    assert (kind in {*told_otherwise, AlertKind.MISMATCH}) is not (kind in KEEPS_FROM_TRADING)
    found = Health.HALTED if kind is AlertKind.MISMATCH else Health.FAILING
    assert judged(alerts=alert(kind)) is (Health.HEALTHY if kind in told_otherwise else found)


def test_a_channel_that_fails_keeps_it_from_nothing() -> None:
    assert judged(alerts=alert(AlertKind.NOTIFICATIONS)) is Health.HEALTHY


def test_the_failed_gates_are_what_failed() -> None:
    assert failures(blocked("book", "they differ", "LedgerMismatch")) == [("LedgerMismatch", "they differ")]
    assert failures({"error": "PricesUnavailable"}) == [("PricesUnavailable", "PricesUnavailable")]
