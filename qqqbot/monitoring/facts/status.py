"""What the status screen shows, as plain values, from the files of the logs folder.

status.json tells nearly all of it; the lock tells whether its writer lives, HALT whether it may trade, the end of the
order journal what is under way, the newest trades how long each holding was held, and the inputs of the last decision
what would be done at another price.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from qqqbot.model.values import Decide, FlipPrices, Holding
from qqqbot.monitoring import performance
from qqqbot.monitoring.health import Evidence, Health, judge, problems
from qqqbot.records.coerce import mapping, moment, number, sequence, text
from qqqbot.records.folder import Folder, Identity, damage, identity, present, whose
from qqqbot.records.halt import HaltSwitch
from qqqbot.records.inputs import NotRecorded, inputs_at, reckoned
from qqqbot.records.tail import Rows, last_rows
from qqqbot.strategy.flip import outlook
from qqqbot.strategy.rule import nearest_flip

# The newest trades that --status looks at for the time in each holding: some years of them.
NEWEST_TRADES = 200
# An order without an outcome is among the newest few; older ones were resolved before these were sent.
ORDER_ROWS = 50
# Checks of some days, looked at only until the first signal of a new daemon.
NEWEST_DECISIONS = 100
RUNNING = (Health.HEALTHY, Health.STARTING, Health.HALTED, Health.FAILING)
TOLD_LATELY = timedelta(days=1)
HALF_DAY_NOTICE = timedelta(days=10)

Facts = dict[str, Any]


def status(folder: Folder, now: datetime) -> Facts:
    """The answers to an operator's five questions. Raises OSError."""
    found, damaged = folder.status()
    now = present(found, now)
    who = identity(folder, found)
    newest_trades = last_rows(folder.trades, NEWEST_TRADES, who.owns)
    evidence = Evidence(
        status=found,
        holder=folder.holder(folder.lock),
        locked_at=folder.locked_at(),
        halt=HaltSwitch(folder.halt).reason(),
        damage=(*damaged, *damage(folder.trades, newest_trades)),
        touched_at=folder.touched_at(),
    )
    health = judge(evidence, now)
    check, signal = mapping(found.get("last_check")), _last_signal(found, folder, who)
    return {
        **whose(who),
        "logs_dir": str(folder.path),
        "now": now,
        "health": health.word,
        "exit_code": health.exit_code,
        "process": _process(evidence, now),
        "own": _own(found, _open_orders(folder, who)),
        "problems": [{"text": p.text, "advice": p.advice} for p in problems(evidence, health, now)],
        "notices": _notices(found, now),
        "last_check": _decision(check) if check else None,
        "last_signal": _decision(signal) if signal else None,
        "next": {
            **_next(found, now, running=health in RUNNING),
            "flip": _flip_of_inputs(folder, signal, who, now) or _flip(signal),
            "decides_near_close": mapping(found.get("config")).get("decide") == Decide.BEFORE_CLOSE,
        },
        "time_in": _time_in_of_newest(newest_trades, now),
    }


def _process(evidence: Evidence, now: datetime) -> Facts:
    status = evidence.status
    started, beat = moment(status.get("started_at")), moment(status.get("heartbeat_at"))
    return {
        "pid": evidence.holder,
        "state": text(status.get("state")),
        "version": text(status.get("version")),
        "config_hash": text(status.get("config_hash")),
        "config": dict(mapping(status.get("config"))),
        "started_at": started,
        "uptime_seconds": (now - started).total_seconds() if started and evidence.holder is not None else None,
        "heartbeat_at": beat,
        "heartbeat_age_seconds": (now - beat).total_seconds() if beat else None,
    }


def _own(status: Mapping[str, Any], open_orders: list[Facts]) -> Facts | None:
    """What the book says, what the broker says, and whether they agree; None where no book is told of."""
    book, broker = mapping(status.get("portfolio")), mapping(status.get("account_says"))
    if not book:
        return None
    equity, capital = number(book.get("equity")), number(book.get("total_capital"))
    agrees = status.get("agrees")
    return {
        **{key: _whole_numbers(book.get(key)) for key in ("shares", "foreign")},
        **{key: number(book.get(key)) for key in ("cash", "equity", "total_capital", "realized_pnl", "trades")},
        "holding": text(book.get("holding")),
        "moving_to": text(book.get("moving_to")),
        "since": moment(book.get("since")),
        **performance.change(equity, capital),
        "broker": {
            "net_liquidation": number(broker.get("net_liquidation")),
            "spendable": number(broker.get("spendable")),
            "positions": _whole_numbers(broker.get("positions")),
            "taken_at": moment(broker.get("taken_at")),
        }
        if broker
        else None,
        "agrees": agrees if isinstance(agrees, bool) else None,
        "answers": text(status.get("problem")) is None,
        "open_orders": open_orders,
    }


