"""monitor.py --drift: the decisions and fills of the real book compared with the official closes.

The last decision of each session counts; the official answer is the rule on the official close; they differ if the
price crossed a line between the check and the close. A fill is compared with the price it was decided on (slippage) and
with the official close (what the backtest would have paid).

Official closes come from the prices that the bot itself has kept; for sessions missing there, from the prices that the
backtest keeps on disk. Nothing is fetched. This module needs numpy, so the monitor imports it only for this view.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from qqqbot.backtest.official import Remembered, remembered
from qqqbot.backtest.prices.cache import REFRESH, kept_prices
from qqqbot.backtest.prices.table import BadPrices, Prices, Series
from qqqbot.backtest.signals import NO_SIGNAL, levels
from qqqbot.display.terminal import Field, Fields, Line, Screen, Table
from qqqbot.model.family import DEFAULT, PRESETS, name_of
from qqqbot.model.instruments import Holding
from qqqbot.model.new_york import new_york_date
from qqqbot.model.values import Rules, Side
from qqqbot.records.codec import to_plain
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.folder import Folder, identity, own_rows
from qqqbot.records.prices import kept_windows
from qqqbot.runtime.config import load

Row = Mapping[str, Any]
SHOWN = 20


@dataclass(frozen=True, slots=True)
class DecisionDrift:
    """One session: what the daemon wanted last, and the rule's answer at the official close."""

    session: date
    decided: str
    official: str
    remembered: bool = False
    """whether the official close comes from the prices that the bot itself has kept"""

    @property
    def agrees(self) -> bool:
        return self.decided == self.official


@dataclass(frozen=True, slots=True)
class FillDrift:
    """One trade. Positive USD and basis points are losses; `close_usd` is None until the official close is known."""

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
    """What --drift shows."""

    prices_end: str | None
    """the last session of the price history on disk, None if there is none"""
    decisions: tuple[DecisionDrift, ...]
    fills: tuple[FillDrift, ...]
    not_closed: int
    """sessions with decisions, after the last known close"""
    other_rule: int
    """sessions decided by another rule than the one that is compared"""

    @property
    def differing(self) -> tuple[DecisionDrift, ...]:
        return tuple(decision for decision in self.decisions if not decision.agrees)

    @property
    def from_memory(self) -> int:
        """How many sessions were compared with an official close that the bot itself has kept."""
        return sum(decision.remembered for decision in self.decisions)

    @property
    def slippage_usd(self) -> float:
        return sum(fill.slippage_usd for fill in self.fills)

    @property
    def close_usd(self) -> float:
        return sum(fill.close_usd or 0.0 for fill in self.fills)

    def as_json(self) -> dict[str, Any]:
        return {
            "prices_end": self.prices_end,
            "from_memory": self.from_memory,
            "sessions": len(self.decisions),
            "differing": to_plain(self.differing),
            "not_closed": self.not_closed,
            "other_rule": self.other_rule,
            "fills": to_plain(self.fills),
            "slippage_usd": self.slippage_usd,
            "close_usd": self.close_usd,
        }


def drift(
    decisions: Iterable[Row],
    trades: Iterable[Row],
    prices: Prices | None,
    rules: Rules,
    known: Mapping[date, Remembered] = MappingProxyType({}),
) -> Drift:
    """Compare rows of decisions.jsonl and of the book with the official closes in `known`, else in `prices`.

    Unreadable rows are skipped.
    """
    last, official = _last_decisions(decisions), _answers(prices, rules)
    unnamed = rules.rule is None or rules.form == PRESETS[DEFAULT]  # rules of two averages once had no name
    own_rule = {name_of(rules.form), *([None] if unnamed else [])}
    ours = {session: (decided, held) for session, (rule, decided, held) in last.items() if rule in own_rule}
    signal, fund = rules.form.signal.symbol, rules.form.fund.symbol
    compared = []
    for session, (decided, held) in sorted(ours.items()):
        own = known[session].answer(held, rules) if session in known else None
        answer = own or official.get(session)
        if answer is not None:
            compared.append(DecisionDrift(session, decided, answer.value, own is not None))

    def close_of(symbol: str, session: date) -> float | None:
        own = {signal: known[session].signal, fund: known[session].fund} if session in known else {}
        if own.get(symbol, 0) > 0:
            return own[symbol]
        return printed_close(prices.of(symbol), session) if prices else None

    fills = [fill for row in trades if (fill := _fill(row, rules.form.symbols, close_of)) is not None]
    ends = str(prices.dates[-1]) if prices else None
    return Drift(ends, tuple(compared), tuple(fills), len(ours) - len(compared), len(last) - len(ours))


