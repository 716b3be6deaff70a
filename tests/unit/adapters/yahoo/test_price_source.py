"""The price source: what each document of the price process becomes, and when it is asked for one."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from qqqbot.adapters.yahoo import asking
from qqqbot.adapters.yahoo import child as market_child
from qqqbot.adapters.yahoo import price_source as prices
from qqqbot.adapters.yahoo.politeness import PAUSES
from qqqbot.adapters.yahoo.price_source import ChildPrices, Runner, read_market
from qqqbot.model.errors import CalendarEnded, PricesUnavailable
from qqqbot.model.market import DayRow, Dividend, Split
from qqqbot.model.sessions import Timetable
from qqqbot.runtime.child_process import ChildFailed, ChildOutput, ChildStopped
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import new_york, session, table
from tests.support.symbols import QQQ, SYMBOLS, TQQQ
from tests.support.yahoo_documents import BEFORE, DAY, NOON, failed_document, market_document, sessions_document


class Scripted:
    """A runner that answers with the next document, and keeps the arguments that the child would be given."""

    def __init__(self, *documents: Any) -> None:
        self._documents = list(documents)
        self.asked: list[list[str]] = []

    def __call__(self, command: Sequence[str], deadline_seconds: float, stopping: Callable[[], bool]) -> ChildOutput:
        assert deadline_seconds > 0
        assert not stopping()
        self.asked.append(list(command[len(prices.CHILD) :]))
        return ChildOutput(0, json.dumps(self._documents.pop(0)).encode(), "")


def source(script: Scripted, clock: Any = None, **options: Any) -> ChildPrices:
    return ChildPrices(clock or VirtualClock(NOON), random.Random(1), symbols=SYMBOLS, run=script, **options)


def test_a_child_that_fails_and_one_that_is_stopped_are_different_failures() -> None:
    failing = ChildPrices(
        VirtualClock(NOON), random.Random(1), symbols=SYMBOLS, run=raises(ChildFailed("no answer within 60 s"))
    )
    with pytest.raises(PricesUnavailable, match=r"^Yahoo's prices could not be fetched: no answer within 60 s$"):
        failing.market(NOON)
    with pytest.raises(PricesUnavailable, match="not asked again before"):
        failing.market(NOON)
    stopped = ChildPrices(
        VirtualClock(NOON), random.Random(1), symbols=SYMBOLS, run=raises(ChildStopped("the daemon is stopping"))
    )
    for _ in range(2):
        with pytest.raises(PricesUnavailable, match=r"^the price request was dropped because the bot is stopping$"):
            stopped.market(NOON)


def raises(failure: ChildFailed) -> Runner:
    def run(command: Sequence[str], deadline_seconds: float, stopping: Callable[[], bool]) -> ChildOutput:
        raise failure

    return run


def test_after_a_failure_yahoo_is_not_asked_until_the_pause_is_over() -> None:
    script, clock = Scripted(failed_document("rate_limited"), market_document()), VirtualClock(NOON)
    asked = source(script, clock)
    with pytest.raises(PricesUnavailable, match="429"):
        asked.market(clock.now())
    with pytest.raises(PricesUnavailable, match=r"^Yahoo is not asked again before Tue 2026-11-24 12:0[12] ET; .*429"):
        asked.market(clock.now())
    assert len(script.asked) == 1
    clock.advance(timedelta(seconds=120))
    assert asked.market(clock.now()).newest_row == DAY
    assert len(script.asked) == 2


@pytest.mark.parametrize("window", [None, timedelta(minutes=15)], ids=["every check", "before the close"])
def test_a_refusal_of_the_afternoon_leaves_two_tries(window: timedelta | None) -> None:
    """A 429 at 15:45 kept the bot from asking again until 15:59, in one session of two."""
    times = Timetable(timedelta(minutes=15), timedelta(minutes=5), window)
    for seed in range(20):
        clock = VirtualClock(new_york(DAY, 14, 0, 3))
        refusal = Refusal(clock)
        asked = ChildPrices(clock, random.Random(seed), symbols=SYMBOLS, run=refusal, times=times)
        asked.sessions(clock.now())
        while clock.now() < new_york(DAY, 15, 59):
            with pytest.raises(PricesUnavailable):
                asked.market(clock.now())
            in_window = window is not None and clock.now() >= new_york(DAY, 15, 45)
            clock.advance(timedelta(seconds=61) if in_window else times.next_check(table(), clock.now()) - clock.now())
            clock.advance(timedelta(seconds=3))
        last = new_york(DAY, 15, 30) if window is None else new_york(DAY, 15, 50)
        assert len([moment for moment in refusal.tries if moment >= last]) >= 2, seed
        assert len([moment for moment in refusal.tries if moment < new_york(DAY, 15, 30)]) < 8, seed


class Refusal:
    """A runner that answers with the table of sessions and a 429, and keeps when."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.tries: list[datetime] = []

    def __call__(self, *_: Any) -> ChildOutput:
        self.tries.append(self._clock.now())
        return ChildOutput(0, json.dumps({**sessions_document(), **failed_document("rate_limited")}).encode(), "")


