"""--why and --replay in words, for 80 columns."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from qqqbot.display.formatting import NONE, clock_time, column_time, count, day_and_time, order_text, usd, words
from qqqbot.display.masking import without_accounts, without_detail
from qqqbot.display.terminal import Block, Field, Fields, Line, Screen, Table, Tone, under
from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.monitoring.facts.why import ExplainedDecision, MadeOrder, Replay, ReplayedDecision, Why, failed_gate
from qqqbot.monitoring.screens.frame import framed
from qqqbot.monitoring.screens.status import ACTION_TONES
from qqqbot.records.coerce import mapping, moment, number, sequence, text
from qqqbot.records.row_prices import prices_of, symbols_of
from qqqbot.records.tail import Row

# Name of a gate -> what it found, for the column in the table of a day's checks.
STOPPED_BY = {
    "clock": "wrong clock",
    "window": "missing closes",
    "newest_row": "old closes",
    "history": "no second witness",
    "quotes": "no live price",
    "day_rows": "price outside its day",
    "quote_age": "old price",
    "daily_move": "impossible move",
    "leverage": "prices disagree",
    "broker_quotes": "broker's prices differ",
    "exchange": "exchange closed",
    "minutes": "first or last minutes",
    "halt": "halted",
    "book": "account differs",
    "open_orders": "open order",
    "disk": "disk full",
    "orders": "order limit",
    "time": "too late for two orders",
    "money": "money not there yet",
}
_SAME = {True: ("the same", Tone.GOOD), False: ("DIFFERENT", Tone.BAD), None: ("not known", Tone.FAINT)}


def why(facts: Why) -> Screen:
    """The last decision with every gate. For a date all checks; the last, and each that planned orders, in full."""
    decisions = facts.decisions
    if not decisions:
        return framed(facts.who, Line(f"No decisions{_when(facts)}."), notes=facts.notes)
    of_a_day = facts.time is None
    full = [d for d in decisions[:-1] if sequence(d.row.get("orders")) or not of_a_day] + [decisions[-1]]
    overview = (_overview([decision.row for decision in decisions]),) if of_a_day and len(decisions) > 1 else ()
    details = [block for decision in full for block in _decision_blocks(decision)]
    return framed(facts.who, *overview, *details, notes=facts.notes)


def _overview(rows_of_day: Sequence[Row]) -> Table:
    """One row for each check, however many rounds it has; earlier versions did not record which check a round is of."""
    checks = [list(rounds) for _, rounds in groupby(rows_of_day, lambda row: row.get("check") or id(row))]
    rows = tuple(
        (
            column_time(moment(rounds[0].get("timestamp")))[-5:],
            _action_of_check(rounds),
            text(rounds[0].get("target")) or NONE,
            usd(number(rounds[0].get("price"))),
            _stopped_by(rounds[-1]),
        )
        for rounds in checks
    )
    tones = tuple(ACTION_TONES.get(row[1].partition(",")[0], Tone.PLAIN) for row in rows)
    signal = symbols_of(rows_of_day[0])[0]
    return Table(("ET", "Action", "Target", signal, "Stopped by"), rows, frozenset({3}), tones)


def _action_of_check(rounds: Sequence[Row]) -> str:
    """'ROTATE, 2 orders' for a check whose last round found the target reached; else the action of the last round."""
    orders = sum(len(sequence(row.get("orders"))) for row in rounds)
    last = text(rounds[-1].get("action")) or NONE
    action = "ROTATE" if orders and last == "HOLD" else last
    return f"{action}, {orders} orders" if orders > 1 else action


def _stopped_by(row: Row) -> str:
    if (name := failed_gate(row)) is not None:
        return STOPPED_BY.get(name, name.replace("_", " ")) or NONE
    # 'StalePrices': stale prices
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text(row.get("error")) or "").lower() or NONE


def _decision_blocks(decision: ExplainedDecision) -> list[Block]:
    row = decision.row
    action = text(row.get("action")) or NONE
    fields = [
        Field("Decided", f"{day_and_time(moment(row.get('timestamp')))} {action}", Tone.TITLE),
        Field("Why", words(without_accounts(without_detail(text(row.get("sentence")) or "no sentence")))),
        Field("Prices", _prices_text(row)),
        Field("Rule", _rule_text(row)),
        Field("Account", _account_text(row)),
        *_plan_fields(row),
        *(field for order in decision.made for field in _made_fields(order)),
    ]
    gates = [mapping(gate) for gate in sequence(row.get("gates"))]
    table = Table(
        headings=("", "Gate"),
        rows=tuple(("ok" if gate.get("passed") else "NO", _gate_sentence(gate)) for gate in gates),
        tones=tuple(Tone.PLAIN if gate.get("passed") else Tone.BAD for gate in gates),
    )
    return [Line(""), Fields(tuple(fields)), Line(""), *([table] if gates else [])]


def _gate_sentence(gate: Mapping[str, Any]) -> str:
    return without_accounts(text(gate.get("sentence")) or text(gate.get("found")) or text(gate.get("name")) or NONE)


def _prices_text(row: Row) -> str:
    if number(row.get("price")) is None:
        return "none that could be used"
    printed = moment(row.get("quote_time"))
    at = f", printed {clock_time(printed)}" if printed else ""
    return ", ".join(f"{symbol} {usd(price)}" for symbol, price in prices_of(row).items()) + at


def _rule_text(row: Row) -> str:
    if number(row.get("price")) is None or number(row.get("short_ma")) is None:
        return "no signal: the prices did not allow one"
    short, long = usd(number(row.get("short_ma"))), usd(number(row.get("long_ma")))
    flips = [number(row.get(f"flip_{name}")) for name in ("leave_tqqq", "enter_tqqq", "trend")]
    lines = usd(flips[0]) if flips[0] == flips[1] else f"{usd(flips[1])}, and kept down to {usd(flips[0])}"
    if rule := text(row.get("rule")):
        line = usd(flips[2]) if flips[2] is not None else "no price of that day"
        sides = f"{short} against {long}" if flips[0] == flips[2] else f"{short} against {long}, strong above {lines}"
        return f"wants {row.get('target') or NONE} by {rule}: {sides}; the trend turns at {line}"
    numbers = f"short average {short}, long average {long}"
    cash = f"cash below {usd(flips[2])}" if flips[2] is not None and flips[2] > 0 else "no price today leads to cash"
    return f"wants {row.get('target') or NONE}: {numbers}; {DEFAULT_SYMBOLS[1]} above {lines}; {cash}"


def _account_text(row: Row) -> str:
    shares = [f"{count(number(n))} {s}" for s, n in sorted(mapping(row.get("shares")).items(), reverse=True) if n]
    if number(row.get("cash")) is None and not shares:
        return "not known: the check ended before it was asked"
    cash, equity = usd(number(row.get("cash"))), usd(number(row.get("equity")))
    return f"{' + '.join([*shares, f'{cash} USD cash'])}; value {equity} USD"


def _plan_fields(row: Row) -> list[Field]:
    orders = map(mapping, sequence(row.get("orders")))
    return under("Plan", map(_planned_text, orders), Tone.GOOD) or [Field("Plan", "no order")]


def _planned_text(order: Mapping[str, Any]) -> str:
    planned = order_text(text(order.get("side")), number(order.get("quantity")), text(order.get("symbol")))
    return f"{planned} at about {usd(number(order.get('price')))}"


def _made_fields(order: MadeOrder) -> list[Field]:
    """How an order ended: its outcome, and its executions according to the book."""
    limit = "" if order.limit_price is None else f" {usd(order.limit_price)}"
    end = order.status or "no outcome known"
    what = f"{order_text(order.side, order.quantity, order.symbol)} {order.order_type or NONE}{limit}"
    message = f" ({without_accounts(order.message)})" if order.message else ""
    tone = Tone.GOOD if end == "FILLED" else Tone.WARNING
    fields = [Field("Order", f"{what}: {end}{message}, {order.order_ref or NONE}", tone)]
    return fields + [Field("Fill", _fill_text(fill)) for fill in order.fills]


def _fill_text(row: Row) -> str:
    kind, at = text(row.get("kind")) or "trade", day_and_time(moment(row.get("timestamp")))
    if kind == "commission":
        return f"commission of {usd(number(row.get('amount')))} USD reported later, {at}"
    if kind == "correction" and not number(row.get("quantity")) and not number(row.get("amount")):
        return f"commission of {usd(number(row.get('commission')))} USD reported later, {at}"
    executed = f"{count(number(row.get('quantity')))} at {usd(number(row.get('price')))}"
    commission, slippage = number(row.get("commission")), number(row.get("slippage_bps"))
    costs = [f"commission {usd(commission)}"] if commission is not None else []
    costs += [f"slippage {slippage:+.1f} bp"] if slippage is not None else []
    return ", ".join([executed if kind == "trade" else f"{kind}: {executed}", *costs, at])


def replay(facts: Replay) -> Screen:
    """Each check with its verdict, and the differences in what would be decided today."""
    decisions = facts.decisions
    if not decisions:
        return framed(facts.who, Line(f"No decisions{_when(facts)}."), notes=facts.notes)
    rows = tuple(
        (
            column_time(moment(decision.timestamp)),
            decision.action or NONE,
            decision.target or NONE,
            _SAME[decision.same][0],
        )
        for decision in decisions
    )
    tones = tuple(_SAME[decision.same][1] for decision in decisions)
    table = Table(("Time (ET)", "Decided", "Target", "Today's code"), rows, tones=tones)
    return framed(facts.who, table, *_replay_details(decisions), _replay_sum(facts), notes=facts.notes)


def _replay_details(decisions: Sequence[ReplayedDecision]) -> list[Block]:
    lines: list[Block] = []
    for decision in decisions:
        at = column_time(moment(decision.timestamp))
        lines += [Line(f"{at}: {without_accounts(found)}", Tone.BAD) for found in decision.differences]
        lines += [Line(f"{at}: {decision.problem}", Tone.FAINT)] if decision.problem else []
    return lines


def _replay_sum(facts: Replay) -> Line:
    parts = [f"Today's code decides {count(facts.same)} of {count(len(facts.decisions))} the same"]
    parts += [f"{count(facts.different)} differently"] if facts.different else []
    parts += [f"{count(facts.unknown)} cannot be checked"] if facts.unknown else []
    text = f"{', '.join(parts)}. Prices are those recorded with each decision."
    return Line(text, Tone.BAD if facts.different else Tone.GOOD)


def _when(facts: Why | Replay) -> str:
    if facts.date is None:
        return " yet"
    at = f" at or before {facts.time}" if facts.time else ""
    return f" on {facts.date}{at} (New York), a {date.fromisoformat(facts.date):%A}"
