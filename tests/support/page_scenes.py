"""Logs folders in which the page looks different: each a state that its owner may find it in."""

import itertools
import json
import math
import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from qqqbot.model.values import Holding
from qqqbot.records.codec import to_plain
from qqqbot.records.decisions import decision_values
from qqqbot.records.inputs import InputLog
from qqqbot.records.status_file import portfolio_values
from qqqbot.records.track import Track, extended
from qqqbot.runtime.halt_file import BY_OWNER
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.builders import NOW, RULES, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book, book_row, capital_row, status_values

CHECKS_A_DAY, DAYS = 8, 760


def holding(path: Path, now: datetime) -> LogsFolder:
    """A healthy bot with a past, which holds TQQQ."""
    logs = LogsFolder(path)
    rows = _history(now - timedelta(days=60), now, CHECKS_A_DAY)
    book_rows = [_moved(row, now - timedelta(days=40)) for row in book()]
    _write(logs, rows, book_rows)
    _beat(logs, now, rows[-1], flip=_flip(now))
    return logs


def first_day(path: Path, now: datetime) -> LogsFolder:
    """Three checks and one purchase."""
    logs, log, rows = LogsFolder(path), InputLog(LogsFolder(path).folder.inputs), []
    for minutes in (32, 17, 2):
        at = now - timedelta(minutes=minutes)
        seen = snapshot(now=NOW - timedelta(minutes=minutes), portfolio=portfolio(qqq=200, cash=10_000 - minutes / 5))
        rows.append(as_json({**decision_values(seen, decide(seen, RULES)), "timestamp": at.isoformat(), **IDENTITY}))
        log.record(seen, RULES, {"timestamp": at.isoformat(), **IDENTITY})
    start = now - timedelta(minutes=33)
    _write(logs, rows, [capital_row(start), book_row("BUY", "QQQ", 200, 450.0, start, qqq_price=450.0)])
    own = {**portfolio_values(portfolio(qqq=200, since=start), 99_993.15), "total_capital": 100_000.0}
    _beat(logs, now, rows[-1], portfolio=own, flip=_flip(now))
    return logs


def halted(path: Path, now: datetime) -> LogsFolder:
    """Halted by its owner."""
    logs = holding(path, now)
    logs.text("HALT", f"vacation until Monday\n{BY_OWNER}\n")
    return logs


def failing(path: Path, now: datetime) -> LogsFolder:
    """Account and book differ, an order is open, a channel refuses, and the last lines of the log are long."""
    logs = holding(path, now)
    last = json.loads((logs.path / "decisions.jsonl").read_text().splitlines()[-1])
    gate = {
        "name": "book",
        "passed": False,
        "found": "x",
        "sentence": "QQQ account 311, book 200",
        "code": "LedgerMismatch",
    }
    check = {**last, "timestamp": now.isoformat(), "action": "WAIT", "sentence": gate["sentence"], "gates": [gate]}
    with (logs.path / "decisions.jsonl").open("a") as file:
        file.write(json.dumps(check) + "\n")
    order = {
        **IDENTITY,
        "timestamp": now.isoformat(),
        "order_ref": "qqqbot-20261124-02",
        "side": "BUY",
        "symbol": "TQQQ",
    }
    logs.rows("orders.jsonl", [{**order, "event": "intended", "quantity": 10}])
    logs.text(
        "channels.json",
        json.dumps(
            {
                "channels": [
                    {
                        "name": "Telegram (channel 1)",
                        "delivered_at": None,
                        "refused_at": now.isoformat(),
                        "why": "refused: 403 revoked",
                    },
                    {"name": "dead man's address", "delivered_at": now.isoformat(), "refused_at": None, "why": None},
                ]
            }
        ),
    )
    _beat(logs, now, check, agrees=False, mode="live", account="U7654321", failures_in_row=4, problem="x" * 90)
    for name in ("decisions.jsonl", "trades.jsonl", "orders.jsonl"):
        text = (logs.path / name).read_text()
        logs.text(name, text.replace('"dry_run"', '"live"').replace('"simulated"', '"U7654321"'))
    return logs


def dead(path: Path, now: datetime) -> LogsFolder:
    """Killed without a word."""
    logs = holding(path, now)
    logs.alive = False
    return logs


