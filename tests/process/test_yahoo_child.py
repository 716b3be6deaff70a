"""The market child through the real client and its real HTTP and TLS stack, over the stand-in; and its calendar."""

import csv
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.yahoo import asking
from qqqbot.adapters.yahoo import child as market_child
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.sessions import session_rows
from standins.yahoo import Exchange, market_series, with_event
from tests.support.builders import new_york
from tests.support.symbols import SYMBOLS
from tests.support.yahoo_documents import BEFORE, DAY, NOON
from tests.support.yahoo_world import YahooWorld, yahoo_world

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "standins/xnys_sessions.csv"
SERIES = market_series(seed=7, first=date(2024, 1, 2), last=date(2027, 1, 29))


pytestmark = pytest.mark.usefixtures("cache_of_our_own")


@pytest.fixture
def world() -> Iterator[YahooWorld]:
    with yahoo_world(SERIES) as world:
        yield world


def prices_at(world: YahooWorld) -> dict[str, Any]:
    return market_child.prices(SYMBOLS, "1y", world.session)


def hasty_where_it_hangs(world: YahooWorld, kind: str) -> AbstractContextManager[None]:
    return world.hasty() if kind == "hang" else nullcontext()


def charts_asked(world: YahooWorld) -> list[tuple[str, str]]:
    asked = [a for a in world.yahoo.requests if a.path.startswith(asking.CHART_PATH)]
    return [(a.path.removeprefix(asking.CHART_PATH), a.query.get("range", "")) for a in asked]


def series_with(symbol: str, day: date, **event: float) -> Exchange:
    return Exchange({**SERIES, symbol: with_event(SERIES[symbol], day, **event)})


# Prices


def test_the_last_quarters_of_an_hour_are_the_closes_of_their_sessions(world: YahooWorld) -> None:
    bars = market_child.last_quarters(SYMBOLS, world.session)
    for symbol, rows in bars.items():
        closes = {row.date: row.close for row in SERIES[symbol]}
        ends = {datetime.fromisoformat(end): close for end, close in rows}
        assert ends[new_york(BEFORE, 16)] == pytest.approx(closes[BEFORE], rel=1e-6)
        assert ends[new_york(DAY, 12)] == pytest.approx(rows[-1][1]), "today's is no session's close"
        assert len(rows) in range(38, 46)
    asked = [(a.query.get("interval"), a.query.get("range")) for a in world.yahoo.requests if "chart" in a.path]
    assert asked == [("15m", "60d")] * 2


def test_a_good_answer_has_every_row_the_quote_and_its_moment(world: YahooWorld) -> None:
    answer = prices_at(world)
    qqq, tqqq = answer["QQQ"], answer["TQQQ"]
    known = [r for r in SERIES["QQQ"] if date(2025, 11, 24) <= r.date <= DAY]
    assert [row[0] for row in qqq["rows"]] == [r.date.isoformat() for r in known]
    assert [row[1] for row in qqq["rows"][:-1]] == pytest.approx([r.close for r in known[:-1]], rel=1e-6)
    assert qqq["time"] == tqqq["time"] == "2026-11-24T16:59:57+00:00"
    assert qqq["price"] == pytest.approx(qqq["rows"][-1][1], abs=1e-3)
    assert len(tqqq["rows"]) in range(245, 260)
    assert qqq["splits"] == tqqq["splits"] == []


def test_a_check_makes_four_requests_at_most(world: YahooWorld) -> None:
    prices_at(world)
    assert charts_asked(world) == [("QQQ", "1y"), ("TQQQ", "1y")]
    helpers = [asked.path for asked in world.yahoo.requests if not asked.path.startswith(asking.CHART_PATH)]
    assert helpers in (["/", "/v1/test/getcrumb"], ["/"], []), "the client keeps both as long as the process lives"


