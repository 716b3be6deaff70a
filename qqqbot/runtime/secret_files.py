"""Addresses that are secrets: where notifications go, and what the dead man's switch calls.

They come from the environment or from a file that only its owner can read, never from config.json. A URL of this kind
*is* the password of its channel: messages about it name the file and the line, never the value, and what was taken from
the environment is removed from it, so that no child process inherits it.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from qqqbot.model.errors import ConfigError

NOTIFY_VARIABLE, NOTIFY_FILE = "QQQBOT_NOTIFY_URLS", "notify_urls.txt"
PING_VARIABLE, PING_FILE = "QQQBOT_PING_URL", "ping_url.txt"
FILE_SUFFIX = "_FILE"
"""QQQBOT_NOTIFY_URLS_FILE and QQQBOT_PING_URL_FILE name the files if they are not beside config.json."""

LARGEST_FILE_BYTES = 64 * 1024
MOST_URLS = 20
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_WEB_ADDRESS = re.compile(r"https?://[^/?#\s]+\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SecretUrls:
    """Hidden from repr: a traceback or a log line that holds one reveals nothing."""

    notify: tuple[str, ...] = field(default=(), repr=False)
    ping: str | None = field(default=None, repr=False)


def take(environment: MutableMapping[str, str], folder: Path, asks: bool = False) -> SecretUrls:
    """The addresses of `environment`, or of the files in `folder`. Raises ConfigError with every problem.

    `asks`: one must be able to answer.
    """
    problems: list[str] = []
    notify = _read(environment, NOTIFY_VARIABLE, folder / NOTIFY_FILE, problems)
    ping = _read(environment, PING_VARIABLE, folder / PING_FILE, problems)
    for place, url in notify:
        if not _URL.fullmatch(url):
            problems.append(f"{place}: not an address like ntfy://ntfy.sh/topic; every kind: docs/notifications.md")
    for place, url in ping:
        if not _WEB_ADDRESS.fullmatch(url):
            problems.append(f"{place}: not a web address; it must begin with https:// (or http://) and name a host")
    if len(notify) > MOST_URLS:
        problems.append(f"{_source(notify)}: {len(notify)} addresses, but at most {MOST_URLS} are allowed; remove some")
    if len(ping) > 1:
        problems.append(f"{_source(ping)}: {len(ping)} addresses, expected one")
    if asks and not any(can_answer(url) for _, url in notify):
        needs = (
            "ask_first_minutes needs a channel that can answer, an address like ntfys://ntfy.sh/topic or tgram://..."
        )
        problems.append(f"{folder / NOTIFY_FILE}: {needs}; or set it to 0 in config.json")
    if problems:
        raise ConfigError(problems)
    return SecretUrls(tuple(url for _, url in notify), ping[0][1] if ping else None)


def channel(number: int, url: str) -> str:
    """'channel 2 (tgram)': the part of an address that may be shown. `number` counts from 1."""
    scheme = url.partition("://")[0].lower()
    return f"channel {number} ({scheme})"


def can_answer(url: str) -> bool:
    """Whether a reply can be read from that channel without an open port."""
    return url.partition("://")[0].lower() in ("ntfy", "ntfys", "tgram")


def _read(
    environment: MutableMapping[str, str], variable: str, beside: Path, problems: list[str]
) -> list[tuple[str, str]]:
    """Each address with its place."""
    value = environment.pop(variable, "")
    named = environment.pop(variable + FILE_SUFFIX, "")
    if value.strip():
        return [(f"{variable}, address {n}", url) for n, url in enumerate(value.split(), start=1)]
    path = Path(named) if named else beside
    try:
        text = private_text(path)
    except FileNotFoundError:
        if named:
            problems.append(f"{path}: there is no such file; {variable}{FILE_SUFFIX} names it")
        return []
    except (OSError, UnicodeDecodeError, ValueError) as error:
        # Not the text of a decoding error, which quotes the bytes.
        problems.append(f"{path}: {_why(error)}")
        return []
    return list(_lines(path, text.splitlines()))


def _lines(path: Path, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        if (url := line.strip()) and not url.startswith("#"):
            yield f"{path}, line {number}", url


def fresh() -> str:
    """A random token."""
    return secrets.token_urlsafe(24)


def private_text(path: Path) -> str:
    """The text of a file that only its owner can read. Raises ValueError with the remedy, OSError."""
    # The mode of the open file, not of the path: nothing can change in between.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("not a file; put one address on each line of a text file")
        if found.st_uid not in (os.geteuid(), 0):
            raise ValueError(f"belongs to another user, who could read and change it; run: sudo chown $USER '{path}'")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise ValueError(f"others can read it (mode {mode:03o}), and it holds secrets; run: chmod 600 '{path}'")
        if found.st_size > LARGEST_FILE_BYTES:
            raise ValueError(
                f"{found.st_size:,} bytes are too many for a list of addresses; expected one address on each line"
            )
        return os.read(descriptor, LARGEST_FILE_BYTES).decode("utf-8-sig")
    finally:
        os.close(descriptor)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text; put one address on each line"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}; it must belong to the user who runs the daemon"
    return str(error)


def _source(found: list[tuple[str, str]]) -> str:
    return found[0][0].rpartition(",")[0]