def three_years(path: Path, now: datetime) -> LogsFolder:
    """Long enough for every range of the charts."""
    logs = LogsFolder(path)
    rows = _history(now - timedelta(days=3 * 365), now, CHECKS_A_DAY)
    trades = [capital_row(now - timedelta(days=3 * 365))]
    for before, after in itertools.pairwise(rows):
        if before["held"] != after["held"]:
            at, held = datetime.fromisoformat(after["timestamp"]), after["held"]
            side, symbol = ("SELL", before["held"]) if held == "CASH" else ("BUY", held)
            figures = {"qqq_price": after["price"], "equity": after["equity"], "position": held}
            figures["realized_pnl"] = -123.45 if side == "SELL" else None
            trades.append(book_row(side, symbol, 300, after["price"], at, **figures))
    _write(logs, rows, trades)
    _beat(logs, now, rows[-1], flip=_flip(now))
    return logs


def _history(first: datetime, now: datetime, a_day: int) -> list[dict[str, Any]]:
    """Checks of a market that wanders, `a_day` of them each day."""
    chance, price, equity, rows = random.Random(7), 450.0, 100_000.0, []
    track: Track | None = None
    count = (now - first).days * a_day
    for n in range(count):
        at = now - (now - first) / count * (count - 1 - n)
        step = chance.gauss(0.0002, 0.012 / math.sqrt(a_day))
        held = ("TQQQ", "QQQ", "CASH", "TQQQ")[n * 40 // count % 4]
        price *= 1 + step
        equity *= 1 + step * {"TQQQ": 2.5, "QQQ": 0.9, "CASH": 0.0}[held]
        averages = f"30-day average {price * 0.99:.2f} over 120-day average {price * 0.95:.2f}"
        sentence = f"uptrend ({averages}), QQQ {price:.2f} is above the 30-day average: {held}; held already"
        rows.append({
            **IDENTITY, "timestamp": at.isoformat(), "action": "HOLD", "target": held, "held": held,
            "sentence": sentence,
            "price": price, "tqqq_price": 62.0, "short_ma": price * 0.99, "long_ma": price * 0.95,
            "equity": equity, "total_capital": 100_000.0, "cash": 5_000.0, "exchange_open": True, "gates": [],
        })  # fmt: skip
        track = extended(track, rows[-1])
        rows[-1]["track"] = track.values() if track else None
    return rows


def _moved(row: dict[str, Any], first: datetime) -> dict[str, Any]:
    at = first + (datetime.fromisoformat(row["timestamp"]) - (NOW - timedelta(days=40)))
    return {**row, "timestamp": at.isoformat(), "qqq_price": 455.0}


def _write(logs: LogsFolder, rows: list[dict[str, Any]], trades: list[dict[str, Any]]) -> None:
    logs.rows("decisions.jsonl", rows)
    logs.rows("trades.jsonl", trades)
    line = 'INFO action=HOLD target=TQQQ held=TQQQ price=612.3 short_ma=602.8 equity=101234.56 sentence="{}"\n'
    said = [f"{row['timestamp']} {line.format(row['sentence'])}" for row in rows[-12:]]
    logs.text("trading_bot_20261124.log", "".join(said) + f"{rows[-1]['timestamp']} WARNING {'long/word' * 40}\n")


def _flip(now: datetime) -> Any:
    return to_plain(
        flips(snapshot(Holding.TQQQ, portfolio=portfolio(tqqq=1500)), RULES)._replace(closes_at=now + timedelta(days=1))
    )


def _beat(logs: LogsFolder, now: datetime, last: dict[str, Any], **overrides: Any) -> None:
    own = {
        **portfolio_values(portfolio(tqqq=1500, since=now - timedelta(days=40)), last["equity"]),
        "total_capital": 100_000.0,
    }
    values = {"pid": os.getpid(), "last_check": last, "last_signal": last, "portfolio": own, **overrides}
    logs.status(**status_values(now, **values))
    logs.text("bot.pid", f"{os.getpid()}\n")


SCENES: dict[str, Callable[[Path, datetime], LogsFolder]] = {
    scene.__name__: scene for scene in (holding, first_day, halted, failing, dead, three_years)
}
