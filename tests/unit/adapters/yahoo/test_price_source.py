"""The price source: what each fault of Yahoo and of the child becomes, and that no plan trades on it."""

import gc
import json
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.yahoo import child as market_child
from qqqbot.adapters.yahoo import price_source as prices
from qqqbot.adapters.yahoo.price_source import Backoff, ChildPrices, read_market, run_child
from qqqbot.model.errors import CalendarEnded, PricesUnavailable
from qqqbot.model.sessions import SessionTable, new_york_date, session_rows
from qqqbot.model.values import QQQ, TQQQ, Action, Market, Plan, Rules, Snapshot, Split
from qqqbot.runtime.clock import StopRequest, SystemClock, VirtualClock
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, StandIn, session_dates, shaped_series, with_event
from tests.support.builders import HALF_DAYS, new_york, session, snapshot, table

DAY, BEFORE = date(2026, 11, 24), date(2026, 11, 23)
NOON = new_york(DAY, 12)
RULES = Rules()


def rising_series() -> dict[str, list[Any]]:
    """Prices on whose last day the rule wants TQQQ: a rise of 0.1 % a day, and 0.4 % on the day itself."""
    dates = session_dates(date(2024, 6, 3), date(2026, 12, 4))
    closes = [400.0]
    for day in dates[1:]:
        closes.append(closes[-1] * (1.004 if day == DAY else 1.001))
    return shaped_series(dates, closes)


SERIES = rising_series()


# ---- through the real client to a plan


class World:
    """A stand-in with a hand on its clock; `plan` is what the bot would do now, all but the prices being sound."""

    def __init__(self, yahoo: StandIn, moment: list[datetime]) -> None:
        self.yahoo = yahoo
        self.moment = moment
        self.session = market_child.new_session(timeout_seconds=1.0, **yahoo.session_options)

    @property
    def now(self) -> datetime:
        return self.moment[0]

    def market(self) -> Market:
        return read_market(market_child.document("prices", None, None, "2y", self.session))

    def plan(self) -> Plan:
        return decide(snapshot_of(self.market(), self.now), RULES)


def snapshot_of(market: Market, now: datetime) -> Snapshot:
    calendar = table()
    latest = calendar.open_session(now) or calendar.last_closed(now)
    return snapshot(
        now=now,
        market=market,
        session=latest,
        exchange_open=latest.contains(now),
        expected=calendar.before(latest.date, RULES.long_period - 1),
    )


@pytest.fixture(scope="module", autouse=True)
def cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("XDG_CACHE_HOME")
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def world() -> Iterator[World]:
    moment = [NOON]
    with StandIn(Exchange(SERIES), now=lambda: moment[0]) as yahoo:
        yield World(yahoo, moment)


def blocked_by(plan: Plan) -> str:
    assert plan.action is Action.WAIT
    assert plan.orders == ()
    assert plan.blocked_by is not None
    return plan.blocked_by.name


def test_sound_prices_are_traded_on(world: World) -> None:
    """Without this, every "does not trade" below would prove nothing."""
    plan = world.plan()
    assert (plan.action, [(o.side, o.symbol) for o in plan.orders]) == (Action.ROTATE, [("BUY", "TQQQ")])


def test_a_market_holds_the_finished_rows_and_the_live_quotes_apart(world: World) -> None:
    market = world.market()
    tqqq_before = next(r.close for r in SERIES["TQQQ"] if r.date == BEFORE)
    assert market.newest_row == DAY
    assert market.bars[-1].date == BEFORE
    assert len(market.bars) == len({bar.date for bar in market.bars}) > 480
    assert market.qqq.time == market.tqqq.time == NOON - timedelta(seconds=3)
    assert market.tqqq_previous_close == pytest.approx(tqqq_before, rel=1e-6)


