"""What this program writes for systemd: the unit of its service, and sd_notify(3) messages while it runs.

The messages are READY, STATUS, WATCHDOG and STOPPING; none is sent unless systemd listens. Each is one datagram to the
socket that NOTIFY_SOCKET names; a leading @ stands for the zero byte of an abstract address. Sending never waits: a
supervisor that does not read must not stop a trade.
"""

import faulthandler
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from qqqbot.runtime.place import PATHS, Place
from qqqbot.runtime.secret_files import Secret

log = logging.getLogger(__name__)

# The unit keeps these variables of the caller's environment besides PATHS: without them the service might not reach the
# internet although the shell does. Our own secrets belong in files, which can be changed without a new unit.
NETWORK = re.compile(r"(https?|all|no)_proxy|ssl_cert_(file|dir)|(requests|curl)_ca_bundle", re.IGNORECASE)

VARIABLE = "NOTIFY_SOCKET"
LONGEST_STATUS = 200
# The same as WatchdogSec in the unit, for a daemon that systemd does not watch.
HANG_SECONDS = 1200
STDERR = 2


def unit(template: str, words: Sequence[str], place: Place, environment: Mapping[str, str]) -> str:
    """The unit file of a service that runs the command of `place` with `words`."""
    names = [*PATHS, *sorted(name for name in environment if NETWORK.fullmatch(name))]
    kept = [assignment(name, environment[name]) for name in names if environment.get(name)]
    return (
        template.replace("@COMMAND@", exec_line(place, words))
        .replace("@FOLDER@", str(place.home).replace("%", "%%"))
        .replace("@ENVIRONMENT@", "\n".join(kept))
    )


def exec_line(place: Place, words: Sequence[str]) -> str:
    """The command of the unit. systemd refuses an apostrophe in the program's name, but not in an argument."""
    command = quoted(str(place.command))
    program = f"/usr/bin/env bash {command.replace('$', '$$')}" if place.in_checkout else command
    return " ".join((program, *words))


def assignment(name: str, value: str) -> str:
    """The line of a unit that sets a variable of the service's environment."""
    return f"Environment={quoted(f'{name}={value}')}"


def quoted(text: str) -> str:
    """`text` as one word of a unit file, quoted as in systemd.syntax(7), specifiers included."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    """The inverse of `quoted`, for a `text` without its outer quotes."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text.replace("%%", "%"))


def lost_secrets(folder: Path, environment: Mapping[str, str], *secrets: Secret) -> list[str]:
    """Each of `secrets` that the service would not see, with what to do instead."""
    return [
        f"{name} is set, but a service does not see it, and a unit is the wrong place for a secret. Put its value into "
        f"'{folder / file}', readable by you alone (touch it, then chmod 600), unset {name}, and install again."
        for name, file in secrets
        if environment.get(name, "").strip()
    ]


class Supervisor:
    """Tells the supervisor that this process lives. After `hang_seconds` without a report the process ends itself."""

    def __init__(self, environment: Mapping[str, str], hang_seconds: float = 0) -> None:
        self._hang_seconds = hang_seconds
        name = environment.get(VARIABLE, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._ready = False
        self._failed = False

    def report(self, state: str, status: str) -> None:
        """`state` as in status.json. Never raises, never waits."""
        if self._hang_seconds:  # prints the line at which each thread stands
            faulthandler.dump_traceback_later(self._hang_seconds, exit=True, file=STDERR)
        if not self._address:
            return
        lines = ["WATCHDOG=1"]
        if state == "stopped":
            lines = ["STOPPING=1"]
        elif state in ("running", "waiting") and not self._ready:
            # The daemon is ready even if the account does not answer until its owner has logged in.
            lines.append("READY=1")
        lines.append(f"STATUS={' '.join(status.split())[:LONGEST_STATUS]}")
        self._ready = self._send("\n".join(lines)) and (self._ready or "READY=1" in lines)

    def close(self) -> None:
        if self._hang_seconds:
            faulthandler.cancel_dump_traceback_later()

    def _send(self, text: str) -> bool:
        import socket  # the commands, which only write the unit, do not need it

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(text.encode(), self._address)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in a path
            if not self._failed:
                log.warning("systemd cannot be notified: %s", error)
            self._failed = True
            return self._ready
        self._failed = False
        return True
