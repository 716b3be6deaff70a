"""The monitor's screens, except the status: what `report` found, in words, for 80 columns."""

from collections.abc import Mapping
from typing import Any

from qqqbot.framing import framed, time_in_fields
from qqqbot.lenient import mapping, moment, number, sequence, text, without_accounts
from qqqbot.terminal import Block, Field, Fields, Line, Screen, Table, Tone
from qqqbot.wording import NONE, column_time, count, day_and_time, percent, span, usd, words

_ACTION_TONES = {"ROTATE": Tone.GOOD, "WAIT": Tone.WARNING, "FAILED": Tone.WARNING}
_LEVEL_TONES = {"WARNING": Tone.WARNING, "ERROR": Tone.BAD, "CRITICAL": Tone.BAD}

Facts = Mapping[str, Any]


def heading(facts: Facts) -> Screen:
    """What stands above lines that follow one by one."""
    return framed(facts)[:1]


def ending(facts: Facts) -> Screen:
    return framed(facts)[1:]


def logs(facts: Facts) -> Screen:
    lines = [log_line(line) for line in facts["lines"]]
    return framed(facts, *(lines or [Line("No log yet.")]), *_notes(facts))


def log_line(facts: Facts) -> Line:
    said = without_accounts(facts["text"])
    if facts["at"] is None:
        return Line(said)
    return Line(f"{facts['at']} {facts['level']} {said}", _LEVEL_TONES.get(facts["level"], Tone.PLAIN))


def trades(facts: Facts) -> Screen:
    rows = facts["trades"]
    if not rows:
        return framed(facts, Line("No trades yet. ./bot_control.sh status says what it waits for."), *_notes(facts))
    table = Table(
        headings=("Time (ET)", "Order", "Price", "Bp", "Profit", "Equity after"),
        rows=tuple(_trade_row(row) for row in rows),
        right=frozenset({2, 3, 4, 5}),
    )
    older = "; older: --limit N" if facts["older"] else ""
    footer = Line(f"Newest last{older}. Bp: slippage, basis points. Reasons: --why DATE", Tone.FAINT)
    return framed(facts, table, footer, *_notes(facts))


def _trade_row(row: Facts) -> tuple[str, ...]:
    quantity = number(row.get("quantity"))
    slippage = number(row.get("slippage_bps"))
    profit = number(row.get("realized_pnl")) if row.get("side") == "SELL" else None
    return (
        column_time(moment(row.get("timestamp"))),
        f"{row.get('side') or NONE:<4} {count(quantity):>5} {row.get('symbol') or NONE}",
        usd(number(row.get("price"))),
        NONE if slippage is None else f"{slippage:+.1f}",
        usd(profit, sign=True),
        usd(number(row.get("equity"))),
    )


def performance(facts: Facts) -> Screen:
    if facts["since"] is None:
        return framed(facts, Line("No book yet: nothing has been traded here."), *_notes(facts))
    change = f"{usd(facts['change'], sign=True)} USD ({percent(facts['change_pct'], sign=True)})"
    slippage = f"{usd(facts['slippage'])} USD"
    if facts["slippage_bps"] is not None:
        slippage += f" ({facts['slippage_bps']:+.1f} basis points of what was traded)"
    rows = (
        Field("Since", f"{day_and_time(facts['since'])} ({span(facts['now'] - facts['since'])})"),
        Field("Put in", f"{usd(facts['start_value'])} USD"),
        Field("Value now", f"{usd(facts['value'])} USD"),
        Field("Change", change, Tone.GOOD if (facts["change"] or 0) > 0 else Tone.PLAIN),
        Field("Realized", f"{usd(facts['realized_pnl'], sign=True)} USD, commissions taken off"),
        Field("Commissions", f"{usd(facts['commissions'])} USD"),
        Field("Slippage", slippage),
        Field("Trades", f"{count(facts['trades'])} in {count(facts['rotations'])} rotations"),
        *(Field(f"Won in {symbol}", _won(rounds)) for symbol, rounds in sorted(facts["rounds"].items(), reverse=True)),
        Field("Drawdown", f"{percent(facts['max_drawdown_pct'])} at worst, looked at after each trade"),
        *time_in_fields(facts["time_in"]),
    )
    return framed(facts, Fields(rows), *_notes(facts))


def _won(rounds: Facts) -> str:
    if not rounds["closed"]:
        return "none finished yet"
    return f"{count(rounds['won'])} of {count(rounds['closed'])} ({rounds['won'] / rounds['closed'] * 100:.0f} %)"


def why(facts: Facts) -> Screen:
    """The last decision with every gate; of a date all checks, and in full those that planned orders, and the last."""
    decisions = facts["decisions"]
    if not decisions:
        when = f" on {facts['date']} (New York)" if facts["date"] else " yet"
        return framed(facts, Line(f"No decisions{when}."), *_notes(facts))
    full = [row for row in decisions[:-1] if sequence(row.get("orders"))] + [decisions[-1]]
    overview = (_overview(decisions),) if facts["date"] and len(decisions) > 1 else ()
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


def _rule_text(row: Facts) -> str:
    if (price := number(row.get("price"))) is None:
        return "no signal: the prices did not allow one"
    short, long = usd(number(row.get("short_ma"))), usd(number(row.get("long_ma")))
    flips = [number(row.get(f"flip_{name}")) for name in ("leave_tqqq", "enter_tqqq", "trend")]
    lines = usd(flips[0]) if flips[0] == flips[1] else f"{usd(flips[0])} to leave, {usd(flips[1])} to enter"
    numbers = f"QQQ {usd(price)}, short average {short}, long average {long}"
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
        fields.append(
            Field("" if fields else "Orders", f"{told} at about {usd(number(order.get('price')))}", Tone.GOOD)
        )
    return fields or [Field("Orders", "none")]


def _notes(facts: Facts) -> list[Block]:
    return [Line(note, Tone.WARNING) for note in facts["notes"]]
