"""Each case that was reported or tried, through the real client over a real socket: what the bot makes of it.

The stand-in's README says what each case is. Cases of fault in the client's helpers are in test_yahoo_child.py.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from qqqbot.adapters.yahoo import asking, child
from qqqbot.adapters.yahoo.price_source import read_market
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.market import Market
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Action, Plan, Rules
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, StandIn, session_dates, shaped_series, with_event
from tests.support.builders import new_york, snapshot, table
from tests.support.cache_home import cache_home
from tests.support.yahoo_documents import BEFORE, DAY, NOON

RULES = Rules()


def series() -> dict[str, list[Any]]:
    """Prices on whose last day the rule wants TQQQ, by little, with a dividend of three weeks ago."""
    dates = session_dates(date(2024, 6, 3), date(2026, 12, 4))
    closes = [400.0]
    for number, day in enumerate(dates[1:]):
        step = 1.007 if day == DAY else (1.004 if number % 2 else 0.9965)
        closes.append(closes[-1] * step)
    made = shaped_series(dates, closes)
    return {**made, "QQQ": with_event(made["QQQ"], date(2026, 11, 3), dividend=0.8)}


SERIES = series()


class World:
    def __init__(self, yahoo: StandIn, moment: list[datetime]) -> None:
        self.yahoo, self._moment = yahoo, moment
        self._session = asking.new_session(timeout_seconds=2.0, **yahoo.session_options)

    def at(self, moment: datetime) -> None:
        self._moment[0] = moment

    def market(self) -> Market:
        return read_market(child.document("prices", None, None, "2y", self._session))

    def plan(self, calendar: SessionTable | None = None) -> Plan:
        now, calendar = self._moment[0], calendar or table()
        market = self.market()
        latest = calendar.open_session(now) or calendar.last_closed(now)
        seen = snapshot(
            now=now,
            market=market,
            session=latest,
            exchange_open=latest.contains(now),
            expected=calendar.before(latest.date, RULES.form.history),
        )
        return decide(seen, RULES)


@pytest.fixture(scope="module", autouse=True)
def cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with cache_home(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture
def world() -> Iterator[World]:
    moment = [NOON]
    with StandIn(Exchange(SERIES), now=lambda: moment[0]) as yahoo:
        yield World(yahoo, moment)


HARMLESS: list[dict[str, Any]] = [
    {"kind": "capital_gain"},
    {"kind": "capital_gain", "value": "2026-10-20T09:30:00-04:00"},
    {"kind": "capital_gain", "value": "2026-11-21T09:30:00-05:00"},
    {"kind": "bad_dividend"},
    {"kind": "bad_dividend", "value": 3},
    {"kind": "bad_split"},
    {"kind": "phantom_split", "value": [1, 1.0]},
    {"kind": "price_object"},
    {"kind": "price_text"},
    {"kind": "time_text"},
    {"kind": "time_in_milliseconds"},
    {"kind": "null_stamp"},
    {"kind": "infinite", "value": 200},
    {"kind": "short_history", "value": 200},
    {"kind": "meta", "value": {"instrumentType": "EQUITY", "validRanges": ["1mo"], "exchangeTimezoneName": "Nowhere"}},
    {"kind": "no_date"},
    {"kind": "503", "on": "crumb"},
    {"kind": "consent"},
    {"kind": "429", "times": 1},
]


def named(fault: dict[str, Any]) -> str:
    return "-".join(str(part) for part in fault.values())[:40]


def test_sound_prices_are_traded_on(world: World) -> None:
    plan = world.plan()
    assert (plan.action, [(order.side, order.symbol) for order in plan.orders]) == (Action.ROTATE, [("BUY", "TQQQ")])


@pytest.mark.parametrize("fault", HARMLESS, ids=named)
def test_what_is_of_no_importance_to_the_window_changes_nothing(world: World, fault: dict[str, Any]) -> None:
    sound = world.plan()
    world.yahoo.fault(**fault)
    plan = world.plan()
    assert (plan.action, plan.orders, plan.signal) == (sound.action, sound.orders, sound.signal)


REFUSED: list[dict[str, Any]] = [
    *({"kind": "gap", "value": sessions} for sessions in range(1, 6)),
    *({"kind": "gap", "value": sessions, "symbol": "QQQ"} for sessions in (1, 5)),
    {"kind": "null", "value": "2026-11-20"},
    {"kind": "null", "value": "2026-11-20", "symbol": "QQQ"},
    {"kind": "null_stamp", "value": 40, "symbol": "QQQ"},
    {"kind": "infinite", "symbol": "QQQ"},
    {"kind": "no_adjclose", "symbol": "QQQ"},
    {"kind": "short_history", "value": 60, "symbol": "QQQ"},
    {"kind": "tomorrow"},
    {"kind": "night", "symbol": "QQQ"},
    {"kind": "stamped_utc"},
    {"kind": "stamped_evening"},
    {"kind": "off", "symbol": "TQQQ", "value": 10.0},
    {"kind": "closed"},
    {"kind": "halted", "value": "11:00"},
    {"kind": "days_old"},
]


@pytest.mark.parametrize("fault", REFUSED, ids=named)
def test_what_the_window_or_the_live_price_lacks_is_refused_with_a_sentence(
    world: World, fault: dict[str, Any]
) -> None:
    world.yahoo.fault(**fault)
    plan = world.plan()
    assert (plan.action, plan.orders) == (Action.WAIT, ())
    assert plan.blocked_by is not None
    assert plan.sentence
    assert plan.sentence.isprintable()


UNANSWERED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "403"}, "refused"),
    ({"kind": "451"}, "refused"),
    ({"kind": "503"}, "server_error"),
    ({"kind": "999"}, "server_error"),
    ({"kind": "blank"}, "unreadable"),
    ({"kind": "nothing"}, "unreadable"),
    ({"kind": "null_body"}, "unreadable"),
    ({"kind": "spark"}, "unreadable"),
    ({"kind": "no_token"}, "unreadable"),
    ({"kind": "finance_error"}, "server_error"),
    ({"kind": "consent_for_ever"}, "consent"),
    ({"kind": "price_text", "value": "N/A"}, "empty"),
    ({"kind": "time_text", "value": "noon"}, "empty"),
    ({"kind": "no_timestamps"}, "empty"),
]


@pytest.mark.parametrize(
    ("fault", "code"), UNANSWERED, ids=lambda value: named(value) if isinstance(value, dict) else ""
)
def test_what_is_no_answer_has_a_sentence(world: World, fault: dict[str, Any], code: str) -> None:
    world.yahoo.fault(**fault)
    with pytest.raises(PricesUnavailable) as failure:
        world.market()
    assert str(failure.value).startswith(f"QQQ: {asking.SENTENCES[code]} [")
    assert str(failure.value).isprintable()


def test_a_recent_split_without_a_ratio_is_refused(world: World) -> None:
    world.yahoo.fault("bad_split", symbol="TQQQ", value=2)
    with pytest.raises(PricesUnavailable, match=r"^TQQQ: Yahoo reports a split on 2026-11-20, but not its ratio$"):
        world.market()


def test_an_outage_of_days_is_over_with_the_first_answer(world: World) -> None:
    for day in (DAY, date(2026, 11, 25), date(2026, 11, 27)):
        world.at(new_york(day, 11))
        world.yahoo.fault("429")
        with pytest.raises(PricesUnavailable, match="429"):
            world.market()
    world.yahoo.clear()
    world.at(new_york(date(2026, 11, 30), 11))
    assert world.market().newest_row == date(2026, 11, 30)


def test_a_closure_that_the_owner_has_entered_is_no_gap(world: World) -> None:
    """2025-01-09 for an older calendar library: the day before is asked for, and no row of the closed day."""
    known = table()
    world.yahoo.fault("closed", value=BEFORE.isoformat())
    plan = world.plan(SessionTable.build(known.sessions, {BEFORE: None}))
    assert plan.action is Action.ROTATE
    assert world.plan().action is Action.WAIT


def test_the_servers_time_says_that_this_machines_clock_is_wrong(world: World) -> None:
    world.yahoo.fault("wrong_date", value=3600)
    assert world.market().answered_at == NOON + timedelta(hours=1)


def test_rows_that_change_between_two_requests_are_seen(world: World) -> None:
    world.yahoo.fault("row_off", symbol="QQQ", value=[7, 1.05], after=1)
    sound, changed = world.market(), world.market()
    assert [a.date for a, b in zip(sound.bars, changed.bars, strict=True) if a != b] == [sound.bars[-7].date]


WITNESSED: list[dict[str, Any]] = [
    *({"kind": "row_off", "symbol": "QQQ", "value": [sessions, 1.18]} for sessions in (1, 2, 7, 60)),
    *({"kind": "row_off", "symbol": "QQQ", "value": [7, factor]} for factor in (0.85, 0.95, 1.05, 1.1)),
    *({"kind": "dividend_times", "symbol": "QQQ", "value": factor} for factor in (2, 10, 100)),
    {"kind": "frozen", "value": 5},
    {"kind": "frozen", "value": 25},
    {"kind": "stuck"},
    {"kind": "stuck", "symbol": "QQQ"},
    {"kind": "swapped", "symbol": "QQQ", "value": "TQQQ"},
    {"kind": "swapped", "symbol": "TQQQ", "value": "QQQ"},
    {"kind": "in_euros", "value": "EUR"},
    {"kind": "in_euros", "symbol": "TQQQ", "value": "EUR"},
    {"kind": "phantom_split", "symbol": "QQQ"},
    {"kind": "phantom_split", "symbol": "TQQQ"},
]


@pytest.mark.parametrize("fault", WITNESSED, ids=named)
def test_what_has_another_witness_against_it_gives_no_other_order(world: World, fault: dict[str, Any]) -> None:
    sound = world.plan()
    world.yahoo.fault(**fault)
    try:
        plan = world.plan()
    except PricesUnavailable as failure:
        assert str(failure).isprintable()  # noqa: PT017 (a sentence is as good as a plan that waits)
        return
    assert plan.action is Action.WAIT or [one[:2] for one in sizes(plan)] == [other[:2] for other in sizes(sound)]
    assert all(abs(one[2] / other[2] - 1) < 0.01 for one, other in zip(sizes(plan), sizes(sound), strict=False))


def sizes(plan: Plan) -> list[tuple[str, str, int]]:
    return [(order.side, order.symbol, order.quantity) for order in plan.orders]
