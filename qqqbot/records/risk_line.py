"""The risk line: the figures of the bot's life that are the same wherever they are shown. Pure.

Drawdown and growth come from the valuations at every check. Dividends count on both sides: in the book as `income`, and
in the index held as more shares.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from qqqbot.model.new_york import new_york_date
from qqqbot.records.ledger import Costs, Ledger
from qqqbot.records.track import Track


class Position(NamedTuple):
    """An open position in a fund. `entry_price` is the average price paid, commissions included."""

    symbol: str
    shares: int
    entry_price: float
    opened_at: datetime
    price: float | None = None
    value: float | None = None
    profit: float | None = None
    profit_pct: float | None = None


class RiskLine(NamedTuple):
    """The figures at the newest check with valid prices, made at `at`; amounts in USD.

    `qqq_held` is what the same deposits would be worth if they had bought and held the rule's `signal`. `ahead` is the
    value less `qqq_held`, and `ahead_pct` is the same in points of `change_pct`. The worst drawdown was at `worst_at`.
    """

    since: datetime
    at: datetime
    value: float
    put_in: float | None
    change: float | None
    change_pct: float | None
    drawdown_pct: float
    worst_drawdown_pct: float
    worst_at: datetime | None
    qqq_held: float
    qqq_change_pct: float | None
    ahead: float
    ahead_pct: float | None
    open_profit: float
    open_profit_pct: float | None
    commissions: float | None
    slippage: float | None
    rotations: int | None
    signal: str


def positions(ledger: Ledger, prices: Mapping[str, float | None]) -> tuple[Position, ...]:
    """The book's open positions, valued at `prices`; a position whose beginning is not known is left out."""
    found = []
    for symbol, shares in ledger.shares.items():
        opened, price = ledger.opened.get(symbol), prices.get(symbol)
        if shares <= 0 or opened is None:
            continue
        entry = float(ledger.cost[symbol])
        held = Position(symbol, shares, entry, opened)
        if price is not None:
            profit = (price - entry) * shares
            pct = (price / entry - 1) * 100 if entry else None
            held = held._replace(price=price, value=price * shares, profit=profit, profit_pct=pct)
        found.append(held)
    return tuple(found)


def life(ledger: Ledger, track: Track | None, missing: float = 0.0) -> tuple[tuple[Position, ...], RiskLine | None]:
    """The open positions and the risk line, at the prices of the newest valuation."""
    held = positions(ledger, track.prices if track else {})
    return held, risk_line(track, held, ledger.costs, missing)


def risk_line(
    track: Track | None, held: tuple[Position, ...], costs: Costs | None, missing: float = 0.0
) -> RiskLine | None:
    """The risk line; None before the first valuation. `missing` is the book's cash that the account lacks."""
    if track is None:
        return None
    value, put_in, qqq = track.equity - missing, less(track.capital, missing), track.held - missing
    change, change_pct = gain(value, put_in)
    _, qqq_pct = gain(qqq, put_in)
    paid = sum(each.entry_price * each.shares for each in held)
    profit = sum(each.profit or 0.0 for each in held)
    return RiskLine(
        since=track.since,
        at=track.at,
        value=value,
        put_in=put_in,
        change=change,
        change_pct=change_pct,
        drawdown_pct=track.drawdown * 100,
        worst_drawdown_pct=track.worst * 100,
        worst_at=track.worst_at,
        qqq_held=qqq,
        qqq_change_pct=qqq_pct,
        ahead=value - qqq,
        ahead_pct=change_pct - qqq_pct if change_pct is not None and qqq_pct is not None else None,
        open_profit=profit,
        open_profit_pct=profit / paid * 100 if paid else None,
        commissions=float(costs.commissions) if costs else None,
        slippage=float(costs.slippage) if costs else None,
        rotations=costs.rotations if costs else None,
        signal=track.signal,
    )


def gain(value: float | None, put_in: float | None) -> tuple[float, float] | tuple[None, None]:
    """By how much `value` exceeds `put_in`, in USD and in per cent."""
    if value is None or not put_in:
        return None, None
    return value - put_in, (value / put_in - 1) * 100


def risk_words(line: RiskLine) -> list[tuple[str, str]]:
    """Label and text of everything in the line except value and change."""
    at = f" on {new_york_date(line.worst_at)}" if line.worst_at and line.worst_drawdown_pct else ""
    drawdown = f"{line.drawdown_pct:z,.2f} % now, {line.worst_drawdown_pct:z,.2f} % at worst{at}, at each check"
    points = f", {line.ahead_pct:+z,.2f} points" if line.ahead_pct is not None else ""
    found = [
        ("Drawdown", drawdown),
        (
            f"Beside {line.signal}",
            f"{line.ahead:+z,.2f} USD{points} against {line.signal} held, which would be {line.qqq_held:,.2f}",
        ),
    ]
    if line.open_profit_pct is not None:
        found.append(("Open profit", f"{line.open_profit:+z,.2f} USD ({line.open_profit_pct:+z,.2f} %)"))
    if line.commissions is not None and line.slippage is not None:
        found.append(("Costs", cost_words(line.commissions, line.slippage)))
    return found


def cost_words(commissions: float, slippage: float) -> str:
    return f"{commissions:,.2f} USD of commissions, {slippage:,.2f} USD of slippage"


def less(amount: float | None, missing: float) -> float | None:
    return None if amount is None else amount - missing
