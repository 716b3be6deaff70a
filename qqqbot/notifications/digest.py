"""The weekly digest: what the account is worth, what was traded, and which price would change the answer. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_text
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import SYMBOLS, Crossing, Portfolio
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.status_file import Flips

# The last check of a session is over by then.
AFTER_CLOSE = timedelta(minutes=10)


class Week(NamedTuple):
    """A week of sessions that has ended. `ended` names it: the date of its last session."""

    ended: str
    close: datetime


def ended_week(table: SessionTable | None, now: datetime) -> Week | None:
    """The newest week, if its sessions are over; None if it has not ended or is not known."""
    try:
        if table is None or table.open_session(now) is not None:
            return None
        last, coming = table.last_closed(now), table.next_open(now)
    except CalendarEnded:
        return None
    same = last.date.isocalendar()[:2] == coming.date.isocalendar()[:2]
    return None if same or now - last.close < AFTER_CLOSE else Week(last.date.isoformat(), last.close)


def digest(
    week: Week,
    portfolio: Portfolio,
    equity: float | None,
    flips: Flips | None,
    before: tuple[float | None, int],
    wrong: list[str],
    channels: Sequence[ChannelHealth] = (),
    missing: Decimal = Decimal(0),
) -> str:
    """`before` is the equity and number of trades at the last digest, `missing` what the account lacks of the cash.

    It goes through every channel, and says of each what it did before: so each is tested once a week, and one that has
    failed in silence is named in the others.
    """
    there = replace(portfolio, cash=portfolio.cash - missing, total_capital=portfolio.total_capital - missing)
    lines = [f"to {week.ended}", _value(there, equity, before[0], float(missing)), f"Held: {_held(there)}."]
    lines.append(f"Trades since the last digest: {max(0, portfolio.trades - before[1])}.")
    if flips is not None:
        lines.append(_flip(flips))
    lines.append(f"Problems: {'; '.join(wrong)}." if wrong else "No problems.")
    return "\n".join([*lines, *(_channel(one) for one in channels)])


def _channel(one: ChannelHealth) -> str:
    accepted = f"accepted {new_york_text(one.delivered_at)}" if one.delivered_at else "has accepted nothing yet"
    refused = f", but {one.why} {new_york_text(one.refused_at)}" if one.fails and one.refused_at else ""
    return f"{one.name[:1].upper()}{one.name[1:]}: {accepted}{refused}."


def standing(portfolio: Portfolio, flips: Flips | None) -> str:
    """What is held, and how far the price is from changing that."""
    return f"Held: {_held(portfolio)}." + (f"\n{_flip(flips)}" if flips is not None else "")


def _value(portfolio: Portfolio, equity: float | None, before: float | None, missing: float) -> str:
    if equity is None:
        return "Value: unknown, as there is no price yet."
    capital = float(portfolio.total_capital)
    week = f", {(equity / before - 1):+.2%} since the last digest" if before else ""
    equity -= missing
    total = f", {equity - capital:+,.2f} USD ({equity / capital - 1:+.2%}) since the start" if capital else ""
    return f"Value: {equity:,.2f} USD{week}{total}."


def _held(portfolio: Portfolio) -> str:
    shares = [f"{portfolio.shares[s]:,} {s}" for s in SYMBOLS if portfolio.shares.get(s)]
    return " + ".join([*shares, f"{portfolio.cash:,.2f} USD cash"])


def _flip(flips: Flips) -> str:
    price, at = f"QQQ {flips.seen_price:,.2f}", new_york_text(flips.seen_at)
    flip = flips.coming
    if flip is None or flips.out_of_reach(flips.closes_at):
        return f"{price} ({at}); no price of one day would change the rule's answer. {_crossing(flips.crossing)}"
    move = f"{flip.price:,.2f} ({flip.price / flips.seen_price - 1:+.2%})"
    return f"{price} ({at}). At {move} in the next session the rule would want {flip.target}."


def _crossing(crossing: Crossing | None) -> str:
    if crossing is None:
        return "Staying there would not change it either."
    return (
        f"If it stays there, they cross in about {crossing.sessions} sessions; then the rule wants {crossing.target}."
    )
