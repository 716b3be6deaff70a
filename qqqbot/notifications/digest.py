"""The weekly message: what the account is worth, what was traded, and which price would change the answer. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_text
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Portfolio, Session
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.risk_line import RiskLine, risk_words
from qqqbot.trading.standing import held

_UNKNOWN = "Value: unknown, as there is no price yet."
# A value seen longer than this before the week's last close does not count as the value at the week's end.
OLDEST_VALUE = timedelta(hours=1)
# This long after a close, the session's last check is over.
AFTER_CLOSE = timedelta(minutes=10)


def ended_session(table: SessionTable | None, now: datetime) -> Session | None:
    """The newest session once its last check is over; None while a session is open, or if the calendar is not known."""
    try:
        last = None if table is None or table.open_session(now) is not None else table.last_closed(now)
    except CalendarEnded:
        return None
    return None if last is None or now - last.close < AFTER_CLOSE else last


def ended_week(table: SessionTable | None, now: datetime) -> Session | None:
    """The last session of the newest week once it is over; None if it has not ended, or is not known."""
    last = ended_session(table, now)
    try:
        coming = None if last is None or table is None else table.next_open(now)
    except CalendarEnded:
        return None
    same = last is None or coming is None or last.date.isocalendar()[:2] == coming.date.isocalendar()[:2]
    return None if same else last


def digest(
    week: Session,
    portfolio: Portfolio,
    equity: float | None,
    outlook: str,
    before: tuple[float | None, int],
    wrong: list[str],
    channels: Sequence[ChannelHealth] = (),
    missing: Decimal = Decimal(0),
    valued_at: datetime | None = None,
    risk: RiskLine | None = None,
) -> str:
    """`outlook` says which price would change the answer; `valued_at` is when the prices of `equity` were seen.

    `before` has the equity at the last digest, deposits since included, and the number of trades then. `missing` is the
    cash that the account lacks.

    The digest goes through every channel and says how each of them has done. So each is tested once a week, and a
    channel that has failed silently is named in the others.
    """
    there = replace(portfolio, cash=portfolio.cash - missing, total_capital=portfolio.total_capital - missing)
    late = valued_at if valued_at is not None and week.close - valued_at > OLDEST_VALUE else None
    value = _value(there, equity, before[0], float(missing), late)
    lines = [f"to {week.date}", value, f"Held: {held(there)}."]
    lines += [f"{name}: {text}." for name, text in (risk_words(risk) if risk and not late else [])]
    lines.append(f"Trades since the last weekly message: {max(0, portfolio.trades - before[1])}.")
    lines.append(outlook)
    lines.append(f"Problems: {'; '.join(wrong)}." if wrong else "No problems.")
    return "\n".join([*lines, *(_channel(one) for one in channels)])


def _channel(one: ChannelHealth) -> str:
    accepted = f"accepted {new_york_text(one.delivered_at)}" if one.delivered_at else "has accepted nothing yet"
    refused = f", but {one.why} {new_york_text(one.refused_at)}" if one.fails and one.refused_at else ""
    return f"{one.name[:1].upper()}{one.name[1:]}: {accepted}{refused}."


def _value(
    portfolio: Portfolio, equity: float | None, before: float | None, missing: float, late: datetime | None
) -> str:
    """`late`: the time of the value, if it is not that of the week's end."""
    if equity is None:
        return _UNKNOWN
    if late is not None:
        seen = f"{new_york_text(late)}, it was {equity - missing:,.2f} USD"
        return f"Value: not known now; at the last valid prices, {seen}."
    capital = float(portfolio.total_capital)
    week = f", {(equity / before - 1):+.2%} since the last weekly message" if before else ""
    equity -= missing
    total = f", {equity - capital:+,.2f} USD ({equity / capital - 1:+.2%}) since the start" if capital else ""
    return f"Value: {equity:,.2f} USD{week}{total}."
