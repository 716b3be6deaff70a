"""What status.json holds is read back as it was written, and files of earlier versions can still be read."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.values import Crossing, Flip, FlipOrder, Holding, Side
from qqqbot.records.codec import to_plain
from qqqbot.records.status_file import Flips, calendar_values, flips_in, write_status
from tests.support.builders import NOW, table
from tests.support.symbols import QQQ, TQQQ

ORDERS = (FlipOrder(Side.SELL, TQQQ, 900), FlipOrder(Side.BUY, QQQ, 156))
FLIPS = Flips(
    seen_at=NOW,
    seen_price=599.65,
    closes_at=NOW + timedelta(hours=4),
    today=Flip(583.19, Holding.QQQ, ORDERS),
    coming=None,
    crossing=Crossing(65, Holding.QQQ),
)


def test_flip_prices_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    write_status(tmp_path / "status.json", {"flip": to_plain(FLIPS)})
    assert flips_in(json.loads((tmp_path / "status.json").read_text())) == FLIPS


def test_the_coming_session_has_its_own_flip_price_from_the_close_on() -> None:
    assert FLIPS.at(FLIPS.closes_at - timedelta(seconds=1)) is FLIPS.today
    assert FLIPS.at(FLIPS.closes_at) is None


def test_a_flip_beyond_what_a_day_can_move_is_out_of_reach() -> None:
    assert not FLIPS.out_of_reach(NOW)
    assert FLIPS.out_of_reach(FLIPS.closes_at)
    far = Flip(FLIPS.seen_price * 1.21, Holding.QQQ, ())
    assert FLIPS._replace(today=far).out_of_reach(NOW)


def test_a_status_of_an_earlier_version_has_no_crossing() -> None:
    values = to_plain(FLIPS)
    del values["crossing"]
    assert flips_in({"flip": values}) == FLIPS._replace(crossing=None)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"flip": to_plain(None)},
        {"flip": "x"},
        {"flip": {"seen_price": 1.0}},
        {"flip": {**to_plain(FLIPS), "seen_price": 0}},
        {"flip": {**to_plain(FLIPS), "crossing": {"sessions": 0, "target": "QQQ"}}},
        {"flip": {**to_plain(FLIPS), "crossing": {"sessions": 3, "target": "GOLD"}}},
        {"flip": {**to_plain(FLIPS), "seen_price": "nan"}},
        {"flip": {**to_plain(FLIPS), "seen_at": "2026-11-24"}},
        {"flip": {**to_plain(FLIPS), "seen_price": 10**400}},
    ],
)
def test_an_earlier_version_or_a_damaged_file_counts_as_unknown(status: dict[str, Any]) -> None:
    assert flips_in(status) is None


def test_the_file_is_replaced_whole_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text("something old and longer than what replaces it " * 9)
    write_status(path, {"cash": Decimal("5.25")})
    assert json.loads(path.read_text()) == {"schema": 1, "cash": 5.25}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["status.json"]


def test_a_value_without_a_place_in_the_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be written to"):
        write_status(tmp_path / "status.json", {"when": NOW})


def test_a_clock_outside_the_table_of_sessions_leaves_the_calendar_unknown() -> None:
    """A clock that was set back by years ended the daemon, at the beat that was to report it."""
    sessions = table().sessions
    assert calendar_values(table(), sessions[0].open) is not None
    for now in (sessions[0].open - timedelta(seconds=1), sessions[-1].open):
        assert calendar_values(table(), now) is None
