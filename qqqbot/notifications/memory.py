"""notices.json: what the owner was told already, so that a restart repeats nothing and forgets no trouble's end.

Told is what has reached a channel, not what was handed over: what is still under way, or was given up by every
channel, is held apart and forgotten with the process, so that it is told again. News that has not reached the owner
waits in the file too.
"""

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.policy import AGAIN_AFTER, WAVERING, Memory, News, Told

log = logging.getLogger(__name__)

FILE = "notices.json"
# Pieces of news that wait, for the morning or for a channel that works again.
MOST_WAITING = 50
_OF_THE_WEEK = ("digest", "login", "equity", "trades")


@dataclass(eq=False)
class Flight:
    """A message under way, and what will have been told once it has arrived: changes of the memory, and news."""

    told: dict[AlertKind, Told]
    rest: dict[str, Any]
    news: tuple[News, ...]
    at: datetime

    def subjects(self) -> frozenset[Hashable]:
        """What it is about, in whatever words."""
        troubles = {(kind, t.open, "" if kind in WAVERING else t.text) for kind, t in self.told.items()}
        days = {(name, self.rest[name]) for name in ("digest", "login") if name in self.rest}
        return frozenset({*troubles, *days, *self.news})

    def put_into(self, memory: Memory) -> None:
        memory.told.update(self.told)
        for name, value in self.rest.items():
            setattr(memory, name, value)


class NoticeMemory:
    """The memory of one account and mode, and of the time before they are known. `settle` may come from any thread."""

    def __init__(self, logs: Path) -> None:
        self._path = logs / FILE
        self._saved = ""
        self._complained = False
        self._whose = ""
        self._guard = threading.Lock()
        self._flights: list[Flight] = []
        self._in_vain: dict[Hashable, datetime] = {}
        """subjects that no channel took, and when they were handed over; empty since something was delivered"""
        self._memory = Memory()
        self._news: deque[News] = deque(maxlen=MOST_WAITING)
        self._load()
        self._inherited = tuple(self._news)

    def belongs_to(self, whose: str) -> None:
        """Another account's or mode's memory is begun anew, and its news is not this one's."""
        with self._guard:
            if self._whose and self._whose != whose:
                self._memory = Memory()
                self._flights.clear()
                self._in_vain.clear()
                self._drop_news(self._inherited)
            self._whose = whose

    def add(self, item: News) -> None:
        """Keep it until it has been told; the oldest goes where there are too many."""
        with self._guard:
            self._news.append(item)
            self._save()

    def begin_weeks(self, digest: str, equity: float | None, trades: int) -> None:
        """Where the first letter will count from. Nothing that is told, so it waits for no delivery."""
        with self._guard:
            if not self._memory.digest:
                self._memory.digest, self._memory.equity, self._memory.trades = digest, equity, trades
                self._save()

    def view(self) -> tuple[Memory, tuple[News, ...]]:
        """What will have been told when all that is under way has arrived, and the news that is not."""
        with self._guard:
            memory = replace(self._memory, told=dict(self._memory.told))
            for flight in self._flights:
                flight.put_into(memory)
            flying = {item for flight in self._flights for item in flight.news}
            return memory, tuple(item for item in self._news if item not in flying)

    def flight(self, before: Memory, after: Memory, news: tuple[News, ...], now: datetime) -> Flight | None:
        """The message that leads from `before` to `after`, None where it is all known to be told in vain for now."""
        told = {kind: t for kind, t in after.told.items() if before.told.get(kind) != t}
        rest = {n: getattr(after, n) for n in _OF_THE_WEEK if getattr(after, n) != getattr(before, n)}
        flight = Flight(told, rest, news, now)
        with self._guard:
            if all(self._waits(subject, now) for subject in flight.subjects()):
                return None
            self._flights.append(flight)
        return flight

    def settle(self, flight: Flight, delivered: bool) -> None:
        """Commit what a message told once it has arrived, or take it back where no channel took it."""
        with self._guard:
            known = flight in self._flights
            if known and delivered:
                self._commit(flight)
            elif known:
                self._flights.remove(flight)
                recent = {subject: at for subject, at in self._in_vain.items() if self._waits(subject, flight.at)}
                self._in_vain = recent | dict.fromkeys(flight.subjects(), flight.at)
            if delivered:
                self._drop_news(flight.news)
            self._save()

    def drop(self, news: Iterable[News]) -> None:
        """What is no news after all."""
        with self._guard:
            self._drop_news(news)
            self._save()

    def _commit(self, flight: Flight) -> None:
        place = self._flights.index(flight)
        for older in self._flights[:place]:
            # The owner knows the newer state already; an older message that arrives later must not bring back the old.
            older.told = {kind: t for kind, t in older.told.items() if kind not in flight.told}
            older.rest = {name: value for name, value in older.rest.items() if name not in flight.rest}
        del self._flights[place]
        flight.put_into(self._memory)
        self._in_vain.clear()

    def _waits(self, subject: Hashable, now: datetime) -> bool:
        tried = self._in_vain.get(subject)
        return tried is not None and tried <= now < tried + AGAIN_AFTER

    def _drop_news(self, news: Iterable[News]) -> None:
        gone = set(news)
        self._news = deque((item for item in self._news if item not in gone), MOST_WAITING)

    def _save(self) -> None:
        """Replace the file where something has changed. A disk that refuses costs a repeated message, nothing else."""
        text = json.dumps(_values(self._whose, self._memory, self._news))
        if text == self._saved:
            return
        fresh = self._path.with_name(FILE + ".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(fresh, self._path)
        except OSError as error:
            if not self._complained:
                log.warning("%s cannot be written: %s", FILE, error.strerror)
            self._complained = True
            return
        self._saved, self._complained = text, False

    def _load(self) -> None:
        try:
            found = json.loads(self._path.read_bytes())
            memory, news, whose = _memory(found), _news(found), str(found["whose"])
        except FileNotFoundError:
            return
        except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            log.warning("%s is not usable and is begun anew: %r", FILE, error)
            return
        self._memory, self._whose = memory, whose
        self._news.extend(news)


def _values(whose: str, memory: Memory, news: Iterable[News]) -> dict[str, Any]:
    told = {kind: {"text": t.text, "at": t.at.isoformat(), "open": t.open} for kind, t in memory.told.items()}
    waiting = [{"kind": item.kind, "text": item.text, "at": item.at.isoformat()} for item in news]
    return {"whose": whose, "told": told, **{name: getattr(memory, name) for name in _OF_THE_WEEK}, "waiting": waiting}


def _memory(found: Mapping[str, Any]) -> Memory:
    told = {
        AlertKind(kind): Told(str(t["text"]), _aware(t["at"]), bool(t["open"]))
        for kind, t in dict(found["told"]).items()
    }
    equity = found["equity"]
    return Memory(
        told,
        str(found["digest"]),
        str(found["login"]),
        None if equity is None else float(equity),
        int(found["trades"]),
    )


def _news(found: Mapping[str, Any]) -> list[News]:
    """A file of an earlier version has none."""
    return [News(AlertKind(n["kind"]), str(n["text"]), _aware(n["at"])) for n in found.get("waiting", ())]


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at
