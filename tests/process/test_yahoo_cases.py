"""Each case that was reported or tried, through the real client over a real socket: what the bot makes of it.

The stand-in's README says what each case is. Cases of fault in the client's helpers are in test_yahoo_child.py.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from qqqbot.adapters.yahoo import asking
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Action, Plan
from standins.yahoo import session_dates, shaped_series, with_event
from tests.support.builders import new_york, table
from tests.support.yahoo_documents import BEFORE, DAY, NOON
from tests.support.yahoo_world import YahooWorld, yahoo_world


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


pytestmark = pytest.mark.usefixtures("cache_of_our_own")


@pytest.fixture
def world() -> Iterator[YahooWorld]:
    with yahoo_world(SERIES) as world:
        yield world


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
    {"kind": "twice", "symbol": "QQQ", "value": "2026-02-03"},
    {"kind": "twice_differing", "symbol": "QQQ", "value": "2026-02-03"},
    {"kind": "meta", "value": {"instrumentType": "EQUITY", "validRanges": ["1mo"], "exchangeTimezoneName": "Nowhere"}},
    {"kind": "no_date"},
    {"kind": "503", "on": "crumb"},
    {"kind": "consent"},
    {"kind": "429", "times": 1},
]


def named(fault: dict[str, Any]) -> str:
    return "-".join(str(part) for part in fault.values())[:40]


def test_sound_prices_are_traded_on(world: YahooWorld) -> None:
    plan = world.plan()
    assert (plan.action, [(order.side, order.symbol) for order in plan.orders]) == (Action.ROTATE, [("BUY", "TQQQ")])


@pytest.mark.parametrize("fault", HARMLESS, ids=named)
def test_what_is_of_no_importance_to_the_window_changes_nothing(world: YahooWorld, fault: dict[str, Any]) -> None:
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
    world: YahooWorld, fault: dict[str, Any]
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
def test_what_is_no_answer_has_a_sentence(world: YahooWorld, fault: dict[str, Any], code: str) -> None:
    world.yahoo.fault(**fault)
    with pytest.raises(PricesUnavailable) as failure:
        world.market()
    assert str(failure.value).startswith(f"QQQ: {asking.SENTENCES[code]} [")
    assert str(failure.value).isprintable()


def test_a_recent_split_without_a_ratio_is_refused(world: YahooWorld) -> None:
    world.yahoo.fault("bad_split", symbol="TQQQ", value=2)
    with pytest.raises(PricesUnavailable, match=r"^TQQQ: Yahoo reports a split on 2026-11-20, but not its ratio$"):
        world.market()


def test_an_outage_of_days_is_over_with_the_first_answer(world: YahooWorld) -> None:
    for day in (DAY, date(2026, 11, 25), date(2026, 11, 27)):
        world.at(new_york(day, 11))
        world.yahoo.fault("429")
        with pytest.raises(PricesUnavailable, match="429"):
            world.market()
    world.yahoo.clear()
    world.at(new_york(date(2026, 11, 30), 11))
    assert world.market().newest_row == date(2026, 11, 30)


def test_a_closure_that_the_owner_has_entered_is_no_gap(world: YahooWorld) -> None:
    """2025-01-09 for an older calendar library: the day before is asked for, and no row of the closed day."""
    known = table()
    world.yahoo.fault("closed", value=BEFORE.isoformat())
    plan = world.plan(SessionTable.build(known.sessions, {BEFORE: None}))
    assert plan.action is Action.ROTATE
    assert world.plan().action is Action.WAIT


def test_the_servers_time_says_that_this_machines_clock_is_wrong(world: YahooWorld) -> None:
    world.yahoo.fault("wrong_date", value=3600)
    assert world.market().answered_at == NOON + timedelta(hours=1)


def test_rows_that_change_between_two_requests_are_seen(world: YahooWorld) -> None:
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
def test_what_has_another_witness_against_it_gives_no_other_order(world: YahooWorld, fault: dict[str, Any]) -> None:
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