@pytest.mark.parametrize("kind", ["429", "500", "no_cookie", "cut", "reset", "hang"])
def test_a_cookie_that_does_not_come_is_not_asked_for_again(world: YahooWorld, kind: str) -> None:
    world.yahoo.fault(kind, on="cookie")
    with hasty_where_it_hangs(world, kind):
        assert prices_at(world)["TQQQ"]["price"] > 0
    assert [request.path for request in world.yahoo.requests].count("/") <= 1
    assert len(charts_asked(world)) == 2


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("429", "rate_limited"),
        ("401", "refused"),
        ("404", "not_found"),
        ("500", "server_error"),
        ("502", "server_error"),
        ("back_soon", "server_error"),
        ("error", "server_error"),
        ("html", "unreadable"),
        ("truncated", "unreadable"),
        ("not_gzip", "unreadable"),
        ("bomb", "unreadable"),
        ("endless", "unreadable"),
        ("loop", "unreadable"),
        ("no_meta", "empty"),
        ("cut", "connection"),
        ("reset", "connection"),
        ("refused", "connection"),
        ("tls", "tls"),
        ("empty", "empty"),
        ("no_timestamps", "empty"),
        ("no_price", "empty"),
        ("hang", "too_slow"),
    ],
)
def test_each_failure_has_its_code_and_its_sentence(world: YahooWorld, kind: str, code: str) -> None:
    world.yahoo.fault(kind)
    with hasty_where_it_hangs(world, kind), pytest.raises(asking.SourceFailed) as failure:
        prices_at(world)
    assert failure.value.code == code
    assert str(failure.value).startswith(f"QQQ: {asking.SENTENCES[code]} [")
    world.yahoo.clear()
    assert prices_at(world)["QQQ"]["price"] > 0


def test_no_request_waits_longer_than_the_session_allows(world: YahooWorld) -> None:
    """The client asks for its cookie with a time-out of 30 s, and for a time zone with 10 s."""
    world.yahoo.fault("hang", on="any")
    begun = time.monotonic()
    with world.hasty(1), pytest.raises(asking.SourceFailed):
        prices_at(world)
    assert time.monotonic() - begun < 10


def test_a_failure_of_one_symbol_names_it(world: YahooWorld) -> None:
    world.yahoo.fault("404", symbol="TQQQ")
    with pytest.raises(PricesUnavailable, match=r"^TQQQ: Yahoo does not know the symbol \(404\)"):
        prices_at(world)


@pytest.mark.parametrize("kind", ["429", "500"])
def test_a_single_failure_is_overcome_by_the_client(world: YahooWorld, kind: str) -> None:
    world.yahoo.fault(kind, times=1)
    assert prices_at(world)["TQQQ"]["price"] > 0


@pytest.mark.parametrize("on", ["crumb", "cookie"])
def test_prices_come_without_crumb_and_cookie(world: YahooWorld, on: str) -> None:
    world.yahoo.fault("429", on=on)
    assert prices_at(world)["QQQ"]["price"] > 0


@pytest.mark.parametrize("kind", ["cookie_of_another_name", "cookie_without_expiry", "no_cookie", "429", "500"])
def test_no_cookie_keeps_the_prices_away(world: YahooWorld, kind: str) -> None:
    """The client stores a cookie and reads ['A3'].expires from it, unguarded; the chart needs none."""
    world.yahoo.fault(kind, on="cookie")
    assert prices_at(world)["QQQ"]["price"] > 0


@pytest.mark.parametrize("on", ["chart", "any"])
def test_a_cookie_that_cannot_be_decoded_does_not_take_the_prices_with_it(world: YahooWorld, on: str) -> None:
    world.yahoo.fault("cookie_not_utf8", on=on)
    assert prices_at(world)["TQQQ"]["price"] > 0


@pytest.mark.parametrize("kind", ["429", "500", "html", "blank", "nothing", "hang"])
def test_no_crumb_keeps_the_prices_away(world: YahooWorld, kind: str) -> None:
    world.yahoo.fault(kind, on="crumb")
    with hasty_where_it_hangs(world, kind):
        assert prices_at(world)["QQQ"]["price"] > 0


