"""Over real processes and sockets: what each fault of Yahoo and of the child becomes;
no plan trades on it."""

import gc
import json
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.checkout import eventually
from qqqbot.adapters.yahoo import price_source as prices
from qqqbot.adapters.yahoo.price_source import ChildPrices
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.market import Split
from qqqbot.model.new_york import new_york_date
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Action, Plan
from qqqbot.runtime.clock import StopRequest, SystemClock, VirtualClock
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, StandIn, session_dates, shaped_series, with_event
from tests.support.builders import HALF_DAYS, new_york, session, table
from tests.support.symbols import SYMBOLS, TQQQ
from tests.support.yahoo_documents import BEFORE, DAY, NOON, market_document
from tests.support.yahoo_world import RULES, YahooWorld, snapshot_of, yahoo_world


def rising_series() -> dict[str, list[Any]]:
    """Prices on whose last day the rule wants TQQQ: a rise of 0.1 % a day, and 0.4 % on the day itself."""
    dates = session_dates(date(2024, 6, 3), date(2026, 12, 4))
    closes = [400.0]
    for day in dates[1:]:
        closes.append(closes[-1] * (1.004 if day == DAY else 1.001))
    return shaped_series(dates, closes)


SERIES = rising_series()


pytestmark = pytest.mark.usefixtures("cache_of_our_own")


@pytest.fixture
def world() -> Iterator[YahooWorld]:
    with yahoo_world(SERIES) as world:
        yield world


def blocked_by(plan: Plan) -> str:
    assert plan.action is Action.WAIT
    assert plan.orders == ()
    assert plan.blocked_by is not None
    return plan.blocked_by.name


def test_good_prices_are_traded_on(world: YahooWorld) -> None:
    """Without this, every "does not trade" below would prove nothing."""
    plan = world.plan()
    assert (plan.action, [(o.side, o.symbol) for o in plan.orders]) == (Action.ROTATE, [("BUY", "TQQQ")])


def test_a_market_keeps_the_finished_rows_and_the_live_quotes_apart(world: YahooWorld) -> None:
    market = world.market()
    tqqq_before = next(r.close for r in SERIES["TQQQ"] if r.date == BEFORE)
    assert market.newest_row == DAY
    assert market.bars[-1].date == BEFORE
    assert len(market.bars) == len({bar.date for bar in market.bars}) > 240
    assert market.signal_quote.time == market.fund_quote.time == NOON - timedelta(seconds=3)
    assert market.fund_previous_close == pytest.approx(tqqq_before, rel=1e-6)


@pytest.mark.parametrize(
    ("fault", "gate"),
    [
        ({"kind": "missing", "symbol": "QQQ"}, "window"),
        ({"kind": "missing", "symbol": "QQQ", "value": "2026-08-03"}, "window"),
        ({"kind": "missing"}, "window"),
        ({"kind": "missing", "symbol": "TQQQ"}, "leverage"),
        ({"kind": "stale"}, "newest_row"),
        ({"kind": "stale", "symbol": "QQQ"}, "newest_row"),
        ({"kind": "days_old"}, "newest_row"),
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
        ({"kind": "dividend_off", "symbol": "QQQ", "value": ["2026-11-19", -0.15]}, "history"),
        ({"kind": "frozen", "value": 5}, "history"),
        ({"kind": "old"}, "quote_age"),
        ({"kind": "old", "symbol": "TQQQ"}, "quote_age"),
    ],
    ids=lambda value: "-".join(str(v) for v in value.values()) if isinstance(value, dict) else value,
)
def test_no_faulty_data_is_traded_on(world: YahooWorld, fault: dict[str, Any], gate: str) -> None:
    world.market()  # the client's own question for the time zone, once in a process, is answered before the fault
    world.yahoo.fault(**fault)
    assert blocked_by(world.plan()) == gate
    world.yahoo.clear()
    assert world.plan().action is Action.ROTATE


def moved(by: float) -> Exchange:
    """QQQ has moved that far since yesterday, and TQQQ three times as far."""
    before = {symbol: next(r.close for r in SERIES[symbol] if r.date == BEFORE) for symbol in ("QQQ", "TQQQ")}
    return Exchange(
        SERIES,
        intraday={"QQQ": lambda _: before["QQQ"] * (1 + by), "TQQQ": lambda _: before["TQQQ"] * (1 + 3 * by)},
    )


def test_a_price_that_stands_still_while_its_own_row_moves_is_not_traded_on(world: YahooWorld) -> None:
    world.yahoo.exchange = moved(0.01)
    assert world.plan().action is Action.ROTATE
    world.yahoo.fault("stuck")
    assert blocked_by(world.plan()) == "day_rows"


