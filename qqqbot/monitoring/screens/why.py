"""Why it decided as it did, and whether it would again: what `explanation` found, in words, for 80 columns."""

from collections.abc import Mapping
from typing import Any

from qqqbot.display.formatting import NONE, clock_time, column_time, count, day_and_time, usd, words
from qqqbot.display.terminal import Block, Field, Fields, Line, Screen, Table, Tone
from qqqbot.monitoring.screens.frame import framed
from qqqbot.records.coerce import mapping, moment, number, sequence, text, without_accounts

_ACTION_TONES = {"ROTATE": Tone.GOOD, "WAIT": Tone.WARNING, "FAILED": Tone.WARNING}
_SAME = {True: ("the same", Tone.GOOD), False: ("OTHERWISE", Tone.BAD), None: ("not known", Tone.FAINT)}

Facts = Mapping[str, Any]


def why(facts: Facts) -> Screen:
    """The last decision with every gate; of a date all checks, and in full those that planned orders, and the last."""
    decisions = facts["decisions"]
    if not decisions:
        return framed(facts, Line(f"No decisions{_when(facts)}."), *_notes(facts))
    of_a_day = facts["time"] is None
    full = [row for row in decisions[:-1] if sequence(row.get("orders")) or not of_a_day] + [decisions[-1]]
    overview = (_overview(decisions),) if of_a_day and len(decisions) > 1 else ()
    details = [block for row in full for block in _decision_blocks(row)]
    return framed(facts, *overview, *details, *_notes(facts))


def _overview(decisions: list[Facts]) -> Table:
    rows = tuple(
        (
            column_time(moment(row.get("timestamp")))[-5:],
            text(row.get("action")) or NONE,
            text(row.get("target")) or NONE,
            usd(number(row.get("price"))),
            _failed_gate(row) or NONE,
        )
        for row in decisions
    )
    tones = tuple(_ACTION_TONES.get(row[1], Tone.PLAIN) for row in rows)
    return Table(("ET", "Action", "Target", "QQQ", "Stopped by"), rows, frozenset({3}), tones)


def _failed_gate(row: Facts) -> str | None:
    for gate in sequence(row.get("gates")):
        if mapping(gate).get("passed") is False:
            return text(mapping(gate).get("name"))
    return text(row.get("error"))


def _decision_blocks(row: Facts) -> list[Block]:
    action = text(row.get("action")) or NONE
    fields = [
        Field("Decided", f"{day_and_time(moment(row.get('timestamp')))} {action}", Tone.TITLE),
        Field("Why", words(without_accounts(text(row.get("sentence")) or "no sentence"))),
        Field("Prices", _prices_text(row)),
        Field("Rule", _rule_text(row)),
        Field("Account", _account_text(row)),
        *_order_fields(row),
    ]
    gates = [mapping(gate) for gate in sequence(row.get("gates"))]
    table = Table(
        headings=("Gate", "", "Found"),
        rows=tuple((str(g.get("name")), "ok" if g.get("passed") else "NO", _found(g)) for g in gates),
        tones=tuple(Tone.PLAIN if g.get("passed") else Tone.BAD for g in gates),
    )
    return [Line(""), Fields(tuple(fields)), Line(""), *([table] if gates else [])]


def _found(gate: Facts) -> str:
    """What the gate found; the sentence where it failed, since that says what to make of it."""
    found = text(gate.get("found")) if gate.get("passed") else text(gate.get("sentence"))
    return without_accounts(found or NONE)


def _prices_text(row: Facts) -> str:
    if number(row.get("price")) is None:
        return "none that could be used"
    printed = moment(row.get("quote_time"))
    at = f", printed {clock_time(printed)}" if printed else ""
    return f"QQQ {usd(number(row.get('price')))}, TQQQ {usd(number(row.get('tqqq_price')))}{at}"


def _rule_text(row: Facts) -> str:
    if number(row.get("price")) is None or number(row.get("short_ma")) is None:
        return "no signal: the prices did not allow one"
    short, long = usd(number(row.get("short_ma"))), usd(number(row.get("long_ma")))
    flips = [number(row.get(f"flip_{name}")) for name in ("leave_tqqq", "enter_tqqq", "trend")]
    lines = usd(flips[0]) if flips[0] == flips[1] else f"{usd(flips[0])} to leave, {usd(flips[1])} to enter"
    numbers = f"short average {short}, long average {long}"
    trend = usd(flips[2]) if flips[2] is not None and flips[2] > 0 else "at no price"
    return f"wants {row.get('target') or NONE}: {numbers}; TQQQ line {lines}, trend line {trend}"


