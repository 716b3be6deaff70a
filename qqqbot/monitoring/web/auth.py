"""Who may see the page: anyone who knows the token, and a browser that has shown it once.

The token is needed on this machine too. Any user of a machine can open its ports, while the modes of the files keep
other users out; so the page must keep them out as well.
"""

import hmac
import ipaddress
import itertools
import logging
import threading
from base64 import b64decode
from collections import deque
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from pathlib import Path

from qqqbot.model.errors import ConfigError
from qqqbot.runtime.secret_files import WEB_TOKEN

# Nobody can guess 20 random characters from an alphabet of 32 or more over a network in the lifetime of the universe.
# Characters that are few, a repeated word, or a row such as abcdefgh or 12345678 are not random.
SHORTEST_TOKEN, FEWEST_DIFFERENT = 20, 8
# After so many wrong tokens within this time, no token is checked until it is over: some thousand guesses a day.
WRONG_TOKENS, PAUSE = 10, timedelta(minutes=1)
log = logging.getLogger("qqqbot.web")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def chosen(environment: MutableMapping[str, str], folder: Path) -> str | None:
    """The token from the environment, where it is removed, or from the file in `folder`; None if none was chosen.

    Raises ConfigError for a token that can be guessed or that others can read.
    """
    found = WEB_TOKEN.take(environment, folder)
    if found is None:
        return None
    token, place = found[0].strip(), found[1]
    if len(token) < SHORTEST_TOKEN or not token.isascii() or len(token.split()) != 1:
        raise ConfigError([f"{place}: expected one word of at least {SHORTEST_TOKEN} ASCII characters as the token"])
    if is_weak(token):
        raise ConfigError([f"{place}: this token can be guessed; a random one: openssl rand -hex 16"])
    return token


def is_weak(token: str) -> bool:
    """Whether the token has few different characters, repeats a word, or is a row like abcdefgh."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(token)}
    return min(len(set(token)), len(steps)) < FEWEST_DIFFERENT or token in (token + token)[1:-1]


def given(authorization: str) -> str | None:
    """The token in the header, as any user's password or as a bearer token; None if there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


class Door:
    """Lets in those who show the token, and slows down those who guess. For any thread.

    The cookie is not the token, which may be in use elsewhere, but is derived from it, and valid as long as the token.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self.cookie = hmac.new(self._token, b"the page's cookie", "sha256").hexdigest()
        self._wrong: deque[datetime] = deque(maxlen=WRONG_TOKENS)
        self._guard = threading.Lock()

    def remembers(self, cookies: str, name: str) -> bool:
        """Whether the cookie called `name` is among `cookies`, a header, and is the right one."""
        found = dict(part.strip().partition("=")[::2] for part in cookies.split(";"))
        return _same(found.get(name, ""), self.cookie.encode())

    def is_shut(self, now: datetime) -> bool:
        """Whether so many recent tokens were wrong that none is checked."""
        with self._guard:
            return len(self._wrong) == WRONG_TOKENS and now - self._wrong[0] < PAUSE

    def opens(self, token: str, now: datetime, who: str) -> bool:
        """Whether `token` is right; a wrong token from `who` is counted and logged. False while the door is shut."""
        if self.is_shut(now):
            return False
        if _same(token, self._token):
            return True
        with self._guard:
            self._wrong.append(now)
            log.warning("a wrong token for the page from %s", who)
        if self.is_shut(now):
            log.warning("%d wrong tokens: none is checked for %d s", WRONG_TOKENS, PAUSE.seconds)
        return False


def _same(text: str, secret: bytes) -> bool:
    """Whether both are equal, compared in constant time."""
    return hmac.compare_digest(text.encode(errors="surrogateescape"), secret)
