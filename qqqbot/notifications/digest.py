"""The weekly letter: what the account is worth, what was done, what would be done at which price. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_text
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import SYMBOLS, FlipPrices, Holding, Portfolio
from qqqbot.strategy.rule import nearest_flip

# The last check of a session is behind by then.
AFTER_CLOSE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Week:
    """A week of sessions that has ended. `ended` names it: the date of its last session."""

    ended: str
    close: datetime


def ended_week(table: SessionTable | None, now: datetime) -> Week | None:
    """The newest week whose sessions are over, None where it goes on or is not known."""
    try:
        if table is None or table.open_session(now) is not None:
            return None
        last, coming = table.last_closed(now), table.next_open(now)
    except CalendarEnded:
        return None
    same = last.date.isocalendar()[:2] == coming.date.isocalendar()[:2]
    return None if same or now - last.close < AFTER_CLOSE else Week(last.date.isoformat(), last.close)


def letter(
    week: Week,
    portfolio: Portfolio,
    equity: float | None,
    signal: Mapping[str, Any] | None,
    coming: FlipPrices | None,
    before: tuple[float | None, int],
    wrong: list[str],
) -> str:
    """`before` is equity and number of trades at the last letter; `signal` the newest row that had a signal.

    `coming` are the flip prices of the next session, the signal's price taken for the close of its day.
    """
    lines = [f"to {week.ended}", _value(portfolio, equity, before[0]), f"Owned: {_owned(portfolio)}."]
    lines.append(f"Trades since the last letter: {max(0, portfolio.trades - before[1])}.")
    if signal is not None and coming is not None:
        lines.append(_flip(signal, coming))
    lines.append(f"Wrong now: {'; '.join(wrong)}." if wrong else "Nothing is wrong.")
    return "\n".join(lines)


def _value(portfolio: Portfolio, equity: float | None, before: float | None) -> str:
    if equity is None:
        return "Value: not known, there is no price yet."
    capital = float(portfolio.total_capital)
    week = f", {(equity / before - 1):+.2%} since the last letter" if before else ""
    total = f", {equity - capital:+,.2f} USD ({equity / capital - 1:+.2%}) since the start" if capital else ""
    return f"Value: {equity:,.2f} USD{week}{total}."


def _owned(portfolio: Portfolio) -> str:
    shares = [f"{portfolio.shares[s]:,} {s}" for s in SYMBOLS if portfolio.shares.get(s)]
    return " + ".join([*shares, f"{portfolio.cash:,.2f} USD cash"])


def _flip(signal: Mapping[str, Any], coming: FlipPrices) -> str:
    price = float(signal["price"])
    found = nearest_flip(price, coming, Holding(signal["held"]))
    at = new_york_text(datetime.fromisoformat(signal["timestamp"]))
    if found is None:
        return f"QQQ {price:,.2f} ({at}); no price would change the rule's answer."
    flip, target = found
    move = f"{flip:,.2f} ({flip / price - 1:+.2%})"
    return f"QQQ {price:,.2f} ({at}). At {move} in the next session the rule would want {target}."