@pytest.mark.parametrize("problem", [KeyError("A3"), TypeError("None > float")])
def test_a_client_that_cannot_ask_at_all_does_not_end_the_question(world: YahooWorld, problem: Exception) -> None:
    world.session.cookie = Future()
    world.session.cookie.set_exception(problem)
    assert prices_at(world)["TQQQ"]["price"] > 0
    assert {asked.path.removeprefix(asking.CHART_PATH) for asked in world.yahoo.requests} == {"QQQ", "TQQQ"}


@pytest.mark.parametrize("on", ["chart", "cookie", "crumb", "any"])
def test_a_consent_page_before_the_prices_is_passed(world: YahooWorld, on: str) -> None:
    """yahoo-finance2#990: in the EU, on and off."""
    world.yahoo.fault("consent", on=on)
    prices = prices_at(world)
    assert prices["QQQ"]["rows"][-1][0] == prices["TQQQ"]["rows"][-1][0] == DAY.isoformat()


def test_a_consent_page_that_comes_again_and_again_is_told(world: YahooWorld) -> None:
    world.yahoo.fault("consent_for_ever")
    with pytest.raises(asking.SourceFailed, match=r"^QQQ: Yahoo asks for consent to its cookies instead of answering"):
        prices_at(world)


def test_the_servers_time_is_that_of_its_answer(world: YahooWorld) -> None:
    assert prices_at(world)["QQQ"]["answered_at"] == NOON.isoformat()
    world.yahoo.fault("wrong_date")
    assert prices_at(world)["QQQ"]["answered_at"] == (NOON + timedelta(days=1)).isoformat()
    world.yahoo.fault("no_date")
    world.yahoo.clear()
    world.yahoo.fault("no_date")
    assert prices_at(world)["QQQ"]["answered_at"] is None


def test_a_null_close_stays_in_its_place(world: YahooWorld) -> None:
    world.yahoo.fault("null", symbol="QQQ")
    assert prices_at(world)["QQQ"]["rows"][-2] == [BEFORE.isoformat(), None, None]


def test_a_zero_close_stays_zero(world: YahooWorld) -> None:
    world.yahoo.fault("zero", symbol="QQQ")
    assert prices_at(world)["QQQ"]["rows"][-2] == [BEFORE.isoformat(), 0.0, 0.0]


def test_a_null_last_row_does_not_make_yesterday_the_last(world: YahooWorld) -> None:
    world.yahoo.fault("null_today", symbol="QQQ")
    assert prices_at(world)["QQQ"]["rows"][-1] == [DAY.isoformat(), None, None]


def test_rows_that_the_client_would_merge_or_sort_are_passed_on_as_they_came(world: YahooWorld) -> None:
    world.yahoo.fault("twice_differing", symbol="QQQ")
    days = [row[0] for row in prices_at(world)["QQQ"]["rows"]]
    assert days[-3:] == [BEFORE.isoformat(), BEFORE.isoformat(), DAY.isoformat()]
    world.yahoo.clear()
    world.yahoo.fault("shuffled", symbol="QQQ")
    days = [row[0] for row in prices_at(world)["QQQ"]["rows"]]
    assert days != sorted(days)


def test_a_dividend_before_its_first_row_adds_no_row(world: YahooWorld) -> None:
    """The client makes an empty row for an event of a day that Yahoo has no row for yet."""
    world.yahoo.exchange = series_with("QQQ", DAY, dividend=0.8)
    world.at(new_york(DAY, 8))
    rows = prices_at(world)["QQQ"]["rows"]
    assert rows[-1][0] == BEFORE.isoformat()
    assert rows[-1][1] is not None


def test_closes_are_adjusted_for_the_dividend_of_this_morning(world: YahooWorld) -> None:
    world.yahoo.exchange = series_with("QQQ", DAY, dividend=4.5)
    printed = next(r.close for r in SERIES["QQQ"] if r.date == BEFORE)
    assert prices_at(world)["QQQ"]["rows"][-2][1] == pytest.approx(printed - 4.5, rel=1e-6)


