"""Rules that need years of closes, through the real client over a real socket: what is fetched is enough for them."""

import random
from collections.abc import Iterator
from datetime import date, datetime

import pytest

from qqqbot.adapters.yahoo import asking, child
from qqqbot.adapters.yahoo.price_source import ChildPrices, read_market
from qqqbot.model.family import PRESETS, watched
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Action, Holding, Rules
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, StandIn, session_dates, shaped_series
from tests.support.builders import session, snapshot
from tests.support.symbols import SYMBOLS
from tests.support.yahoo_documents import NOON
from tests.support.yahoo_world import PATIENT_SECONDS

DATES = session_dates(date(2015, 6, 1), date(2026, 12, 4))
SERIES = shaped_series(DATES, [50 * 1.00065**number * (1.001 if number % 2 else 1.0) for number in range(len(DATES))])
SERIES |= {"SPY": SERIES["QQQ"], "UPRO": SERIES["TQQQ"], "QQQM": SERIES["QQQ"]}


@pytest.fixture(scope="module")
def yahoo(cache_of_our_own: None) -> Iterator[StandIn]:
    with StandIn(Exchange(SERIES), now=lambda: NOON) as standin:
        yield standin


def period(rules: Rules, moment: datetime) -> str:
    source = ChildPrices(VirtualClock(moment), random.Random(1), symbols=SYMBOLS, long_period=rules.form.history + 1)
    return source._wanted()[1]


# The last one holds a fund beside the signal's, and shares that an earlier rule has left.
@pytest.mark.parametrize(("name", "held"), [*((name, ()) for name in PRESETS), ("qqq-200", ("QQQM", "UPRO"))])
def test_what_a_preset_needs_is_fetched_and_traded_on(yahoo: StandIn, name: str, held: tuple[str, ...]) -> None:
    rules = Rules(rule=PRESETS[name])
    asked = asking.new_session(timeout_seconds=PATIENT_SECONDS, **yahoo.session_options)
    symbols = watched(rules.form, held)
    market = read_market(child.document("prices", symbols, None, None, period(rules, NOON), asked), symbols)
    assert tuple(market.quotes) == symbols
    calendar = SessionTable.build(session(day) for day in DATES)
    today = calendar.current(NOON)
    expected = calendar.before(today.date, rules.form.history)
    seen = snapshot(now=NOON, market=market, session=today, exchange_open=True, expected=expected)
    plan = decide(seen, rules)
    assert plan.blocked_by is None, plan.sentence
    assert plan.signal is not None
    assert plan.signal.target in ((Holding.TQQQ, Holding.QQQ) if name == "30/120" else (rules.form.strong,))
    assert (plan.action, [order.side for order in plan.orders]) == (Action.ROTATE, ["BUY"])