@pytest.mark.parametrize(
    ("fault", "gate"),
    [
        ({"kind": "missing", "symbol": "QQQ"}, "window"),
        ({"kind": "missing", "symbol": "QQQ", "value": "2026-08-03"}, "window"),
        ({"kind": "missing"}, "window"),
        ({"kind": "missing", "symbol": "TQQQ"}, "leverage"),
        ({"kind": "stale"}, "newest_row"),
        ({"kind": "stale", "symbol": "QQQ"}, "newest_row"),
        ({"kind": "days_old"}, "window"),
        ({"kind": "days_old", "symbol": "TQQQ"}, "quote_age"),
        ({"kind": "twice"}, "window"),
        ({"kind": "twice_differing"}, "window"),
        ({"kind": "shuffled"}, "window"),
        ({"kind": "null"}, "window"),
        ({"kind": "null", "symbol": "TQQQ"}, "leverage"),
        ({"kind": "zero"}, "window"),
        ({"kind": "zero", "symbol": "TQQQ"}, "leverage"),
        ({"kind": "off"}, "daily_move"),
        ({"kind": "off", "symbol": "QQQ"}, "daily_move"),
        ({"kind": "off", "symbol": "TQQQ"}, "leverage"),
        ({"kind": "off", "symbol": "QQQ", "value": 1.02}, "leverage"),
        ({"kind": "off", "symbol": "QQQ", "value": 0}, "quotes"),
        ({"kind": "old"}, "quote_age"),
        ({"kind": "old", "symbol": "TQQQ"}, "quote_age"),
    ],
    ids=lambda value: "-".join(str(v) for v in value.values()) if isinstance(value, dict) else value,
)
def test_no_fault_of_the_data_is_traded_on(world: World, fault: dict[str, Any], gate: str) -> None:
    world.yahoo.fault(**fault)
    assert blocked_by(world.plan()) == gate
    world.yahoo.clear()
    assert world.plan().action is Action.ROTATE


def test_tqqq_standing_still_while_qqq_moves_is_not_traded_on(world: World) -> None:
    world.yahoo.exchange = Exchange(SERIES, intraday={"QQQ": lambda _: SERIES["QQQ"][-9].close * 1.015})
    world.yahoo.fault("still", symbol="TQQQ")
    assert blocked_by(world.plan()) == "leverage"


def test_a_null_row_of_today_beside_a_live_quote_changes_nothing(world: World) -> None:
    """Today's close is the quote, never the row."""
    sound = world.market()
    world.yahoo.fault("null_today")
    assert world.market() == sound


def test_a_split_that_yahoo_knows_in_time_is_traded_on_and_told(world: World) -> None:
    sound = world.market()
    world.yahoo.exchange = Exchange({**SERIES, "TQQQ": with_event(SERIES["TQQQ"], DAY, split=2.0)})
    market = world.market()
    assert market.splits == (Split(TQQQ, DAY, 2.0),)
    assert market.tqqq.price == pytest.approx(sound.tqqq.price / 2, rel=1e-5)
    assert market.tqqq_previous_close == pytest.approx((sound.tqqq_previous_close or 0) / 2, rel=1e-5)
    assert world.plan().action is Action.ROTATE


def test_a_split_that_yahoo_learns_late_is_not_traded_on(world: World) -> None:
    world.yahoo.exchange = Exchange({**SERIES, "TQQQ": with_event(SERIES["TQQQ"], DAY, split=2.0)})
    world.yahoo.fault("split_late", symbol="TQQQ")
    assert blocked_by(world.plan()) == "leverage"


def test_a_dividend_of_this_morning_is_in_the_closes_and_traded_on(world: World) -> None:
    sound = world.market()
    world.yahoo.exchange = Exchange({**SERIES, "QQQ": with_event(SERIES["QQQ"], DAY, dividend=0.8)})
    market = world.market()
    assert market.bars[-1].close == pytest.approx(sound.bars[-1].close - 0.8, abs=1e-3)
    assert world.plan().action is Action.ROTATE


