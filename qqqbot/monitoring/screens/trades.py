"""--trades, --performance and --logs in words, for 80 columns."""

from collections.abc import Sequence

from qqqbot.display.formatting import NONE, column_time, count, day_and_time, percent, span, usd
from qqqbot.display.masking import without_accounts
from qqqbot.display.terminal import Field, Fields, Line, Screen, Table, Tone, under
from qqqbot.model.program import COMMAND
from qqqbot.monitoring.facts.changes import Changes
from qqqbot.monitoring.facts.trades import Log, LogLine, Results, Rounds, Trades
from qqqbot.monitoring.screens.frame import framed, time_in_fields
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.risk_line import cost_words, risk_words
from qqqbot.records.tail import Row

LEVEL_TONES = {"WARNING": Tone.WARNING, "ERROR": Tone.BAD, "CRITICAL": Tone.BAD}


def logs(facts: Log) -> Screen:
    lines = [log_line(line) for line in facts.lines]
    return framed(facts.who, *(lines or [Line("No log yet.")]), notes=facts.notes)


def log_line(line: LogLine) -> Line:
    said = without_accounts(line.text)
    if line.at is None:
        return Line(said)
    return Line(f"{line.at} {line.level} {said}", LEVEL_TONES.get(line.level or "", Tone.PLAIN))


def trades(facts: Trades) -> Screen:
    rows = facts.trades
    if not rows:
        return framed(
            facts.who, Line(f"No trades yet. {COMMAND} status shows what it is waiting for."), notes=facts.notes
        )
    older = "; older: --limit N" if facts.older else ""
    footer = Line(f"Newest last{older}. Bp: slippage, basis points. Reasons: --why DATE", Tone.FAINT)
    return framed(facts.who, trade_table(rows), footer, notes=facts.notes)


def trade_table(rows: Sequence[Row]) -> Table:
    return Table(
        headings=("Time (ET)", "Order", "Price", "Bp", "Profit", "Equity after"),
        rows=tuple(_trade_row(row) for row in rows),
        right=frozenset({2, 3, 4, 5}),
    )


def _trade_row(row: Row) -> tuple[str, ...]:
    quantity = number(row.get("quantity"))
    slippage = number(row.get("slippage_bps"))
    side, symbol = text(row.get("side")) or NONE, text(row.get("symbol")) or NONE
    profit = number(row.get("realized_pnl")) if side == "SELL" else None
    return (
        column_time(moment(row.get("timestamp"))),
        f"{side:<4} {count(quantity):>5} {symbol}",
        usd(number(row.get("price"))),
        NONE if slippage is None else f"{slippage:+.1f}",
        usd(profit, sign=True),
        usd(number(row.get("equity"))),
    )


def performance(facts: Results) -> Screen:
    if facts.since is None:
        return framed(facts.who, Line("No book yet: nothing has been traded here."), notes=facts.notes)
    at = f", as of {day_and_time(facts.valued_at)}" if facts.valued_at else ""
    value = f"{usd(facts.value)} USD{at}"
    change = f"{usd(facts.change, sign=True)} USD ({percent(facts.change_pct, sign=True)})"
    slippage = "none" if facts.slippage_bps is None else f"{facts.slippage_bps:+.1f} basis points of what was traded"
    rows = (
        Field("Since", f"{day_and_time(facts.since)} ({span(facts.now - facts.since)})"),
        Field("Put in", f"{usd(facts.start_value)} USD"),
        Field("Value", value if facts.value else "not known"),
        Field("Change", change if facts.value else "not known", Tone.GOOD if (facts.change or 0) > 0 else Tone.PLAIN),
        *_risk_fields(facts),
        Field("Realized", f"{usd(facts.realized_pnl, sign=True)} USD, after commissions"),
        Field("Dividends", f"{usd(facts.income, sign=True)} USD"),
        Field("Slippage", slippage),
        Field(
            "Trades", f"{count(facts.trades)} in {count(facts.rotations)} rotation{'' if facts.rotations == 1 else 's'}"
        ),
        *(Field(f"Won in {symbol}", _won(rounds)) for symbol, rounds in sorted(facts.rounds.items(), reverse=True)),
        *time_in_fields(facts.time_in),
    )
    return framed(facts.who, Fields(rows), notes=facts.notes)


def _risk_fields(facts: Results) -> list[Field]:
    risk = facts.risk
    if risk is None:
        costs = cost_words(facts.commissions, facts.slippage)
        return [Field("Drawdown", "not known"), Field("Costs", costs)]
    fields = [Field(name, text) for name, text in risk_words(risk)]
    return fields + under("Changes", change_words(facts.changes))


def change_words(changes: Changes | None) -> list[str]:
    """'today +123.45 USD (+0.12 %)', the week, the month and the year likewise."""
    if changes is None:
        return []
    named = [("today", changes.today), ("this week", changes.week)]
    named += [("this month", changes.month), ("this year", changes.year)]
    return [f"{usd(c.usd, sign=True)} USD ({percent(c.pct, sign=True)}) {name}" for name, c in named if c]


def _won(rounds: Rounds) -> str:
    if not rounds.closed:
        return "none finished yet"
    return f"{count(rounds.won)} of {count(rounds.closed)} ({rounds.won / rounds.closed * 100:.0f} %)"
