"""Logs folders as a daemon leaves them, written by its own writers, for the tests of what reads them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from qqqbot.model.reasons import Reason
from qqqbot.model.values import Gate, Holding, Plan, Rules
from qqqbot.records.codec import to_plain
from qqqbot.records.decisions import decision_values
from qqqbot.records.folder import Folder
from qqqbot.records.inputs import InputLog
from qqqbot.records.risk_line import RiskLine
from qqqbot.records.status_file import (
    account_values,
    calendar_values,
    portfolio_values,
    write_status,
)
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.builders import DAY, NOW, RULES, account, new_york, portfolio, snapshot, table
from tests.support.symbols import QQQ, TQQQ

PID = 4711
SUNDAY = new_york(DAY - timedelta(days=2), 0, 30)
RISK_LINE = RiskLine(
    since=NOW,
    at=NOW,
    value=99_000.0,
    put_in=100_000.0,
    change=-1_000.0,
    change_pct=-1.0,
    drawdown_pct=-2.5,
    worst_drawdown_pct=-7.25,
    worst_at=NOW,
    qqq_held=100_500.0,
    qqq_change_pct=0.5,
    ahead=-1_500.0,
    ahead_pct=-1.5,
    open_profit=75.0,
    open_profit_pct=0.08,
    commissions=12.0,
    slippage=3.5,
    rotations=4,
    signal=QQQ,
)
IDENTITY = {"schema": 1, "mode": "dry_run", "account": "simulated"}


class LogsFolder:
    """A logs folder in the making. `alive` is whether somebody holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.alive = True
        path.mkdir(exist_ok=True)

    @property
    def folder(self) -> Folder:
        return Folder(self.path, self._holder)

    def _holder(self, lock: Path) -> int | None:
        assert lock == self.path / "bot.pid"
        return PID if self.alive else None

    def status(self, **overrides: Any) -> dict[str, Any]:
        """Write status.json, healthy unless overridden; returns what was written, as read back."""
        write_status(self.path / "status.json", {**status_values(), **overrides})
        found: dict[str, Any] = json.loads((self.path / "status.json").read_text())
        return found

    def rows(self, name: str, rows: Iterable[Mapping[str, Any]], end: str = "") -> Path:
        path = self.path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) + end)
        return path

    def text(self, name: str, text: str) -> Path:
        path = self.path / name
        path.write_text(text)
        return path


def status_values(now: datetime = NOW, **overrides: Any) -> dict[str, Any]:
    """What a healthy daemon in dry run reports at `now`, holding 200 shares of QQQ."""
    book = portfolio(qqq=200, since=now - timedelta(days=30), moving_to=Holding.QQQ, trades=1)
    check = decision_row(now - timedelta(minutes=3))
    values: dict[str, Any] = {
        "state": "running",
        "pid": PID,
        "version": "1.0.0",
        "started_at": (now - timedelta(days=3)).isoformat(),
        "heartbeat_at": (now - timedelta(seconds=12)).isoformat(),
        "mode": IDENTITY["mode"],
        "account": IDENTITY["account"],
        "config_hash": "1a2b3c4d",
        "config": {"short_ma_period": 30, "long_ma_period": 120, "decide": "every_check", "check_interval_minutes": 15},
        "next_check_at": (now + timedelta(minutes=12)).isoformat(),
        "calendar": calendar_values(table(), now),
        "last_check": check,
        "last_signal": check,
        "portfolio": portfolio_values(book, 101_234.56),
        "account_says": account_values(account(book, taken_at=now - timedelta(minutes=3))),
        "agrees": True,
        "halted": None,
        "failures_in_row": 0,
        "alerts": [],
        "notices": [],
        "problem": None,
    }
    return {**values, **overrides}


def decision_row(now: datetime = NOW, target: Holding = Holding.QQQ, **overrides: Any) -> dict[str, Any]:
    """A row of decisions.jsonl; `overrides` for the snapshot the plan is made from, `row` for the row itself."""
    own: Mapping[str, Any] = overrides.pop("row", {})
    seen = snapshot(target, now=now, **{"portfolio": portfolio(qqq=200, moving_to=Holding.QQQ), **overrides})
    plan = decide(seen, Rules())
    return as_json({"timestamp": now.isoformat(), **IDENTITY, **decision_values(seen, plan), **own})


def blocked(name: str, sentence: str, code: str) -> dict[str, Any]:
    """A row of a check that one failed gate forbade to trade."""
    seen = snapshot(portfolio=portfolio(qqq=200))
    gate = Gate(name, False, "found", sentence, Reason(code) if code else None)
    plan = decide(seen, Rules())
    stopped = Plan(plan.action, plan.signal, sentence, (*plan.gates[:3], gate), blocked_by=gate)
    return as_json({"timestamp": NOW.isoformat(), **IDENTITY, **decision_values(seen, stopped)})


def capital_row(now: datetime, amount: float = 100_000, **overrides: Any) -> dict[str, Any]:
    return {**IDENTITY, "timestamp": now.isoformat(), "kind": "capital", "amount": amount, **overrides}