def _open_orders(folder: Folder, who: Identity) -> list[Facts]:
    """Orders that were written down and have no outcome yet: they may be at the broker."""
    alive: dict[str, Facts] = {}
    for row in last_rows(folder.orders, ORDER_ROWS, who.owns).rows:
        reference = text(row.get("order_ref")) or ""
        if row.get("event") == "intended":
            alive[reference] = {key: row.get(key) for key in ("order_ref", "side", "symbol", "quantity", "timestamp")}
        elif row.get("event") == "outcome":
            alive.pop(reference, None)
    return list(alive.values())


def _last_signal(status: Mapping[str, Any], folder: Folder, who: Identity) -> Mapping[str, Any]:
    """Of this daemon or, where it has made none yet, of the one before it; empty where there is none."""
    if known := mapping(status.get("last_signal")):
        return known
    newest = last_rows(folder.decisions, NEWEST_DECISIONS, who.owns).rows
    return next((row for row in reversed(newest) if number(row.get("short_ma")) is not None), {})


def _notices(status: Mapping[str, Any], now: datetime) -> list[Facts]:
    """What the owner was told lately, oldest first."""
    told = [(moment(n.get("at")), n) for n in map(mapping, sequence(status.get("notices")))]
    return [
        {"at": at, "kind": text(notice.get("kind")), "text": text(notice.get("text"))}
        for at, notice in told
        if at is not None and now - at < TOLD_LATELY
    ]


def _decision(row: Mapping[str, Any]) -> Facts:
    return {
        "at": moment(row.get("timestamp")),
        **{key: text(row.get(key)) for key in ("action", "sentence", "error", "target", "held", "session")},
        **{key: number(row.get(key)) for key in ("price", "tqqq_price", "short_ma", "long_ma")},
    }


def _next(status: Mapping[str, Any], now: datetime, running: bool) -> Facts:
    """What comes next and when. A calendar that a dead daemon left behind may have run out: then it is not told."""
    calendar = mapping(status.get("calendar"))
    session, half = mapping(calendar.get("session")), mapping(calendar.get("half_day"))
    opened, closes = moment(session.get("open")), moment(session.get("close"))
    is_open = opened is not None and closes is not None and opened <= now < closes
    opens, half_closes = moment(calendar.get("next_open")), moment(half.get("close"))
    soon = half_closes is not None and now < half_closes <= now + HALF_DAY_NOTICE
    return {
        "check_at": moment(status.get("next_check_at")) if running else None,
        "exchange_open": is_open if opens is not None and (is_open or opens > now) else None,
        "closes_at": closes if is_open else None,
        "opens_at": opens if opens is not None and opens > now else None,
        "half_day_closes_at": half_closes if soon else None,
    }


def _flip_of_inputs(folder: Folder, signal: Mapping[str, Any], who: Identity, now: datetime) -> Facts | None:
    """The nearest price that changes the answer, of the coming session once today's is over, and what would be done.

    None where the inputs of the last signal were not recorded, or no price changes the answer.
    """
    if (at := moment(signal.get("timestamp"))) is None:
        return None
    try:
        snapshot, rules = inputs_at(folder.inputs, at, who, number(signal.get("round")))
        seen = reckoned(lambda: outlook(snapshot, rules, now))
    except NotRecorded:
        return None
    if seen is None:
        return None
    return {
        "price": seen.flip,
        "distance_pct": (seen.flip / seen.seen_price - 1) * 100,
        "target": seen.target.value,
        "orders": [{"side": o.side.value, "symbol": o.symbol, "quantity": o.quantity} for o in seen.orders],
        "seen_price": seen.seen_price,
        "seen_at": seen.seen_at,
        "coming": seen.coming,
    }


def _flip(signal: Mapping[str, Any]) -> Facts | None:
    """As the last signal tells it, from before inputs were recorded; None where no price changes the answer."""
    price = number(signal.get("price"))
    lines = [number(signal.get(f"flip_{name}")) for name in ("leave_tqqq", "enter_tqqq", "trend")]
    leave, enter, trend = (math.inf if line is None else line for line in lines)
    held = text(signal.get("held")) or ""
    if price is None or price <= 0:
        return None
    holding = Holding(held) if held in tuple(Holding) else Holding.CASH
    change = nearest_flip(price, FlipPrices(leave, enter, trend), holding)
    if change is None:
        return None
    return {
        "price": change[0],
        "distance_pct": (change[0] / price - 1) * 100,
        "target": change[1].value,
        "orders": None,
        "seen_price": price,
        "seen_at": moment(signal.get("timestamp")),
        "coming": False,
    }


def _time_in_of_newest(found: Rows, now: datetime) -> Facts | None:
    try:
        book = performance.Performance(None if found.whole else performance.shares_before(found.rows))
        for row in found.rows:
            book.apply(row)
    except performance.BAD_ROW:
        return None
    return performance.time_in(book, now, found.whole)


def _whole_numbers(value: Any) -> dict[str, int]:
    found = {key: number(n) for key, n in mapping(value).items()}
    return {key: int(n) for key, n in found.items() if n is not None}
