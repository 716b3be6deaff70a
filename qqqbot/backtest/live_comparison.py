"""monitor.py --drift, and what --performance adds: the real book compared with the official closes.

Drift is what each decision and each fill would have been at the official close. The last decision of each session
counts; the official answer is the rule on the official close; they differ if the price crossed a line between the check
and the close. A fill is compared with the price it was decided on (slippage) and with the official close (what the
backtest would have paid).

The curve of the book is valued at every official close. Deposits and withdrawals are no return: each session's return
is (equity - what came in) / equity before. The book does not know dividends, so a long held period shows a little less
than it earned.

Prices are those that the backtest keeps on disk; nothing is fetched. This module needs numpy, so the monitor imports it
only for these two views.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from qqqbot.backtest.metrics import Metrics, measure
from qqqbot.backtest.prices.csv_files import load_prices
from qqqbot.backtest.prices.table import BadPrices, Dates, Floats, Prices, Series, years_of
from qqqbot.backtest.signals import NO_SIGNAL, levels
from qqqbot.display.terminal import Field, Fields, Line, Screen, Table
from qqqbot.model.errors import BotError
from qqqbot.model.new_york import new_york_date
from qqqbot.model.values import QQQ, SYMBOLS, TQQQ, Rules, Side
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.folder import Folder, Identity, identity
from qqqbot.records.ledger import Ledger
from qqqbot.records.tail import RowReader
from qqqbot.runtime.config import load
from qqqbot.strategy.rule import LEVELS

Row = Mapping[str, Any]
FILES = ("qqq.csv", "tqqq.csv")
REFRESH = "./bot_control.sh backtest fetches newer ones"
NO_HISTORY = (
    "No price history yet, so there is nothing to compare with. Run ./bot_control.sh backtest once; it keeps the "
    "prices that --drift needs."
)
SHOWN = 20
# Figures of a few days say nothing.
FEWEST_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class DecisionDrift:
    """One session: what the daemon wanted last, and the rule's answer at the official close."""

    session: date
    decided: str
    official: str

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
    decisions: tuple[DecisionDrift, ...]
    fills: tuple[FillDrift, ...]
    not_closed: int
    """sessions with decisions, after the last known close"""

    @property
    def slippage_usd(self) -> float:
        return sum(fill.slippage_usd for fill in self.fills)

    @property
    def close_usd(self) -> float:
        return sum(fill.close_usd or 0.0 for fill in self.fills)


def drift(decisions: Iterable[Row], trades: Iterable[Row], prices: Prices, rules: Rules) -> Drift:
    """Compare rows of decisions.jsonl and of the book with the official closes. Unreadable rows are skipped."""
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
    """The close as it was printed on `day`; None if there is none."""
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


@dataclass(frozen=True, slots=True)
class LiveCurve:
    """What 1 put in at the start was worth then and at each close since: the bot, QQQ held, TQQQ held."""

    dates: Dates
    bot: Floats
    qqq: Floats
    tqqq: Floats

    def figures(self, risk_free: float = 0.0) -> dict[str, Metrics]:
        """Name -> figures, the same as the report's."""
        named = {"bot": self.bot, "QQQ held": self.qqq, "TQQQ held": self.tqqq}
        return {name: measure(curve, years_of(self.dates), risk_free) for name, curve in named.items()}


def live_curve(rows: Iterable[Row], prices: Prices) -> LiveCurve | None:
    """The curve of a book, rows oldest first; None if it has too few closes. Raises what Ledger.apply raises."""
    waiting = [(new_york_date(datetime.fromisoformat(row["timestamp"])), row) for row in rows]
    if not waiting:
        return None
    first = max(int(np.searchsorted(prices.dates, np.datetime64(waiting[0][0]))), prices.first)
    days: list[date] = prices.dates[first:].astype(object).tolist()
    if len(days) < FEWEST_SESSIONS:
        return None
    bot = _returns(waiting, prices, first, days)
    return LiveCurve(prices.dates[first:], bot, *(_held(s.close, first) for s in (prices.qqq, prices.tqqq)))


def _returns(waiting: list[tuple[date, Row]], prices: Prices, first: int, days: list[date]) -> Floats:
    """The bot's curve, beginning at 1 at the first close."""
    ledger, value = Ledger(), Decimal(0)
    curve, growth, at = np.empty(len(days)), 1.0, 0
    for index, day in enumerate(days):
        put_in = ledger.total_capital
        while at < len(waiting) and waiting[at][0] <= day:
            ledger.apply(waiting[at][1])
            at += 1
        flow = ledger.total_capital - put_in
        equity = ledger.portfolio().equity(_printed(prices, first + index))
        if index and value > 0:
            growth *= float((equity - flow) / value)
        curve[index], value = growth, equity
    return curve


def _printed(prices: Prices, at: int) -> dict[str, Decimal]:
    series = {QQQ: prices.qqq, TQQQ: prices.tqqq}
    return {s: Decimal(repr(float(series[s].close[at] * series[s].factor[at]))) for s in SYMBOLS}


