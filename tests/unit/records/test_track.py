"""What the valuations of all checks add up to, however they are read."""

import itertools
import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Dividend, Split
from qqqbot.records.folder import Identity
from qqqbot.records.track import Track, event_values, extended, kept, track_of
from tests.support.builders import DAY, NOW, market
from tests.support.monitor_samples import IDENTITY, known
from tests.support.symbols import QQQ, TQQQ

WHO = Identity("dry_run", "simulated")


def valued(day: float, equity: float, price: float, capital: float | None = 100.0, **values: Any) -> dict[str, Any]:
    at = (NOW + timedelta(days=day)).isoformat()
    row = {"timestamp": at, "equity": equity, "price": price, "total_capital": capital, "short_ma": 1.0}
    return {**IDENTITY, **row, **values}


def folded(*rows: dict[str, Any]) -> Track:
    track = None
    for row in rows:
        track = extended(track, row)
    return known(track)


def carried(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows as the daemon writes them."""
    track, found = None, []
    for row in rows:
        track = extended(track, row)
        found.append({**row, "track": track.values()} if track else row)
    return found


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_drawdown_is_that_of_every_check_and_not_of_the_newest() -> None:
    track = folded(valued(0, 100, 50), valued(1, 120, 55), valued(2, 90, 60), valued(3, 108, 60))
    assert track.worst == pytest.approx(-0.25)
    assert track.worst_at == NOW + timedelta(days=2)
    assert track.drawdown == pytest.approx(-0.1)
    assert (track.growth, track.held) == pytest.approx((1.08, 120))


def test_a_deposit_is_no_gain_a_withdrawal_no_loss_and_both_buy_or_sell_qqq() -> None:
    track = folded(valued(0, 100, 50), valued(1, 200, 50, 200.0), valued(2, 50, 50, 50.0))
    assert (track.growth, track.worst, track.held) == (1.0, 0.0, 50.0)


@pytest.mark.parametrize(
    "odd", [{"short_ma": None}, {"equity": None}, {"price": 0.0}, {"timestamp": "x"}, {"equity": -1}]
)
def test_what_no_gate_let_pass_is_no_valuation(odd: dict[str, Any]) -> None:
    first = folded(valued(0, 100, 50))
    assert extended(first, {**valued(1, 5, 1), **odd}) is first
    assert extended(None, {**valued(1, 5, 1), **odd}) is None


def test_a_dividend_of_qqq_held_buys_more_of_it_once_at_the_price_before_it() -> None:
    paid = [["dividend", (DAY + timedelta(days=2)).isoformat(), 0.5]]
    corrected = [["dividend", (DAY + timedelta(days=3)).isoformat(), 0.6]]
    rows = [valued(0, 100, 50), valued(2, 100, 49.5, qqq_events=paid), valued(3, 100, 49.5, qqq_events=corrected)]
    assert folded(*rows).held == pytest.approx(2 * 49.5 * 1.01)


def test_a_dividend_from_before_the_start_is_on_neither_side() -> None:
    early = [["dividend", DAY.isoformat(), 0.5]]
    assert folded(valued(0, 100, 50, qqq_events=early), valued(1, 100, 50, qqq_events=early)).held == 100
    assert folded(valued(0, 100, 50), valued(1, 100, 50, qqq_events=early)).held == 100


def test_a_split_of_qqq_is_no_fall_of_qqq_held() -> None:
    split = [["split", (DAY + timedelta(days=1)).isoformat(), 2.0]]
    rows = [valued(0, 100, 50), valued(1, 100, 25, qqq_events=split), valued(2, 100, 26, qqq_events=split)]
    assert folded(*rows).held == pytest.approx(104)


def test_the_row_names_the_events_of_qqq_that_the_book_would_count_too() -> None:
    days = [DAY, DAY - timedelta(days=60), DAY - timedelta(days=61), DAY + timedelta(days=1)]
    dividends = tuple(Dividend(symbol, day, 0.5) for symbol in (QQQ, TQQQ) for day in days)
    found = event_values(market(dividends=dividends, splits=(Split(QQQ, DAY, 2.0),)), DAY)
    named = [("dividend", day.isoformat(), 0.5) for day in days[:2]]
    assert found == [*named, ("split", DAY.isoformat(), 2.0)]


@pytest.mark.parametrize("name", ["qqq", "worst", "growth", "peak"])
@pytest.mark.parametrize("odd", [10**400, math.nan, math.inf, "x", None, True])
def test_a_track_edited_by_hand_is_none(name: str, odd: object) -> None:
    (row,) = carried(valued(0, 100, 50))
    assert kept(row) is not None
    assert kept({**row, "track": {**row["track"], name: odd}}) is None


AMOUNTS = st.floats(1, 1e6)
LIVES = st.lists(st.tuples(AMOUNTS, AMOUNTS, st.sampled_from([100.0, 150.0, 90.0])), min_size=1, max_size=12)


@given(LIVES, st.data())
def test_the_newest_row_says_what_all_of_them_add_up_to(
    life: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    rows = [valued(n, *values) for n, values in enumerate(life) if values[0] > 200]
    if not rows:
        return
    newest = json.loads(json.dumps(carried(*rows)[-1]))
    assert kept(newest) == folded(*rows)
    assert known(kept(newest)).worst == pytest.approx(min(0.0, *_falls(rows)))
    cut = data.draw(st.integers(0, len(rows)))
    track = kept(carried(*rows)[cut - 1]) if cut else None
    for row in rows[cut:]:
        track = extended(track, row)
    assert track == folded(*rows), "a restart anywhere changes nothing"


def _falls(rows: list[dict[str, Any]]) -> list[float]:
    growth, values = 1.0, [1.0]
    for before, now in itertools.pairwise(rows):
        deposit = now["total_capital"] - before["total_capital"]
        growth *= (now["equity"] - deposit) / before["equity"]
        values.append(growth)
    return [values[n] / max(values[: n + 1]) - 1 for n in range(len(values))]


@pytest.mark.parametrize("written_by_this_version", [0, 1, 2, 4])
def test_files_of_every_version_and_mixture_add_up_to_the_same(tmp_path: Path, written_by_this_version: int) -> None:
    rows = [valued(0, 100, 50), valued(1, 120, 55), valued(2, 90, 60), valued(3, 108, 60)]
    mixed = [*carried(*rows)[:written_by_this_version], *rows[written_by_this_version:]]
    failed = {**IDENTITY, "timestamp": NOW.isoformat(), "action": "FAILED"}
    path = written(tmp_path / "decisions.jsonl", [*mixed, failed, valued(5, 1, 1, mode="live")])
    assert track_of(path, WHO) == folded(*rows)


@pytest.mark.parametrize(
    "damage", [{}, {"qqq": "x"}, {"growth": -1}, {"counted": [[1], ["dividend", "x", 1], None]}, 7]
)
def test_a_damaged_track_is_added_up_again(tmp_path: Path, damage: Any) -> None:
    rows = carried(valued(0, 100, 50), valued(1, 120, 55))
    rows[-1]["track"] = {**rows[-1]["track"], **damage} if isinstance(damage, dict) and damage else damage
    assert known(track_of(written(tmp_path / "d", rows), WHO)).growth == pytest.approx(1.2)


def test_without_a_file_there_is_no_track(tmp_path: Path) -> None:
    assert track_of(tmp_path / "none", WHO) is None
