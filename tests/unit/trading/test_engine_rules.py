"""A change of the rule in config.json, while something is held."""

import json
from dataclasses import replace

from qqqbot.model.family import Average, Comparison, Rule, two_averages
from qqqbot.model.values import Holding
from qqqbot.trading.engine import Engine
from tests.support.builders import RULES
from tests.support.fakes import World
from tests.support.symbols import QQQ

OTHER = replace(RULES, rule=two_averages(2, 3))


def after_a_change(world: World) -> Engine:
    """A check after the default rule bought QQQ, another one wants TQQQ with the same prices."""
    world.prices.target = Holding.QQQ
    world.start().step()
    assert world.start().portfolio().holding is Holding.QQQ
    world.rules = OTHER
    world.pass_time(minutes=15)
    engine = world.start()
    engine.step()
    return engine


def test_periods_that_an_earlier_version_did_not_write_are_not_told_as_changed(world: World) -> None:
    world.prices.target = Holding.QQQ
    world.start().step()
    path = world.logs / "decisions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "track"}) + "\n" for row in rows))
    world.rules = OTHER
    world.pass_time(minutes=15)
    world.start().step()
    assert "rule" not in world.notifier.kinds()


def test_it_is_told_once_with_what_is_done_and_needs_no_answer(world: World) -> None:
    engine = after_a_change(world)
    assert engine.halted() is None
    ((_, text),) = [event for event in world.notifier.told if event[0] == "rule"]
    name = "QQQ SMA 2 over SMA 3: TQQQ over SMA 2, else QQQ, else CASH"
    assert text.startswith(f"the rule is {name} now, and was 30/120; there is nothing to adopt. By the new rule: ")
    assert engine.state.last_check is not None
    first = next(row for row in world.rows("decisions.jsonl") if "rule" in row)
    assert first["sentence"] in text
    assert {row["rule"] for row in world.rows("decisions.jsonl")[-2:]} == {name}
    world.start().step()
    assert world.notifier.kinds().count("rule") == 1


def test_nobody_is_told_of_a_first_rule_or_of_the_same(world: World) -> None:
    world.rules = OTHER
    for _ in range(2):
        world.start().step()
    assert "rule" not in world.notifier.kinds()


def test_what_the_new_rule_never_holds_is_sold_on_the_way(world: World) -> None:
    world.prices.target = Holding.QQQ
    world.start().step()
    over = Comparison(Average(), Average(100))
    world.rules = replace(RULES, rule=Rule(Holding.QQQ, over, None, Holding.TQQQ, Holding.TQQQ))
    world.pass_time(minutes=15)
    engine = world.start()
    engine.step()
    assert engine.portfolio().holding is Holding.TQQQ
    assert engine.portfolio().shares[QQQ] == 0
