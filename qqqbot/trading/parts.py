"""The parts that an engine is put together from: the files that outlive the process, and the outside world."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.ports import Broker, Clock, Notifier, Owner, SecondPrices, WatchedPrices
from qqqbot.records.book import Book
from qqqbot.records.inputs import InputLog
from qqqbot.records.journal import OrderJournal
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.prices import PriceMemory
from qqqbot.runtime.halt_file import HaltSwitch
from qqqbot.strategy.filling import Closes


class Records(NamedTuple):
    """The files in `folder` that outlive the process."""

    folder: Path
    book: Book
    journal: OrderJournal
    decisions: AppendOnlyFile
    switch: HaltSwitch
    inputs: InputLog
    prices: PriceMemory


class Adapters(NamedTuple):
    """The adapters of one engine.

    `pulse` is called repeatedly during a wait, as a sign of life. `disk_free` returns the free bytes of a disk; the
    default is the disk that holds the records. `second` is a source of prices independent of `prices`, or None.
    `intraday` returns the closes of the price source's shortest bars, by symbol and session. `owner` is asked before a
    rotation if the rules require it.
    """

    clock: Clock
    prices: WatchedPrices
    broker: Broker
    notifier: Notifier
    pulse: Callable[[], None] = lambda: None
    disk_free: Callable[[], int] | None = None
    second: SecondPrices | None = None
    intraday: Callable[[datetime], Closes] | None = None
    owner: Owner | None = None
