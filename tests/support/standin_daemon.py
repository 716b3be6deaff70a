"""Keeps the daemon's contract with bot_control.sh and nothing else; replaces it in tests that are about the script.

The environment says how it misbehaves:

    STANDIN_SECONDS      until ready
    STANDIN_STATE        until then, instead of "starting"
    STANDIN_DIES         exit code, instead of becoming ready
    STANDIN_STOP         seconds from TERM to the end; "never": TERM is ignored
    STANDIN_NO_CONFIG    set: config.json is not read, as if no library could read it
"""

import argparse
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from qqqbot.model.errors import ConfigError, StartRefused
from qqqbot.runtime.lock import Lock

HERE = Path(__file__).parent
PARSER = argparse.ArgumentParser()
PARSER.add_argument("--logs", type=Path, default=Path(os.environ.get("QQQBOT_LOGS", HERE / "logs")))
PARSER.add_argument("--config", type=Path, default=Path(os.environ.get("QQQBOT_CONFIG", HERE / "config.json")))
OPTIONS, ARGUMENTS = PARSER.parse_known_args()
LOGS, CONFIG = OPTIONS.logs, OPTIONS.config
PAUSE_SECONDS = 0.1


def report(state: str) -> None:
    fresh = LOGS / "status.new"
    at = datetime.now(UTC).isoformat()
    halted = (LOGS / "HALT").exists() or None
    fresh.write_text(json.dumps({"state": state, "pid": os.getpid(), "halted": halted, "heartbeat_at": at}))
    fresh.replace(LOGS / "status.json")


def note(text: str) -> None:
    """One line in calls.log for what was run, with which arguments, by which process."""
    with open(LOGS / "calls.log", "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {text}\n")


def check_config() -> None:
    if "STANDIN_NO_CONFIG" not in os.environ:
        from qqqbot.runtime import secret_files
        from qqqbot.runtime.config import load

        load(CONFIG)
        secret_files.take(os.environ, CONFIG.parent)


def end(number: int, frame: FrameType | None) -> None:
    note("TERM")
    wish = os.environ.get("STANDIN_STOP", "0")
    if wish != "never":
        report("stopping")
        time.sleep(float(wish))
        report("stopped")
        sys.exit(0)


def main() -> int:
    try:
        check_config()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if "--check-config" in ARGUMENTS:
        return 0
    LOGS.mkdir(exist_ok=True)
    try:
        with Lock(LOGS / "bot.pid"):
            note(" ".join(ARGUMENTS) or "daemon")
            return 0 if ARGUMENTS else serve()
    except StartRefused as error:
        print(error, file=sys.stderr)
        return 1


def serve() -> int:
    signal.signal(signal.SIGTERM, end)
    report(os.environ.get("STANDIN_STATE", "starting"))
    time.sleep(float(os.environ.get("STANDIN_SECONDS", "0")))
    if code := os.environ.get("STANDIN_DIES"):
        print("the last words of the daemon", file=sys.stderr)
        return int(code)
    while True:
        report("running")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
