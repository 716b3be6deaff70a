"""The secrets: where notifications go, what the dead man's switch calls, and the token of the page.

They come from the environment or from a file that only its owner can read, never from config.json. A URL of this kind
*is* the password of its channel: messages about it name the file and the line, never the value. A secret that was taken
from the environment is removed there, so that no child process inherits it.
"""

import os
import re
import secrets
import stat
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.errors import ConfigError
from qqqbot.regular_file import reading

LARGEST_FILE_BYTES = 64 * 1024
MOST_URLS = 20
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_WEB_ADDRESS = re.compile(r"https?://[^/?#\s]+\S*", re.IGNORECASE)


class Secret(NamedTuple):
    """A secret in the environment's `variable`, or in `file`, unless the variable `names_file` names another file."""

    variable: str
    file: str

    @property
    def names_file(self) -> str:
        return f"{self.variable}_FILE"

    def path(self, environment: Mapping[str, str], folder: Path) -> Path:
        return Path(environment.get(self.names_file) or folder / self.file)

    def take(self, environment: MutableMapping[str, str], folder: Path) -> tuple[str, str, bool] | None:
        """The secret's text, its place, and whether that is a file; None if there is no secret. Raises ConfigError."""
        path, named = self.path(environment, folder), environment.pop(self.names_file, "")
        if (text := environment.pop(self.variable, "").strip()) != "":
            return text, self.variable, False
        try:
            return private_text(path), str(path), True
        except FileNotFoundError:
            if named:
                raise ConfigError([f"{path}: there is no such file; {self.names_file} names it"]) from None
            return None
        except (OSError, ValueError) as error:
            # A decoding error's own text is not used: it quotes the bytes.
            raise ConfigError([f"{path}: {_why(error)}"]) from None


NOTIFY = Secret("QQQBOT_NOTIFY_URLS", "notify_urls.txt")
PING = Secret("QQQBOT_PING_URL", "ping_url.txt")
WEB_TOKEN = Secret("QQQBOT_WEB_TOKEN", "web_token.txt")


@dataclass(frozen=True, slots=True)
class SecretUrls:
    """Its fields are hidden from repr: a traceback or a log line with such an object reveals nothing."""

    notify: tuple[str, ...] = field(default=(), repr=False)
    ping: str | None = field(default=None, repr=False)


def take(environment: MutableMapping[str, str], folder: Path, asks: bool = False) -> SecretUrls:
    """The addresses of `environment`, or of the files in `folder`. Raises ConfigError with every problem.

    `asks`: at least one channel must be able to answer.
    """
    problems: list[str] = []
    notify, ping = (_addresses(secret, environment, folder, problems) for secret in (NOTIFY, PING))
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
        problems.append(f"{folder / NOTIFY.file}: {needs}; or set it to 0 in config.json")
    if problems:
        raise ConfigError(problems)
    return SecretUrls(tuple(url for _, url in notify), ping[0][1] if ping else None)


def channel(number: int, url: str) -> str:
    """'channel 2 (tgram)': the part of an address that may be shown. `number` counts from 1."""
    scheme = url.partition("://")[0].lower()
    return f"channel {number} ({scheme})"


def can_answer(url: str) -> bool:
    """Whether replies can be read from the channel at `url` without an open port."""
    return url.partition("://")[0].lower() in ("ntfy", "ntfys", "tgram")


def _addresses(
    secret: Secret, environment: MutableMapping[str, str], folder: Path, problems: list[str]
) -> list[tuple[str, str]]:
    """(address, its place) of each."""
    try:
        found = secret.take(environment, folder)
    except ConfigError as error:
        problems += error.problems
        return []
    if found is None:
        return []
    text, place, in_file = found
    if not in_file:
        return [(f"{place}, address {n}", url) for n, url in enumerate(text.split(), 1)]
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(f"{place}, line {number}", line) for number, line in lines if line and not line.startswith("#")]


def fresh() -> str:
    """A random token."""
    return secrets.token_urlsafe(24)


def private_text(path: Path) -> str:
    """The text of a file that only its owner can read. Raises ValueError with the remedy, OSError."""
    with reading(path) as file:
        found = os.fstat(file.fileno())  # the mode of the open file, not of the path, which could change in between
        if found.st_uid not in (os.geteuid(), 0):
            raise ValueError(f"belongs to another user, who could read and change it; run: sudo chown $USER '{path}'")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise ValueError(f"others can read it (mode {mode:03o}), and it holds secrets; run: chmod 600 '{path}'")
        if found.st_size > LARGEST_FILE_BYTES:
            raise ValueError(f"it is too large ({found.st_size:,} bytes)")
        return file.read(LARGEST_FILE_BYTES).decode("utf-8-sig")


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    if isinstance(error, OSError):
        whose = "; it must belong to the user who runs the daemon" if isinstance(error, PermissionError) else ""
        return f"cannot be read: {error.strerror}{whose}"
    return str(error)


def _source(found: list[tuple[str, str]]) -> str:
    return found[0][0].rpartition(",")[0]
