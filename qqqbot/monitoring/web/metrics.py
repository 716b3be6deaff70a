"""What other monitors read: /healthz, whose status code says whether all is well, and /metrics for Prometheus. Pure.

A figure that is not known is left out: Prometheus then shows a gap, while a zero would look like a holding sold.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from qqqbot.display.formatting import words
from qqqbot.display.masking import printable, without_accounts, without_detail
from qqqbot.monitoring.facts.status import Own, Status
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.verdict import Health

KIND = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


class Metric(NamedTuple):
    """A name ends with its unit; one without a unit is a plain number."""

    name: str
    help: str
    values: Iterable[tuple[Labels, float | datetime | None]]
    kind: str = "gauge"


def health(status: Status) -> tuple[str, str]:
    """The HTTP status line, 200 only if `status` exits with 0; and the body: the verdict and the worst problem."""
    quiet = "the bot is not running" if status.exit_code == Health.STOPPED.exit_code else "nothing is wrong"
    quiet = f"trading is halted: {status.halted_by_owner}" if status.halted_by_owner else quiet
    first = status.problems[0].text if status.problems else quiet
    told = printable(without_accounts(f"{status.health}: {words(without_detail(' '.join(first.split())))}"))
    return "200 OK" if status.exit_code == 0 else "503 Service Unavailable", told


def text(status: Status) -> str:
    """All metrics that are known."""
    lines = []
    for metric in metrics(status):
        known = [(labels, _number(value)) for labels, value in metric.values]
        shown = [(labels, value) for labels, value in known if value is not None]
        if shown:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [f"{metric.name}{_written(labels)} {value!r}" for labels, value in shown]
    return without_accounts("\n".join(lines) + "\n")


def metrics(status: Status) -> Iterator[Metric]:
    signal, process, coming = status.last_signal, status.process, status.next
    mode = {"mode": status.who.mode or "", "version": process.version or ""}
    yield Metric("qqqbot_info", "Mode and version of the daemon.", [(mode, 1.0)])
    states = [({"state": str(one)}, float(one is status.health)) for one in Health]
    yield Metric("qqqbot_health", "1 for the state it is in, in the words of status.", states)
    yield _one("qqqbot_exit_code", "What ./bot_control.sh status exits with: 0 is healthy.", status.exit_code)
    yield _one("qqqbot_problems", "How many things are wrong.", len(status.problems))
    yield _one("qqqbot_heartbeat_timestamp_seconds", "When it last beat.", process.heartbeat_at)
    last = status.last_check
    yield _one("qqqbot_last_check_timestamp_seconds", "When it last looked.", last.at if last else None)
    yield _one("qqqbot_last_signal_timestamp_seconds", "When prices last gave a signal.", signal.at if signal else None)
    yield _one("qqqbot_next_check_timestamp_seconds", "When it will look again.", coming.check_at)
    if status.own is not None:
        yield from _of_account(status.own)
    if (line := status.risk) is not None:
        yield _one("qqqbot_drawdown_ratio", "Below the highest value: -0.01 is one per cent.", line.drawdown_pct / 100)
        yield _one("qqqbot_ahead_usd", f"Value less that of the same deposits in {line.signal}.", line.ahead)
        yield _one("qqqbot_open_profit_usd", "Profit of what is held.", line.open_profit)
        costs = [({"kind": "commissions"}, line.commissions), ({"kind": "slippage"}, line.slippage)]
        yield Metric("qqqbot_costs_usd", "What trading has cost.", costs)
    if signal is not None:
        prices = [({"symbol": symbol}, price) for symbol, price in signal.prices.items()]
        yield Metric("qqqbot_price_usd", "Price at the last signal.", prices)
        averages = [({"span": "short"}, signal.short_ma), ({"span": "long"}, signal.long_ma)]
        yield Metric("qqqbot_average_usd", f"{signal.symbol}'s moving averages at the last signal.", averages)
    if (flip := coming.flip) is not None:
        told, far = f"{flip.symbol}'s nearest price that changes the rule's answer.", flip.distance_pct / 100
        yield _one("qqqbot_flip_price_usd", told, flip.price)
        yield _one("qqqbot_flip_distance_ratio", f"How far {flip.symbol} is from it: 0.01 is one per cent.", far)
    yield from _of_channels(status.channels)


def _of_account(own: Own) -> Iterator[Metric]:
    yield _one("qqqbot_value_usd", "What the bot's money is worth.", own.equity)
    yield _one("qqqbot_cash_usd", "The bot's cash.", own.cash)
    yield _one("qqqbot_capital_usd", "What was put in.", own.total_capital)
    yield _one("qqqbot_realized_profit_usd", "Profit of what was sold.", own.realized_pnl)
    shares = [({"symbol": symbol}, float(count)) for symbol, count in sorted(own.shares.items())]
    yield Metric("qqqbot_shares", "Shares in the bot's book.", shares)
    yield _one("qqqbot_trades_total", "Trades in the book.", own.trades, "counter")
    yield _one("qqqbot_open_orders", "Orders without an outcome.", len(own.open_orders))
    agrees = None if own.agrees is None else float(own.agrees)
    yield _one("qqqbot_account_agrees", "1 if account and book have the same shares.", agrees)


def _of_channels(channels: Iterable[ChannelHealth]) -> Iterator[Metric]:
    found = [({"channel": one.name}, one) for one in channels]
    accepted = [(labels, one.delivered_at) for labels, one in found]
    yield Metric("qqqbot_channel_accepted_timestamp_seconds", "When a channel last accepted a message.", accepted)
    fails = [(labels, float(one.fails)) for labels, one in found]
    yield Metric("qqqbot_channel_fails", "1 if a channel's newest answer was a refusal.", fails)


def _one(name: str, told: str, value: float | datetime | None, kind: str = "gauge") -> Metric:
    return Metric(name, told, [({}, value)], kind)


def _number(value: float | datetime | None) -> float | None:
    found = value.timestamp() if isinstance(value, datetime) else value
    return None if found is None or not math.isfinite(found) else float(found)


def _written(labels: Labels) -> str:
    def quoted(value: str) -> str:
        return printable(value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))

    written = ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items())
    return f"{{{written}}}" if labels else ""