def test_the_table_reaches_from_two_years_ago_to_a_year_ahead() -> None:
    script = Scripted({**sessions_document(), **market_document()})
    source(script).sessions(NOON)
    (arguments,) = script.asked
    assert arguments[:3] == ["all", "--period", "1y"]
    assert arguments[3:6] == ["--symbols", "QQQ", "TQQQ"]
    assert arguments[6:10] == ["--start", "2024-11-22", "--end", "2027-11-24"]


def test_a_long_average_requests_a_longer_history_and_table() -> None:
    script = Scripted({**sessions_document(), **market_document()}, market_document())
    asked = source(script, long_period=1000)
    asked.sessions(NOON)
    asked.market(NOON)
    asked.market(NOON)
    assert script.asked[0][:3] == ["all", "--period", "5y"]
    assert script.asked[0][6:8] == ["--start", "2020-11-19"]
    assert script.asked[1][:3] == ["prices", "--period", "5y"]


def test_closed_on_days_are_not_sessions() -> None:
    script = Scripted({**sessions_document(), **market_document()})
    sessions = source(script, closed_on={DAY: None}).sessions(NOON)
    assert sessions.open_session(NOON) is None
    assert sessions.next_open(NOON) == session(date(2026, 11, 25))


def test_the_first_table_brings_the_first_prices_with_it() -> None:
    script, clock = (
        Scripted({**sessions_document(), **market_document()}, market_document()),
        VirtualClock(NOON),
    )
    asked = source(script, clock)
    asked.sessions(NOON)
    assert asked.market(NOON).newest_row == DAY
    assert len(script.asked) == 1
    asked.market(NOON)
    assert script.asked[1][0] == "prices"


def test_prices_that_came_with_the_table_do_not_serve_a_later_check() -> None:
    script, clock = (
        Scripted({**sessions_document(), **market_document()}, market_document()),
        VirtualClock(NOON),
    )
    asked = source(script, clock)
    asked.sessions(NOON)
    clock.advance(timedelta(minutes=15))
    asked.market(clock.now())
    assert len(script.asked) == 2


def test_missing_prices_do_not_hold_back_the_table() -> None:
    script = Scripted({**sessions_document(), **failed_document("rate_limited")})
    asked = source(script)
    assert asked.sessions(NOON).open_session(NOON) == session(DAY)
    with pytest.raises(PricesUnavailable, match="429"):
        asked.market(NOON)
    with pytest.raises(PricesUnavailable, match="not asked again before"):
        asked.market(NOON)
    assert len(script.asked) == 1


def test_the_table_is_kept_for_a_day_and_then_renewed_without_prices() -> None:
    script = Scripted({**sessions_document(), **market_document()}, sessions_document())
    asked = source(script)
    asked.sessions(NOON)
    asked.sessions(NOON + timedelta(hours=23))
    assert len(script.asked) == 1
    asked.sessions(NOON + timedelta(hours=25))
    assert script.asked[1][:3] == ["sessions", "--start", "2024-11-23"]


def test_the_table_is_renewed_before_its_horizon() -> None:
    near = sessions_document(last=date(2027, 1, 15))
    script = Scripted({**near, **market_document()}, sessions_document())
    asked = source(script)
    assert asked.sessions(NOON).ends() == session(date(2027, 1, 15)).close
    assert asked.sessions(NOON).ends() == session(date(2027, 11, 30)).close


def test_a_table_that_cannot_be_renewed_is_used_until_it_ends() -> None:
    script = Scripted({**sessions_document(last=date(2026, 12, 1)), **market_document()}, "nonsense", "nonsense")
    asked = source(script)
    first = asked.sessions(NOON)
    assert asked.sessions(NOON + timedelta(days=2)) is first
    with pytest.raises(PricesUnavailable, match="without an answer"):
        asked.sessions(NOON + timedelta(days=10))


def test_a_library_that_does_not_reach_now_is_the_end_of_the_calendar() -> None:
    script = Scripted({**sessions_document(last=date(2026, 11, 23)), **market_document()}, failed_document("calendar"))
    asked = source(script)
    with pytest.raises(CalendarEnded, match="update"):
        asked.sessions(NOON)
    with pytest.raises(CalendarEnded, match="update"):
        asked.sessions(NOON)


def test_an_unreadable_table_is_prices_unavailable() -> None:
    script = Scripted({"schema": 1, "sessions": [["2026-11-24", "soon", "later"]]})
    with pytest.raises(PricesUnavailable, match="table of sessions cannot be read"):
        source(script).sessions(NOON)


def test_a_row_that_the_answer_lacks_is_not_put_back() -> None:
    """That is for the bot's own memory of prices, which has witnesses."""
    script = Scripted({**sessions_document(), **market_document()}, market_document(closes={BEFORE: "gone"}))
    asked = source(script)
    asked.sessions(NOON)
    asked.market(NOON)
    assert asked.market(NOON).bars[-1].date == date(2026, 11, 20)


