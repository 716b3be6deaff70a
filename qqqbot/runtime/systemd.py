"""What this program writes for systemd: the unit of its service, and sd_notify(3) messages while it runs.

The messages are READY, STATUS, WATCHDOG and STOPPING; none is sent unless systemd listens. Each is one datagram to the
socket that NOTIFY_SOCKET names; a leading @ stands for the zero byte of an abstract address. Sending never waits: a
supervisor that does not read must not stop a trade.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

TEMPLATE = Path(__file__).with_name("qqqbot.service")
# What the unit keeps of the caller's environment. A unit is no place for secrets: every user can read it.
KEPT = ("QQQBOT_CONFIG", "QQQBOT_LOGS", "QQQBOT_VENV", "QQQBOT_NOTIFY_URLS_FILE", "QQQBOT_PING_URL_FILE")
# The daemon's secrets, and the file beside config.json that can hold each of them instead.
SECRETS = {"QQQBOT_NOTIFY_URLS": "notify_urls.txt", "QQQBOT_PING_URL": "ping_url.txt"}

VARIABLE = "NOTIFY_SOCKET"
LONGEST_STATUS = 200


def unit(template: str, command: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """The unit file of a service that runs `command` in `folder`."""
    kept = [assignment(name, environment[name]) for name in KEPT if environment.get(name)]
    return (
        template.replace("@SCRIPT@", quoted(str(command)))
        .replace("@FOLDER@", str(folder).replace("%", "%%"))
        .replace("@ENVIRONMENT@", "\n".join(kept))
    )


def assignment(name: str, value: str) -> str:
    """The line of a unit that sets a variable of the service's environment."""
    return f"Environment={quoted(f'{name}={value}')}"


def quoted(text: str) -> str:
    """One word of a unit file: systemd.syntax(7), specifiers included."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def lost_secrets(config_folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The secrets that the service would not see, each with what to do instead."""
    return [
        f"{name} is set, but a service does not see it, and a unit is no place for a secret. Put its value into "
        f"'{config_folder / file}', readable by you alone (touch it, then chmod 600), unset {name}, and install again."
        for name, file in SECRETS.items()
        if environment.get(name, "").strip()
    ]


class Supervisor:
    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get(VARIABLE, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._ready = False
        self._failed = False

    def report(self, state: str, status: str) -> None:
        """`state` as in status.json. Never raises, never waits."""
        if not self._address:
            return
        lines = ["WATCHDOG=1"]
        if state == "stopped":
            lines = ["STOPPING=1"]
        elif state in ("running", "waiting") and not self._ready:
            # An account may not answer until its owner has logged in; the daemon itself is ready.
            lines.append("READY=1")
        lines.append(f"STATUS={' '.join(status.split())[:LONGEST_STATUS]}")
        self._ready = self._send("\n".join(lines)) and (self._ready or "READY=1" in lines)

    def _send(self, text: str) -> bool:
        import socket  # not needed by the commands, which only write the unit

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