def test_this_mornings_split_is_reported_and_both_days_are_on_its_basis(world: YahooWorld) -> None:
    world.yahoo.exchange = series_with("TQQQ", DAY, split=2.0)
    tqqq = prices_at(world)["TQQQ"]
    assert tqqq["splits"] == [[DAY.isoformat(), 2.0]]
    assert tqqq["price"] == pytest.approx(tqqq["rows"][-2][1], rel=0.2)


# History for the backtest


def test_a_long_history_comes_with_both_closes_dividends_and_splits(world: YahooWorld) -> None:
    exchange = series_with("TQQQ", date(2026, 3, 2), split=2.0)
    world.yahoo.exchange = Exchange({"TQQQ": with_event(exchange.series["TQQQ"], date(2026, 6, 1), dividend=1.0)})
    world.at(new_york(DAY, 21))
    history = market_child.whole_history("TQQQ", world.session)
    days = [row.date for row in history.rows]
    assert (days[0], days[-1]) == (date(2024, 1, 2), DAY)
    assert (history.splits, history.dividends) == (((date(2026, 3, 2), 2.0),), ((date(2026, 6, 1), 1.0),))
    split, paid = days.index(date(2026, 3, 2)), days.index(date(2026, 6, 1))
    closes, adjusted = ([getattr(row, name) for row in history.rows] for name in ("close", "adjusted"))
    assert closes[split - 1] == pytest.approx(closes[split], rel=0.2)
    assert adjusted[paid - 1] == pytest.approx(closes[paid - 1] - 1.0, rel=1e-6)
    assert adjusted[paid] == closes[paid]


def test_a_failed_history_is_not_cached(world: YahooWorld) -> None:
    """The client keeps failed answers about the past for the life of the process."""
    world.yahoo.fault("500", times=2)
    with pytest.raises(asking.SourceFailed):
        market_child.whole_history("QQQ", world.session)
    assert market_child.whole_history("QQQ", world.session).rows


# Sessions


def test_sessions_agree_with_another_library() -> None:
    """Holidays, half-days, both DST weeks, storms (2012-10-29) and days of mourning (2018-12-05, 2025-01-09)."""
    with GOLDEN.open() as file:
        rows = [(r["date"], r["open"], r["close"]) for r in csv.DictReader(r for r in file if not r.startswith("#"))]
    ours = session_rows(market_child.sessions(date(2010, 1, 1), date(2030, 12, 31)))
    assert [(day, opens[11:16], closes[11:16]) for day, opens, closes in ours] == rows
    assert {text[-6:] for _, opens, closes in ours for text in (opens, closes)} == {"+00:00"}


def test_days_without_sessions_are_a_calendar_failure() -> None:
    with pytest.raises(asking.SourceFailed) as failure:
        market_child.sessions(date(2026, 11, 28), date(2026, 11, 29))
    assert failure.value.code == "calendar"


# The table of failures


def test_the_named_exceptions_exist_in_the_installed_libraries() -> None:
    modules = ("yfinance.exceptions", "curl_cffi.requests.exceptions", "peewee", "pickle", "builtins")
    found = {name for module in modules for name in vars(importlib.import_module(module))}
    assert set(asking.CODES) <= found


# The process


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qqqbot.adapters.yahoo.child", *arguments, "--symbols", *SYMBOLS]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_process_prints_one_document_and_nothing_else(world: YahooWorld) -> None:
    result = run(world.yahoo.environment, "all", "--start", "2026-11-23", "--end", "2026-11-27", "--period", "1y")
    answer = json.loads(result.stdout)
    assert result.returncode == 0
    assert answer["schema"] == market_child.SCHEMA
    assert [row[0] for row in answer["sessions"]] == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"]
    assert set(answer["prices"]) == {"QQQ", "TQQQ"}


def test_a_failing_process_still_prints_the_sessions_and_says_why(world: YahooWorld) -> None:
    world.yahoo.fault("429")
    result = run(world.yahoo.environment, "all", "--start", "2026-11-23", "--end", "2026-11-27")
    answer = json.loads(result.stdout)
    assert result.returncode == 1
    assert answer["error"]["code"] == "rate_limited"
    assert len(answer["sessions"]) == 4
    assert "prices" not in answer


