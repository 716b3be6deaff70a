"""The daemon's log: trading_bot_YYYYMMDD.log, one line for each record, in New York time.

The file is opened and closed for each record. Records are minutes apart, and this way midnight, a file that was moved
away and a disk that was full for an hour need no special handling. A disk that fails never stops the caller: the
failure is remembered, shown in the status, and logged when the disk accepts lines again.

Our own loggers, `qqqbot` and those below it, log at INFO and above; all others at WARNING and above.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path

from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.ports import Clock
from qqqbot.regular_file import APPENDING, append, descriptor

LOGGER = "qqqbot"
STDOUT, STDERR = 1, 2
ECHO_VARIABLE = "QQQBOT_LOG_TO_STDOUT"
"""is set in the unit and in the container, whose output is collected"""
NAME = "trading_bot_{day:%Y%m%d}.log"
_PATTERN = re.compile(r"trading_bot_(\d{8})\.log")
# With control characters, a text from outside could break the line or manipulate the terminal that shows it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NEEDS_QUOTES = re.compile(r"""[\s"'=\\]|^$""")


def pairs(**values: object) -> str:
    """'action=HOLD price=612.34 sentence="QQQ is held already"'; None is '-', numbers have up to four decimals."""
    return " ".join(f"{key}={_value(value)}" for key, value in values.items())


def set_up(folder: Path, clock: Clock, keep_days: int, echo: int | None = None) -> "DailyLog":
    """Log to `folder`, and to the descriptor `echo` too; replaces an earlier set-up."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h.formatter, LineFormatter)]:
        root.removeHandler(handler)
        handler.close()
    log = DailyLog(folder, clock, keep_days)
    root.addHandler(log)
    if echo is not None:
        root.addHandler(Echo(echo, LineFormatter(clock)))
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    return log


def echo_wanted(environment: Mapping[str, str]) -> int | None:
    """The descriptor that gets each line too: a terminal, or output that is collected. A plain file gets no copy."""
    if sys.stderr.isatty():
        return STDERR
    return STDOUT if environment.get(ECHO_VARIABLE) else None


class Echo(logging.Handler):
    """Writes each line to a descriptor. A reader that does not read misses lines: it must not stop a trade."""

    def __init__(self, to: int, lines: "LineFormatter") -> None:
        super().__init__()
        self._to = to
        self.setFormatter(lines)
        if not os.isatty(to):
            os.set_blocking(to, False)

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            os.write(self._to, f"{self.format(record)}\n".encode(errors="backslashreplace"))


class LineFormatter(logging.Formatter):
    """'2026-11-25T10:15:00.000-05:00 INFO text', a traceback on the same line."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record, self._clock.now())

    def line(self, record: logging.LogRecord, now: datetime) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text} | {self.formatException(record.exc_info)}"
        at = now.astimezone(NEW_YORK).isoformat(timespec="milliseconds")
        return f"{at} {record.levelname} {_one_line(text)}"


class DailyLog(logging.Handler):
    """One file for each New York date; files older than `keep_days` are deleted when a new day begins.

    `failure` says why the last record could not be written; None if it was written.
    """

    def __init__(self, folder: Path, clock: Clock, keep_days: int) -> None:
        super().__init__()
        self._folder, self._clock, self._keep = folder, clock, timedelta(days=keep_days)
        self._lines = LineFormatter(clock)
        self.setFormatter(self._lines)
        self._cleaned: date | None = None
        self._lost = 0
        self.failure: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock.now()
        path = self._folder / NAME.format(day=now.astimezone(NEW_YORK))
        try:
            self._append(path, self._lines.line(record, now), now)
        except OSError as error:
            self._lost += 1
            self.failure = f"{path} cannot be written ({error.strerror or error}); {self._lost} lines are lost"
        else:
            self.failure, self._lost = None, 0
            self._delete_old(now.astimezone(NEW_YORK).date())

    def _append(self, path: Path, line: str, now: datetime) -> None:
        if self._lost:
            at = now.astimezone(NEW_YORK).isoformat(timespec="milliseconds")
            line = f"{at} WARNING {self._lost} lines before this one are lost: the disk did not accept them\n{line}"
        data = f"{line}\n".encode(errors="backslashreplace")
        opened = descriptor(path, APPENDING)
        try:
            append(opened, path, data)
        finally:
            os.close(opened)

    def _delete_old(self, today: date) -> None:
        if self._cleaned == today:
            return
        self._cleaned = today
        oldest = f"{today - self._keep:%Y%m%d}"
        for path in self._folder.iterdir():
            found = _PATTERN.fullmatch(path.name)
            if found and found.group(1) < oldest:
                with contextlib.suppress(OSError):  # it is tried again tomorrow
                    path.unlink()


def _value(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.4f}".rstrip("0").rstrip(".")
        case Enum():
            return _value(value.value)
        case datetime():
            return value.isoformat()
    text = _one_line(str(value))
    if not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one_line(text: str) -> str:
    """`text` with ' | ' for its line ends; other control characters are spelt out."""
    joined = " | ".join(part for part in text.splitlines() if part.strip())
    return _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", joined)
