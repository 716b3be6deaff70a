#!/usr/bin/env python3
"""Replaces systemctl --user for one service: it starts and ends what the unit names, and records every call.

$SYSTEMD is its folder: `calls` (its arguments), `enabled`, `pid` (of the daemon), `waiting` (between a crash and the
next attempt), `stopping` (until the next start) and `deaf` (no user manager answers).
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["SYSTEMD"])
UNIT = Path(os.environ["XDG_CONFIG_HOME"]) / "systemd/user/qqqbot.service"
PID, ENABLED, WAITING, STOPPING = (FOLDER / name for name in ("pid", "enabled", "waiting", "stopping"))


def main_pid() -> int:
    """The pid of the daemon, 0 if none runs; a daemon that was asked to stop gets a moment."""
    deadline = time.monotonic() + 2
    while (pid := running()) and STOPPING.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return pid


def running() -> int:
    """Whether the process runs; a process that has ended but was not waited for does not."""
    pid = PID.read_text() if PID.exists() else ""
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid or "0"], capture_output=True, text=True, check=False).stdout
    return int(pid) if pid and state.strip() and not state.startswith("Z") else 0


def send(number: signal.Signals) -> None:
    STOPPING.touch()
    WAITING.unlink(missing_ok=True)
    if pid := running():
        os.kill(pid, number)


def start() -> None:
    WAITING.unlink(missing_ok=True)
    if main_pid():
        return
    STOPPING.unlink(missing_ok=True)
    lines = [line.partition("=") for line in UNIT.read_text().splitlines()]
    words = {
        key: [w.replace("%%", "%") for k, _, value in lines if k == key for w in shlex.split(value)]
        for key in ("ExecStart", "Environment")
    }
    given = dict(word.split("=", 1) for word in words["Environment"])
    with open(FOLDER / "journal", "ab") as journal:
        daemon = subprocess.Popen(
            words["ExecStart"],
            env={**os.environ, **given, "NOTIFY_SOCKET": "/nowhere"},
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
            start_new_session=True,
        )
    PID.write_text(str(daemon.pid))


def main(arguments: list[str]) -> int:
    with open(FOLDER / "calls", "a", encoding="utf-8") as calls:
        calls.write(" ".join(arguments) + "\n")
    if (FOLDER / "deaf").exists():
        print("Failed to connect to bus: No medium found", file=sys.stderr)
        return 1
    command = next(word for word in arguments if not word.startswith("-"))
    state = "active" if main_pid() else "activating" if WAITING.exists() else "inactive"
    if command == "enable":
        ENABLED.touch()
    elif command == "is-enabled":
        print("enabled" if ENABLED.exists() else "disabled")
        return 0 if ENABLED.exists() else 1
    elif command == "is-active":
        print(state)
        return 0 if state == "active" else 3
    elif command == "show":
        name = arguments[arguments.index("-p") + 1]
        sub_state = "running" if state == "active" else "auto-restart" if WAITING.exists() else "dead"
        print(f"{name}={ {'MainPID': main_pid(), 'LoadState': 'loaded', 'SubState': sub_state}.get(name, '') }")
    elif command in ("start", "restart"):
        if command == "restart":
            send(signal.SIGTERM)
        start()
    elif command == "stop":
        send(signal.SIGTERM)
    elif command == "kill":
        send(signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