def _held(close: Floats, first: int) -> Floats:
    return np.asarray(close[first:] / close[first])


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """What --drift shows."""

    prices_end: str
    drift: Drift

    @property
    def differing(self) -> tuple[DecisionDrift, ...]:
        return tuple(decision for decision in self.drift.decisions if not decision.agrees)

    def as_json(self) -> dict[str, Any]:
        return {
            "prices_end": self.prices_end,
            "sessions": len(self.drift.decisions),
            "differing": [_texts(asdict(decision)) for decision in self.differing],
            "not_closed": self.drift.not_closed,
            "fills": [_texts(asdict(fill)) for fill in self.drift.fills],
            "slippage_usd": self.drift.slippage_usd,
            "close_usd": self.drift.close_usd,
        }


@dataclass(frozen=True, slots=True)
class HoldingFacts:
    """What --performance adds: the figures of the bot and of both funds held; the note says why there are none."""

    note: str
    figures: Mapping[str, Metrics] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"beside": {name: asdict(figures) for name, figures in self.figures.items()}, "beside_note": self.note}


def kept_prices(folder: Path) -> Prices:
    """The prices that the backtest keeps. Raises BadPrices if there are none."""
    files = [folder / name for name in FILES]
    if not all(file.exists() for file in files):
        raise BadPrices(NO_HISTORY)
    return load_prices(*files)


def drift_facts(folder: Folder, cache: Path, config: Path) -> DriftFacts:
    """The comparison of every decision and fill. Raises BotError, OSError."""
    prices = kept_prices(cache)
    who = identity(folder, folder.status()[0])
    found = drift(_rows(folder.decisions, who), _rows(folder.trades, who), prices, load(config).rules)
    return DriftFacts(str(prices.dates[-1]), found)


def drift_screen(facts: DriftFacts) -> Screen:
    """Sums first, then the sessions that differ, and the newest fills."""
    found, fills, differing = facts.drift, facts.drift.fills, facts.differing
    fields = (
        Field("Decisions", _agreement(facts)),
        Field("Slippage", f"{found.slippage_usd:,.2f} USD lost from decision to fill in {len(fills)} trades"),
        Field("Close", f"{found.close_usd:,.2f} USD worse than at the official closes"),
        Field("Prices", f"end on {facts.prices_end}; {REFRESH}"),
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


def holding_facts(folder: Folder, cache: Path) -> HoldingFacts:
    """Figures of the book, QQQ held and TQQQ held since the same day; the reason if there are none."""
    try:
        prices = kept_prices(cache)
        who = identity(folder, folder.status()[0])
        curve = live_curve(_rows(folder.trades, who), prices)
    except BotError as reason:
        return HoldingFacts(str(reason))
    except (KeyError, ValueError, TypeError, ArithmeticError) as damage:
        return HoldingFacts(f"a row of the book cannot be read: {damage!r}")
    if curve is None:
        return HoldingFacts(f"too few closes since the start; prices end on {prices.dates[-1]}")
    note = f"{curve.dates[0]} to {curve.dates[-1]}, {len(curve.dates):,} closes; {REFRESH}"
    return HoldingFacts(note, curve.figures())


def holding_screen(facts: HoldingFacts) -> Screen:
    """The same figures as in the report."""
    rows = tuple(
        (
            *(name, f"{m.total_return:+.1%}", f"{m.cagr:.1%}", f"{m.volatility:.0%}"),
            *(f"{m.sharpe:.2f}", f"{m.sortino:.2f}", f"{m.max_drawdown:.1%}"),
        )
        for name, m in facts.figures.items()
    )
    note = Line(f"Compared with holding: {facts.note}")
    if not rows:
        return (Line(""), note)
    head = ("", "return", "CAGR", "vol", "Sharpe", "Sortino", "max DD")
    return (Line(""), note, Table(head, rows, frozenset(range(1, len(head)))))


def _agreement(facts: DriftFacts) -> str:
    total, differing, not_closed = len(facts.drift.decisions), len(facts.differing), facts.drift.not_closed
    waiting = f"; {not_closed} not closed yet or not in the prices" if not_closed else ""
    return f"{total - differing} of {total} agree with the official close{waiting}"


def _fill_row(fill: FillDrift) -> tuple[str, ...]:
    close = "" if fill.close_usd is None else f"{fill.close_usd:+,.2f}"
    return (
        *(fill.session.isoformat(), fill.side, fill.symbol, f"{fill.quantity:,}"),
        *(f"{fill.decision_price:,.2f}", f"{fill.price:,.4f}", f"{fill.slippage_bps:+.1f}"),
        *(f"{fill.slippage_usd:+,.2f}", close),
    )


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "session": values["session"].isoformat()}


def _rows(path: Path, who: Identity) -> Iterator[Row]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for row in RowReader().forwards(file):
            if who.owns(row):
                yield row
