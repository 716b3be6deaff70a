"""Today's code beside what was decided."""

from dataclasses import replace

from qqqbot.model.values import Holding
from qqqbot.monitoring.facts.replay import differences
from qqqbot.records.decisions import decision_values
from qqqbot.strategy.planning import decide
from tests.support.builders import RULES, portfolio, snapshot
from tests.support.monitor_samples import as_json

SEEN = snapshot(Holding.TQQQ, portfolio=portfolio(qqq=200))
ROW = as_json(decision_values(SEEN, decide(SEEN, RULES)))


def test_the_same_code_on_the_same_inputs_decides_the_same() -> None:
    assert differences(ROW, SEEN, RULES) == []


def test_a_check_that_a_gate_stopped_is_compared_by_its_gates() -> None:
    halted = replace(SEEN, halted="a look first")
    row = as_json(decision_values(halted, decide(halted, RULES)))
    assert differences(row, halted, RULES) == []
    assert differences(row, SEEN, RULES) == [
        "action: was WAIT, would be ROTATE",
        "orders: was none, would be SELL 200 QQQ at 450.0000",
        "failed gates: was halt, would be none",
    ]


def test_another_rule_is_described_by_what_it_changes() -> None:
    found = differences(ROW, SEEN, replace(RULES, band=0.05))
    assert found == [
        "action: was ROTATE, would be HOLD",
        "target: was TQQQ, would be QQQ",
        "orders: was SELL 200 QQQ at 450.0000, would be none",
    ]


def test_averages_count_to_their_last_digit_but_one() -> None:
    assert differences({**ROW, "short_ma": ROW["short_ma"] * (1 + 1e-13)}, SEEN, RULES) == []
    assert len(differences({**ROW, "short_ma": ROW["short_ma"] * (1 + 1e-7)}, SEEN, RULES)) == 1


def test_words_are_no_decision() -> None:
    assert differences({**ROW, "sentence": "another one"}, SEEN, RULES) == []


def test_a_row_that_lacks_values_differs_and_does_not_fail() -> None:
    assert len(differences({}, SEEN, RULES)) == 5
