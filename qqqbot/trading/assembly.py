"""An Engine put together from its parts, over the records of a logs folder. Starting is loading; nothing is sent."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.family import watched
from qqqbot.model.ports import Clock, Notifier
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import Mode, Rules
from qqqbot.records import folder
from qqqbot.records.book import Book
from qqqbot.records.inputs import InputLog
from qqqbot.records.journal import OrderJournal
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.prices import PriceMemory
from qqqbot.records.track import track_of
from qqqbot.regular_file import free_bytes
from qqqbot.runtime.halt_file import HaltSwitch
from qqqbot.trading.alerts import Alerts
from qqqbot.trading.asking import Asking
from qqqbot.trading.bookkeeping import Bookkeeper
from qqqbot.trading.engine import Engine, State
from qqqbot.trading.executor import Executor
from qqqbot.trading.parts import Adapters, Records
from qqqbot.trading.steady_prices import SteadyPrices


class Identity(NamedTuple):
    """The mode and account that records belong to."""

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

    `file` makes each file: the simulation passes files that fail at chosen moments. Every order_ref of this start
    contains `tag`.
    """
    book = Book(file(logs / "trades.jsonl"), identity.mode, identity.account)
    journal = OrderJournal(file(logs / "orders.jsonl"), identity.mode, identity.account, tag)
    decisions = file(logs / "decisions.jsonl")
    prices = PriceMemory(file(logs / "prices.jsonl"), identity.mode, identity.account)
    now = clock.now()
    for aside in (book.load(now), journal.load(now), decisions.open(now), prices.load(now)):
        if aside:
            notifier.notify(AlertKind.TORN_RECORD, aside)
    if not book.ledger.total_capital and (order := journal.newest()[-1:]):
        text = f"trades.jsonl has no rows of this account, though orders.jsonl has its order {order[0].order_ref}"
        notifier.notify(AlertKind.NEW_BOOK, text)
    switch, inputs = HaltSwitch(logs / "HALT"), InputLog(logs / "inputs.jsonl")
    return Records(logs, book, journal, decisions, switch, inputs, prices)


def assemble(
    records: Records,
    outside: Adapters,
    rules: Rules,
    order_timeout: timedelta,
    state: State | None = None,
    capital: Decimal | None = None,
) -> Engine:
    """An engine of these parts. Only here is decided which shares are watched.

    `state` may be shared with another object that must see the newest prices, such as the simulated account. `capital`
    is the configured total_capital if the book is to record it, else None.
    """
    executor = Executor(records, outside, rules, order_timeout)
    keeper = Bookkeeper(records.book, outside.clock, outside.notifier, capital)
    free = outside.disk_free or (lambda: free_bytes(records.folder))
    alerts = Alerts(outside.notifier)
    state = state or State()
    asking = Asking(records, outside, rules)
    who = folder.Identity(outside.broker.mode.value, outside.broker.account)
    state.track = track_of(records.decisions.path, who)
    symbols = watched(rules.form, records.book.ledger.held)
    records.prices.watch(symbols[:2])
    outside.prices.watch(symbols)
    outside.broker.watch(symbols)
    prices = SteadyPrices(outside, records.prices, rules, state, symbols)
    parts = (outside.clock, prices, outside.broker, executor, keeper, records, alerts, rules, free, asking)
    return Engine(*parts, prices.after_close, state)