def test_a_wrong_row_stops_the_checks_that_it_would_lead_astray(world: YahooWorld) -> None:
    """The 30-day average is 2.1 % below yesterday's close: a row 15 % too high moves it by half a per cent."""
    world.yahoo.fault("row_off", symbol="QQQ", value=["2026-11-19", 1.15])
    plan = world.plan()
    assert plan.action is Action.ROTATE
    assert "2026-11-19" in next(gate.found for gate in plan.gates if gate.name == "history")
    world.yahoo.exchange = moved(-0.011)
    assert blocked_by(world.plan()) == "history"
    world.yahoo.clear()
    assert world.plan().action is Action.ROTATE


@pytest.mark.parametrize("about", [{"symbol": "TQQQ"}, {"currency": "EUR"}, {"symbol": "TQQQ", "currency": "GBp"}])
def test_an_answer_about_something_else_is_not_read(world: YahooWorld, about: dict[str, str]) -> None:
    world.yahoo.fault("about_another", symbol="QQQ", value=about)
    with pytest.raises(PricesUnavailable, match="asked for QQQ in USD and answered for"):
        world.market()


def test_tqqq_standing_still_while_qqq_moves_is_not_traded_on(world: YahooWorld) -> None:
    world.yahoo.exchange = Exchange(SERIES, intraday={"QQQ": lambda _: SERIES["QQQ"][-9].close * 1.015})
    world.yahoo.fault("still", symbol="TQQQ")
    assert blocked_by(world.plan()) == "leverage"


def test_a_null_row_of_today_beside_a_live_quote_changes_nothing(world: YahooWorld) -> None:
    """Today's close is the quote, never the row; the day's low and high are still beside it."""
    sound = world.market()
    world.yahoo.fault("null_today")
    quotes = []
    for quote in (sound.signal_quote, sound.fund_quote):
        assert quote.row is not None
        quotes.append(replace(quote, row=replace(quote.row, close=quote.price)))
    assert world.market() == replace(sound, signal_quote=quotes[0], fund_quote=quotes[1])
    assert world.plan().action is Action.ROTATE


def test_a_split_that_yahoo_knows_in_time_is_traded_on_and_reported(world: YahooWorld) -> None:
    sound = world.market()
    world.yahoo.exchange = Exchange({**SERIES, "TQQQ": with_event(SERIES["TQQQ"], DAY, split=2.0)})
    market = world.market()
    assert market.splits == (Split(TQQQ, DAY, 2.0),)
    assert market.fund_quote.price == pytest.approx(sound.fund_quote.price / 2, rel=1e-5)
    assert market.fund_previous_close == pytest.approx((sound.fund_previous_close or 0) / 2, rel=1e-5)
    assert world.plan().action is Action.ROTATE


def test_a_split_that_yahoo_learns_late_is_not_traded_on(world: YahooWorld) -> None:
    world.yahoo.exchange = Exchange({**SERIES, "TQQQ": with_event(SERIES["TQQQ"], DAY, split=2.0)})
    world.yahoo.fault("split_late", symbol="TQQQ")
    assert blocked_by(world.plan()) == "leverage"


def test_a_dividend_of_this_morning_is_in_the_closes_and_traded_on(world: YahooWorld) -> None:
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
    world: YahooWorld, moment: datetime, newest: date
) -> None:
    world.at(moment)
    market, plan = world.market(), world.plan()
    assert (market.newest_row, new_york_date(market.signal_quote.time)) == (newest, newest)
    assert market.bars[-1].date == table().before(newest, 1)[0]
    assert market.signal_quote.price == pytest.approx(
        next(r.close for r in SERIES["QQQ"] if r.date == newest), rel=1e-6
    )
    assert blocked_by(plan) == "exchange"
    assert plan.signal is not None


def test_the_first_seconds_of_a_session_wait_for_its_row(world: YahooWorld) -> None:
    """Until then the answer is yesterday's whole: the newest row is not of this session, and yesterday's is no bar."""
    world.at(new_york(DAY, 9, 30, 1))
    assert blocked_by(world.plan()) in ("newest_row", "window")
    assert world.market().newest_row == BEFORE


def test_a_clock_that_steps_back_an_hour_is_not_traded_on(world: YahooWorld) -> None:
    market = world.market()
    assert blocked_by(decide(snapshot_of(market, NOON - timedelta(hours=1)), RULES)) == "clock"


@pytest.mark.parametrize(
    "kind", ["429", "404", "500", "html", "truncated", "empty", "error", "reset", "refused", "tls"]
)
def test_a_failure_of_yahoo_is_prices_unavailable(world: YahooWorld, kind: str) -> None:
    world.yahoo.fault(kind)
    with pytest.raises(PricesUnavailable, match=r"^QQQ: "):
        world.market()


def test_a_fetch_from_end_to_end_gives_sessions_and_prices(world: YahooWorld) -> None:
    asked = ChildPrices(SystemClock(), random.Random(1), symbols=SYMBOLS, command=led_to(world.yahoo))
    sessions = asked.sessions(NOON)
    assert isinstance(sessions, SessionTable)
    assert sessions.open_session(NOON) == session(DAY)
    assert {s.date for s in sessions.sessions if s.close - s.open < timedelta(hours=6)} > {HALF_DAYS[0]}
    assert asked.market(NOON) == world.market()
    assert decide(snapshot_of(asked.market(NOON), NOON), RULES).action is Action.ROTATE


