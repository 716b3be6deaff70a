"""The stand-in for Yahoo: what it knows at which moment, in Yahoo's shape, and its switchable faults."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from standins.yahoo import (
    Exchange,
    Row,
    StandIn,
    as_printed,
    market_series,
    read_daily_csv,
    session_dates,
    shaped_series,
    with_event,
    write_control,
)
from standins.yahoo.faults import KINDS, Fault, Faults
from tests.support.builders import new_york

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DAY, BEFORE = date(2026, 11, 24), date(2026, 11, 23)
HALF_DAY = date(2026, 11, 27)
SERIES = market_series(seed=7, first=date(2026, 1, 2), last=date(2027, 1, 29))
EXCHANGE = Exchange(SERIES)
RANGE = {"range": "6mo", "interval": "1d"}

needs_recordings = pytest.mark.skipif(
    not (SHARED / "recordings" / "yahoo").is_dir(),
    reason="the recordings of Yahoo's answers are not part of the project",
)
needs_prices = pytest.mark.skipif(
    not (SHARED / "data" / "tqqq_daily.csv").is_file(), reason="real prices are not part of the project"
)


def chart(moment: datetime, symbol: str = "QQQ", exchange: Exchange = EXCHANGE, **query: str) -> dict[str, Any]:
    answer = exchange.chart(symbol, moment, query or RANGE)
    assert answer is not None
    return answer


def last_row(answer: dict[str, Any]) -> tuple[datetime, float]:
    return datetime.fromtimestamp(answer["timestamp"][-1], UTC), answer["indicators"]["quote"][0]["close"][-1]


def row(symbol: str, day: date) -> Any:
    return next(r for r in SERIES[symbol] if r.date == day)


def test_there_is_no_row_for_today_before_the_open() -> None:
    moment, close = last_row(chart(new_york(DAY, 9, 29, 59)))
    assert moment == new_york(BEFORE, 9, 30)
    assert close == pytest.approx(row("QQQ", BEFORE).close, rel=1e-6)


def test_before_the_open_the_quote_is_yesterdays_close_and_the_next_session_is_named() -> None:
    meta = chart(new_york(DAY, 8))["meta"]
    assert datetime.fromtimestamp(meta["regularMarketTime"], UTC) == new_york(BEFORE, 16, 0, 1)
    assert datetime.fromtimestamp(meta["currentTradingPeriod"]["regular"]["start"], UTC) == new_york(DAY, 9, 30)


def test_the_live_row_is_stamped_a_few_seconds_behind_the_clock() -> None:
    answer = chart(new_york(DAY, 12))
    moment, close = last_row(answer)
    assert moment == new_york(DAY, 11, 59, 57)
    assert answer["meta"]["regularMarketTime"] == answer["timestamp"][-1]
    assert close == pytest.approx(answer["meta"]["regularMarketPrice"], abs=1e-3)
    assert min(row("QQQ", DAY).open, row("QQQ", DAY).close) < close < max(row("QQQ", DAY).open, row("QQQ", DAY).close)


def test_after_the_close_the_row_keeps_its_closing_stamp_until_the_evening() -> None:
    assert last_row(chart(new_york(DAY, 17)))[0] == new_york(DAY, 16, 0, 1)
    assert last_row(chart(new_york(DAY, 21)))[0] == new_york(DAY, 9, 30)


def test_a_half_day_ends_at_one() -> None:
    moment, close = last_row(chart(new_york(HALF_DAY, 13, 30)))
    assert moment == new_york(HALF_DAY, 13, 0, 1)
    assert close == pytest.approx(row("QQQ", HALF_DAY).close, rel=1e-6)


def test_a_weekend_shows_friday_as_settled() -> None:
    assert last_row(chart(new_york(date(2026, 11, 28), 12)))[0] == new_york(HALF_DAY, 9, 30)


def test_a_coming_split_is_unknown_until_its_morning() -> None:
    split = Exchange({"TQQQ": with_event(SERIES["TQQQ"], DAY, split=2.0)})
    evening, morning = chart(new_york(BEFORE, 21), "TQQQ", split), chart(new_york(DAY, 9, 45), "TQQQ", split)
    printed = row("TQQQ", BEFORE).close
    assert last_row(evening)[1] == pytest.approx(printed, rel=1e-6)
    assert "events" not in evening
    assert morning["indicators"]["quote"][0]["close"][-2] == pytest.approx(printed / 2, rel=1e-6)
    (event,) = morning["events"]["splits"].values()
    assert (event["numerator"], event["denominator"], event["splitRatio"]) == (2.0, 1.0, "2:1")


def test_a_dividend_changes_the_adjusted_closes_from_its_morning_on() -> None:
    paid = Exchange({"QQQ": with_event(SERIES["QQQ"], DAY, dividend=4.5)})
    evening, morning = chart(new_york(BEFORE, 21), "QQQ", paid), chart(new_york(DAY, 9, 45), "QQQ", paid)
    printed = row("QQQ", BEFORE).close
    assert evening["indicators"]["adjclose"][0]["adjclose"][-1] == pytest.approx(printed, rel=1e-6)
    assert morning["indicators"]["quote"][0]["close"][-2] == pytest.approx(printed, rel=1e-6)
    assert morning["indicators"]["adjclose"][0]["adjclose"][-2] == pytest.approx(printed - 4.5, rel=1e-6)


def test_split_adjusted_rows_are_converted_to_the_basis_of_their_day() -> None:
    split = with_event(SERIES["TQQQ"], DAY, split=3.0)
    adjusted = [
        r if r.date >= DAY else Row(r.date, open=r.open / 3, high=r.high / 3, low=r.low / 3, close=r.close / 3)
        for r in split
    ]
    assert [r.close for r in as_printed(adjusted)] == pytest.approx([r.close for r in split])


def test_tqqq_moves_three_times_as_far() -> None:
    qqq, tqqq = ([r.close for r in SERIES[s]] for s in ("QQQ", "TQQQ"))
    for q0, q1, t0, t1 in zip(qqq, qqq[1:], tqqq, tqqq[1:], strict=False):
        assert t1 / t0 - 1 == pytest.approx(3 * (q1 / q0 - 1), abs=1e-4)


def test_live_prices_may_come_from_a_function() -> None:
    exchange = Exchange(SERIES, intraday={"QQQ": lambda moment: 400.0 + moment.minute})
    assert chart(new_york(DAY, 12, 30), exchange=exchange)["meta"]["regularMarketPrice"] == 429.0


def test_a_range_begins_on_the_day_that_yahoos_does() -> None:
    answer = chart(datetime.fromtimestamp(1758139055, UTC), exchange=Exchange(market_series(1, date(2025, 1, 2), DAY)))
    assert answer["timestamp"][0] == 1742218200  # as in a recorded answer of AAPL, range=6mo, 2025-09-17 15:57


@needs_recordings
def test_answers_have_the_keys_and_types_of_recorded_ones() -> None:
    recording = SHARED / "recordings" / "yahoo" / "04_AAPL_1d_6mo_open_1557ET_2025-09-17.json"
    recorded = json.loads(recording.read_text())["chart"]["result"][0]
    dividend = Exchange({"QQQ": with_event(SERIES["QQQ"], BEFORE, dividend=0.7)})
    ours = chart(new_york(DAY, 15, 57), exchange=dividend)
    missing = set(recorded["meta"]) - set(ours["meta"]) - {"fiftyTwoWeekHigh", "fiftyTwoWeekLow"}
    assert not missing
    shared_keys = set(recorded["meta"]) & set(ours["meta"])
    numbers = (int, float)
    for key in shared_keys:
        theirs, mine = recorded["meta"][key], ours["meta"][key]
        assert type(theirs) is type(mine) or isinstance(theirs, numbers) == isinstance(mine, numbers), key
    assert set(recorded) == set(ours)
    assert set(recorded["indicators"]["quote"][0]) == set(ours["indicators"]["quote"][0])
    ((key, event),) = ours["events"]["dividends"].items()
    assert key == str(event["date"])
    assert set(event) == {"amount", "date"}


@needs_prices
def test_real_adjusted_closes_have_the_basis_of_their_date() -> None:
    path = SHARED / "data" / "qqq_daily.csv"
    exchange = Exchange({"QQQ": read_daily_csv(path)})
    answer = chart(new_york(date(2026, 8, 21), 21), exchange=exchange, period1="0")
    with path.open() as file:
        wanted = [float(r["adj_close"]) for r in csv.DictReader(file)]
    assert answer["indicators"]["adjclose"][0]["adjclose"] == pytest.approx(wanted, rel=2e-4)


@needs_prices
def test_the_real_split_of_2025_appears_overnight() -> None:
    exchange = Exchange({"TQQQ": read_daily_csv(SHARED / "data" / "tqqq_daily.csv")})
    evening = chart(new_york(date(2025, 11, 19), 21), "TQQQ", exchange)
    morning = chart(new_york(date(2025, 11, 20), 9, 45), "TQQQ", exchange)
    before, after = last_row(evening)[1], morning["indicators"]["quote"][0]["close"][-2]
    assert before > 99
    assert after == pytest.approx(before / 2, rel=1e-6)


def test_a_fault_applies_as_often_as_requested_and_to_its_symbol() -> None:
    faults = Faults()
    faults.add(Fault("429", times=1))
    faults.add(Fault("null", symbol="TQQQ"))
    assert [f.kind for f in faults.take(["429", "null"], "chart", "QQQ")] == ["429"]
    assert [f.kind for f in faults.take(["429", "null"], "chart", "QQQ")] == []
    assert [f.kind for f in faults.take(["429", "null"], "chart", "TQQQ")] == ["null"]
    assert faults.take(["429"], "crumb", None) == []


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="no such fault: '428'"):
        Fault("428")


def test_the_manual_names_every_fault() -> None:
    manual = (ROOT / "standins/yahoo/README.md").read_text()
    assert [kind for kind in sorted(KINDS) if f"`{kind}`" not in manual] == []


def test_shaped_series_ends_at_the_given_close() -> None:
    dates = session_dates(date(2026, 11, 2), DAY)
    assert [r.close for r in shaped_series(dates, [400.0 + n for n in range(len(dates))])["QQQ"]][-1] == 399.0 + len(
        dates
    )


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    """The stand-in as a process: its control file, its log, and what it printed."""
    control, log = tmp_path / "control.json", tmp_path / "asked.jsonl"
    write_control(control, now=new_york(DAY, 12))
    command = [sys.executable, "-m", "standins.yahoo", "--seed", "7", "--control", str(control), "--log", str(log)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    printed = {}
    for line in running.stdout:
        if line == "READY\n":
            break
        name, _, value = line.strip().partition("=")
        printed[name] = value
    yield control, log, printed
    running.send_signal(signal.SIGTERM)
    running.stdout.close()
    assert running.wait(timeout=60) == 0


def ask(environment: dict[str, str], symbol: str = "QQQ") -> tuple[int, str]:
    """What a plain HTTPS client gets that only has the environment."""
    script = (
        "import urllib.request, urllib.error, sys\n"
        "try:\n    r = urllib.request.urlopen(sys.argv[1])\n"
        "except urllib.error.HTTPError as e:\n    r = e\n"
        "print(r.status, r.read().decode(), end='')"
    )
    url = f"https://query2.finance.yahoo.com/v8/finance/chart/{symbol}?range=5d&interval=1d"
    result = subprocess.run(
        [sys.executable, "-c", script, url],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    status, _, body = result.stdout.partition(" ")
    return int(status), body


def test_the_printed_environment_makes_another_process_use_the_stand_in(
    process: tuple[Path, Path, dict[str, str]],
) -> None:
    control, log, environment = process
    status, body = ask(environment)
    meta = json.loads(body)["chart"]["result"][0]["meta"]
    assert (status, meta["regularMarketTime"]) == (200, int((new_york(DAY, 12) - timedelta(seconds=3)).timestamp()))
    write_control(control, now=new_york(DAY, 13), faults=[{"kind": "429", "times": 1}])
    assert ask(environment) == (429, "Edge: Too Many Requests")
    assert ask(environment)[0] == 200
    assert [json.loads(line)["answer"] for line in log.read_text().splitlines()] == ["200", "429", "200"]


def test_a_refused_connection_can_be_switched_on_and_off() -> None:
    with StandIn(EXCHANGE, now=lambda: new_york(DAY, 12)) as yahoo:
        yahoo.fault("refused")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", yahoo.port), timeout=2)
        yahoo.clear()
        socket.create_connection(("127.0.0.1", yahoo.port), timeout=2).close()
