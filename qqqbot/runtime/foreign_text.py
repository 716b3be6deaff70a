"""Makes the text of another program fit for a log, a decision, a message or a page: no control characters, no secrets.

If curl cannot use the address of a proxy, it quotes it whole, with the password; in a mistyped address the password may
stand anywhere. So this module reads the proxies of the environment and passes on no three characters of their secrets.
"""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

LONGEST = 300
# Pieces of a password shorter than this occur in any text.
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
    """The login of each proxy; the whole address if it is not well-formed: the login could stand anywhere in it."""
    for name, value in environment.items():
        if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            rest = _SCHEME.sub("", _UNPRINTABLE.sub(" ", value))
            known = _WELL_FORMED.fullmatch(rest)
            secret = (known["login"] or "") if known else rest
            yield from (unquote(secret), secret)


def _without(secret: str, line: str) -> str:
    """`line` with MASK in place of each piece of PIECE or more characters that is also in `secret`."""
    kept, hidden = _folded(secret), _folded(line)
    pieces = {kept[i : i + PIECE] for i in range(len(kept) - PIECE + 1)}
    covered = [False] * len(line)
    for i in range(len(hidden) - PIECE + 1):
        if hidden[i : i + PIECE] in pieces:
            covered[i : i + PIECE] = [True] * PIECE
    shown = "".join("\0" if hide else letter for letter, hide in zip(line, covered, strict=True))
    return re.sub("\0+", MASK, shown)


def _folded(text: str) -> str:
    """`text` in lower case, as curl writes host names; letter by letter, so that the length stays."""
    return "".join(letter.lower()[:1] for letter in text)