@pytest.mark.parametrize(
    ("moment", "newest"),
    [
        (new_york(DAY, 8), BEFORE),
        (new_york(DAY, 4, 30), BEFORE),
        (new_york(date(2026, 11, 26), 12), date(2026, 11, 25)),
        (new_york(date(2026, 11, 27), 13, 30), date(2026, 11, 27)),
        (new_york(date(2026, 11, 29), 12), date(2026, 11, 27)),
        (new_york(DAY, 18), DAY),
        (new_york(DAY, 22), DAY),
    ],
    ids=["pre-market", "early", "holiday", "half-day-after-one", "sunday", "after-hours", "evening"],
)
def test_a_closed_exchange_shows_the_last_close_as_the_price_and_trades_nothing(
    world: World, moment: datetime, newest: date
) -> None:
    world.moment[0] = moment
    market, plan = world.market(), world.plan()
    assert (market.newest_row, new_york_date(market.qqq.time)) == (newest, newest)
    assert market.bars[-1].date == table().before(newest, 1)[0]
    assert market.qqq.price == pytest.approx(next(r.close for r in SERIES["QQQ"] if r.date == newest), rel=1e-6)
    assert blocked_by(plan) == "exchange"
    assert plan.signal is not None


def test_the_first_seconds_of_a_session_wait_for_its_row(world: World) -> None:
    """Until then the answer is yesterday's whole: the newest row is not of this session, and yesterday's is no bar."""
    world.moment[0] = new_york(DAY, 9, 30, 1)
    assert blocked_by(world.plan()) in ("newest_row", "window")
    assert world.market().newest_row == BEFORE


def test_a_clock_that_steps_back_an_hour_is_not_traded_on(world: World) -> None:
    market = world.market()
    assert blocked_by(decide(snapshot_of(market, NOON - timedelta(hours=1)), RULES)) == "quote_age"


@pytest.mark.parametrize(
    "kind", ["429", "404", "500", "html", "truncated", "empty", "error", "reset", "refused", "tls"]
)
def test_a_failure_of_yahoo_is_prices_unavailable(world: World, kind: str) -> None:
    world.yahoo.fault(kind)
    with pytest.raises(PricesUnavailable, match=r"^QQQ: "):
        world.market()


# ---- a child that answers by script


def market_document(now: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """A sound document; a close of None in `closes` (by date) is a null, the text "gone" takes the row away."""
    closes = changes.get("closes", {})
    days = [*table().before(DAY, 130), DAY]
    rows = [[day.isoformat(), closes.get(day, 450.0)] for day in days if closes.get(day) != "gone"]
    symbol = {"price": 450.0, "time": (now - timedelta(seconds=3)).isoformat(), "rows": rows, "splits": []}
    return {"schema": 1, "prices": {"QQQ": symbol, "TQQQ": {**symbol, **changes.get("tqqq", {})}}}


def sessions_document(first: date = date(2025, 7, 1), last: date = date(2027, 11, 30)) -> dict[str, Any]:
    return {"schema": 1, "sessions": session_rows([s for s in table().sessions if first <= s.date <= last])}


def failed_document(code: str) -> dict[str, Any]:
    return {"schema": 1, "error": {"code": code, "text": market_child.SENTENCES[code]}}


class Scripted:
    """A command that answers with the next document of a file, and keeps the arguments that it was given."""

    SCRIPT = (
        "import json, sys\n"
        "todo, seen, *arguments = sys.argv[1:]\n"
        "documents = json.load(open(todo))\n"
        "open(seen, 'a').write(json.dumps(arguments) + '\\n')\n"
        "json.dump(documents[1:], open(todo, 'w'))\n"
        "print(json.dumps(documents[0]))\n"
    )

    def __init__(self, folder: Path, *documents: Any) -> None:
        self._todo, self._seen = folder / "todo.json", folder / "seen.jsonl"
        self._seen.touch()
        self.answers(*documents)
        self.command = (sys.executable, "-S", "-c", self.SCRIPT, str(self._todo), str(self._seen))

    def answers(self, *documents: Any) -> None:
        self._todo.write_text(json.dumps(documents))

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in self._seen.read_text().splitlines()]


def source(command: Any, clock: Any = None, **options: Any) -> ChildPrices:
    return ChildPrices(clock or VirtualClock(NOON), random.Random(1), command=command, **options)


