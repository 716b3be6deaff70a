"""A stand-in for systemd that runs one service as the unit qqqbot.service demands: Type=notify, Restart=on-failure.

It counts the notifications it receives (sd_notify(3)) and restarts the service after a failure, until asked to stop.
"""

import re
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

NEVER_TRIED_AGAIN = 2  # RestartPreventExitStatus
STOP_SECONDS = 30  # TimeoutStopSec


class Supervisor:
    """`pause` waits for the time of RestartSec, on the clock that the service uses."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, pause: Callable[[], None]
    ) -> None:
        self.received: Counter[str] = Counter()
        self.exits: list[int] = []
        self.status = ""
        self._command, self._folder, self._pause = command, folder, pause
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._environment = {**environment, "NOTIFY_SOCKET": str(folder / "notify")}
        self._stopping = threading.Event()
        self._service: subprocess.Popen[bytes] | None = None
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._listen, self._keep)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._service is not None:
            self._service.send_signal(signal.SIGTERM)
        self._threads[1].join(STOP_SECONDS)
        self._socket.shutdown(socket.SHUT_RD)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._service = subprocess.Popen(self._command, cwd=self._folder, env=self._environment)
            self.exits.append(self._service.wait())
            if self.exits[-1] in (0, NEVER_TRIED_AGAIN):
                return
            self._pause()

    def _listen(self) -> None:
        while text := self._socket.recv(4096).decode():
            for line in text.splitlines():
                self.received[re.sub("=.*", "", line)] += 1
                if line.startswith("STATUS="):
                    self.status = line.removeprefix("STATUS=")
