"""Would today's code decide the same? The decision is made again from its recorded inputs. Pure."""

from collections.abc import Mapping
from typing import Any

from qqqbot.model.values import Plan, Rules, Snapshot
from qqqbot.records.coerce import mapping, number, sequence
from qqqbot.strategy.planning import decide

Row = Mapping[str, Any]

# Averages are shown as they were computed; another order of summation may change their last digit.
SAME_NUMBER = 1e-9


def differences(row: Row, snapshot: Snapshot, rules: Rules) -> list[str]:
    """How today's decision differs from the one in `row`; empty if it is the same. Sentences are not compared."""
    now = decided(decide(snapshot, rules))
    then = recorded(row)
    return [
        f"{name}: was {_text(then[name])}, would be {_text(value)}"
        for name, value in now.items()
        if not _same(then[name], value)
    ]


def decided(plan: Plan) -> dict[str, Any]:
    """The part of `plan` that is the decision."""
    signal = plan.signal
    target = plan.target or (signal.target if signal else None)
    return {
        "action": plan.action.value,
        "target": target.value if target else None,
        "orders": [f"{o.side.value} {o.quantity} {o.symbol} at {float(o.decision_price):.4f}" for o in plan.orders],
        "short average": signal.short_ma if signal else None,
        "long average": signal.long_ma if signal else None,
        "failed gates": [gate.name for gate in plan.gates if not gate.passed],
    }


def recorded(row: Row) -> dict[str, Any]:
    """The same part of a row of decisions.jsonl."""
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