def test_splits_come_with_the_prices() -> None:
    script = Scripted(market_document(tqqq={"splits": [[DAY.isoformat(), 2.0]]}))
    assert source(script).market(NOON).splits == (Split(TQQQ, DAY, 2.0),)


def test_dividends_come_with_the_prices() -> None:
    paid = [[DAY.isoformat(), 0.7], ["2026-08-21", 0.0], ["2026-05-20", -0.7]]
    script = Scripted(market_document(tqqq={"dividends": paid}))
    assert source(script).market(NOON).dividends == (Dividend(TQQQ, DAY, 0.7),)


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 15)])
def test_a_recent_split_of_an_unknown_ratio_is_refused(day: date) -> None:
    with pytest.raises(PricesUnavailable, match=f"^TQQQ: Yahoo reports a split on {day}, but not its ratio$"):
        read_market(market_document(tqqq={"splits": [[day.isoformat(), 0.0]]}), SYMBOLS)


def test_an_old_split_of_an_unknown_ratio_and_one_that_changes_nothing_are_left_out() -> None:
    splits = [["2026-11-13", 0.0], [DAY.isoformat(), 1.0], ["2026-01-05", 2.0]]
    assert read_market(market_document(tqqq={"splits": splits}), SYMBOLS).splits == (
        Split(TQQQ, date(2026, 1, 5), 2.0),
    )


def test_the_servers_own_time_comes_with_the_market() -> None:
    document = market_document()
    assert read_market(document, SYMBOLS).answered_at is None
    document["prices"]["QQQ"]["answered_at"] = NOON.isoformat()
    assert read_market(document, SYMBOLS).answered_at == NOON


def test_the_two_sides_speak_of_the_same_schema() -> None:
    assert prices.SCHEMA == market_child.SCHEMA
    assert set(PAUSES) <= set(asking.SENTENCES)


def test_on_a_day_without_a_trade_the_last_finished_row_is_kept() -> None:
    """The calendar takes a closed day for a session: the live price is of the day before, whose row is finished."""
    script = Scripted({**sessions_document(), **market_document()})
    asked = source(script)
    tomorrow = new_york(date(2026, 11, 25), 11)
    asked.sessions(tomorrow)
    assert asked.market(tomorrow).bars[-1].date == DAY


@pytest.mark.parametrize("about", [{"symbol": "QQQ"}, {"symbol": None}, {"currency": "EUR"}, {"currency": None}])
def test_an_answer_about_something_else_is_refused(about: dict[str, Any]) -> None:
    with pytest.raises(PricesUnavailable, match=r"^Yahoo was asked for TQQQ in USD and answered for "):
        read_market(market_document(tqqq=about), SYMBOLS)


def test_both_funds_rows_come_with_their_unadjusted_closes_and_without_todays() -> None:
    rows = [["2026-11-20", 449.0, 449.5], [BEFORE.isoformat(), None, 450.5], [DAY.isoformat(), 451.0, 451.0]]
    market = read_market(market_document(qqq={"rows": rows}, tqqq={"rows": rows}), SYMBOLS)
    for bars in (market.bars, market.fund_bars):
        assert bars is not None
        assert [(bar.date, bar.unadjusted) for bar in bars] == [(date(2026, 11, 20), 449.5), (BEFORE, 450.5)]
        assert bars[0].close == 449.0


NULL = [[BEFORE.isoformat(), 450.0, 450.0], [DAY.isoformat(), None, None]]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({}, DayRow(449.0, 451.0, 450.0)),
        ({"low": None, "high": 0.0}, DayRow(450.0, 450.0, 450.0)),
        ({"rows": [[BEFORE.isoformat(), 450.0, 450.0], [DAY.isoformat(), 450.0, 0.0]]}, DayRow(449.0, 451.0, 450.0)),
        ({"rows": NULL}, DayRow(449.0, 451.0, 450.0)),
        ({"rows": NULL, "price": 460.0}, DayRow(449.0, 451.0, 460.0)),
        ({"rows": NULL, "low": None}, None),
        ({"rows": NULL[:1], "high": None}, None),
    ],
)
def test_a_live_price_comes_with_its_own_days_row_or_range(changes: dict[str, Any], row: DayRow | None) -> None:
    assert read_market(market_document(qqq=changes), SYMBOLS).signal_quote.row == row


def test_a_null_price_is_not_a_number_and_not_zero() -> None:
    document = market_document(closes={BEFORE: None})
    document["prices"]["QQQ"]["price"] = None
    market = read_market(document, SYMBOLS)
    assert market.signal_quote.price != market.signal_quote.price
    assert market.bars[-1].close != market.bars[-1].close
    assert market.fund_previous_close is None
    assert (market.signal_quote.symbol, market.fund_quote.symbol) == (QQQ, TQQQ)
