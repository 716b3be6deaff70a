"""status.json: the daemon's heartbeat, replaced atomically at every check and at least once a minute.

Always there: schema, state (starting, waiting, running, stopped), pid, version, started_at, heartbeat_at,
next_check_at, problem (why the account does not answer) and problem_since, notices (the newest), config_hash, config.
Once the account is known: mode, account, calendar, last_check and last_signal (rows of decisions.jsonl), portfolio,
account_says, agrees, halted, failures_in_row, alerts (what is wrong now), flip (see `Flips`), costs (see `Costs`),
undecided (the newest session that ended without the decision that was due, until there is one).

A value that this run of the daemon does not know yet is null. Files of earlier versions lack keys: read a missing key
as null. `flip` is null until a check has had a signal; earlier versions did not write it.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import AccountSnapshot, Crossing, Flip, Portfolio
from qqqbot.records.codec import UNREADABLE, from_plain, to_plain
from qqqbot.records.coerce import mapping
from qqqbot.records.jsonl import SCHEMA
from qqqbot.records.ledger import Costs
from qqqbot.regular_file import replace

FARTHEST_DAY = 0.2
"""the default of max_daily_move_pct: a price further away is refused; QQQ has moved 12 % at most since 2010"""


class Flips(NamedTuple):
    """The flip prices as of `seen_at`, when the signal `symbol` was at `seen_price`; the key `flip` has these fields.

    `today` applies until `closes_at`, the close of the session of `seen_at`; `coming` applies from then on, in the next
    session, and treats `seen_price` as the close of that day. Either is null if no price would change the answer.
    `crossing` is null if the averages would never cross at `seen_price`, and in a file of an earlier version.
    """

    seen_at: datetime
    seen_price: float
    closes_at: datetime
    today: Flip | None
    coming: Flip | None
    crossing: Crossing | None = None
    symbol: str = DEFAULT_SYMBOLS[0]

    def is_coming(self, now: datetime) -> bool:
        return now >= self.closes_at

    def at(self, now: datetime) -> Flip | None:
        return self.coming if self.is_coming(now) else self.today

    def out_of_reach(self, now: datetime) -> bool:
        """Whether no price of one day can change the answer."""
        flip = self.at(now)
        return flip is None or abs(flip.price / self.seen_price - 1) > FARTHEST_DAY


def flips_in(status: Mapping[str, Any]) -> Flips | None:
    """The flip prices in a status; None if it has none (no signal yet, an earlier version) or they are unreadable."""
    try:
        found: Flips | None = from_plain(Flips | None, status.get("flip"))
    except UNREADABLE:
        return None
    return found if found is not None and all(0 < n < math.inf for n in _numbers(found)) else None


def _numbers(flips: Flips) -> Iterator[float]:
    """The numbers that must all be above 0."""
    yield flips.seen_price
    for flip in filter(None, (flips.today, flips.coming)):
        yield from (flip.price, *(order.quantity for order in flip.orders))
    if flips.crossing is not None:
        yield flips.crossing.sessions


def calendar_values(table: SessionTable | None, now: datetime) -> dict[str, Any] | None:
    """The exchange's present and next session; None if the table is missing or does not reach `now`."""
    if table is None or not table.sessions or not table.sessions[0].open <= now < table.sessions[-1].open:
        return None  # before the first session too: a clock that was set back must not end the daemon
    open_now, coming, half = table.open_session(now), table.next_open(now), table.next_half_day(now)
    return {
        "open": open_now is not None,
        "session": to_plain(open_now or table.last_closed(now)),
        "next_open": coming.open.isoformat(),
        "next_close": coming.close.isoformat(),
        "next_session_date": coming.date.isoformat(),
        "half_day": to_plain(half),
    }


def portfolio_values(portfolio: Portfolio, equity: float | None, missing: Decimal = Decimal(0)) -> dict[str, Any]:
    """The book's figures; `missing` is the part of its cash that the account lacks."""
    return {
        "missing": missing,
        "income": portfolio.income,
        "total_capital": portfolio.total_capital,
        "cash": portfolio.cash,
        "shares": dict(portfolio.shares),
        "foreign": dict(portfolio.foreign),
        "equity": equity,
        "realized_pnl": portfolio.realized_pnl,
        "trades": portfolio.trades,
        "holding": portfolio.holding.value,
        "moving_to": portfolio.moving_to.value,
        "since": portfolio.since.isoformat() if portfolio.since else None,
    }


def costs_in(status: Mapping[str, Any]) -> Costs | None:
    """The costs in a status; None in a file of an earlier version."""
    found = mapping(status.get("costs"))
    try:
        commissions, slippage, traded = (Decimal(str(found[name])) for name in ("commissions", "slippage", "traded"))
        return Costs(commissions, slippage, traded, int(found["rotations"]))
    except (KeyError, ValueError, TypeError, ArithmeticError):
        return None


def account_values(account: AccountSnapshot | None) -> dict[str, Any] | None:
    if account is None:
        return None
    return {
        "net_liquidation": account.net_liquidation,
        "spendable": account.spendable,
        "positions": dict(account.positions),
        "unsettled": account.unsettled,
        "behind": account.behind,
        "taken_at": account.taken_at.isoformat(),
    }


def write_status(path: Path, values: Mapping[str, Any]) -> None:
    """Replace the file at `path`; a reader sees the old one or the new one, whole. Raises OSError."""
    # Not json.dump, which encodes in Python and takes ten times as long; an idle daemon does this every minute.
    replace(path, json.dumps({"schema": SCHEMA, **values}, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be written to status.json")