def book_row(side: str, symbol: str, quantity: int, price: float, now: datetime, **overrides: Any) -> dict[str, Any]:
    """A trade in the book, one dollar of commission, slippage of one basis point."""
    values: dict[str, Any] = {
        **IDENTITY,
        "timestamp": now.isoformat(),
        "side": side,
        "symbol": symbol,
        "quantity": quantity,
        "order_quantity": quantity,
        "price": price,
        "amount": price * quantity,
        "commission": 1.0,
        "order_ref": f"qqqbot-{now:%Y%m%d}-01",
        "exec_ids": [f"{now:%Y%m%d%H%M%S}-{side}"],
        "position": symbol if side == "BUY" else "CASH",
        "slippage_bps": 1.0,
        "realized_pnl": None,
        "cash": None,
        "equity": None,
    }
    return {**values, **overrides}


def book(first: datetime = NOW - timedelta(days=40)) -> list[dict[str, Any]]:
    """Ten days each in cash, TQQQ (won), QQQ (lost) and then TQQQ again."""
    day = timedelta(days=1)
    return [
        capital_row(first),
        book_row("BUY", TQQQ, 1000, 60.0, first + 10 * day, equity=99_999.0),
        book_row("SELL", TQQQ, 1000, 66.0, first + 20 * day, equity=105_998.0, realized_pnl=5_998.0, position=QQQ),
        book_row("BUY", QQQ, 200, 500.0, first + 20 * day, equity=105_997.0),
        book_row("SELL", QQQ, 200, 475.0, first + 30 * day, equity=100_996.0, realized_pnl=-5_002.0, position=TQQQ),
        book_row("BUY", TQQQ, 1500, 62.0, first + 30 * day, equity=100_995.0),
    ]


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(row, default=float))
    return found


def worked(path: Path) -> LogsFolder:
    """A folder after some trades, its last decision an order that was filled, with all that a daemon leaves behind."""
    logs = LogsFolder(path)
    seen = snapshot(Holding.TQQQ, now=NOW, portfolio=portfolio(qqq=200), account=account(portfolio(qqq=200)))
    row = as_json({"timestamp": NOW.isoformat(), **IDENTITY, **decision_values(seen, decide(seen, Rules()))})
    earlier = decision_row(NOW - timedelta(minutes=15))
    failed = {**IDENTITY, "timestamp": (NOW - timedelta(minutes=7)).isoformat(), "action": "FAILED"}
    failed |= {"error": "PricesUnavailable", "sentence": "Yahoo cannot be reached"}
    InputLog(logs.folder.inputs).record(seen, Rules(), {"timestamp": NOW.isoformat(), **IDENTITY})
    order = {**IDENTITY, "timestamp": NOW.isoformat(), "order_ref": "qqqbot-20261124-01"}
    sold = {"side": "SELL", "symbol": QQQ, "quantity": 200, "order_type": "MARKET", "limit_price": None}
    outcome = {"event": "outcome", "status": "FILLED", "filled": 200, "message": ""}
    logs.rows("decisions.jsonl", [earlier, failed, row])
    logs.rows("orders.jsonl", [{**order, "event": "intended", **sold}, {**order, **outcome}])
    logs.rows("trades.jsonl", [*book(), book_row("SELL", QQQ, 200, 450.0, NOW, order_ref=order["order_ref"])])
    notice = {"kind": "trade", "text": "sold 200 QQQ", "at": NOW.isoformat()}
    flip = to_plain(flips(seen, Rules()))
    logs.status(last_check=row, last_signal=row, notices=[notice], flip=flip)
    logs.text("trading_bot_20261124.log", f"{NOW.isoformat()} WARNING Yahoo cannot be reached\nno time\n")
    return logs


def failing(path: Path) -> LogsFolder:
    """A folder whose daemon cannot decide: halted, account and book differ, an order open, an alert, damaged rows."""
    logs = LogsFolder(path)
    check = blocked("book", "QQQ account 311, book 200", "LedgerMismatch")
    order = {**IDENTITY, "timestamp": NOW.isoformat(), "order_ref": "qqqbot-20261124-02"}
    logs.rows("orders.jsonl", [{**order, "event": "intended", "side": "BUY", "symbol": TQQQ, "quantity": 10}])
    logs.rows("trades.jsonl", book(), end='{"torn')
    logs.rows("decisions.jsonl", [check])
    logs.text("HALT", "vacation until Monday")
    alert = {"kind": "broker", "text": "nothing listens there", "at": NOW.isoformat()}
    book_values = {**status_values()["portfolio"], "moving_to": "TQQQ", "foreign": {"QQQ": 3, "TQQQ": 0}}
    logs.status(agrees=False, last_check=check, alerts=[alert], failures_in_row=4, portfolio=book_values)
    return logs


def unused(path: Path) -> LogsFolder:
    """A folder in which nothing was ever started."""
    logs = LogsFolder(path)
    logs.alive = False
    return logs


Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """`value`, which the test expects to be known."""
    assert value is not None
    return value


def record_checks(logs: LogsFolder, count: int) -> None:
    """Checks of `count` minutes in a row, with their inputs, and the status after the last."""
    rows, flip, log = [], None, InputLog(logs.folder.inputs)
    for n in range(count):
        seen = snapshot(now=NOW + timedelta(minutes=n), portfolio=portfolio(qqq=200))
        values = decision_values(seen, decide(seen, RULES))
        rows.append(as_json({"timestamp": seen.now.isoformat(), **IDENTITY, **values}))
        log.record(seen, RULES, {"timestamp": seen.now.isoformat(), **IDENTITY})
        flip = to_plain(flips(seen, RULES))
    logs.rows("decisions.jsonl", rows)
    logs.status(last_signal=rows[-1], last_check=rows[-1], flip=flip)