def test_an_answer_that_takes_minutes_is_cut_off_at_the_deadline(world: YahooWorld) -> None:
    world.yahoo.fault("hang", on="any")
    asked = ChildPrices(
        SystemClock(), random.Random(1), symbols=SYMBOLS, command=led_to(world.yahoo), deadline_seconds=2.5
    )
    begun = time.monotonic()
    with pytest.raises(PricesUnavailable, match="no answer within"):
        asked.market(NOON)
    assert time.monotonic() - begun < 30


def led_to(yahoo: StandIn) -> tuple[str, ...]:
    """The real child, its environment leading to the stand-in."""
    return ("env", *(f"{name}={value}" for name, value in yahoo.environment.items()), *prices.CHILD)


def prices_of(command: Any, clock: Any = None, **options: Any) -> ChildPrices:
    return ChildPrices(clock or VirtualClock(NOON), random.Random(1), symbols=SYMBOLS, command=command, **options)


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
        ("print('{\"schema\": 1}')", "answered without what was requested"),
        ('print(\'{"schema": 1, "error": 7}\')', "answered without what was requested"),
        ('print(\'{"schema": 1, "prices": {}}\')', "answer cannot be read: KeyError: 'QQQ'"),
        ('print(\'{"schema": 1, "prices": {"QQQ": 1, "TQQQ": 2}}\')', "answer cannot be read: TypeError"),
    ],
)
def test_a_child_that_answers_nonsense_is_prices_unavailable(script: str, words: str) -> None:
    with pytest.raises(PricesUnavailable) as failure:
        prices_of(child(script)).market(NOON)
    assert words in str(failure.value)


def test_a_child_that_floods_standard_error_does_not_block(tmp_path: Path) -> None:
    script = f"import sys; sys.stderr.write('x' * (1 << 20)); print({json.dumps(market_document())!r})"
    assert prices_of(child(script)).market(NOON).newest_row == DAY


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
    with pytest.raises(PricesUnavailable, match="no answer within"):
        prices_of(child(hang), SystemClock(), deadline_seconds=0.5).market(NOON)
    assert time.monotonic() - begun < 30


def test_a_child_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    script = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(PricesUnavailable, match="ended with signal 9 and without an answer"):
        prices_of(child(script), SystemClock()).market(NOON)
    assert time.monotonic() - begun < 30


def test_a_stop_request_ends_the_wait_and_the_child_at_once(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    stop = StopRequest()

    def stop_the_running() -> None:
        eventually(lambda: pid_file.exists() and pid_file.read_text() != "", "the child runs")
        stop.set()

    stopping = threading.Thread(target=stop_the_running)
    stopping.start()
    begun = time.monotonic()
    asked = prices_of(child(script), SystemClock(stop))
    with pytest.raises(PricesUnavailable, match="the bot is stopping"):
        asked.market(NOON)
    assert time.monotonic() - begun < 30
    assert gone(int(pid_file.read_text()))
    stopping.join()
    stop.close()


def test_the_whole_process_group_is_ended(tmp_path: Path) -> None:
    """A grandchild that holds the pipes open must not keep the daemon waiting, nor outlive the question."""
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(p.pid))\n"
    )
    with pytest.raises(PricesUnavailable, match="no answer within"):
        prices_of(child(script), SystemClock(), deadline_seconds=5).market(NOON)
    assert gone(int(pid_file.read_text()))


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds (a zombie of somebody else counts as ended)."""
    for _ in range(1000):
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
                ChildPrices(
                    clock, random.Random(1), symbols=SYMBOLS, command=child(script), deadline_seconds=0.15
                ).market(NOON)
        gc.collect()
    assert len(list(open_files.iterdir())) == before
    with pytest.raises(ChildProcessError):  # no child, and no zombie, is ours
        os.waitpid(-1, os.WNOHANG)


def test_a_crashing_child_is_left_alone_for_a_while_too(tmp_path: Path) -> None:
    asked = prices_of(child("raise SystemExit('crash')"))
    with pytest.raises(PricesUnavailable, match="crash"):
        asked.market(NOON)
    with pytest.raises(PricesUnavailable, match="not asked again before"):
        asked.market(NOON)


def test_a_stop_is_not_a_failure_of_yahoo() -> None:
    stop = StopRequest()
    stop.set()
    asked = prices_of(child("import time; time.sleep(60)"), SystemClock(stop))
    for _ in range(2):
        with pytest.raises(PricesUnavailable, match=r"^the price request was dropped"):
            asked.market(NOON)
    stop.close()


def test_a_missing_program_is_prices_unavailable() -> None:
    with pytest.raises(PricesUnavailable, match="cannot be started"):
        prices_of(("/nowhere/python",)).market(NOON)
