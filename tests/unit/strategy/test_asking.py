"""Ask first: what an announcement, its replies and the time allow. By table, and for anything that can be at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.reasons import Reason
from qqqbot.model.values import Answer, Asked, Holding, Rules, Side, Snapshot
from qqqbot.strategy.asking import LATE_SECONDS, NEEDED_SECONDS, ask_first
from qqqbot.strategy.planning import decide
from qqqbot.strategy.risk import refusal
from tests.support.builders import DAY, NOW, RULES, intent, portfolio, session, snapshot
from tests.support.snapshots import all_rules, valid_snapshots
from tests.support.symbols import QQQ

SECONDS = 600
TRADES, WAITS = (replace(RULES, ask_first_seconds=SECONDS, ask_first_waits=waits) for waits in (False, True))
HOLDS_QQQ = portfolio(qqq=211)
HOLDINGS = (Holding.TQQQ, Holding.QQQ, Holding.CASH)
ASKED = Asked(
    "042137",
    DAY,
    Holding.QQQ,
    Holding.TQQQ,
    NOW,
    session().close,
    waited_seconds=SECONDS,
    silent=True,
    age_seconds=SECONDS,
)


def verdict(asked: Asked | None, rules: Rules = TRADES, **of_snapshot: Any) -> tuple[bool, str, Reason | None]:
    seen = snapshot(Holding.TQQQ, portfolio=HOLDS_QQQ, asked=asked, **of_snapshot)
    gate, announces = ask_first(seen, Holding.TQQQ, rules)
    assert not (announces and gate.passed)
    return gate.passed, "announces" if announces else gate.found, gate.code


OLD = SECONDS + LATE_SECONDS + 1.0
TABLE = [
    (None, TRADES, (False, "announces", None)),
    (ASKED, TRADES, (True, "no veto", None)),
    (replace(ASKED, session=DAY - timedelta(days=1)), TRADES, (False, "announces", None)),
    (replace(ASKED, held=Holding.CASH), TRADES, (False, "announces", None)),
    (replace(ASKED, target=Holding.CASH), TRADES, (False, "announces", None)),
    (replace(ASKED, ended=True), TRADES, (False, "announces", None)),
    (replace(ASKED, answers=(Answer.HALT,)), TRADES, (False, "announces", None)),
    (replace(ASKED, answers=(Answer.VETO,)), TRADES, (False, "vetoed", Reason.VETOED)),
    (replace(ASKED, answers=(Answer.GO, Answer.VETO)), WAITS, (False, "vetoed", Reason.VETOED)),
    (replace(ASKED, waited_seconds=SECONDS - 1.0), TRADES, (False, "time to answer", None)),
    (replace(ASKED, waited_seconds=SECONDS - 1.0, answers=(Answer.GO,)), TRADES, (False, "time to answer", None)),
    (replace(ASKED, waited_seconds=None), TRADES, (False, "not delivered yet", None)),
    (replace(ASKED, waited_seconds=None, age_seconds=OLD), TRADES, (False, "not delivered yet", Reason.NOT_ANSWERED)),
    (replace(ASKED, silent=False), TRADES, (False, "time to answer", None)),
    (replace(ASKED, silent=False, problem="away", age_seconds=OLD), TRADES, (False, "away", Reason.NOT_ANSWERED)),
    (ASKED, WAITS, (False, 'no "go"', None)),
    (replace(ASKED, age_seconds=OLD), WAITS, (False, 'no "go"', Reason.NOT_ANSWERED)),
    (replace(ASKED, answers=(Answer.GO,), waited_seconds=1.0, silent=False), WAITS, (True, "go", None)),
]


@pytest.mark.parametrize(("asked", "rules", "expected"), TABLE)
def test_what_an_announcement_allows(
    asked: Asked | None, rules: Rules, expected: tuple[bool, str, Reason | None]
) -> None:
    assert verdict(asked, rules) == expected


@pytest.mark.parametrize(("left", "found"), [(SECONDS + NEEDED_SECONDS, "announces"), (SECONDS + 200, "too late")])
def test_near_the_close_nothing_is_announced_that_could_not_be_made(left: int, found: str) -> None:
    assert verdict(None, now=session().close - timedelta(seconds=left))[1] == found


def test_what_has_begun_is_completed_whatever_was_answered() -> None:
    assert verdict(replace(ASKED, answers=(Answer.VETO,)), half_made=Holding.TQQQ) == (True, "begun", None)
    assert verdict(None, half_made=Holding.CASH)[1] == "announces"


announcements = st.builds(
    Asked,
    code=st.just("042137"),
    session=st.sampled_from([DAY, DAY - timedelta(days=1)]),
    held=st.sampled_from(HOLDINGS),
    target=st.sampled_from(HOLDINGS),
    announced_at=st.just(NOW),
    closes=st.just(session().close),
    answers=st.lists(st.sampled_from(Answer), unique=True).map(tuple),
    ended=st.booleans(),
    waited_seconds=st.none() | st.sampled_from([0.0, SECONDS - 1.0, SECONDS + 5.0, 1e6]),
    age_seconds=st.sampled_from([0.0, 1e6]),
    silent=st.booleans(),
)


@given(valid_snapshots(), all_rules, st.none() | announcements, st.none() | st.sampled_from(HOLDINGS), st.booleans())
def test_no_order_without_an_announcement_that_allows_it_and_none_that_the_rule_does_not_want(
    seen: Snapshot, rules: Rules, asked: Asked | None, half_made: Holding | None, waits: bool
) -> None:
    seen = replace(seen, asked=asked, half_made=half_made)
    unasked, plan = decide(seen, rules), decide(seen, replace(rules, ask_first_seconds=SECONDS, ask_first_waits=waits))
    assert plan.orders in ((), unasked.orders)
    assert plan.target is unasked.target
    assert plan.announces <= (plan.orders == () != unasked.orders)
    if plan.orders and plan.target is not half_made:
        assert asked is not None
        assert (asked.session, asked.held, asked.target) == (DAY, seen.portfolio.holding, plan.target)
        assert not asked.ended
        assert not {Answer.VETO, Answer.HALT} & set(asked.answers)
        assert Answer.GO in asked.answers if waits else asked.silent and (asked.waited_seconds or 0) >= SECONDS
    if unasked.orders and not plan.orders:
        assert plan.blocked_by is not None
        assert plan.blocked_by.name == "asked"


@pytest.mark.parametrize(("asked", "rules", "expected"), TABLE)
def test_the_last_check_before_an_order_agrees(
    asked: Asked | None, rules: Rules, expected: tuple[bool, str, Reason | None]
) -> None:
    seen = snapshot(Holding.TQQQ, portfolio=HOLDS_QQQ, asked=asked)
    order = intent(Side.SELL, QQQ, 211, target=Holding.TQQQ)
    refused = refusal(order, seen, rules, seen.account.account, NOW)
    knows_no_better = asked is not None and asked.held is not Holding.QQQ
    assert knows_no_better or (refused is None) == expected[0], refused
    assert refusal(order, replace(seen, half_made=Holding.TQQQ), rules, seen.account.account, NOW) is None
