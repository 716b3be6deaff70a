"""What another program says, made fit for a line, a decision, a message or a page: no control characters, no secrets.

Curl quotes a proxy's address whole if it cannot use it, password and all; that of a mistyped one may stand anywhere in
it. So the addresses of the environment are known here, and no three characters of their secret parts are passed on.
"""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

LONGEST = 300
# Shorter pieces of a password are in any text.
PIECE = 3
MASK = "***"

_UNPRINTABLE = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*:/*)[^\s/'\"]*@", re.IGNORECASE)
_SCHEME = re.compile(r"^\s*(https?|socks(4a?|5h?)?):/{0,3}", re.IGNORECASE)
_WELL_FORMED = re.compile(
    r"(?:(?P<login>[^@:/?#\s]*(?::[^@:/?#\s]*)?)@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?"
)


def washed(text: object, environment: Mapping[str, str] = os.environ) -> str:
    """`text` on one line of at most LONGEST characters, without control characters and without a proxy's login."""
    line = " ".join(_UNPRINTABLE.sub(" ", str(text)).split())
    for secret in _secrets(environment):
        line = _without(secret, line)
    line = _LOGIN.sub(rf"\1{MASK}@", line)
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The login of each proxy; if its address is not well-formed, all of it: the login could be anywhere."""
    for name, value in environment.items():
        if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            rest = _SCHEME.sub("", _UNPRINTABLE.sub(" ", value))
            known = _WELL_FORMED.fullmatch(rest)
            secret = (known["login"] or "") if known else rest
            yield from (unquote(secret), secret)


def _without(secret: str, line: str) -> str:
    """`line` with MASK for whatever it has in common with `secret`, in pieces of PIECE characters and more."""
    kept, hidden = _folded(secret), _folded(line)
    pieces = {kept[i : i + PIECE] for i in range(len(kept) - PIECE + 1)}
    covered = [False] * len(line)
    for i in range(len(hidden) - PIECE + 1):
        if hidden[i : i + PIECE] in pieces:
            covered[i : i + PIECE] = [True] * PIECE
    shown = "".join("\0" if hide else letter for letter, hide in zip(line, covered, strict=True))
    return re.sub("\0+", MASK, shown)


def _folded(text: str) -> str:
    """In lower case (curl writes the names of hosts so), letter by letter: of the same length."""
    return "".join(letter.lower()[:1] for letter in text)
