"""monitor.py --drift, and what --performance adds: the real book beside the official closes, as facts and as a screen.

Prices are those that the backtest keeps on disk; nothing is asked of anybody. This module needs numpy, so the monitor
imports it only when it is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qqqbot.backtest.drift import drift
from qqqbot.backtest.live_curve import live_curve
from qqqbot.backtest.prices.csv_files import load_prices
from qqqbot.backtest.prices.table import BadPrices, Prices
from qqqbot.display.terminal import Field, Fields, Line, Screen, Table
from qqqbot.model.errors import BotError
from qqqbot.records.folder import Folder, Identity, identity
from qqqbot.records.tail import Row, RowReader
from qqqbot.runtime.config import load

Facts = Mapping[str, Any]
FILES = ("qqq.csv", "tqqq.csv")
REFRESH = "./bot_control.sh backtest fetches them"
SHOWN = 20


def kept_prices(folder: Path) -> Prices:
    """The prices that the backtest keeps. Raises BadPrices where there are none."""
    files = [folder / name for name in FILES]
    if not all(file.exists() for file in files):
        raise BadPrices(f"no prices are kept in {folder}: {REFRESH}")
    return load_prices(*files)


def drift_facts(folder: Folder, cache: Path, config: Path) -> dict[str, Any]:
    """The comparison of every decision and fill. Raises BotError, OSError."""
    prices = kept_prices(cache)
    who = identity(folder, folder.status()[0])
    found = drift(_rows(folder.decisions, who), _rows(folder.trades, who), prices, load(config).rules)
    return {
        "prices_end": str(prices.dates[-1]),
        "sessions": len(found.decisions),
        "differing": [_texts(asdict(d)) for d in found.decisions if not d.agrees],
        "not_closed": found.not_closed,
        "fills": [_texts(asdict(f)) for f in found.fills],
        "slippage_usd": found.slippage_usd,
        "close_usd": found.close_usd,
    }


def drift_screen(facts: Facts) -> Screen:
    """Sums first, then the sessions that differ and the newest fills."""
    fills, differing = facts["fills"], facts["differing"]
    blocks: list[Any] = [
        Fields(
            (
                Field("Decisions", _agreement(facts)),
                Field(
                    "Slippage", f"{facts['slippage_usd']:,.2f} USD lost from decision to fill in {len(fills)} trades"
                ),
                Field("Close", f"{facts['close_usd']:,.2f} USD worse than at the official closes"),
                Field("Prices", f"end on {facts['prices_end']}; {REFRESH}"),
            )
        )
    ]
    if differing:
        rows = tuple((d["session"], d["decided"], d["official"]) for d in differing[-SHOWN:])
        blocks += [Line(""), Table(("session", "decided", "official close says"), rows)]
    if fills:
        rows_of_fills = tuple(_fill_row(fill) for fill in fills[-SHOWN:])
        head = ("session", "side", "symbol", "shares", "decided at", "filled at", "bp", "USD", "USD to close")
        blocks += [Line(""), Table(head, rows_of_fills, frozenset(range(3, len(head))))]
    return tuple(blocks)


def performance_facts(folder: Folder, cache: Path) -> dict[str, Any]:
    """Figures of the book, QQQ held and TQQQ held since the same day; why not, where there are none."""
    try:
        prices = kept_prices(cache)
        who = identity(folder, folder.status()[0])
        curve = live_curve(_rows(folder.trades, who), prices)
    except BotError as reason:
        return {"beside": {}, "beside_note": str(reason)}
    except (KeyError, ValueError, TypeError, ArithmeticError) as damage:
        return {"beside": {}, "beside_note": f"a row of the book cannot be read: {damage!r}"}
    if curve is None:
        return {"beside": {}, "beside_note": f"too few closes since the start; prices end on {prices.dates[-1]}"}
    return {
        "beside": {name: asdict(figures) for name, figures in curve.figures().items()},
        "beside_note": f"{curve.dates[0]} to {curve.dates[-1]}, {len(curve.dates)} closes; {REFRESH}",
    }


def performance_screen(facts: Facts) -> Screen:
    """The same figures as the report's."""
    rows = tuple(
        (
            *(name, f"{m['total_return']:+.1%}", f"{m['cagr']:.1%}", f"{m['volatility']:.0%}"),
            *(f"{m['sharpe']:.2f}", f"{m['sortino']:.2f}", f"{m['max_drawdown']:.1%}"),
        )
        for name, m in facts["beside"].items()
    )
    note = Line(f"Beside holding: {facts['beside_note']}")
    if not rows:
        return (Line(""), note)
    head = ("", "return", "CAGR", "vol", "Sharpe", "Sortino", "max DD")
    return (Line(""), note, Table(head, rows, frozenset(range(1, len(head)))))


def _agreement(facts: Facts) -> str:
    total, differing = facts["sessions"], len(facts["differing"])
    waiting = f"; {facts['not_closed']} not closed or not in the prices yet" if facts["not_closed"] else ""
    return f"{total - differing} of {total} as the official close says{waiting}"


def _fill_row(fill: Facts) -> tuple[str, ...]:
    close = "" if fill["close_usd"] is None else f"{fill['close_usd']:+,.2f}"
    numbers = (f"{fill['decision_price']:,.2f}", f"{fill['price']:,.4f}", f"{fill['slippage_bps']:+.1f}")
    return (
        *(fill["session"], fill["side"], fill["symbol"], f"{fill['quantity']:,}"),
        *numbers,
        *(f"{fill['slippage_usd']:+,.2f}", close),
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