def test_a_librarys_output_is_kept_out_of_the_document(tmp_path: Path) -> None:
    talkative = (
        "import os, types\n"
        "os.write(1, b'from C')\n"
        "print('from Python', flush=True)\n"
        "errors = types.SimpleNamespace(CalendarError=KeyError)\n"
        "def get_calendar(*args, **kwargs): raise KeyError('no calendar here')\n"
    )
    (tmp_path / "exchange_calendars.py").write_text(talkative)
    result = run({"PYTHONPATH": str(tmp_path)}, "sessions", "--start", "2026-11-23", "--end", "2026-11-27")
    assert json.loads(result.stdout)["error"]["code"] == "calendar"
    assert "from C" in result.stderr
    assert "from Python" in result.stderr


@pytest.mark.parametrize(
    "content", [b"this is no database, it is " * 200, b"", None], ids=["damaged", "empty", "folder"]
)
def test_the_clients_own_files_are_not_used(world: YahooWorld, content: bytes | None) -> None:
    environment = world.yahoo.environment
    folder = Path(environment["XDG_CACHE_HOME"]) / "py-yfinance"
    folder.mkdir(parents=True)
    for name in ("tkr-tz.db", "cookies.db"):
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
    assert json.loads(run(environment, "prices").stdout)["prices"]["QQQ"]["price"] > 0


def test_an_unwritable_home_is_no_obstacle(world: YahooWorld, tmp_path: Path) -> None:
    occupied = tmp_path / "a file where a folder belongs"
    occupied.write_text("")
    result = run({**world.yahoo.environment, "XDG_CACHE_HOME": str(occupied), "HOME": str(occupied)}, "prices")
    assert json.loads(result.stdout)["prices"]["QQQ"]["price"] > 0


@pytest.mark.parametrize("kind", ["cookie_of_another_name", "cookie_without_expiry"])
def test_a_cookie_that_is_not_needed_does_not_keep_the_next_process_from_asking(world: YahooWorld, kind: str) -> None:
    world.yahoo.fault(kind, on="cookie")
    for _ in range(2):
        assert json.loads(run(world.yahoo.environment, "prices").stdout)["prices"]["QQQ"]["price"] > 0


@pytest.mark.parametrize(
    "address", ["socks9://user:s3cr3t@h:1", "http://user:s3cr3t@@ret@h:99999", "http:/s3cr3t/user@h"]
)
def test_the_password_of_a_mistyped_proxy_is_told_to_nobody(world: YahooWorld, address: str) -> None:
    result = run({**world.yahoo.environment, "HTTPS_PROXY": address}, "prices")
    text = json.loads(result.stdout)["error"]["text"]
    assert text.startswith("QQQ: Yahoo cannot be reached: check this machine's network and proxy [")
    assert "s3cr3t" not in result.stdout + result.stderr


def test_the_process_ends_itself_at_its_own_deadline(world: YahooWorld) -> None:
    world.yahoo.fault("hang", on="any")
    result = run(world.yahoo.environment, "prices", "--deadline", "2")
    assert result.returncode == -14  # SIGALRM
    assert result.stdout == ""


def test_sessions_do_not_depend_on_the_hosts_zone() -> None:
    arguments = ("sessions", "--start", "2026-10-26", "--end", "2026-11-06")
    outputs = {run({"TZ": zone}, *arguments).stdout for zone in ("Asia/Tokyo", "America/Los_Angeles")}
    (output,) = outputs
    assert ["2026-11-02", "2026-11-02T14:30:00+00:00", "2026-11-02T21:00:00+00:00"] in json.loads(output)["sessions"]


def test_importing_the_module_is_light() -> None:
    script = (
        "import sys, qqqbot.adapters.yahoo.child, qqqbot.adapters.yahoo.price_source\n"
        "heavy = {'pandas', 'numpy', 'yfinance', 'exchange_calendars', 'curl_cffi', 'peewee'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
