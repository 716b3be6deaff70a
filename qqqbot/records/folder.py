"""The daemon's files, for a reader: where they are, which account's rows they hold, and what is damaged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from qqqbot.model.values import MIN_FREE_DISK_BYTES
from qqqbot.records.coerce import moment, text
from qqqbot.records.tail import Row, RowReader, Rows, last_rows
from qqqbot.regular_file import content, free_bytes, object_in, reading_if_there

SCHEMA = 1


class Problem(NamedTuple):
    """Something wrong with a file, and what the owner can do about it (empty: nothing needs doing)."""

    text: str
    advice: str = ""


class _File:
    """An attribute of `Folder`: the path of the file called `name` in it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "Folder", kind: type["Folder"]) -> Path:
        return folder.path / self._name


@dataclass(frozen=True)
class Folder:
    """The logs folder. `holder` returns the pid that holds the lock file at a path, None if nobody does."""

    path: Path
    holder: Callable[[Path], int | None]

    trades = _File("trades.jsonl")
    decisions = _File("decisions.jsonl")
    inputs = _File("inputs.jsonl")
    orders = _File("orders.jsonl")
    prices = _File("prices.jsonl")
    halt = _File("HALT")
    lock = _File("bot.pid")
    nohup = _File("nohup.log")

    def log_files(self) -> list[Path]:
        """The daemon's logs, oldest first: their names carry their dates."""
        return sorted(self.path.glob("trading_bot_????????.log"))

    def newest_log(self) -> Path | None:
        return max(self.log_files(), default=None)

    def status(self) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
        """status.json, empty if there is none, and what is wrong with it. Raises OSError if it may not be read."""
        path = self.path / "status.json"
        try:
            found = object_in(content(path))
        except FileNotFoundError:
            return {}, ()
        if found:
            return found, ()
        return {}, (Problem(f"{path} is empty or damaged", "the daemon writes a new one within a minute of its start"),)

    def disk_is_full(self) -> bool:
        """Whether the folder's disk has less free space than the daemon needs to trade."""
        return free_bytes(self.path) < MIN_FREE_DISK_BYTES

    def locked_at(self) -> datetime | None:
        return _changed_at(self.lock)

    def touched_at(self) -> datetime | None:
        return _changed_at(self.path / "status.json")


class Identity(NamedTuple):
    """The mode and account that are shown; rows of others never mix in. `simulated_prices` marks a demonstration."""

    mode: str | None
    account: str | None
    simulated_prices: bool = False

    def owns(self, row: Row) -> bool:
        return row.get("mode") == self.mode and row.get("account") == self.account


def own_rows(path: Path, who: Identity) -> Iterator[Row]:
    """The rows of `who` in the file at `path`, oldest first; none if there is no file. Raises OSError."""
    with reading_if_there(path) as file:
        yield from filter(who.owns, RowReader().forwards(file))


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def identity(folder: Folder, status: Mapping[str, Any]) -> Identity:
    """The identity in the daemon's status or, if it has none, in the newest row of the book."""
    simulated = status.get("simulated_prices") is True
    if mode := text(status.get("mode")):
        return Identity(mode, text(status.get("account")), simulated)
    newest = last_rows(folder.trades, 1).rows or last_rows(folder.decisions, 1).rows
    row = newest[0] if newest else {}
    return Identity(text(row.get("mode")), text(row.get("account")), simulated)


def present(status: Mapping[str, Any], now: datetime) -> datetime:
    """`now`; for a demonstration, which has a virtual clock, the moment at which its status was written."""
    return (status.get("simulated_prices") is True and moment(status.get("heartbeat_at"))) or now


def identity_values(who: Identity) -> dict[str, Any]:
    """The keys with which every answer begins."""
    return {
        "schema": SCHEMA,
        "simulated_prices": who.simulated_prices,
        "mode": who.mode,
        "account": who.account,
    }


def damage(path: Path, found: Rows | RowReader) -> tuple[Problem, ...]:
    """What was wrong with the rows of the file at `path`."""
    wrong = ["the last line is incomplete; it is not shown"] if found.torn else []
    wrong += [f"lines that cannot be read and are not shown: {found.garbage}"] if found.garbage else []
    return tuple(Problem(f"{path.name}: {text}") for text in wrong)