def child(script: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('<html>')", "ended with status 0 and without an answer"),
        ("print('{\"schema\": 2}')", "ended with status 0 and without an answer"),
        ("print('[1, 2]')", "ended with status 0 and without an answer"),
        ("pass", "ended with status 0 and without an answer"),
        ("raise SystemExit('the last words')", "ended with status 1 and without an answer: the last words"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with signal 11 and without an answer"),
        ("import os; os.write(1, b'{' + b'x' * (5 << 20))", "answer is larger than 4,194,304 bytes"),
        ("print('{\"schema\": 1}')", "answered without what it was asked for"),
        ('print(\'{"schema": 1, "error": 7}\')', "answered without what it was asked for"),
        ('print(\'{"schema": 1, "prices": {}}\')', "answer cannot be read: KeyError: 'QQQ'"),
        ('print(\'{"schema": 1, "prices": {"QQQ": 1, "TQQQ": 2}}\')', "answer cannot be read: TypeError"),
    ],
)
def test_a_child_that_answers_nonsense_is_prices_unavailable(script: str, words: str) -> None:
    with pytest.raises(PricesUnavailable) as failure:
        source(child(script)).market(NOON)
    assert words in str(failure.value)


def test_a_program_that_is_not_there_is_prices_unavailable() -> None:
    with pytest.raises(PricesUnavailable, match="cannot be started"):
        source(("/nowhere/python",)).market(NOON)


def test_a_child_that_floods_standard_error_does_not_block(tmp_path: Path) -> None:
    script = f"import sys; sys.stderr.write('x' * (1 << 20)); print({json.dumps(market_document())!r})"
    assert source(child(script)).market(NOON).newest_row == DAY


@pytest.mark.parametrize(
    "hang",
    [
        "import time; time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "import sys, time\nwhile True: sys.stderr.write('busy\\n'); time.sleep(0.01)",
    ],
)
def test_a_hanging_child_is_ended_at_the_deadline(hang: str) -> None:
    begun = time.monotonic()
    with pytest.raises(PricesUnavailable, match="did not answer before the deadline"):
        source(child(hang), SystemClock(), deadline_seconds=0.5).market(NOON)
    assert time.monotonic() - begun < 3


def test_a_child_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    script = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(PricesUnavailable, match="ended with signal 9 and without an answer"):
        source(child(script), SystemClock()).market(NOON)
    assert time.monotonic() - begun < 5


def test_a_stop_request_ends_the_wait_and_the_child_at_once(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    stop = StopRequest()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    begun = time.monotonic()
    asked = source(child(script), SystemClock(stop))
    with pytest.raises(PricesUnavailable, match="the bot is stopping"):
        asked.market(NOON)
    assert time.monotonic() - begun < 2
    assert gone(int(pid_file.read_text()))
    timer.join()
    stop.close()


def test_the_whole_process_group_is_ended(tmp_path: Path) -> None:
    """A grandchild that holds the pipes open must not keep the daemon waiting, nor outlive the question."""
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(p.pid))\n"
    )
    with pytest.raises(PricesUnavailable, match="deadline"):
        source(child(script), SystemClock(), deadline_seconds=1.5).market(NOON)
    assert gone(int(pid_file.read_text()))


