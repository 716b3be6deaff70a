"""Life against backtest: what each decision and each fill would have been at the official close. Pure.

Of each session the last decision counts. The official answer is the rule on the official close; they differ where the
price crossed a line between the check and the close. A fill is held against the price it was decided on (slippage) and
against the official close (what the backtest would have paid).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from qqqbot.backtest.prices.table import Prices, Series
from qqqbot.backtest.signals import NO_SIGNAL, levels
from qqqbot.model.sessions import new_york_date
from qqqbot.model.values import SYMBOLS, Rules, Side
from qqqbot.records.coerce import moment, number, text
from qqqbot.strategy.rule import LEVELS

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DecisionDrift:
    """One session: what the daemon wanted last, and what the rule says of the official close."""

    session: date
    decided: str
    official: str

    @property
    def agrees(self) -> bool:
        return self.decided == self.official


@dataclass(frozen=True, slots=True)
class FillDrift:
    """One trade; USD and basis points are losses where positive. None where the official close is not known yet."""

    session: date
    side: str
    symbol: str
    quantity: int
    decision_price: float
    price: float
    slippage_bps: float
    slippage_usd: float
    close_usd: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    decisions: tuple[DecisionDrift, ...]
    fills: tuple[FillDrift, ...]
    not_closed: int
    """sessions with decisions that the prices do not reach"""

    @property
    def slippage_usd(self) -> float:
        return sum(fill.slippage_usd for fill in self.fills)

    @property
    def close_usd(self) -> float:
        return sum(fill.close_usd or 0.0 for fill in self.fills)


def drift(decisions: Iterable[Row], trades: Iterable[Row], prices: Prices, rules: Rules) -> Drift:
    """Compare rows of decisions.jsonl and of the book with the official closes. Rows that are none are left out."""
    last = _last_decisions(decisions)
    official = dict(zip(prices.dates.astype(object).tolist(), levels(prices.qqq.close, rules).tolist(), strict=True))
    compared = [
        DecisionDrift(session, decided, LEVELS[official[session]].value)
        for session, decided in sorted(last.items())
        if official.get(session, NO_SIGNAL) != NO_SIGNAL
    ]
    fills = [fill for row in trades if (fill := _fill(row, prices)) is not None]
    return Drift(tuple(compared), tuple(fills), len(last) - len(compared))


def printed_close(series: Series, day: date) -> float | None:
    """The close as it was printed on `day`, None where there is none."""
    at = int(np.searchsorted(series.dates, np.datetime64(day)))
    if at == len(series) or series.dates[at] != np.datetime64(day) or not np.isfinite(series.close[at]):
        return None
    return float(series.close[at] * series.factor[at])


def _last_decisions(rows: Iterable[Row]) -> dict[date, str]:
    """Session -> the target of its last decision; rows come oldest first."""
    last = {}
    for row in rows:
        session, target = text(row.get("session")), text(row.get("target"))
        if session and target and row.get("exchange_open") is True:
            last[date.fromisoformat(session)] = target
    return last


def _fill(row: Row, prices: Prices) -> FillDrift | None:
    at, price, decided = moment(row.get("timestamp")), number(row.get("price")), number(row.get("decision_price"))
    symbol, quantity = text(row.get("symbol")), number(row.get("quantity"))
    if row.get("kind", "trade") != "trade" or symbol not in SYMBOLS:
        return None
    if at is None or price is None or not decided or quantity is None:
        return None
    session = new_york_date(at)
    sign = 1 if row.get("side") == Side.BUY.value else -1
    close = printed_close(prices.qqq if symbol == "QQQ" else prices.tqqq, session)
    return FillDrift(
        session=session,
        side=str(row.get("side")),
        symbol=symbol,
        quantity=int(quantity),
        decision_price=decided,
        price=price,
        slippage_bps=sign * (price / decided - 1) * 10_000,
        slippage_usd=sign * (price - decided) * quantity,
        close_usd=None if close is None else sign * (price - close) * quantity,
    )
