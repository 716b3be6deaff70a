"""Where the account stands, in a sentence or two: what is held, and which price would change the rule's answer.

Only prices that passed every gate are given, each with its time. The flip price is for the session that is open or
comes next. If the last checked price is from too long before the close, the flip price is not known, and the sentence
says so.
"""

from datetime import datetime, timedelta

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_text
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Portfolio
from qqqbot.records.status_file import Flips
from qqqbot.strategy.crossing import forecast

# How long before the close a price may be: the next session's averages contain the close, which may be far from an
# older price.
FRESH = timedelta(hours=2)


def held(portfolio: Portfolio) -> str:
    """'1,053 TQQQ + 5,049.00 USD cash'"""
    shares = [f"{count:,} {symbol}" for symbol, count in portfolio.shares.items() if count]
    return " + ".join([*shares, f"{portfolio.cash:,.2f} USD cash"])


def standing(portfolio: Portfolio, flips: Flips | None, table: SessionTable | None, now: datetime) -> str:
    return f"Held: {held(portfolio)}.\n{outlook(flips, table, now)}"


def is_known(flips: Flips | None, table: SessionTable | None, now: datetime) -> bool:
    """Whether the newest checked price is of the current session, and not long before `now` or its close."""
    if flips is None or table is None:
        return False
    try:
        close = table.current(now).close
    except CalendarEnded:
        return False
    return flips.closes_at == close and min(now, close) - flips.seen_at <= FRESH


def outlook(flips: Flips | None, table: SessionTable | None, now: datetime) -> str:
    if flips is None:
        return "The flip price is not known: no price has passed the checks since the start."
    flip = None if flips.out_of_reach(now) else flips.at(now)
    price = f"{flips.symbol} {flips.seen_price:,.2f} ({new_york_text(flips.seen_at)})"
    change = f"{flip.price:,.2f} ({flip.price / flips.seen_price - 1:+.2%})" if flip else "no price of one day"
    if not is_known(flips, table, now):
        then = f"{change} would have changed the rule's answer{f' to {flip.target}' if flip else ''}"
        return f"The flip price is not known: the last price that passed the checks was {price}; then {then}."
    if flip is None:
        sessions, target = flips.crossing or (None, None)
        return f"{price}. {forecast(flips.symbol, flips.seen_price, sessions, target)}"
    return f"{price}. At {change}{_when(flips, table, now)} the rule would want {flip.target}."


def _when(flips: Flips, table: SessionTable | None, now: datetime) -> str:
    """' on Wed 2026-11-25' for the coming session; empty for the session that is open, or without a table."""
    return f" on {table.next_open(now).date:%a %Y-%m-%d}" if table and flips.is_coming(now) else ""