def gone(pid: int) -> bool:
    """Whether the process ends within a second (a zombie of somebody else counts as ended)."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_nothing_is_left_behind_after_many_questions(tmp_path: Path) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("counts open files through /proc")
    clock = SystemClock()
    scripts = ("pass", "import time; time.sleep(60)", "print('{}')")
    gc.collect()
    before = len(list(open_files.iterdir()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for script in scripts * 3:
            with pytest.raises(PricesUnavailable):
                ChildPrices(clock, random.Random(1), command=child(script), deadline_seconds=0.15).market(NOON)
        gc.collect()
    assert len(list(open_files.iterdir())) == before
    with pytest.raises(ChildProcessError):  # no child, and no zombie, is ours
        os.waitpid(-1, os.WNOHANG)


def test_the_answer_of_a_child_is_its_status_output_and_last_words() -> None:
    answer = run_child(child("import sys; print('out'); sys.exit('a\\nb')"), SystemClock(), 10)
    assert (answer.status, answer.output, answer.last_words) == (1, b"out\n", "b")


def test_only_the_end_of_a_childs_complaints_is_kept() -> None:
    answer = run_child(child("import sys; sys.stderr.write('x' * (1 << 20))"), SystemClock(), 10)
    assert len(answer.last_words) == prices.LAST_WORDS_BYTES


# ---- back-off


def test_after_a_failure_yahoo_is_not_asked_until_the_pause_is_over(tmp_path: Path) -> None:
    script, clock = Scripted(tmp_path, failed_document("rate_limited"), market_document()), VirtualClock(NOON)
    asked = source(script.command, clock)
    with pytest.raises(PricesUnavailable, match="429"):
        asked.market(clock.now())
    with pytest.raises(PricesUnavailable, match=r"^Yahoo is not asked again before Tue 2026-11-24 12:0[12] ET; .*429"):
        asked.market(clock.now())
    assert len(script.asked) == 1
    clock.advance(timedelta(seconds=120))
    assert asked.market(clock.now()).newest_row == DAY
    assert len(script.asked) == 2


def test_a_crashing_child_is_left_alone_for_a_while_too(tmp_path: Path) -> None:
    asked = source(child("raise SystemExit('crash')"))
    with pytest.raises(PricesUnavailable, match="crash"):
        asked.market(NOON)
    with pytest.raises(PricesUnavailable, match="not asked again before"):
        asked.market(NOON)


def test_a_stop_is_no_failure_of_yahoo() -> None:
    stop = StopRequest()
    stop.set()
    asked = source(child("import time; time.sleep(60)"), SystemClock(stop))
    for _ in range(2):
        with pytest.raises(PricesUnavailable, match=r"^the question for prices was dropped"):
            asked.market(NOON)
    stop.close()


def test_pauses_double_up_to_a_limit_and_differ_by_jitter() -> None:
    pauses = []
    backoff = Backoff(random.Random(3))
    for _ in range(10):
        backoff.failed(1000.0, "", "why")
        pauses.append(backoff.left(1000.0))
    assert 15 <= pauses[0] <= 20
    assert 30 <= pauses[1] <= 40
    assert all(225 <= pause <= 300 for pause in pauses[5:])
    assert len(set(pauses[5:])) == 5


def test_a_429_is_left_more_time_than_other_failures() -> None:
    backoff = Backoff(random.Random(3))
    backoff.failed(0.0, "rate_limited", "why")
    assert 90 <= backoff.left(0.0) <= 120
    for _ in range(2000):
        backoff.failed(0.0, "rate_limited", "why")
    assert 675 <= backoff.left(0.0) <= 900


def test_a_success_ends_the_pauses() -> None:
    backoff = Backoff(random.Random(3))
    for _ in range(5):
        backoff.failed(0.0, "", "why")
    backoff.succeeded()
    assert backoff.left(0.0) == 0
    backoff.failed(0.0, "", "why")
    assert backoff.left(0.0) <= 20


# ---- the table of sessions


def test_the_table_reaches_from_two_years_ago_to_a_year_ahead(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **market_document()})
    source(script.command).sessions(NOON)
    (arguments,) = script.asked
    assert arguments[:3] == ["all", "--period", "2y"]
    assert arguments[3:7] == ["--start", "2024-11-22", "--end", "2027-11-24"]


def test_a_long_average_asks_for_a_longer_history_and_table(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **market_document()}, market_document())
    asked = source(script.command, long_period=1000)
    asked.sessions(NOON)
    asked.market(NOON)
    asked.market(NOON)
    assert script.asked[0][:5] == ["all", "--period", "5y", "--start", "2021-11-20"]
    assert script.asked[1][:3] == ["prices", "--period", "5y"]


def test_closed_on_days_are_no_sessions(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **market_document()})
    sessions = source(script.command, closed_on=[DAY]).sessions(NOON)
    assert sessions.open_session(NOON) is None
    assert sessions.next_open(NOON) == session(date(2026, 11, 25))


def test_the_first_table_brings_the_first_prices_with_it(tmp_path: Path) -> None:
    script, clock = (
        Scripted(tmp_path, {**sessions_document(), **market_document()}, market_document()),
        VirtualClock(NOON),
    )
    asked = source(script.command, clock)
    asked.sessions(NOON)
    assert asked.market(NOON).newest_row == DAY
    assert len(script.asked) == 1
    asked.market(NOON)
    assert script.asked[1][0] == "prices"


def test_prices_that_came_with_the_table_do_not_serve_a_later_check(tmp_path: Path) -> None:
    script, clock = (
        Scripted(tmp_path, {**sessions_document(), **market_document()}, market_document()),
        VirtualClock(NOON),
    )
    asked = source(script.command, clock)
    asked.sessions(NOON)
    clock.advance(timedelta(minutes=15))
    asked.market(clock.now())
    assert len(script.asked) == 2


def test_a_failure_of_prices_does_not_keep_the_table_away(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **failed_document("rate_limited")})
    asked = source(script.command)
    assert asked.sessions(NOON).open_session(NOON) == session(DAY)
    with pytest.raises(PricesUnavailable, match="429"):
        asked.market(NOON)
    with pytest.raises(PricesUnavailable, match="not asked again before"):
        asked.market(NOON)
    assert len(script.asked) == 1


def test_the_table_is_kept_for_a_day_and_then_renewed_without_prices(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **market_document()}, sessions_document())
    asked = source(script.command)
    asked.sessions(NOON)
    asked.sessions(NOON + timedelta(hours=23))
    assert len(script.asked) == 1
    asked.sessions(NOON + timedelta(hours=25))
    assert script.asked[1][:3] == ["sessions", "--start", "2024-11-23"]


def test_the_table_is_renewed_before_its_horizon(tmp_path: Path) -> None:
    near = sessions_document(last=date(2027, 1, 15))
    script = Scripted(tmp_path, {**near, **market_document()}, sessions_document())
    asked = source(script.command)
    assert asked.sessions(NOON).ends() == session(date(2027, 1, 15)).close
    assert asked.sessions(NOON).ends() == session(date(2027, 11, 30)).close


def test_a_table_that_cannot_be_renewed_is_used_while_it_reaches(tmp_path: Path) -> None:
    script = Scripted(
        tmp_path, {**sessions_document(last=date(2026, 12, 1)), **market_document()}, "nonsense", "nonsense"
    )
    asked = source(script.command)
    first = asked.sessions(NOON)
    assert asked.sessions(NOON + timedelta(days=2)) is first
    with pytest.raises(PricesUnavailable, match="without an answer"):
        asked.sessions(NOON + timedelta(days=10))


def test_a_library_that_does_not_reach_now_is_the_end_of_the_calendar(tmp_path: Path) -> None:
    script = Scripted(
        tmp_path, {**sessions_document(last=date(2026, 11, 23)), **market_document()}, failed_document("calendar")
    )
    asked = source(script.command)
    with pytest.raises(CalendarEnded, match="update"):
        asked.sessions(NOON)
    with pytest.raises(CalendarEnded, match="update"):
        asked.sessions(NOON)


def test_a_table_that_cannot_be_read_is_prices_unavailable(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {"schema": 1, "sessions": [["2026-11-24", "soon", "later"]]})
    with pytest.raises(PricesUnavailable, match="table of sessions cannot be read"):
        source(script.command).sessions(NOON)


# ---- the good history of the same session


@pytest.mark.parametrize("lost", [None, "gone", 0.0], ids=["null", "missing", "zero"])
def test_a_row_lost_during_the_day_is_taken_from_the_morning(tmp_path: Path, lost: Any) -> None:
    later = NOON + timedelta(hours=1)
    broken = market_document(later, closes={BEFORE: lost}, tqqq={"price": 61.0})
    script = Scripted(tmp_path, {**sessions_document(), **market_document()}, broken)
    asked = source(script.command)
    asked.sessions(NOON)
    morning, afternoon = asked.market(NOON), asked.market(later)
    assert afternoon.bars == morning.bars
    assert afternoon.tqqq_previous_close == morning.tqqq_previous_close
    assert (afternoon.tqqq.price, afternoon.qqq.time) == (61.0, later - timedelta(seconds=3))


def test_a_row_lost_overnight_stays_lost(tmp_path: Path) -> None:
    """A dividend or a split comes between two sessions: yesterday's history is on another basis."""
    next_day = new_york(date(2026, 11, 25), 12)
    document = market_document(next_day, closes={BEFORE: "gone"})
    for part in document["prices"].values():
        part["rows"] = [*part["rows"], ["2026-11-25", 450.0]]
    script = Scripted(tmp_path, {**sessions_document(), **market_document()}, document)
    asked = source(script.command)
    asked.sessions(NOON)
    asked.market(NOON)
    assert BEFORE not in {bar.date for bar in asked.market(next_day).bars}