def _answers(prices: Prices | None, rules: Rules) -> dict[date, Holding]:
    """The rule's answer at each official close of `prices`."""
    if prices is None:
        return {}
    days, found = prices.dates.astype(object).tolist(), levels(prices.signal.close, rules).tolist()
    return {day: rules.form.shelves[n] for day, n in zip(days, found, strict=True) if n != NO_SIGNAL}


def printed_close(series: Series, day: date) -> float | None:
    """The close as it was printed on `day`; None if there is none."""
    at = int(np.searchsorted(series.dates, np.datetime64(day)))
    if at == len(series) or series.dates[at] != np.datetime64(day) or not np.isfinite(series.close[at]):
        return None
    return float(series.close[at] * series.factor[at])


def _last_decisions(rows: Iterable[Row]) -> dict[date, tuple[str | None, str, Holding]]:
    """Session -> rule, target and holding of its last decision; rows come oldest first."""
    last = {}
    for row in rows:
        session, target = text(row.get("session")), text(row.get("target"))
        if session and target and row.get("exchange_open") is True:
            held = text(row.get("held"))
            known = Holding(held) if held in list(Holding) else Holding.CASH
            last[date.fromisoformat(session)] = text(row.get("rule")), target, known
    return last


def _fill(row: Row, symbols: Collection[str], close_of: Callable[[str, date], float | None]) -> FillDrift | None:
    at, price, decided = moment(row.get("timestamp")), number(row.get("price")), number(row.get("decision_price"))
    symbol, quantity = text(row.get("symbol")), number(row.get("quantity"))
    if row.get("kind", "trade") != "trade" or symbol is None or symbol not in symbols:
        return None
    if at is None or price is None or not decided or quantity is None:
        return None
    session = new_york_date(at)
    sign = 1 if row.get("side") == Side.BUY.value else -1
    close = close_of(symbol, session)
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


def drift_facts(folder: Folder, cache: Path, config: Path) -> Drift:
    """The comparison of every decision and fill. Raises BotError, OSError."""
    rules = load(config).rules
    known, prices = remembered(kept_windows(folder.prices, rules.form.symbols[:2])), None
    try:
        prices = kept_prices(cache, rules.form.symbols)
    except BadPrices:
        if not known:
            raise
    who = identity(folder, folder.status()[0])
    return drift(own_rows(folder.decisions, who), own_rows(folder.trades, who), prices, rules, known)


def drift_screen(found: Drift) -> Screen:
    """Sums first, then the sessions that differ, then the newest fills."""
    fills, differing = found.fills, found.differing
    fields = (
        Field("Decisions", _agreement(found)),
        Field("Slippage", f"{found.slippage_usd:,.2f} USD lost from decision to fill in {len(fills)} trades"),
        Field("Close", _at_the_closes(found)),
        Field("Prices", _sources(found)),
    )
    blocks: list[Any] = [Fields(fields)]
    if differing:
        rows = tuple((d.session.isoformat(), d.decided, d.official) for d in differing[-SHOWN:])
        blocks += [Line(""), Table(("session", "decided", "at official close"), rows)]
    if fills:
        rows_of_fills = tuple(_fill_row(fill) for fill in fills[-SHOWN:])
        head = ("session", "side", "symbol", "shares", "decided at", "filled at", "bp", "USD", "USD to close")
        blocks += [Line(""), Table(head, rows_of_fills, frozenset(range(3, len(head))))]
    return tuple(blocks)


def _at_the_closes(found: Drift) -> str:
    known = sum(fill.close_usd is not None for fill in found.fills)
    if not known and found.fills:
        return f"no official close of these trades is known; {REFRESH}"
    only = f" ({known} of {len(found.fills)} known)" if known < len(found.fills) else ""
    return f"{found.close_usd:,.2f} USD worse than at the official closes{only}"


def _agreement(found: Drift) -> str:
    total, differing, not_closed = len(found.decisions), len(found.differing), found.not_closed
    waiting = f"; {not_closed} not closed yet or not in the prices" if not_closed else ""
    others = f"; {found.other_rule} decided by another rule than config.json's" if found.other_rule else ""
    return f"{total - differing} of {total} agree with the official close{waiting}{others}"


def _sources(found: Drift) -> str:
    own = found.from_memory
    remembered_ones = f"official closes of {own} sessions from the bot's own memory"
    if not found.prices_end:
        return remembered_ones
    others = len(found.decisions) - own
    return f"{remembered_ones}, of {others} from a price history that ends on {found.prices_end}; {REFRESH}"


def _fill_row(fill: FillDrift) -> tuple[str, ...]:
    close = "" if fill.close_usd is None else f"{fill.close_usd:+,.2f}"
    return (
        *(fill.session.isoformat(), fill.side, fill.symbol, f"{fill.quantity:,}"),
        *(f"{fill.decision_price:,.2f}", f"{fill.price:,.4f}", f"{fill.slippage_bps:+.1f}"),
        *(f"{fill.slippage_usd:+,.2f}", close),
    )
