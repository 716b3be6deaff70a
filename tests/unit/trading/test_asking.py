"""Ask first: never an order after a veto in time, never two, never one that the rule did not want; and never silence.

The owner is a fake one, the rest is real: journal, engine, broker's book. One world outlives several processes.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qqqbot.model.reasons import AlertKind, Reason
from qqqbot.model.values import Answer, Decide, Holding, OrderStatus
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.asking import GRACE_SECONDS, LATE
from qqqbot.trading.engine import Engine
from tests.support.builders import NOW, RULES
from tests.support.fakes import World, fills_part
from tests.support.symbols import QQQ, TQQQ

MINUTES = 10
ASKS = replace(RULES, ask_first_seconds=MINUTES * 60)
WAITS = replace(ASKS, ask_first_waits=True)
ENOUGH = timedelta(minutes=MINUTES, seconds=GRACE_SECONDS)


def asked(folder: Path, rules: object = ASKS) -> tuple[World, Engine]:
    """A world that holds QQQ, in which a rotation to TQQQ has just been announced."""
    world = World(folder)
    world.start().step()
    world.broker.submitted.clear()
    world.rules = rules  # type: ignore[assignment]
    world.prices.target = Holding.TQQQ
    engine = world.start()
    engine.step()
    assert world.broker.submitted == []
    return world, engine


def code(world: World) -> str:
    return str(world.rows("orders.jsonl")[-1]["code"])


def step(engine: Engine) -> str | None:
    engine.look_back()
    engine.step()
    last = engine.state.last_check
    assert last is not None
    return last.error


def sides(world: World) -> list[str]:
    return [f"{intent.side} {intent.symbol}" for intent in world.broker.submitted]


ROTATION = ["SELL QQQ", "BUY TQQQ"]


def test_a_rotation_is_announced_with_its_orders_its_reason_and_what_to_reply(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    ((number, text),) = world.owner.told
    assert f'Reply "veto {number}" within 10 minutes and it is not made; "halt {number}" stops all trading.' in text
    assert "Sell 211 QQQ (94,950.00 USD), then buy 1,583 TQQQ (94,980.00 USD), at the prices of now: uptrend" in text
    row = world.rows("decisions.jsonl")[-1]
    assert (row["action"], row["error"], row["target"], row["orders"]) == ("WAIT", None, "TQQQ", [])
    assert world.events()[-1] == "announced"
    assert engine.state.last_check is not None
    assert engine.state.last_check.good
    assert engine.pause() == timedelta(seconds=30)


def test_after_silence_it_is_made_once_and_both_legs_of_it(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    assert step(engine) is None
    assert engine.pause() == timedelta(minutes=MINUTES, seconds=20)
    world.pass_time(minutes=MINUTES - 1)
    step(engine)
    assert sides(world) == []
    world.clock.advance(ENOUGH - timedelta(minutes=MINUTES - 1))
    step(engine)
    assert sides(world) == ROTATION
    world.pass_time(minutes=1)
    step(engine)
    assert sides(world) == ROTATION
    assert len(world.owner.told) == 1


@pytest.mark.parametrize("rules", [ASKS, WAITS])
def test_a_veto_in_time_forbids_it_and_says_so_until_the_session_ends(tmp_path: Path, rules: object) -> None:
    world, engine = asked(tmp_path, rules)
    world.owner.replies = {Answer.VETO}
    assert engine.look_back(), "a check is due at once"
    assert step(engine) is Reason.VETOED
    assert [event.kind for event in engine.alerts.lasting()] == [AlertKind.VETOED]
    assert "you vetoed a rotation" in world.rows("decisions.jsonl")[-1]["sentence"]
    world.owner.replies = {Answer.GO}
    for _ in range(15):
        world.pass_time(minutes=15)
        assert step(engine) is Reason.VETOED
    assert sides(world) == []
    assert len(world.owner.told) == 1


def test_a_veto_ends_with_the_session_and_then_it_is_asked_again(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    world.owner.replies = {Answer.VETO}
    step(engine)
    world.pass_time(days=1)
    assert step(engine) is None
    assert len(world.owner.told) == 2
    world.clock.advance(timedelta(seconds=1))
    step(engine)
    world.clock.advance(ENOUGH)
    step(engine)
    assert sides(world) == ROTATION


def test_a_veto_ends_when_the_rules_answer_changes(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    world.owner.replies = {Answer.VETO}
    assert step(engine) is Reason.VETOED
    world.prices.target = Holding.QQQ
    assert step(engine) is None
    assert engine.alerts.lasting() == ()
    world.prices.target = Holding.TQQQ
    assert step(engine) is None
    assert len(world.owner.told) == 2
    assert sides(world) == []


def test_what_the_rule_no_longer_wants_is_withdrawn_and_told(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    world.prices.target = Holding.QQQ
    step(engine)
    assert (AlertKind.ANSWER, "the rotation to TQQQ is not made: the rule wants QQQ again") in world.notifier.told
    world.clock.advance(ENOUGH)
    world.prices.target = Holding.TQQQ
    step(engine)
    assert sides(world) == [], "the silence was for the first announcement"
    assert len({number for number, _ in world.owner.told}) == 2


def test_another_target_is_another_question(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.clock.advance(ENOUGH)
    world.prices.target = Holding.CASH
    step(engine)
    assert sides(world) == []
    world.owner.replies = set()
    step(engine)
    world.clock.advance(ENOUGH)
    step(engine)
    assert sides(world) == ["SELL QQQ"]


def test_a_veto_that_comes_too_late_is_told_so_and_changes_nothing(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.clock.advance(ENOUGH)
    step(engine)
    world.owner.replies = {Answer.VETO}
    engine.look_back()
    (text,) = [text for kind, text in world.notifier.told if kind is AlertKind.ANSWER]
    assert text.startswith("your veto came too late")
    assert step(engine) is None
    assert sides(world) == ROTATION
    world.clock.advance(LATE + timedelta(seconds=1))
    engine.look_back()
    assert world.owner.code == "", "nobody listens any more"


@pytest.mark.parametrize("late", [False, True])
def test_a_halt_by_reply_halts_and_only_a_command_ends_it(tmp_path: Path, late: bool) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    if late:
        world.clock.advance(ENOUGH)
        step(engine)
    world.owner.replies = {Answer.HALT}
    assert step(engine) is Reason.TRADING_HALTED
    made = sides(world)
    world.owner.replies = {Answer.GO}
    world.clock.advance(ENOUGH)
    assert step(world.start()) is Reason.TRADING_HALTED
    assert sides(world) == made
    (tmp_path / "HALT").unlink()
    engine = world.start()
    step(engine)
    assert sides(world) == made, "after resume it is announced again"
    assert len(world.owner.told) == (1 if late else 2)


def test_a_go_is_needed_where_silence_waits_and_nothing_else_makes_it(tmp_path: Path) -> None:
    world, engine = asked(tmp_path, WAITS)
    assert 'It is made only after your reply "go' in world.owner.told[0][1]
    world.clock.advance(ENOUGH)
    assert step(engine) is None
    world.pass_time(minutes=4)
    assert step(engine) is Reason.NOT_ANSWERED
    assert [event.kind for event in engine.alerts.lasting()] == [AlertKind.NOT_ANSWERED]
    assert sides(world) == []
    world.owner.replies = {Answer.GO}
    assert engine.look_back()
    assert step(engine) is None
    assert sides(world) == ROTATION


def test_a_go_changes_nothing_where_silence_trades(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    world.owner.replies = {Answer.GO}
    step(engine)
    assert sides(world) == []


def test_a_channel_that_is_away_is_no_silence_and_is_told_of(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.owner.readable = False
    world.clock.advance(ENOUGH)
    assert step(engine) is None
    world.pass_time(minutes=4)
    assert step(engine) is Reason.NOT_ANSWERED
    assert "channel 1 (ntfy) is away" in engine.alerts.lasting()[0].text
    assert engine.pause() == timedelta(minutes=1)
    assert sides(world) == []
    world.owner.readable, world.owner.replies = True, {Answer.VETO}
    assert step(engine) is Reason.VETOED
    assert sides(world) == []


def test_the_time_to_answer_begins_with_the_delivery(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    world.owner.delivers = False
    world.clock.advance(ENOUGH)
    step(engine)
    world.pass_time(minutes=4)
    assert step(engine) is Reason.NOT_ANSWERED
    world.owner.delivers = True
    step(engine)
    assert sides(world) == []
    world.clock.advance(ENOUGH)
    step(engine)
    assert sides(world) == ROTATION


class Moved(VirtualClock):
    """A clock that somebody sets."""

    by = timedelta(0)

    def now(self):  # type: ignore[no-untyped-def]
        return super().now() + self.by


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_takes_no_time_from_the_owner(tmp_path: Path, hours: int, restarts: bool) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.clock.__class__ = Moved
    world.clock.by = timedelta(hours=hours)  # type: ignore[attr-defined]
    engine = world.start() if restarts else engine
    world.pass_time(minutes=MINUTES - 1)
    step(engine)
    assert sides(world) == []
    world.owner.replies = {Answer.VETO}
    assert step(engine) is Reason.VETOED


@pytest.mark.parametrize("reply", list(Answer))
def test_over_a_restart_the_announcement_stands_and_is_not_sent_again(tmp_path: Path, reply: Answer) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.owner.rest()
    engine = world.start()
    world.owner.replies = {reply}
    step(engine)
    step(engine)
    assert len(world.owner.told) == 1
    world.clock.advance(ENOUGH)
    step(engine)
    assert sides(world) == (ROTATION if reply is Answer.GO else [])


def test_half_a_rotation_is_completed_without_asking_and_a_veto_is_too_late(tmp_path: Path) -> None:
    world, engine = asked(tmp_path)
    step(engine)
    world.clock.advance(ENOUGH)
    world.broker.behaviours = [fills_part(100, then=OrderStatus.CANCELLED)]
    step(engine)
    world.owner.replies = {Answer.VETO}
    step(world.start())
    assert world.broker.positions == {QQQ: 0, TQQQ: 1583}
    assert len(world.owner.told) == 1


def test_in_a_decision_window_a_veto_decides_the_session(tmp_path: Path) -> None:
    before = replace(ASKS, decide=Decide.BEFORE_CLOSE, decide_seconds_before_close=390 * 60)
    world, engine = asked(tmp_path, before)
    assert engine.records.journal.decided_in(NOW.date()) is None
    world.owner.replies = {Answer.VETO}
    assert step(engine) is Reason.VETOED
    assert engine.records.journal.decided_in(NOW.date()) is Holding.TQQQ
    assert engine.pause() is None


def test_too_late_in_a_session_nothing_is_announced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start().step()
    world.rules, world.prices.target = ASKS, Holding.TQQQ
    world.clock.advance(timedelta(hours=4) - timedelta(minutes=MINUTES))
    engine = world.start()
    assert step(engine) is None
    assert "too late to ask you" in engine.state.last_check.sentence  # type: ignore[union-attr]
    assert world.owner.told == []


class Killed(BaseException):
    """Stands for kill -9."""


def killed_at_row(world: World, number: int, before: bool) -> Callable[[], None]:
    """Die before or after the `number`-th row from now on is on disk."""
    engine = world.start()
    file, count = engine.records.journal._file, 0
    append = file.append

    def dying(row):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count == number and before:
            raise Killed
        written = append(row)
        if count == number:
            raise Killed
        return written

    file.append = dying  # type: ignore[method-assign]
    return lambda: life(world, engine)


def life(world: World, engine: Engine) -> None:
    for _ in range(14):
        step(engine)
        world.pass_time(minutes=1)


@pytest.mark.parametrize("reply", [None, Answer.VETO, Answer.HALT])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, 10))
def test_killed_at_any_row_it_asks_once_and_obeys(
    tmp_path: Path, number: int, before: bool, reply: Answer | None
) -> None:
    world = World(tmp_path)
    world.start().step()
    world.broker.submitted.clear()
    world.rules, world.prices.target = ASKS, Holding.TQQQ
    world.owner.replies = set()
    original = world.owner.ask

    def ask(code: str, text: str, delivered: bool) -> None:
        original(code, text, delivered)
        world.owner.replies = {reply} if reply else set()

    world.owner.ask = ask  # type: ignore[method-assign]
    with suppress(Killed):
        killed_at_row(world, number, before)()
    world.owner.rest()
    life(world, world.start())
    life(world, world.start())
    assert len({known for known, _ in world.owner.told}) == 1
    filled = [intent for intent in world.broker.submitted if world.broker.orders[intent.order_ref].filled]
    assert [f"{i.side} {i.symbol}" for i in filled] == ([] if reply else ROTATION)
    world.assert_book_is_the_brokers()