def test_an_incomplete_first_answer_is_not_repaired(tmp_path: Path) -> None:
    script = Scripted(tmp_path, {**sessions_document(), **market_document(closes={BEFORE: "gone"})})
    asked = source(script.command)
    asked.sessions(NOON)
    assert asked.market(NOON).bars[-1].date == date(2026, 11, 20)


def test_splits_are_those_of_the_last_answer_that_was_one(tmp_path: Path) -> None:
    split = {"splits": [[DAY.isoformat(), 2.0]]}
    script = Scripted(tmp_path, market_document(tqqq=split), failed_document("empty"))
    asked = source(script.command)
    assert asked.splits() == ()
    asked.market(NOON)
    with pytest.raises(PricesUnavailable):
        asked.market(NOON)
    assert asked.splits() == (Split(TQQQ, DAY, 2.0),)


# ---- the whole way: daemon's side, process, client, TLS, stand-in


def test_the_whole_way_gives_sessions_and_prices(world: World) -> None:
    asked = ChildPrices(SystemClock(), random.Random(1), command=led_to(world.yahoo))
    sessions = asked.sessions(NOON)
    assert isinstance(sessions, SessionTable)
    assert sessions.open_session(NOON) == session(DAY)
    assert {s.date for s in sessions.sessions if s.close - s.open < timedelta(hours=6)} > {HALF_DAYS[0]}
    assert asked.market(NOON) == world.market()
    assert decide(snapshot_of(asked.market(NOON), NOON), RULES).action is Action.ROTATE


