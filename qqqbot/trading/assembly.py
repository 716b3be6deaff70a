"""An Engine put together from its parts, over the records of a logs folder. Starting is loading; nothing is sent."""

import logging
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.errors import ConfigError
from qqqbot.model.ports import Clock, Notifier
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import Mode, OrderIntent, Rules
from qqqbot.records.book import Book
from qqqbot.records.halt import HaltSwitch
from qqqbot.records.inputs import InputLog
from qqqbot.records.journal import OrderJournal
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.prices import PriceMemory
from qqqbot.trading.alerts import Alerts
from qqqbot.trading.engine import Engine, State
from qqqbot.trading.executor import Executor
from qqqbot.trading.parts import Outside, Records

log = logging.getLogger(__name__)


class Identity(NamedTuple):
    """The mode and the account that the records belong to."""

    mode: Mode
    account: str


def load_records(
    logs: Path,
    identity: Identity,
    clock: Clock,
    notifier: Notifier,
    file: Callable[[Path], AppendOnlyFile] = AppendOnlyFile,
    tag: str = "",
) -> Records:
    """Open the records of `logs`, reporting what was set aside. Raises BookDamaged, OSError.

    `file` makes each of them: the simulation's files fail at chosen moments. `tag` is in this start's order_refs.
    """
    book = Book(file(logs / "trades.jsonl"), identity.mode, identity.account)
    journal = OrderJournal(file(logs / "orders.jsonl"), identity.mode, identity.account, tag)
    decisions = file(logs / "decisions.jsonl")
    prices = PriceMemory(file(logs / "prices.jsonl"), identity.mode, identity.account)
    now = clock.now()
    for aside in (book.load(now), journal.load(now), decisions.open(now), prices.load(now)):
        if aside:
            notifier.notify(AlertKind.TORN_RECORD, aside)
    switch, inputs = HaltSwitch(logs / "HALT"), InputLog(logs / "inputs.jsonl")
    return Records(logs, book, journal, decisions, switch, inputs, prices)


def set_capital(book: Book, capital: Decimal, clock: Clock, unresolved: Sequence[OrderIntent] = ()) -> str | None:
    """Record total_capital if it is new or has changed. Returns why a withdrawal has to wait, or None.

    Raises ConfigError for a withdrawal of more cash than the book has: the rest is in shares. While an order is in
    flight the amount is unknown: what the book still counts as cash may be spent already.
    """
    change = capital - book.ledger.total_capital
    if change < 0 and unresolved:
        refs = ", ".join(intent.order_ref for intent in unresolved)
        return (
            f"remains {book.ledger.total_capital:,.2f}: the outcome of {refs} is not known yet, and it may have to be "
            f"paid. {capital:,.2f} is applied at the next start without an order in flight: ./bot_control.sh restart, "
            "when status shows none"
        )
    if change < 0 and book.ledger.cash + change < 0:
        raise ConfigError(
            [
                f"config.json: total_capital: lowered by {-change:,.2f} to {capital:,.2f}, but only "
                f"{book.ledger.cash:,.2f} of the bot's money is in cash; lower it by less, or when the bot is in cash"
            ]
        )
    if row := book.set_capital(capital, clock.now()):
        log.info("total_capital recorded: %s", row["total_capital"])
    return None


def assemble(
    records: Records, outside: Outside, rules: Rules, order_timeout: timedelta, state: State | None = None
) -> Engine:
    """`state` may be shared with whatever must see the newest prices: the simulated account does."""
    executor = Executor(records, outside, rules, order_timeout)
    free = outside.disk_free or (lambda: shutil.disk_usage(records.folder).free)
    alerts = Alerts(outside.notifier)
    return Engine(
        outside.clock, outside.prices, outside.broker, executor, records, alerts, rules, free, state or State()
    )
