"""Would today's code decide the same? The decision is made again from its recorded inputs. Pure."""

from collections.abc import Mapping
from typing import Any

from qqqbot.model.values import Rules, Snapshot
from qqqbot.records.coerce import mapping, number, sequence
from qqqbot.records.decisions import decision_values
from qqqbot.strategy.planning import decide

Row = Mapping[str, Any]

# Numbers that differ by a smaller fraction are the same: another order of summation changes the last digit.
SAME_NUMBER = 1e-9


def differences(row: Row, snapshot: Snapshot, rules: Rules) -> list[str]:
    """How today's decision differs from the one in `row`; empty if it is the same. Sentences are not compared."""
    then, now = _decision(row), _decision(decision_values(snapshot, decide(snapshot, rules)))
    return [
        f"{name}: was {_text(then[name])}, would be {_text(value)}"
        for name, value in now.items()
        if not _same(then[name], value)
    ]


def _decision(row: Row) -> dict[str, Any]:
    """The part of a row of decisions.jsonl that is the decision."""
    orders = [mapping(order) for order in sequence(row.get("orders"))]
    gates = [mapping(gate) for gate in sequence(row.get("gates"))]
    return {
        "action": row.get("action"),
        "target": row.get("target"),
        "orders": [
            f"{o.get('side')} {o.get('quantity')} {o.get('symbol')} at {number(o.get('price')) or 0:.4f}"
            for o in orders
        ],
        "short average": number(row.get("short_ma")),
        "long average": number(row.get("long_ma")),
        "failed gates": [gate.get("name") for gate in gates if gate.get("passed") is False],
    }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME_NUMBER * max(abs(one), abs(other))
    return bool(one == other)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