def test_an_answer_that_takes_minutes_is_cut_off_at_the_deadline(world: World) -> None:
    world.yahoo.fault("hang", on="any")
    asked = ChildPrices(SystemClock(), random.Random(1), command=led_to(world.yahoo), deadline_seconds=2.5)
    begun = time.monotonic()
    with pytest.raises(PricesUnavailable, match="did not answer before the deadline"):
        asked.market(NOON)
    assert time.monotonic() - begun < 6


def led_to(yahoo: StandIn) -> tuple[str, ...]:
    """The real child, its environment leading to the stand-in."""
    return ("env", *(f"{name}={value}" for name, value in yahoo.environment.items()), *prices.CHILD)


def test_the_two_sides_speak_of_the_same_schema() -> None:
    assert prices.SCHEMA == market_child.SCHEMA
    assert set(prices.PAUSES) <= set(market_child.SENTENCES)


def test_a_null_price_is_not_a_number_and_no_zero() -> None:
    document = market_document(closes={BEFORE: None})
    document["prices"]["QQQ"]["price"] = None
    market = read_market(document)
    assert market.qqq.price != market.qqq.price
    assert market.bars[-1].close != market.bars[-1].close
    assert market.tqqq_previous_close is None
    assert (market.qqq.symbol, market.tqqq.symbol) == (QQQ, TQQQ)
