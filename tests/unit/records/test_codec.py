"""The record of a decision's inputs gives back the same inputs, and says so if it cannot."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.market import Split
from qqqbot.model.values import Decide, Holding, Rules, Snapshot
from qqqbot.records.codec import (
    UNREADABLE,
    difference,
    merged,
    packed,
    plain_inputs,
    snapshot_and_rules,
    unpacked,
)
from qqqbot.strategy.planning import decide
from tests.support.builders import DAY, NOW, RULES, intent, market, portfolio, snapshot
from tests.support.snapshots import odd_snapshots

RICH = snapshot(
    Holding.TQQQ,
    portfolio=portfolio(qqq=3, cash="91234.123456789012345678", since=NOW, moving_to=Holding.QQQ),
    market=replace(market(), splits=(Split("TQQQ", DAY, 2.0),), fund_previous_close=None),
    unresolved=(intent(), intent(limit_price=Decimal("450.10"))),
    halted="a look first",
    decided_target=Holding.CASH,
    unfinished="QQQ",
)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=4),
)


def through_a_file(inputs: Any) -> Any:
    return json.loads(json.dumps(inputs, allow_nan=False))


@given(odd_snapshots())
def test_any_inputs_come_back_and_decide_the_same(odd: Snapshot) -> None:
    written = through_a_file(plain_inputs(odd, RULES))
    read, rules = snapshot_and_rules(written)
    assert plain_inputs(read, rules) == written  # NaN is not equal to itself, its text is
    assert str(decide(read, rules)) == str(decide(odd, RULES))


@pytest.mark.parametrize("rules", [RULES, Rules(decide=Decide.BEFORE_CLOSE, position_size=Decimal("0.333"), band=0.01)])
def test_every_field_comes_back_exactly(rules: Rules) -> None:
    assert snapshot_and_rules(through_a_file(plain_inputs(RICH, rules))) == (RICH, rules)


@given(jsons, jsons)
def test_applying_a_difference_turns_one_into_the_other(one: Any, other: Any) -> None:
    assert merged(one, through_a_file(difference(one, other))) == other


@given(jsons)
def test_packing_and_unpacking_give_the_same_value(value: Any) -> None:
    assert unpacked(packed(value)) == value


def test_a_later_check_is_stored_as_a_small_difference() -> None:
    base = plain_inputs(RICH, RULES)
    later = plain_inputs(replace(RICH, now=NOW + timedelta(minutes=15)), RULES)
    assert difference(base, later) == {"snapshot": {"now": "2026-11-24T17:15:00+00:00"}}


def test_a_window_that_moves_on_is_stored_as_what_is_new() -> None:
    assert difference([1, 2, 3, 4], [2, 3, 4, 5]) == {">": [1, [5]]}
    assert difference([1, 2, 3], [2, 9, 4]) == [2, 9, 4]
    assert merged({"a": [1, 2, 3]}, {"a": {">": [2, [4, 5]]}}) == {"a": [3, 4, 5]}


def test_a_record_from_before_a_field_was_added_gets_its_default() -> None:
    inputs = plain_inputs(RICH, RULES)
    del inputs["snapshot"]["unfinished"]
    del inputs["rules"]["band"]
    read, rules = snapshot_and_rules(inputs)
    assert (read.unfinished, rules.band) == (None, 0.0)


@pytest.mark.parametrize("key", ["now", "session", "portfolio", "account", "market"])
def test_missing_values_and_wrong_types_are_reported_as_unreadable(key: str) -> None:
    inputs = plain_inputs(RICH, RULES)
    wrong: Any
    for wrong in ("x", 5, None, [], {}):
        with pytest.raises(UNREADABLE):
            snapshot_and_rules({**inputs, "snapshot": {**inputs["snapshot"], key: wrong}})
    with pytest.raises(ValueError, match=key):
        snapshot_and_rules({**inputs, "snapshot": {k: v for k, v in inputs["snapshot"].items() if k != key}})


@pytest.mark.parametrize("text", ["", "x", "AAAA", packed({})[:-4], "é"])
def test_a_damaged_pack_is_unreadable(text: str) -> None:
    with pytest.raises(UNREADABLE):
        unpacked(text)
