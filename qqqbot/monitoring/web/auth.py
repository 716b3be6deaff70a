"""Who may see the page: on this machine everyone who can log in, from elsewhere everyone who knows the token."""

import hmac
import ipaddress
import secrets
from base64 import b64decode
from collections.abc import MutableMapping
from pathlib import Path

from qqqbot.model.errors import ConfigError
from qqqbot.runtime.secret_files import FILE_SUFFIX, private_text

VARIABLE, FILE = "QQQBOT_WEB_TOKEN", "web_token.txt"
"""The variable with FILE_SUFFIX names the file if it is not beside config.json."""

# 20 characters from an alphabet of 32 or more cannot be guessed over a network in the lifetime of the universe.
SHORTEST_TOKEN = 20


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def chosen(environment: MutableMapping[str, str], folder: Path) -> str | None:
    """The token from the environment, where it is removed, or from the file in `folder`; None if none was chosen.

    Raises ConfigError for one that can be guessed or that others can read.
    """
    token, named = environment.pop(VARIABLE, "").strip(), environment.pop(VARIABLE + FILE_SUFFIX, "")
    path = Path(named) if named else folder / FILE
    place = VARIABLE if token else str(path)
    if not token:
        try:
            token = private_text(path).strip()
        except FileNotFoundError:
            if named:
                raise ConfigError([f"{path}: there is no such file; {VARIABLE}{FILE_SUFFIX} names it"]) from None
            return None
        except (OSError, ValueError) as error:
            why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise ConfigError([f"{path}: {why}"]) from None
    if len(token) < SHORTEST_TOKEN or not token.isascii() or len(token.split()) != 1:
        raise ConfigError([f"{place}: expected one word of at least {SHORTEST_TOKEN} ASCII characters as the token"])
    return token


def fresh() -> str:
    """A random token."""
    return secrets.token_urlsafe(24)


def is_right(authorization: str, token: str) -> bool:
    """Whether the header holds `token`, as any user's password or as a bearer token; compared in constant time."""
    scheme, _, given = authorization.strip().partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = b64decode(given, validate=True).decode().partition(":")[2]
        except ValueError:
            given = ""
    elif scheme.lower() != "bearer":
        given = ""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode())
