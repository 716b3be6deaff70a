"""What systemd is told: READY, STATUS, WATCHDOG, STOPPING; nothing where it does not listen.

The protocol is one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)); a leading @ stands for the zero byte
of an abstract address. It is never waited for: a supervisor that does not read must not stop a trade.
"""

import logging
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

VARIABLE = "NOTIFY_SOCKET"
LONGEST_STATUS = 200


class Supervisor:
    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get(VARIABLE, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._ready = False
        self._failed = False

    def tell(self, state: str, status: str) -> None:
        """`state` as in status.json. Never raises, never waits."""
        if not self._address:
            return
        lines = ["WATCHDOG=1"]
        if state == "stopped":
            lines = ["STOPPING=1"]
        elif state in ("running", "waiting") and not self._ready:
            # An account that does not answer may last until its owner has logged in; the daemon itself is ready.
            lines.append("READY=1")
        lines.append(f"STATUS={' '.join(status.split())[:LONGEST_STATUS]}")
        self._ready = self._send("\n".join(lines)) and (self._ready or "READY=1" in lines)

    def _send(self, text: str) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(text.encode(), self._address)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in a path
            if not self._failed:
                log.warning("systemd cannot be told: %s", error)
            self._failed = True
            return self._ready
        self._failed = False
        return True