def _account_text(row: Facts) -> str:
    shares = [f"{count(number(n))} {s}" for s, n in sorted(mapping(row.get("shares")).items(), reverse=True) if n]
    cash, equity = usd(number(row.get("cash"))), usd(number(row.get("equity")))
    return f"{' + '.join([*shares, f'{cash} USD cash'])}; value {equity} USD"


def _order_fields(row: Facts) -> list[Field]:
    fields: list[Field] = []
    for order in map(mapping, sequence(row.get("orders"))):
        told = f"{order.get('side')} {count(number(order.get('quantity')))} {order.get('symbol')}"
        fields.append(Field("" if fields else "Plan", f"{told} at about {usd(number(order.get('price')))}", Tone.GOOD))
    made = [mapping(order) for order in sequence(row.get("made"))]
    return [*(fields or [Field("Plan", "no order")]), *(field for order in made for field in _made_fields(order))]


def _made_fields(order: Facts) -> list[Field]:
    """What became of an order: its end, and its executions as the book has them."""
    limit = number(order.get("limit_price"))
    kind = f"{order.get('order_type')} {usd(limit)}" if limit is not None else f"{order.get('order_type')}"
    end = text(order.get("status")) or "no outcome known"
    told = f"{order.get('side')} {count(number(order.get('quantity')))} {order.get('symbol')} {kind}: {end}"
    message = f" ({without_accounts(order['message'])})" if text(order.get("message")) else ""
    tone = Tone.GOOD if end == "FILLED" else Tone.WARNING
    fields = [Field("Order", f"{told}{message}, {order.get('order_ref')}", tone)]
    return fields + [Field("Fill", _fill_text(mapping(fill))) for fill in sequence(order.get("fills"))]


def _fill_text(row: Facts) -> str:
    kind, at = text(row.get("kind")) or "trade", day_and_time(moment(row.get("timestamp")))
    if kind == "commission":
        return f"commission of {usd(number(row.get('amount')))} USD told later, {at}"
    told = f"{count(number(row.get('quantity')))} at {usd(number(row.get('price')))}"
    commission, slippage = number(row.get("commission")), number(row.get("slippage_bps"))
    costs = [f"commission {usd(commission)}"] if commission is not None else []
    costs += [f"slippage {slippage:+.1f} bp"] if slippage is not None else []
    return ", ".join([told if kind == "trade" else f"{kind}: {told}", *costs, at])


def replay(facts: Facts) -> Screen:
    """Each check with the verdict on it, and what would be otherwise."""
    decisions = facts["decisions"]
    if not decisions:
        return framed(facts, Line(f"No decisions{_when(facts)}."), *_notes(facts))
    rows = tuple(
        (
            column_time(moment(row["timestamp"])),
            text(row["action"]) or NONE,
            text(row["target"]) or NONE,
            _SAME[row["same"]][0],
        )
        for row in decisions
    )
    table = Table(
        ("Time (ET)", "Decided", "Target", "Today's code"), rows, tones=tuple(_SAME[r["same"]][1] for r in decisions)
    )
    return framed(facts, table, *_replay_details(decisions), _replay_sum(facts), *_notes(facts))


def _replay_details(decisions: list[Facts]) -> list[Block]:
    lines: list[Block] = []
    for row in decisions:
        at = column_time(moment(row["timestamp"]))
        lines += [Line(f"{at}: {without_accounts(found)}", Tone.BAD) for found in row["differences"]]
        lines += [Line(f"{at}: {row['problem']}", Tone.FAINT)] if row["problem"] else []
    return lines


def _replay_sum(facts: Facts) -> Line:
    told = f"Today's code decides {count(facts['same'])} of {count(len(facts['decisions']))} the same"
    told += f", {count(facts['different'])} otherwise" if facts["different"] else ""
    told += f"; of {count(facts['unknown'])} it cannot be said" if facts["unknown"] else ""
    return Line(f"{told}.", Tone.BAD if facts["different"] else Tone.GOOD)


def _when(facts: Facts) -> str:
    if facts["date"] is None:
        return " yet"
    at = f" at or before {facts['time']}" if facts["time"] else ""
    return f" on {facts['date']}{at} (New York)"


def _notes(facts: Facts) -> list[Block]:
    return [Line(note, Tone.WARNING) for note in facts["notes"]]
