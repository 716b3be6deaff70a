"""notices.json: what the owner was told already, so that a restart repeats nothing and forgets no trouble's end."""

import json
import logging
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from qqqbot.notices import Memory, Told

log = logging.getLogger("qqqbot.notice_memory")

FILE = "notices.json"


class NoticeMemory:
    """The memory of one account and mode, and of the time before they are known."""

    def __init__(self, logs: Path) -> None:
        self._path = logs / FILE
        self._saved = ""
        self._whose = ""
        self.memory = self._loaded()

    def belongs_to(self, whose: str) -> None:
        """Another account's or mode's memory is begun anew."""
        if self._whose and self._whose != whose:
            self.memory = Memory()
        self._whose = whose

    def save(self) -> None:
        """Replace the file where something has changed. A disk that refuses costs a repeated message, nothing else."""
        text = json.dumps(_values(self._whose, self.memory))
        if text == self._saved:
            return
        self._saved = text
        fresh = self._path.with_name(FILE + ".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(fresh, self._path)
        except OSError as error:
            log.warning("%s cannot be written: %s", FILE, error.strerror)

    def _loaded(self) -> Memory:
        try:
            found = json.loads(self._path.read_bytes())
            memory = _memory(found)
            self._whose = str(found["whose"])
        except FileNotFoundError:
            return Memory()
        except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            log.warning("%s is not usable and is begun anew: %r", FILE, error)
            return Memory()
        return memory


def _values(whose: str, memory: Memory) -> dict[str, Any]:
    told = {kind: {"text": t.text, "at": t.at.isoformat(), "open": t.open} for kind, t in memory.told.items()}
    rest = {name: getattr(memory, name) for name in ("digest", "login", "equity", "trades")}
    return {"whose": whose, "told": told, **rest}


def _memory(found: Mapping[str, Any]) -> Memory:
    told = {kind: Told(str(t["text"]), _aware(t["at"]), bool(t["open"])) for kind, t in dict(found["told"]).items()}
    equity = found["equity"]
    return Memory(
        told,
        str(found["digest"]),
        str(found["login"]),
        None if equity is None else float(equity),
        int(found["trades"]),
    )


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at
